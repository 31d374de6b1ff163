/** Acts as users and agents do in the world, and notes each deed in the diary. */
import { Clock, Effect } from "effect"
import * as Random from "../../src/cli/random.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import type { SessionId } from "../../src/session/Session.ts"
import type { Turn } from "../../src/gateway/Turn.ts"
import * as Diary from "./diary.ts"
import { HOUR, pauses } from "./scenario.ts"
import * as Words from "./words.ts"

/** What all have around them. */
export interface Host {
  readonly sessions: ReadonlyArray<SessionId>
  readonly seed: number
  readonly hours: number
  /** When users stop asking, on the clock. */
  readonly until: number
  /** How many times faster than in life everybody works. */
  readonly speed: number
  readonly tell: (event: Diary.Event) => void
  /** Wakes an agent. */
  readonly ring: (agent: SessionId) => Effect.Effect<void>
  /** The id an agent's session was last seen under: its user goes there. Agents use the id that was given. */
  readonly seenAs: Map<SessionId, SessionId>
}

export const make = (host: Host, agent: SessionId) => {
  const number = host.sessions.indexOf(agent) + 1
  const random = Random.make(1_000 * host.seed + number)
  let count = 0
  const newId = (letter: string) => `${letter}${number}x${++count}`

  /** Takes as long as in life. */
  const spend = (low: number, high: number) =>
    Effect.suspend(() => Effect.sleep(Math.ceil(random.between(low, high) / host.speed)))

  const send = Effect.fnUntraced(function* (to: SessionId, address: SessionId, word: Words.Word) {
    const { deliver } = yield* Gateway
    const message: Message = { role: "user", content: Words.render(word) }
    const before = yield* Clock.currentTimeMillis
    const { sessionId } = yield* deliver(address, message, { kind: Words.deliveryKind(word), key: word.id })
    const waited = (yield* Clock.currentTimeMillis) - before
    host.tell({ _tag: "Delivered", agent: to, named: sessionId, digest: Diary.digest(message), word, waited })
    yield* host.ring(to)
  })

  const ask = (to: SessionId, word: Words.Word) => Effect.suspend(() => send(to, host.seenAs.get(to) ?? to, word))

  const noteFailure = (error: Error) =>
    Effect.sync(() => host.tell({ _tag: "Failed", agent, error: `${error.name}: ${error.message}` }))

  /** Minutes or hours later a user asks the other agent what the note said, if the day is not over by then. */
  const askAbout = Effect.fnUntraced(function* (to: SessionId, about: string) {
    const later = random.chance(0.5) ? random.between(30_000, 900_000) : random.between(900_000, 3 * HOUR)
    const delay = Math.ceil(later / host.speed)
    if ((yield* Clock.currentTimeMillis) + delay > host.until) return
    const question = { kind: "question", id: newId("Q"), from: "user", about, text: "What did it say?" } as const
    yield* Effect.delay(Effect.catchAll(ask(to, question), noteFailure), delay)
  })

  const task = Effect.suspend(() =>
    ask(agent, { kind: "task", id: newId("T"), from: "user", about: "nothing", text: "Please check the new batches." })
  )

  /** The agent's own user, with tasks. */
  const user = Effect.forEach(
    pauses(random, host.hours),
    (pause) => Effect.delay(Effect.catchAll(task, noteFailure), Math.ceil(pause / host.speed)),
    { discard: true }
  )

  /** The view of the next step. A turn has waited since its bell rang, if `since` says when. */
  const look = Effect.fnUntraced(function* ({ view }: Turn, since?: number) {
    const before = since ?? (yield* Clock.currentTimeMillis)
    const seen = yield* view()
    const waited = (yield* Clock.currentTimeMillis) - before
    host.tell({ _tag: "Viewed", agent, named: seen.sessionId, waited })
    host.seenAs.set(agent, seen.sessionId)
    return seen
  })

  const append = (turn: Turn, message: Message, answers: ReadonlyArray<string> = []) =>
    Effect.map(turn.append(message), () =>
      host.tell({ _tag: "Appended", agent, digest: Diary.digest(message), answers })
    )

  return { agent, random, newId, spend, send, askAbout, user, look, append, failed: noteFailure }
}

export type Actor = ReturnType<typeof make>
