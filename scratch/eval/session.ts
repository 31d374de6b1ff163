/** A session with everything planted in it, in rounds: after each there is a compression. */
import * as Random from "../../src/cli/random.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Canaries from "./canaries.ts"
import * as Chatter from "./chatter.ts"
import * as Constraints from "./constraints.ts"
import * as Facts from "./facts.ts"
import * as Overrides from "./overrides.ts"
import * as Phrasing from "./phrasing.ts"

/** A request and the messages that answer it, the last of which ends the turn. `title` occurs in both. */
export interface Turn {
  readonly title: string
  readonly request: string
  readonly messages: ReadonlyArray<Message>
}

export interface Session {
  readonly rounds: ReadonlyArray<ReadonlyArray<Turn>>
  readonly facts: ReadonlyArray<Facts.Fact>
  readonly constraints: ReadonlyArray<Constraints.Constraint>
  readonly overrides: ReadonlyArray<Overrides.Override>
  readonly canaries: ReadonlyArray<Canaries.Canary>
}

/** Steps of a turn; the last of each round is so long that its request lies before the tail. */
const SHORT = 3
const LONG = 14

export interface Size {
  readonly rounds: number
  readonly turnsPerRound: number
  /** Lines of each tool result, about 12 tokens a line. */
  readonly linesPerResult: number
  readonly factsPerRound: number
  /** Half of them marked as rules by a word, half not. */
  readonly constraints: number
  readonly overrides: number
}

/** A turn that can still be written into. */
interface Draft {
  readonly title: string
  readonly asked: Array<string>
  readonly steps: ReadonlyArray<{
    readonly use: Chatter.Use
    readonly said: Array<string>
    readonly lines: Array<string>
  }>
  readonly closing: Array<string>
}

export const make = (seed: number, size: Size): Session => {
  const random = Random.make(seed)
  const drafts = Array.from({ length: size.rounds * size.turnsPerRound }, (_, n) => draft(random, n, size))
  const noise = JSON.stringify(drafts)
  const facts = Facts.draw(random, size.rounds * size.factsPerRound, (value) => !noise.includes(value))
  const constraints = [true, false].flatMap((isMarked) => Constraints.draw(random, size.constraints >> 1, isMarked))
  const overrides = Overrides.draw(random, size.overrides, (value) => !noise.includes(value))
  const canaries = Canaries.draw(random, 2 * size.rounds)

  const ofRound = (round: number): Draft => pick(random, drafts, round * size.turnsPerRound, size.turnsPerRound)
  facts.forEach((fact, i) => plant(random, ofRound(Math.floor(i / size.factsPerRound)), fact))
  canaries.forEach(({ text }, i) => insert(random, pick(random, ofRound(i >> 1).steps), text, 0.1, 0.9))
  // The first rounds, so that there are many compressions after them.
  constraints.forEach(({ text }, i) => ofRound(i % Math.max(1, size.rounds >> 2)).asked.push(text))
  overrides.forEach(({ said: [first, then] }, i) => {
    const round = i % (size.rounds - 1)
    addSentence(random, ofRound(round), first)
    addSentence(random, ofRound(random.between(round + 1, size.rounds - 1)), then)
  })
  const turns = drafts.map((draft) => finishDraft(random, draft))
  const rounds = Array.from({ length: size.rounds }, (_, i) =>
    turns.slice(i * size.turnsPerRound, (i + 1) * size.turnsPerRound)
  )
  return { rounds, facts, constraints, overrides, canaries }
}

const draft = (random: Random.Random, n: number, { linesPerResult, turnsPerRound }: Size): Draft => {
  const title = `${Facts.coin(random)} review ${n + 1}`
  const isLong = (n + 1) % turnsPerRound === 0
  const steps = Array.from({ length: isLong ? LONG : SHORT }, () => {
    const use = Chatter.use(random, random.between(Math.ceil(linesPerResult / 2), Math.ceil(linesPerResult * 1.5)))
    return { use, said: random.chance(0.6) ? [Chatter.sentence(random)] : [], lines: [...use.lines] }
  })
  return {
    title,
    asked: [`Please go through the ${title}.`, Chatter.sentence(random)],
    steps,
    closing: [Chatter.sentence(random)]
  }
}

const plant = (random: Random.Random, draft: Draft, fact: Facts.Fact): void => {
  if (fact.place === "user") draft.asked.push(Phrasing.phraseAsTalk(random, fact))
  else if (fact.place === "assistant")
    pick(random, [draft.closing, pick(random, draft.steps).said]).push(Phrasing.phraseAsTalk(random, fact))
  else if (fact.place === "head of a tool result")
    insert(random, pick(random, draft.steps), Phrasing.phraseAsOutput(random, fact), 0, 0.1)
  else insert(random, pick(random, draft.steps), Phrasing.phraseAsOutput(random, fact), 0.7, 1)
}

const insert = (
  random: Random.Random,
  { lines }: Draft["steps"][number],
  text: string,
  from: number,
  to: number
): void => {
  lines.splice(random.between(Math.ceil(from * lines.length), Math.floor(to * lines.length)), 0, text)
}

const addSentence = (random: Random.Random, { asked, closing }: Draft, sentence: string): void => {
  pick(random, [asked, closing]).push(sentence)
}

const finishDraft = (random: Random.Random, { asked, closing, steps, title }: Draft): Turn => ({
  title,
  request: asked.join(" "),
  messages: [
    ...steps.flatMap(({ lines, said, use }): ReadonlyArray<Message> => {
      const id = `call_${random.hex(16)}`
      const made = { name: use.tool, arguments: JSON.stringify(use.input) }
      return [
        { role: "assistant", content: said.join(" ") || null, tool_calls: [{ id, type: "function", function: made }] },
        { role: "tool", tool_call_id: id, content: lines.join("\n") }
      ]
    }),
    { role: "assistant", content: [`The ${title} is finished.`, ...closing].join(" ") }
  ]
})

function pick<A>(random: Random.Random, list: ReadonlyArray<A>, from = 0, count = list.length): A {
  const found = list[from + random.between(0, count - 1)]
  if (found === undefined) throw new RangeError("nothing to pick from")
  return found
}
