/**
 * Long conversations of two friends over many sessions, and questions about them with their evidence, drawn from a grammar.
 * Its words were written without a look at recall's own lists. A question shares a rare word or two with what was said: in
 * another form, with another verb around it, or in the turn before the answer.
 */
import type { Message } from "../../src/message/Message.ts"

export interface Question {
  readonly kind: "inflected" | "beside" | "paraphrase" | "in two places"
  readonly asked: string
  /** Places of the messages that answer it, from 1. */
  readonly evidence: ReadonlyArray<number>
}

export interface Conversation {
  readonly messages: ReadonlyArray<Message>
  readonly questions: ReadonlyArray<Question>
}

/** What happened to a thing (`x`). Each list is what one friend says, turn by turn; `!` marks the evidence. */
interface Story {
  readonly kind: Question["kind"]
  readonly turns: ReadonlyArray<string>
  readonly asked: string
}

interface Topic {
  readonly things: ReadonlyArray<string>
  readonly stories: ReadonlyArray<Story>
  /** Mentions a thing and says nothing that is asked for. */
  readonly idle: ReadonlyArray<string>
}

const inflected = (asked: string, ...turns: ReadonlyArray<string>): Story => ({ kind: "inflected", asked, turns })
const beside = (asked: string, ...turns: ReadonlyArray<string>): Story => ({ kind: "beside", asked, turns })
const paraphrase = (asked: string, ...turns: ReadonlyArray<string>): Story => ({ kind: "paraphrase", asked, turns })

