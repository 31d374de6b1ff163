/** What hosts of two versions say to each other. `olderMessages.json` was said by an older one. */
import type * as Rpc from "@effect/rpc/Rpc"
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck, Predicate, PrimaryKey, Schema } from "effect"
import { readFileSync } from "node:fs"
import { makeProtocol } from "../../src/cluster/protocol.ts"
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

const Older = Schema.Struct({
  requests: Schema.Record({
    key: Schema.String,
    value: Schema.Array(Schema.Struct({ payload: Schema.Unknown, key: Schema.NullOr(Schema.String) }))
  }),
  answers: Schema.Record({ key: Schema.String, value: Schema.Array(Schema.Unknown) }),
  /** One of each kind. */
  failures: Schema.Array(Schema.Unknown)
})
const older = Schema.decodeUnknownSync(Schema.parseJson(Older))(
  readFileSync(new URL("olderMessages.json", import.meta.url), "utf8")
)

const kinds: ReadonlyMap<string, Rpc.AnyWithProps> = makeProtocol("session", Schema.String, Schema.Never).protocol
  .requests
const findKind = (kind: string) => kinds.get(kind) ?? assert.fail(`there is no request ${kind}`)

/** Reads an older message and returns it as this version says it, which has to have all that the older one reads. */
const sayAgain = ({ ast }: Pick<Schema.Schema.All, "ast">, said: unknown): unknown => {
  const schema = Schema.make<unknown, unknown>(ast)
  return Schema.encodeSync(schema)(Schema.decodeUnknownSync(schema)(said))
}

const isNamed = (request: unknown): request is PrimaryKey.PrimaryKey =>
  Predicate.hasProperty(request, PrimaryKey.symbol)

describe("a host of this version", () => {
  it("understands each request, answer and failure of an older one, and says the same in words that it understands", () => {
    for (const [kind, requests] of Object.entries(older.requests)) {
      const { payloadSchema } = findKind(kind)
      for (const { key, payload } of requests) {
        assert.deepStrictEqual(sayAgain(payloadSchema, payload), payload)
        const asked = Schema.decodeUnknownSync(Schema.make<unknown>(payloadSchema.ast))(payload)
        assert.strictEqual(isNamed(asked) ? PrimaryKey.value(asked) : null, key, "asked for again, it is the same")
      }
    }
    for (const [kind, answers] of Object.entries(older.answers)) {
      for (const answer of answers) assert.deepStrictEqual(sayAgain(findKind(kind).successSchema, answer), answer)
    }
    for (const failure of older.failures) assert.deepStrictEqual(sayAgain(TurnFailed, failure), failure)
  })

  it("reads what a newer one asks, answers and fails with, whatever fields were added", () => {
    readsMore(Schema.Struct({ sessionId: SessionId, request: RequestId }))
    readsMore(CompressionResult)
    readsMore(SessionStats)
    readsMore(TurnFailed)
  })
})
