/** The gates of `scratch/eval`, with fewer and shorter sessions. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Evaluation from "../scratch/eval/evaluation.ts"
import * as Report from "../scratch/eval/report.ts"

/** Another one with every day would do as well: the gates hold for any. */
const seed = 1

const passes = (group: Report.Group) =>
  assert.deepStrictEqual(
    Report.failed([group]).map(({ detail, name, value }) => `${name}: ${value} (${detail})`),
    []
  )

describe("evaluation", () => {
  it.live("a faultless summarizer sees and keeps all that is planted, and nothing hidden instructs it", () =>
    Effect.map(Evaluation.faultless(seed, 6), passes)
  )
  it.live("nothing is hidden from it when ranges are cut into chunks", () =>
    Effect.map(Evaluation.inChunks(seed), passes)
  )
  it.live("ten compressions with a summarizer that forgets leave three facts of five, and every rule", () =>
    Effect.map(Evaluation.forgetful(seed, 3), ({ measures }) => passes({ title: "forgetful", measures }))
  )
  it.live("without a model rules, newest values and what is open are right all the same", () =>
    Effect.map(Evaluation.extractive(seed, 6), passes)
  )
  it.live("twenty passes over its own output neither grow the handoff nor lose a rule", () =>
    Effect.map(Evaluation.passes(seed), ({ measures }) => passes({ title: "passes", measures }))
  )
  it.live("a whole session costs at most 1.15 times its own tokens", () =>
    Effect.map(Evaluation.cost(seed, 128_000, 4, 1.15), (measure) => passes({ title: "cost", measures: [measure] }))
  )
})