const topics: ReadonlyArray<Topic> = [
  {
    things: ["lighthouse", "harbour", "orchard", "violinist", "vineyard", "canal", "windmill", "glacier"],
    stories: [
      inflected(
        "How many evenings did {me} need to paint the {x}?",
        "!Painting the {x}s kept me busy for {n} evenings."
      ),
      beside(
        "What became of the {x} canvas?",
        "So, your {x} canvas, did anyone take it in the end?",
        "!{name} hung it above the stove. I could not believe it either."
      ),
      paraphrase("Whose idea was it that {me} should draw the {x}?", "!{name} dared me to sketch a {x}, so I gave in.")
    ],
    idle: ["Saw a {x} from the train and thought of you.", "That {x} calendar is still on my fridge, by the way."]
  },
  {
    things: ["risotto", "dumplings", "paella", "brioche", "kimchi", "lasagna", "chowder", "falafel"],
    stories: [
      inflected(
        "What ruined the {x} when {me} was cooking it?",
        "!I cooked {x} and the {object} I added spoiled everything."
      ),
      beside(
        "What was missing in the {x} recipe?",
        "You never told me whether that {x} recipe worked out.",
        "!It wanted more {object}, can you imagine, I had to improvise with honey."
      ),
      paraphrase(
        "Who is the person that taught {me} to make {x}?",
        "!Picked up {x} from {name}, who learned it at sea."
      )
    ],
    idle: ["Had {x} again yesterday, nothing special.", "The place on the corner sells {x} now, rather pricey."]
  },
  {
    things: ["marathon", "triathlon", "regatta", "tournament", "hike", "ascent", "relay", "derby"],
    stories: [
      inflected(
        "Which injury did {me} suffer during the {x}?",
        "!Suffering a bad {injury} in the middle of the {x} was no fun."
      ),
      beside(
        "How did the {x} end for {me}?",
        "Tell me everything about the {x}, did you get through?",
        "!Place {n}, with a torn shoe and a huge grin."
      ),
      paraphrase("Where is the {x} going to be held?", "!They moved the {x} to {place}, of all spots.")
    ],
    idle: ["My cousin keeps talking about some {x} too.", "There was a piece on the radio about a {x}, quite dull."]
  },
  {
    things: ["terrier", "parrot", "hedgehog", "tortoise", "ferret", "kitten", "pony", "rabbit"],
    stories: [
      inflected("What does the {x} of {me} get fed with?", "!I keep feeding my {x} {object}, it refuses all else."),
      beside(
        "What is the name of the {x}?",
        "And what do you call the little {x}?",
        "!{pet}, after my grandfather's boat. He answers to nothing else."
      ),
      paraphrase("Who adopted the {x} first?", "!Before it came to me the {x} was {name}'s for years.")
    ],
    idle: ["A {x} crossed the road this morning, so funny.", "We watched a film with a {x} in it, do not bother."]
  },
  {
    things: ["cello", "accordion", "ukulele", "clarinet", "banjo", "harp", "trumpet", "mandolin"],
    stories: [
      inflected("Where did {me} perform on the {x}?", "!Performing with my {x} in {place} was a dream, honestly."),
      beside(
        "Who gave the {x} lesson?",
        "Did you go to that {x} lesson after all?",
        "!Yes! {name} was so patient, we laughed for an hour."
      ),
      paraphrase("How expensive was the {x}?", "!I paid {n} for that {x}, the seller wanted twice as much.")
    ],
    idle: ["Some neighbour is practising the {x} at midnight.", "I heard a {x} in the park and stayed a while."]
  },
  {
    things: ["bookshelf", "greenhouse", "treehouse", "canoe", "birdhouse", "pergola", "fireplace", "staircase"],
    stories: [
      inflected("Who was helping {me} to build the {x}?", "!{name} helped when I built the {x}, two weekends of dust."),
      beside(
        "What is the {x} made of?",
        "The {x} looks great, what did you use?",
        "!{object}, mostly, and a lot of glue. It was all that the shop had."
      ),
      paraphrase("What went wrong with the {x}?", "!Half of the {x} collapsed on account of the {object}.")
    ],
    idle: ["Found an old photo with a {x} in it.", "My parents want a {x} as well, it is a fashion."]
  },
  {
    things: ["visa", "mortgage", "scholarship", "passport", "lawsuit", "audition", "internship", "warranty"],
    stories: [
      inflected(
        "Why was the {x} application rejected?",
        "!They are rejecting my {x} application over a missing {object}."
      ),
      beside(
        "When does the {x} come through?",
        "Any news on the {x}? I keep my fingers crossed.",
        "!Not before {month}, says the clerk. I stopped counting."
      ),
      paraphrase("Who deals with the {x}?", "!{name} has taken the whole {x} business off my hands.")
    ],
    idle: ["Everybody at work talks about a {x} these days.", "I read that a {x} takes ages now."]
  }
]

const twice = {
  turns: [
    "!{name} lent me a hand with the {x}, so kind.",
    "!Oh, and {other} turned up for the {x} as well, with cake."
  ],
  asked: "Which people lent {me} a hand with the {x}?"
}

const slots = {
  name: "Odalys Bartek Imogen Thandi Rasmus Leocadia Yusuf Petronella Anselm Chiyo Fergus Marisol Ezra Ingrid Tobias Noor",
  pet: "Biscuit Captain Waffles Pickle Domino Mango Pepper Ziggy Truffle Comet",
  object: "cardamom driftwood paprika bamboo oats copper lentils walnut saffron marble vinegar clay rosemary canvas",
  injury: "sprain blister concussion cramp fracture rash",
  place: "Tromsø Valparaíso Leeds Kraków Nairobi Osaka Galway Tampere Porto Mérida",
  month: "March April June August October December",
  n: "three four seven nine eleven fourteen sixty ninety"
}

const chat = [
  [
    "Hey {them}!",
    "Good to hear from you.",
    "Wow.",
    "That is lovely.",
    "Oh no.",
    "I know, right?",
    "Ha, typical.",
    "Well,"
  ],
  [
    "work has been crazy lately, too many meetings",
    "the weather is finally getting better here",
    "I was thinking about our trip last year",
    "my sister sends her love",
    "we should meet up soon and catch up",
    "I did not sleep much this week",
    "the kids had a great time at school",
    "I am trying to make more time for friends",
    "it has been a long day and I need a break",
    "I started reading again, which helps a lot"
  ],
  [
    "What about you?",
    "How are things on your side?",
    "Take care!",
    "Anyway, tell me more.",
    "",
    "",
    "So what are you up to?"
  ]
]

