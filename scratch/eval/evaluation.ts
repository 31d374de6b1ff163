/** All measures, by what they are about. The same functions run small in the tests and large by hand. */
import { Effect } from "effect"
import * as Cost from "./cost.ts"
import * as Drift from "./drift.ts"
import * as Growth from "./growth.ts"
import * as Inertness from "./inertness.ts"
import * as Openness from "./openness.ts"
import * as Oracle from "./oracle.ts"
import * as Override from "./override.ts"
import * as Passes from "./passes.ts"
import * as Recall from "./recall.ts"
import { replay, world } from "./replay.ts"
import * as Retention from "./retention.ts"
import * as Rules from "./rules.ts"
import * as Session from "./session.ts"
import * as Visibility from "./visibility.ts"

export const contextLength = 128_000

/** About 0.3 windows a round, with 8 facts, 2 changes of an identifier, 6 rules and 2 canaries. */
export const size = (rounds: number): Session.Size => ({
  rounds,
  turnsPerRound: 6,
  linesPerResult: 100,
  factsPerRound: 8,
  constraints: 60,
  overrides: 2 * rounds
})

/** A summarizer that writes down all it is shown: what is lost then, the library lost. */
export const faultless = Effect.fnUntraced(function* (seed: number, rounds: number) {
  const session = Session.make(seed, size(rounds))
  const { layer, requests } = world({ contextLength, write: Oracle.make(session) })
  const { identifiers, replayed } = yield* Effect.provide(
    Effect.gen(function* () {
      const replayed = yield* replay(session)
      return { replayed, identifiers: yield* Recall.identifiers(session, replayed, "faultless") }
    }),
    layer
  )
  return {
    title: `A faultless summarizer, ${replayed.texts.length} messages, ${replayed.tokens} tokens, ${rounds} compressions`,
    measures: [
      ...Visibility.measure(session, replayed, requests),
      ...Retention.measure(session, replayed),
      ...identifiers,
      ...Override.measure(session, replayed),
      ...Rules.measure([{ session, replay: replayed }], "faultless"),
      ...Openness.measure(replayed, "faultless", 100),
      ...Inertness.measure(session, replayed, requests, "faultless")
    ]
  }
})

/** The same with a model whose window holds a quarter of a range, so that ranges are cut into chunks. */
export const inChunks = Effect.fnUntraced(function* (seed: number) {
  const session = Session.make(seed, size(4))
  const { layer, requests } = world({ contextLength, write: Oracle.make(session), window: 16_000 })
  const replayed = yield* Effect.provide(replay(session), layer)
  return {
    title: `A faultless summarizer with a window of 16k, ${requests.length} calls`,
    measures: Visibility.measure(session, replayed, requests, "visible in chunks")
  }
})

/** No model at all. */
export const extractive = Effect.fnUntraced(function* (seed: number, rounds: number) {
  const session = Session.make(seed, size(rounds))
  const { layer } = world({ contextLength, write: null })
  const replayed = yield* Effect.provide(replay(session), layer)
  return {
    title: `No model, ${rounds} compressions`,
    measures: [
      ...Override.measure(session, replayed),
      ...Rules.measure([{ session, replay: replayed }], "extractive"),
      ...Openness.measure(replayed, "extractive", null),
      ...Inertness.measure(session, replayed, [], "extractive")
    ]
  }
})

/** Twice the facts, since a share of few says little. */
export const forgetful = (seed: number, sessions: number) =>
  Drift.measure(seed, { contextLength, sessions, size: { ...size(10), factsPerRound: 16, overrides: 4 } })

export const recall = (seed: number, messages: number) =>
  Effect.map(Recall.measure(seed, messages), (measures) => ({ title: "Recall", measures }))

export const passes = (seed: number) => Passes.measure(seed, 20)

export const growth = (seed: number, compressions: number) => Growth.measure(seed, compressions)

export const cost = (seed: number, window: number, windows: number, most: number | null) =>
  Cost.measure(seed, window, windows, most)
