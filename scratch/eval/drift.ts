/** Measures what many compressions leave of the facts, with a summarizer that forgets, beside a chain of summaries. */
import { Effect } from "effect"
import * as Dropping from "./dropping.ts"
import type { Measure } from "./measure.ts"
import { read } from "./prompts.ts"
import { type Replay, replay, world } from "./replay.ts"
import * as Recall from "./recall.ts"
import * as Retention from "./retention.ts"
import * as Rules from "./rules.ts"
import * as Session from "./session.ts"

export interface Drift {
  readonly measures: ReadonlyArray<Measure>
  /** The share of facts left after each compression, 0 to 1. */
  readonly kept: ReadonlyArray<number>
  readonly chain: ReadonlyArray<number>
}

/** The mean of several sessions: one alone has too few facts to tell 60 % from 65 %. */
export const measure = Effect.fnUntraced(function* (
  seed: number,
  {
    contextLength,
    sessions,
    size
  }: { readonly contextLength: number; readonly sessions: number; readonly size: Session.Size }
) {
  const seeds = Array.from({ length: sessions }, (_, i) => seed + i * 7_919)
  const runs = yield* Effect.forEach(seeds, (seed) => run(seed, contextLength, size))
  const kept = mean(runs.map(({ kept }) => kept))
  const chain = mean(runs.map(({ chain }) => chain))
  const facts = sessions * size.rounds * size.factsPerRound
  const after = `after ${kept.length} compressions that each forget ${100 * Dropping.PROBABILITY} %`
  const detail = `${facts} facts in ${sessions} sessions`
  return {
    measures: [
      { name: `facts in the view ${after}`, value: 100 * (kept.at(-1) ?? 0), unit: "%", gate: { least: 60 }, detail },
      { name: `the same, a chain of summaries`, value: 100 * (chain.at(-1) ?? 0), unit: "%", gate: null, detail },
      ...worst(runs.map(({ identifiers }) => identifiers)),
      ...Rules.measure(runs, "forgetful")
    ],
    kept,
    chain
  } satisfies Drift
})

const run = Effect.fnUntraced(function* (seed: number, contextLength: number, size: Session.Size) {
  const session = Session.make(seed, size)
  const { layer, requests } = world({ contextLength, write: Dropping.make(seed, session) })
  const { identifiers, replayed } = yield* Effect.provide(
    Effect.gen(function* () {
      const replayed = yield* replay(session)
      return { replayed, identifiers: yield* Recall.identifiers(session, replayed, "forgetful") }
    }),
    layer
  )
  const materials = requests.map((request) => read(request)).filter(({ blocks }) => blocks[0]?.what !== "summary")
  return {
    session,
    replay: replayed,
    identifiers,
    kept: Retention.curve(session, replayed),
    chain: chainCurve(
      session,
      replayed,
      Dropping.chain(
        Dropping.make(seed + 1, session),
        materials.map(({ material }) => material)
      )
    )
  }
})

const chainCurve = (
  session: Session.Session,
  replayed: Replay,
  summaries: ReadonlyArray<string>
): ReadonlyArray<number> =>
  replayed.stages.map((stage, i) => {
    const left = Retention.factsCovered(session, replayed, stage)
    return left.filter(({ value }) => summaries[i]?.includes(value) === true).length / Math.max(1, left.length)
  })

/** Picks the session that did worst, for each measure. */
const worst = (runs: ReadonlyArray<ReadonlyArray<Measure>>): ReadonlyArray<Measure> =>
  (runs[0] ?? []).map((measure, i) =>
    runs.reduce((least, run) => {
      const other = run[i]
      return other !== undefined && other.value < least.value ? other : least
    }, measure)
  )

const mean = (curves: ReadonlyArray<ReadonlyArray<number>>): ReadonlyArray<number> =>
  (curves[0] ?? []).map((_, k) => curves.reduce((sum, curve) => sum + (curve[k] ?? 0), 0) / curves.length)
