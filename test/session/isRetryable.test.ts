/** What a caller may try again without changing anything, asked of each error that it can get. */
import { assert, describe, it } from "@effect/vitest"
import { InvalidMessage } from "../../src/message/Message.ts"
import { InvalidPolicy } from "../../src/model/InvalidSetting.ts"
import * as ModelError from "../../src/model/ModelError.ts"
import { CompressionFailed } from "../../src/session/CompressionResult.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as SessionError from "../../src/session/SessionError.ts"

const sessionId = SessionId.make("chat-1")
const route = "m@host"
const timeout = new ModelError.Timeout({ route, phase: "idle", deadline: 1 })
const unauthorized = new ModelError.Unauthorized({ route, detail: "" })
const failWith = (...errors: ReadonlyArray<ModelError.ModelError>) =>
  new CompressionFailed({ sessionId, operationId: "op", errors })
const storeError = (reason: SessionError.StoreError["reason"]) =>
  new SessionError.StoreError({ operation: "append", reason, detail: "" })
const invalidRestore = (reason: SessionError.InvalidRestore["reason"]) =>
  new SessionError.InvalidRestore({ sessionId, snapshotId: "s", reason, detail: "" })

const RETRYABLE = [
  timeout,
  new ModelError.ConnectionError({ route, detail: "" }),
  new ModelError.Interrupted({ route, by: "provider" }),
  new ModelError.RateLimited({ route, retryAfter: null }),
  new ModelError.InvalidSummary({ route, reason: "empty", detail: "" }),
  new ModelError.ProviderError({ route, status: 503, detail: "" }),
  new ModelError.ProviderError({ route, status: null, detail: "" }),
  new ModelError.Exhausted({ errors: [unauthorized, timeout], paused: [] }),
  new ModelError.Exhausted({ errors: [], paused: [route] }),
  failWith(timeout),
  new SessionError.SessionBusy({ sessionId, holder: "another" }),
  new SessionError.TurnLost({ sessionId, unstored: [] }),
  new SessionError.Superseded({ sessionId, unstored: [] }),
  invalidRestore("busy"),
  storeError("busy"),
  storeError("unavailable")
]

const FINAL = [
  new ModelError.Interrupted({ route, by: "gateway" }),
  unauthorized,
  new ModelError.QuotaExceeded({ route, detail: "" }),
  new ModelError.ModelUnavailable({ route, detail: "" }),
  new ModelError.ContextOverflow({ route, detail: "" }),
  new ModelError.ProviderError({ route, status: 400, detail: "" }),
  new ModelError.Exhausted({ errors: [unauthorized], paused: [] }),
  failWith(unauthorized),
  new SessionError.UnknownSession({ sessionId }),
  new SessionError.UnknownSnapshot({ snapshotId: "s" }),
  new SessionError.UnknownSegment({ segmentId: "s" }),
  new SessionError.SessionExists({ sessionId }),
  new SessionError.WindowExceeded({ sessionId, contextLength: 2, refused: 1, limit: null, detail: "" }),
  new SessionError.InvalidRewind({ sessionId, seq: 9, lastSeq: 1, reason: "no-such-message" }),
  new SessionError.PinTooLarge({ sessionId, tokens: 2, room: 1 }),
  new SessionError.InvalidPin({ sessionId, reason: "empty", lastSeq: null }),
  invalidRestore("too-large"),
  new SessionError.TurnInterrupted({ sessionId }),
  new SessionError.IdempotencyConflict({ sessionId, key: "k" }),
  new SessionError.InvalidKey({ sessionId, key: "k" }),
  storeError("full"),
  storeError("unknown"),
  new InvalidPolicy({ field: "threshold", issue: "" }),
  new InvalidMessage({ issue: "" })
]

const listTags = (errors: ReadonlyArray<{ readonly _tag: string; readonly isRetryable: boolean }>, is: boolean) =>
  errors.filter(({ isRetryable }) => isRetryable !== is).map(({ _tag }) => _tag)

describe("isRetryable", () => {
  it("is true of what may go well later by itself", () => assert.deepStrictEqual(listTags(RETRYABLE, true), []))
  it("is false of what a person or the program has to change", () => assert.deepStrictEqual(listTags(FINAL, false), []))
})
