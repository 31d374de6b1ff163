import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { decodeOutcome, encodeOutcome } from "../../src/compression/CompressionEvent.ts"
import { InvalidSummary, ProviderError, RateLimited, Timeout } from "../../src/model/ModelError.ts"
import { CompressionFailed, type CompressionResult } from "../../src/session/CompressionResult.ts"
import { SessionId } from "../../src/session/Session.ts"

const sessionId = SessionId.make("chat-42")
const ofTest = { route: "model@host", detail: "of the test" }
const failure = new CompressionFailed({
  sessionId,
  operationId: "op",
  errors: [
    new Timeout({ route: "model@host", phase: "idle", deadline: 5 }),
    new RateLimited({ route: "model@host", retryAfter: null }),
    new InvalidSummary({ ...ofTest, reason: "refusal" }),
    new ProviderError({ ...ofTest, status: 502 })
  ]
})
const success: CompressionResult = {
  sessionId,
  operationId: "op",
  outcome: "degraded",
  reason: "every route failed",
  model: "embedded",
  focus: null,
  generation: 3,
  snapshotId: "left behind",
  messagesBefore: 30,
  messagesAfter: 12,
  tokensBefore: 4_000,
  tokensAfter: 800,
  compressions: 1,
  modelCalls: 1,
  tokensSpent: 900,
  attempts: [{ route: "model@host", error: "Timeout", detail: null }],
  budgetLeft: { calls: 7, milliseconds: 5, tokens: null },
  durationMs: 1.5
}

describe("the outcome of an operation", () => {
  for (const [what, ended] of [
    ["result", success],
    ["typed error", failure]
  ] as const) {
    it.effect(`is read by other processes as it was written, a ${what}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* decodeOutcome(encodeOutcome(ended)), ended)
      })
    )
  }
})
