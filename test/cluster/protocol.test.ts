/** What hosts of two versions say to each other. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck, Schema } from "effect"
import { RequestId, TurnFailed } from "../../src/cluster/SessionCluster.ts"
import { CompressionResult } from "../../src/session/CompressionResult.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStats } from "../../src/session/SessionStats.ts"
import { propertyRuns } from "../support/repetitions.ts"

/** Adds a field that this version does not know to each object of a value. */
const addFields = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(addFields)
  if (typeof value !== "object" || value === null) return value
  return { ...Object.fromEntries(Object.entries(value).map(([key, of]) => [key, addFields(of)])), "added later": 1 }
}

const readsMore = <A, I>(schema: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknownEither(schema)
  const encode = Schema.encodeSync(schema)
  FastCheck.assert(
    FastCheck.property(Arbitrary.make(schema), (value) => {
      assert.isTrue(Either.isRight(decode(addFields(encode(value)))))
    }),
    propertyRuns(20, 500).fastCheck
  )
}

describe("a host of this version", () => {
  it("reads what a newer one asks, answers and fails with, whatever fields were added", () => {
    readsMore(Schema.Struct({ sessionId: SessionId, request: RequestId }))
    readsMore(CompressionResult)
    readsMore(SessionStats)
    readsMore(TurnFailed)
  })
})
