/**
 * The receipt of a compression: what it can show for itself. Plain data, stored with the generation that the commit made
 * and checked again from the store without a model.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { SessionId } from "./Session.ts"
import { StoreError } from "./SessionError.ts"

/**
 * Messages that left the view, `fromSeq` to `toSeq`: how many, and the SHA-256 of their words, of which half is kept.
 *
 * @since 0.1.0
 * @category models
 */
export const LeftRange = Schema.Struct({
  fromSeq: Schema.Int,
  toSeq: Schema.Int,
  messages: Schema.Int,
  digest: Schema.String
})
/**
 * @since 0.1.0
 * @category models
 */
export type LeftRange = typeof LeftRange.Type

/**
 * Something of the messages that left which a later message uses, redacted.
 *
 * - `text`: the path, identifier or rule as it is written, or the id of a call
 * - `seq`: the newest message that left with it
 * - `usedAt`: the last message that uses it; null for a rule, which always holds
 * - `query`: the recall that finds it again; null if the new view shows it
 *
 * @since 0.1.0
 * @category models
 */
export const UsedReference = Schema.Struct({
  kind: Schema.Literal("path", "identifier", "rule", "call"),
  text: Schema.String,
  seq: Schema.Int,
  usedAt: Schema.NullOr(Schema.Int),
  query: Schema.NullOr(Schema.String)
})
/**
 * @since 0.1.0
 * @category models
 */
export type UsedReference = typeof UsedReference.Type

/**
 * What a compression can show for itself.
 *
 * - `left`: the messages that left the view, in order
 * - `stays`: what the view shows before its tail: the head up to `headTo`, the handoff, which is kept as its digest, and
 *   the open requests `live`
 * - `used`: what the messages of the new view up to `usedTo` use of those that left, also where they came while the
 *   summary was written; what is only recalled first
 * - `carried`: what no recall would have found, so that the handoff says it
 * - `unlisted`: references that were checked as well, and for which there was no room
 * - `seal`: the digest of all the rest
 *
 * @since 0.1.0
 * @category models
 */
export const Receipt = Schema.Struct({
  version: Schema.Literal(1),
  sessionId: SessionId,
  operationId: Schema.String,
  left: Schema.Array(LeftRange),
  stays: Schema.Struct({
    headTo: Schema.Int,
    tailFrom: Schema.Int,
    segments: Schema.Array(Schema.String),
    live: Schema.Array(Schema.Int),
    handoff: Schema.String
  }),
  usedTo: Schema.Int,
  used: Schema.Array(UsedReference),
  carried: Schema.Array(Schema.String),
  unlisted: Schema.Int,
  seal: Schema.String
})
/**
 * @since 0.1.0
 * @category models
 */
export type Receipt = typeof Receipt.Type

/**
 * Reads the text that `SessionStore.receipt` returns. Fails as `corrupt` if it is no receipt.
 *
 * @since 0.1.0
 * @category constructors
 */
export const decode = (text: string): Either.Either<Receipt, StoreError> =>
  Either.mapLeft(
    Schema.decodeUnknownEither(ReceiptText)(text),
    ({ message }) => new StoreError({ operation: "read a receipt", reason: "corrupt", detail: message })
  )

const ReceiptText = Schema.parseJson(Receipt)
