/** Looks for what is no longer in the view as an agent would: by what it is about, not by what it says. */
import { Effect } from "effect"
import * as Recall from "../../src/recall/Recall.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Facts from "./facts.ts"
import { type Measure, share } from "./measure.ts"
import { id, messagesOf, type Replay, textOf, world } from "./replay.ts"
import * as Session from "./session.ts"

/** The number of answers that an agent reads. */
const TOP = 5

/** The facts that a query finds among its first answers. */
const recallFacts = Effect.fnUntraced(function* (facts: ReadonlyArray<Facts.Fact>, texts: ReadonlyArray<string>) {
  const { recall } = yield* Recall.Recall
  const times: Array<number> = []
  const isFound = yield* Effect.forEach(facts, (fact) =>
    Effect.gen(function* () {
      const begun = performance.now()
      const answers = yield* recall(id, Facts.query(fact), { limit: TOP })
      times.push(performance.now() - begun)
      return answers.some(({ seq }) => texts[seq - 1]?.includes(fact.value) === true)
    })
  )
  const values = new Set(facts.filter((_, i) => isFound[i] === true).map(({ value }) => value))
  return { values, median: times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0 }
})

/** Identifiers of the session that was replayed: in the view, or found. */
export const identifiers = Effect.fnUntraced(function* (
  { facts }: Session.Session,
  { stages, texts }: Replay,
  who: string
) {
  const exact = facts.filter(({ isIdentifier }) => isIdentifier)
  const values = exact.map(({ value }) => value)
  const recalled = yield* recallFacts(exact, texts)
  const last = stages.at(-1)
  const view = last === undefined ? "" : textOf(last.view)
  return [
    share(`exact identifiers in the view, ${who}`, values, (value) => view.includes(value), null),
    share(
      `exact identifiers in the view or recalled, ${who}`,
      values,
      (v) => view.includes(v) || recalled.values.has(v)
    )
  ]
})

/** Every fact of a log of about `messages` messages. The time is printed, and no gate: machines differ. */
export const measure = Effect.fnUntraced(function* (seed: number, messages: number) {
  const rounds = Math.ceil(messages / 70)
  const size = { rounds, turnsPerRound: 6, linesPerResult: 15, factsPerRound: 4, constraints: 0, overrides: 1 }
  const session = Session.make(seed, size)
  const log = messagesOf(session.rounds.flat())
  const { layer } = world({ contextLength: 128_000, write: null })
  const { median, values } = yield* Effect.provide(
    Effect.gen(function* () {
      yield* Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: id, messages: log }]))
      // The first search fills the index.
      yield* Effect.flatMap(Recall.Recall, ({ recall }) => recall(id, "review"))
      return yield* recallFacts(
        session.facts,
        log.map((message) => JSON.stringify(message))
      )
    }),
    layer
  )
  const name = `facts recalled by entity and attribute, first ${TOP}, ${log.length} messages`
  const time: Measure = {
    name: "median time of one recall",
    value: median,
    unit: "ms",
    gate: null,
    detail: "below 5 ms wanted"
  }
  return [
    share(
      name,
      session.facts.map(({ value }) => value),
      (value) => values.has(value)
    ),
    time
  ]
})
