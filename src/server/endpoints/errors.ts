/** The errors that the service answers with: the library's own and a few of its own, each with its status. */
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Schema from "effect/Schema"
import { InvalidEdit } from "../../gateway/editHandoff.ts"
import { InvalidMessage } from "../../message/Message.ts"
import { InvalidPolicy } from "../../model/InvalidSetting.ts"
import { CompressionFailed } from "../../session/CompressionResult.ts"
import * as SessionError from "../../session/SessionError.ts"
import { ForeignSession } from "../../store/model.ts"

/**
 * The request has no token, or another one than the service was started with. Nothing was read.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}) {
  override get message() {
    return "a token is needed, as `Authorization: Bearer TOKEN`"
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The service was started without `--write`, so that it changes nothing.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReadOnly extends Schema.TaggedError<ReadOnly>()("ReadOnly", {}) {
  override get message() {
    return "this service only reads; start it with --write to change sessions through it"
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The service cannot take the request as it came. Nothing has changed.
 *
 * - `wrong-host`: its `Host` is no name of this service, as when a web page resolves its own name to this machine
 * - `not-json`: the body of a write is not `application/json`, which no web page of another site can send
 * - `malformed`: the body is not the text of a JSON value
 * - `inexact`: it holds a number that no double holds, or an object that has a key twice; `detail` says where
 *
 * @since 0.1.0
 * @category errors
 */
export class BadRequest extends Schema.TaggedError<BadRequest>()("BadRequest", {
  reason: Schema.Literal("wrong-host", "not-json", "malformed", "inexact"),
  detail: Schema.String
}) {
  override get message() {
    return this.detail
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The body is larger than `limit` bytes. Nothing of it was kept.
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>()("BodyTooLarge", { limit: Schema.Int }) {
  override get message() {
    return `the body is larger than ${this.limit} bytes`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The service is stopping, or has as many readers or turns as it takes. Nothing has changed.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", { detail: Schema.String }) {
  override get message() {
    return this.detail
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return true
  }
}

interface Told {
  readonly message: string
  readonly isRetryable: boolean
}

/** An error as a program in any language reads it: its fields, and what it says. */
const tell = <A extends Told, I extends { readonly _tag: string }>(
  error: Schema.Schema<A, I>,
  identifier: string,
  status: number
) =>
  Schema.transform(
    Schema.extend(
      Schema.encodedSchema(error),
      Schema.Struct({ message: Schema.String, isRetryable: Schema.Boolean })
    ).annotations({ identifier }),
    error,
    {
      strict: true,
      decode: (told) => told,
      encode: (fields, { isRetryable, message }) => ({ ...fields, message, isRetryable })
    }
  ).annotations(HttpApiSchema.annotations({ status }))

export const unauthorized = tell(Unauthorized, "Unauthorized", 401)
export const readOnly = tell(ReadOnly, "ReadOnly", 403)
export const wrongHost = tell(BadRequest.pipe(Schema.filter(({ reason }) => reason === "wrong-host")), "WrongHost", 421)
export const notJson = tell(BadRequest.pipe(Schema.filter(({ reason }) => reason === "not-json")), "NotJson", 415)
export const malformed = tell(BadRequest, "Malformed", 400)
export const bodyTooLarge = tell(BodyTooLarge, "BodyTooLarge", 413)
export const unavailable = tell(Unavailable, "Unavailable", 503)

export const unknownSession = tell(SessionError.UnknownSession, "UnknownSession", 404)
export const unknownSnapshot = tell(SessionError.UnknownSnapshot, "UnknownSnapshot", 404)
export const unknownSegment = tell(SessionError.UnknownSegment, "UnknownSegment", 404)
export const sessionBusy = tell(SessionError.SessionBusy, "SessionBusy", 409)
export const idempotencyConflict = tell(SessionError.IdempotencyConflict, "IdempotencyConflict", 409)
export const superseded = tell(SessionError.Superseded, "Superseded", 409)
export const invalidRestore = tell(SessionError.InvalidRestore, "InvalidRestore", 409)
export const invalidEdit = tell(InvalidEdit, "InvalidEdit", 409)
export const foreignSession = tell(ForeignSession, "ForeignSession", 409)
export const turnLost = tell(SessionError.TurnLost, "TurnLost", 410)
export const invalidMessage = tell(InvalidMessage, "InvalidMessage", 400)
export const invalidKey = tell(SessionError.InvalidKey, "InvalidKey", 400)
export const invalidPolicy = tell(InvalidPolicy, "InvalidPolicy", 400)
export const invalidRewind = tell(SessionError.InvalidRewind, "InvalidRewind", 400)
export const invalidPin = tell(SessionError.InvalidPin, "InvalidPin", 400)
export const pinTooLarge = tell(SessionError.PinTooLarge, "PinTooLarge", 400)
export const windowExceeded = tell(SessionError.WindowExceeded, "WindowExceeded", 422)
export const compressionFailed = tell(CompressionFailed, "CompressionFailed", 502)

/** A store that may answer later is unavailable; any other failure of it is for a person. */
export const storeUnavailable = tell(
  SessionError.StoreError.pipe(Schema.filter(({ isRetryable }) => isRetryable)),
  "StoreUnavailable",
  503
)
export const storeFailed = tell(SessionError.StoreError, "StoreError", 500)
