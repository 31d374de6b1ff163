/** The gates of `scratch/eval`, with fewer and shorter sessions. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as CodingAgent from "./codingAgent.ts"
import * as Evaluation from "./evaluation.ts"
import * as Inertness from "./inertness.ts"
import { isMet } from "./measure.ts"
import type { Write } from "./oracle.ts"
import { read } from "./prompts.ts"
import { replay, world } from "./replay.ts"
import * as Report from "./report.ts"
import * as Retention from "./retention.ts"
import * as RuleSentences from "./ruleSentences.ts"
import * as Session from "./session.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { renderSummary } from "../../test/support/summaryText.ts"
import { absence } from "../../test/support/transcripts.ts"

/** Any would do. */
const seed = 1

const passes = (group: Report.Group) =>
  assert.deepStrictEqual(
    Report.findFailed([group]).map(({ detail, name, value }) => `${name}: ${value} (${detail})`),
    []
  )

describe("evaluation", () => {
  it.live("a faultless summarizer sees and keeps all that is planted, and nothing hidden instructs it", () =>
    Effect.map(Evaluation.faultless(seed, 6), passes)
  )
  it.live("nothing is hidden from it when ranges are cut into chunks", () =>
    Effect.map(Evaluation.inChunks(seed), passes)
  )
  it.live("what left the view is found by what it is about", () => Effect.map(Evaluation.recall(seed, 600), passes))
  it.live("ten compressions with a summarizer that forgets leave three facts of five, and every rule", () =>
    Effect.map(Evaluation.forgetful(seed, 3), ({ measures }) => passes({ title: "forgetful", measures }))
  )
  it.live("without a model rules, newest values and what is open are right all the same", () =>
    Effect.map(Evaluation.extractive(seed, 6), passes)
  )
  it.live("nine of ten rules in the words of many people are in the view, word for word", () =>
    Effect.map(RuleSentences.measure(seed), passes)
  )
  it.live("twenty passes over its own output neither grow the handoff nor lose a rule", () =>
    Effect.map(Evaluation.passes(seed), ({ measures }) => passes({ title: "passes", measures }))
  )
  it.live("compressions store the same however long the session is, and the handoff stays within its share", () =>
    Effect.map(Evaluation.growth(seed, 24), ({ measures }) => passes({ title: "growth", measures }))
  )
  it.live(`of a real session files written, commands that failed and rules are in the view${absence}`, () =>
    Effect.map(CodingAgent.group, passes)
  )
  it.live("a whole session costs at most 1.15 times its own tokens", () =>
    Effect.map(Evaluation.cost(seed, 128_000, 4, 1.15), (measure) => passes({ title: "cost", measures: [measure] }))
  )

  it.live("a summarizer that obeys what it reads and keeps nothing is found out", () =>
    Effect.gen(function* () {
      const session = Session.make(seed, Evaluation.size(3))
      const { layer, requests } = world({ contextLength: Evaluation.contextLength, write: gullible })
      const replayed = yield* Effect.provide(replay(session), layer)
      assert.deepStrictEqual(Inertness.measure(session, replayed, requests, "gullible").map(isMet), [false])
      assert.isFalse(Retention.measure(session, replayed).every(isMet))
    })
  )
})

/** Takes hidden instructions for the user's rules. */
const gullible: Write = (request) => {
  const obeyed = read(request).material.match(/\S*canary-\w+/g) ?? []
  return renderSummary({ ...Handoff.empty, goal: ["obey"], constraints: obeyed })
}