/** A conversation of about 600 messages: 20 sessions of two or three stories among small talk. */
export const makeConversation = (seed: number): Conversation => {
  const random = makeRandom(seed)
  const pick = <A>(list: ReadonlyArray<A>): A => list[Math.floor(random() * list.length)] ?? (list[0] as A)
  const friends = seed % 2 === 0 ? ["Maren", "Dashiell"] : ["Ottilie", "Kwame"]
  const messages: Array<Message> = []
  const questions: Array<Question> = []
  const say = (speaker: number, text: string) => {
    const content = `${friends[speaker]}: ${text}`
    messages.push({ role: speaker === 0 ? "user" : "assistant", content })
    return messages.length
  }
  const smallTalk = (turns: number) => {
    for (let n = 0; n < turns; n++) {
      const text = chat.map((list) => pick(list)).join(" ")
      say(n % 2, text.replaceAll("{them}", friends[1 - (n % 2)] ?? ""))
    }
  }
  /** Fills the slots; those of one story once. */
  const makeFill = (x: string, speaker: number) => {
    const filled: Record<string, string> = { x, me: friends[speaker] ?? "" }
    return (text: string) =>
      text.replaceAll(
        /\{(\w+)\}/g,
        (_, slot: string) => (filled[slot] ??= pick(wordsOf(slot === "other" ? "name" : slot)))
      )
  }
  const tell = (turns: ReadonlyArray<string>, fill: (text: string) => string, teller: number) =>
    turns.flatMap((turn, i) => {
      const place = say((teller + turns.length - 1 - i) % 2, fill(turn.replace("!", "")))
      return turn.startsWith("!") ? [place] : []
    })
  const plots = topics.flatMap(({ idle, stories, things }) =>
    things.flatMap((x, i) => {
      const story = stories[i % stories.length]
      return story === undefined ? [] : [{ x, idle, story, isTwice: i % 4 === 3 }]
    })
  )
  const shuffled = plots.map((plot) => [random(), plot] as const).sort(([a], [b]) => a - b)
  const again: Array<() => void> = []
  for (const [session, { idle, isTwice, story, x }] of shuffled.map(([, plot], i) => [i, plot] as const)) {
    if (session % 3 === 0) {
      say(0, `[Conversation ${session / 3 + 1}] Hello again! ${pick(chat[1] ?? [])}.`)
      again.splice(0, 2).forEach((tellAgain) => tellAgain())
    }
    smallTalk(2 + Math.floor(random() * 6))
    const teller = Math.floor(random() * 2)
    const fill = makeFill(x, teller)
    if (isTwice) {
      const [first = "", second = ""] = twice.turns
      const evidence = tell([first], fill, teller)
      again.push(() => {
        const all = [...evidence, ...tell([second], fill, teller)]
        questions.push({ kind: "in two places", asked: fill(twice.asked), evidence: all })
        smallTalk(3)
      })
    } else {
      questions.push({ kind: story.kind, asked: fill(story.asked), evidence: tell(story.turns, fill, teller) })
    }
    smallTalk(1 + Math.floor(random() * 4))
    say(Math.floor(random() * 2), pick(idle).replaceAll("{x}", pick(shuffled)[1].x))
    if (random() < 0.7) again.push(() => say(1, pick(idle).replaceAll("{x}", x)))
  }
  again.forEach((tellAgain) => tellAgain())
  return { messages, questions }
}

const wordsOf = (slot: string): ReadonlyArray<string> =>
  (Object.entries(slots).find(([name]) => name === slot)?.[1] ?? slot).split(" ")

const makeRandom = (seed: number) => {
  let state = seed * 7_919 + 17
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}
