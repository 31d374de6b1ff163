/** An agent in plain code. Like a model it answers from the view it is given, and knows nothing else. */
import { Clock, Effect, type Queue } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { SessionId } from "../../src/session/Session.ts"
import type { Turn } from "../../src/gateway/Turn.ts"
import type { View } from "../../src/view/View.ts"
import * as Actor from "./actor.ts"
import * as Memory from "./memory.ts"
import * as Words from "./words.ts"
import * as Work from "./work.ts"

/** Lives for ever: there is a turn whenever the bell has rung. */
export const live = (host: Actor.Host, agent: SessionId, bell: Queue.Dequeue<void>) =>
  Effect.gen(function* () {
    const { turn } = yield* Gateway
    const actor = Actor.make(host, agent)
    yield* Effect.forkScoped(actor.user)
    const answering = Effect.flatMap(Clock.currentTimeMillis, (since) =>
      turn(agent, (handle) => answer(host, actor, handle, since))
    )
    return yield* Effect.forever(Effect.zipRight(bell.take, Effect.catchAll(answering, actor.failed)))
  })

const answer = Effect.fnUntraced(function* (host: Actor.Host, actor: Actor.Actor, turn: Turn, since: number) {
  const first = yield* actor.look(turn, since)
  const open = yield* toAnswer(first)
  if (open.length === 0) return
  const rounds = open.some(({ kind }) => kind === "task") ? actor.random.between(2, 6) : actor.random.between(0, 1)
  for (let n = 0; n < rounds; n++) {
    yield* actor.spend(3_000, 8_000)
    // The first output is what takes a session beyond its threshold.
    yield* n > 0 && actor.random.chance(0.3) ? tellSomebody(host, actor, turn) : query(actor, turn)
    yield* actor.look(turn)
  }
  yield* actor.spend(3_000, 8_000)
  const view = yield* actor.look(turn)
  const words = yield* toAnswer(view)
  const lines = yield* Effect.forEach(words, (word) => reply(host, actor, turn, view, word))
  const answers = words.map(({ id }) => id)
  yield* actor.append(turn, Work.report(actor.newId("R"), lines), answers)
})

/** An acknowledgement is for one's own words; who has no record of them takes it for news. */
const toAnswer = (view: View) =>
  Effect.filter(Memory.open(view), ({ about, kind }) =>
    kind === "ack"
      ? Effect.map(Memory.recollect(view, about), ({ source }) => source === "nowhere")
      : Effect.succeed(true)
  )

const query = Effect.fnUntraced(function* (actor: Actor.Actor, turn: Turn) {
  const id = actor.newId("call")
  const tokens = actor.random.between(Work.SMALLEST, Work.LARGEST)
  yield* actor.append(turn, Work.makeCallingReply(Work.call(id, "query", { batch: id })))
  yield* actor.spend(1_000, 20_000)
  yield* actor.append(turn, Work.result(id, Work.output(actor.random, tokens)))
})

/** A note to another agent, after which it will be asked. */
const tellSomebody = Effect.fnUntraced(function* (host: Actor.Host, actor: Actor.Actor, turn: Turn) {
  const [first, ...others] = host.sessions.filter((session) => session !== actor.agent)
  if (first === undefined) return
  const to = actor.random.pick([first, ...others])
  const text = Words.noteText(actor.random.between(100_000, 999_999))
  const id = actor.newId("N")
  yield* tell(actor, turn, to, { kind: "note", id, from: actor.agent, about: "nothing", text })
  yield* Effect.forkScoped(actor.askAbout(to, id))
})

const tell = Effect.fnUntraced(function* (actor: Actor.Actor, turn: Turn, to: SessionId, word: Words.Word) {
  const id = actor.newId("call")
  yield* actor.append(turn, Work.makeCallingReply(Work.call(id, "send_message", { to, text: Words.render(word) })))
  yield* actor.send(to, to, word)
  yield* actor.append(turn, Work.result(id, "sent"))
})

/** What the agent says of a word; notes, and what it takes for one, it acknowledges to their sender. */
const reply = Effect.fnUntraced(function* (
  host: Actor.Host,
  actor: Actor.Actor,
  turn: Turn,
  view: View,
  word: Words.Word
) {
  if (word.kind === "task") return `${word.id} is done.`
  if (word.kind === "question") {
    const { source, told } = yield* Memory.recollect(view, word.about)
    yield* Effect.sync(() => host.tell({ _tag: "Replied", agent: actor.agent, about: word.about, told, source }))
    return source === "nowhere" ? `I have no record of ${word.about}.` : `${word.about} said: ${told}`
  }
  const sender = host.sessions.find((session) => session === word.from)
  const id = actor.newId("A")
  const ack = { kind: "ack", id, from: actor.agent, about: word.id, text: "Received." } as const
  if (sender !== undefined) yield* tell(actor, turn, sender, ack)
  return `${word.id} is acknowledged.`
})
