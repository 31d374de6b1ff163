/** A session that is compressed, exported, imported and compressed again, many times, without any model. */
import { Effect } from "effect"
import * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as Message from "../../src/message/Message.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import type { View } from "../../src/view/View.ts"
import { type Measure, countFaults, share } from "./measure.ts"
import * as Reading from "./reading.ts"
import { messagesOf, textOf, world } from "./replay.ts"
import * as Session from "./session.ts"

const contextLength = 32_000

export interface Passes {
  readonly measures: ReadonlyArray<Measure>
  /** Tokens of the handoff after each pass. */
  readonly sizes: ReadonlyArray<number>
}

export const measure = Effect.fnUntraced(function* (seed: number, passes: number) {
  const size = { rounds: passes, turnsPerRound: 3, linesPerResult: 40, factsPerRound: 2, constraints: 20, overrides: 2 }
  const session = Session.make(seed, { ...size, constraints: 0 })
  const { constraints } = Session.make(seed, size)
  const rules = constraints.filter(({ isMarked }) => isMarked).map(({ text }) => text)
  const { layer } = world({ contextLength, write: null })
  const { sizes, view } = yield* Effect.provide(run(session, rules.join(" ")), layer)
  const words = textOf(view)
  const policy = yield* CompressionPolicy.make({ contextLength })
  const most = CompressionPolicy.shares(policy, 0)?.handoff ?? 0
  const late = sizes.slice(-Math.ceil(passes / 2))
  return {
    sizes,
    measures: [
      {
        name: `largest handoff in ${passes} passes over its own output`,
        value: Math.max(...sizes),
        unit: "tokens",
        gate: { most },
        detail: `the second half from ${Math.min(...late)} to ${Math.max(...late)}; its share is ${most}`
      },
      share(`rules word for word after ${passes} passes`, rules, (rule) => words.includes(rule)),
      countFaults(`handoffs beside the newest after ${passes} passes`, readOlderHandoffs(view), "the last view"),
      countFaults(`items that stand there twice after ${passes} passes`, findRepeated(items(view)), "the last handoff"),
      {
        name: "sentences that stand there twice",
        value: findRepeated(sentences(view)).length,
        unit: "",
        gate: null,
        detail: "the newest request as goal and as request; talk that repeats itself"
      }
    ]
  } satisfies Passes
})

/** The rules are given after the first turns, so that no head keeps them. */
const run = Effect.fnUntraced(function* ({ rounds }: Session.Session, rules: string) {
  const gateway = yield* Gateway.Gateway
  const store = yield* SessionStore
  const pass = Effect.fnUntraced(function* (n: number, messages: ReadonlyArray<Message.Message>) {
    const sessionId = SessionId.make(`pass-${n}`)
    yield* store.importAll([{ sessionId, messages }])
    yield* gateway.compress(sessionId)
    return yield* gateway.view(sessionId)
  })
  const news = rounds.map(messagesOf)
  const noted: ReadonlyArray<Message.Message> = [
    { role: "user", content: rules },
    { role: "assistant", content: "Noted." }
  ]
  let view = yield* pass(0, [...(news[0] ?? []), ...noted, ...(news[0] ?? [])])
  const sizes = [view.parts.handoff.tokens]
  for (const [n, messages] of news.entries()) {
    if (n === 0) continue
    view = yield* pass(n, [...view.messages, ...messages])
    sizes.push(view.parts.handoff.tokens)
  }
  return { view, sizes }
})

const readOlderHandoffs = ({ messages }: View): ReadonlyArray<string> =>
  messages.filter(Handoff.isHandoff).slice(1).map(Message.text)

const findRepeated = (list: ReadonlyArray<string>): ReadonlyArray<string> =>
  list.filter((one, i) => list.indexOf(one) !== i)

/** The items of a handoff, their numbers aside. */
const items = (view: View): ReadonlyArray<string> =>
  Reading.read(view)
    .text.split("\n")
    .filter((line) => line.startsWith("- ") && line.length > 30)
    .map((line) => line.slice(2).replace(/\s*\(#[\d, -]+\)$/, ""))

const sentences = (view: View): ReadonlyArray<string> =>
  items(view)
    .flatMap((item) => item.split(/(?<=[.!?。])\s*/))
    .map((sentence) => sentence.replace(/^\w+: /, "").trim())
    .filter((sentence) => sentence.length > 24)
