/**
 * The errors of a session and its store.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Message } from "../message/Message.ts"
import { redact } from "../message/Redaction.ts"
import { escapeId } from "../message/text.ts"
import { textOf } from "../model/safeErrorText.ts"
import { isSessionId, SessionId } from "./Session.ts"

const common = { sessionId: SessionId }

/**
 * No session of this id has ever been delivered to or imported.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownSession extends Schema.TaggedError<UnknownSession>()("UnknownSession", common) {
  override get message() {
    return `there is no session ${escapeId(this.sessionId)}`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/** @internal Names what was given for an id, whatever it is. */
export const makeUnknownSession = (given: unknown): UnknownSession => {
  const sessionId = isSessionId(given) ? given : SessionId.make(nameAny(given), true)
  return new UnknownSession({ sessionId }, true)
}

const nameAny = (given: unknown): string => (typeof given === "string" ? given : `(${typeof given})`)

/**
 * No generation was left behind under this name.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownSnapshot extends Schema.TaggedError<UnknownSnapshot>()("UnknownSnapshot", {
  snapshotId: Schema.String
}) {
  override get message() {
    return `there is no snapshot ${escapeId(this.snapshotId)}`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/** @internal Names what was given for an id, whatever it is. */
export const makeUnknownSnapshot = (given: unknown): UnknownSnapshot =>
  new UnknownSnapshot({ snapshotId: nameAny(given) })

/**
 * No segment was ever committed under this id.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownSegment extends Schema.TaggedError<UnknownSegment>()("UnknownSegment", {
  segmentId: Schema.String
}) {
  override get message() {
    return `there is no segment ${escapeId(this.segmentId)}`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/** @internal Names what was given for an id, whatever it is. */
export const makeUnknownSegment = (given: unknown): UnknownSegment => new UnknownSegment({ segmentId: nameAny(given) })

/**
 * An import would have written into a session that already holds messages.
 *
 * @since 0.1.0
 * @category errors
 */
export class SessionExists extends Schema.TaggedError<SessionExists>()("SessionExists", common) {
  override get message() {
    return `session ${escapeId(this.sessionId)} already holds messages`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * `holder` has the session: another turn, and the caller chose not to wait any longer; or, of a session that was to be
 * forgotten, a turn or an operation. Nothing has changed.
 *
 * @since 0.1.0
 * @category errors
 */
export class SessionBusy extends Schema.TaggedError<SessionBusy>()("SessionBusy", {
  ...common,
  holder: Schema.String
}) {
  override get message() {
    return `session ${escapeId(this.sessionId)} is busy: ${this.holder} holds it`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The turn's lease went to another holder; `unstored` are the messages that could not be appended.
 *
 * @since 0.1.0
 * @category errors
 */
export class TurnLost extends Schema.TaggedError<TurnLost>()("TurnLost", {
  ...common,
  unstored: Schema.Array(Message)
}) {
  override get message() {
    return `the turn on session ${escapeId(this.sessionId)} was lost; ${this.unstored.length} messages are not stored`
  }
  /** True: the turn can be run again, on the log as it is then. */
  get isRetryable(): boolean {
    return true
  }
}

/**
 * A reset or rewind took effect after this turn began; `unstored` are the messages that could not be appended.
 *
 * @since 0.1.0
 * @category errors
 */
export class Superseded extends Schema.TaggedError<Superseded>()("Superseded", {
  ...common,
  unstored: Schema.Array(Message)
}) {
  override get message() {
    return `session ${escapeId(this.sessionId)} was reset or rewound during this turn; ${this.unstored.length} messages are not stored`
  }
  /** True: the turn can be run again, on the log as it is then. */
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The model's server refused the view, and nothing more of it can be left out. `contextLength` is the window that was
 * configured, `refused` the tokens of the smallest view it refused, `limit` the window it named, null if it named none.
 * Other than a summary's `ContextOverflow`, it needs a person: the window is set too large, or the system prompt and the
 * tools alone fill it. `detail` is the server's own text.
 *
 * @since 0.1.0
 * @category errors
 */
export class WindowExceeded extends Schema.TaggedError<WindowExceeded>()("WindowExceeded", {
  ...common,
  contextLength: Schema.Int,
  refused: Schema.Int,
  limit: Schema.NullOr(Schema.Int),
  detail: Schema.String
}) {
  override get message() {
    const seen = this.limit === null ? `refused a view of about ${this.refused}` : `says it takes ${this.limit}`
    return `session ${escapeId(this.sessionId)} is set to a window of ${this.contextLength} tokens, but its model's server ${seen}, and no more can be left out: ${this.detail}`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * There is no message to rewind to: `seq` is not in the log of `lastSeq` messages (`no-such-message`), or an earlier
 * rewind has taken it back (`undone`). Nothing has changed.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRewind extends Schema.TaggedError<InvalidRewind>()("InvalidRewind", {
  ...common,
  seq: Schema.Number,
  lastSeq: Schema.Int,
  reason: Schema.Literal("no-such-message", "undone")
}) {
  override get message() {
    return this.reason === "undone"
      ? `cannot rewind session ${escapeId(this.sessionId)} to #${this.seq}: it was taken back before`
      : `cannot rewind session ${escapeId(this.sessionId)} to #${this.seq}: its log has #1 to #${this.lastSeq}, 0 is its beginning`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * What was to be pinned takes `tokens` or more, and only `room` is left for pins in the configured window. Nothing has
 * changed.
 *
 * @since 0.1.0
 * @category errors
 */
export class PinTooLarge extends Schema.TaggedError<PinTooLarge>()("PinTooLarge", {
  ...common,
  tokens: Schema.Int,
  room: Schema.Int
}) {
  override get message() {
    return `cannot pin this in session ${escapeId(this.sessionId)}: it takes ${this.tokens} tokens, and there is room for ${this.room}`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * There is nothing to pin: a message is not in the log of `lastSeq` messages or was taken back (`no-such-message`), it
 * has no words (`empty`), or the request is none (`malformed`). Nothing has changed.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidPin extends Schema.TaggedError<InvalidPin>()("InvalidPin", {
  ...common,
  reason: Schema.Literal("no-such-message", "empty", "malformed"),
  lastSeq: Schema.NullOr(Schema.Int)
}) {
  override get message() {
    const cannot = `cannot pin in session ${escapeId(this.sessionId)}`
    if (this.reason === "empty") return `${cannot}: there are no words to pin`
    if (this.reason === "malformed") return `${cannot}: expected messages from fromSeq to toSeq, or a text`
    return `${cannot}: its log has #1 to #${this.lastSeq ?? 0}, without those that were taken back`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A snapshot cannot be restored: it is of `another-session`, another operation is `busy` with the session, or what it shows is
 * `too-large`: with all that came since, it would not leave the window room for an answer. `detail` says what to do.
 * Nothing has changed.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRestore extends Schema.TaggedError<InvalidRestore>()("InvalidRestore", {
  ...common,
  snapshotId: Schema.String,
  reason: Schema.Literal("another-session", "busy", "too-large"),
  detail: Schema.String
}) {
  override get message() {
    return `cannot restore ${escapeId(this.snapshotId)} in session ${escapeId(this.sessionId)}: ${this.detail}`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return this.reason === "busy"
  }
}

/**
 * `Gateway.interrupt` stopped the turn.
 *
 * @since 0.1.0
 * @category errors
 */
export class TurnInterrupted extends Schema.TaggedError<TurnInterrupted>()("TurnInterrupted", common) {
  override get message() {
    return `the turn on session ${escapeId(this.sessionId)} was interrupted`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * An idempotency key was used again with another message.
 *
 * @since 0.1.0
 * @category errors
 */
export class IdempotencyConflict extends Schema.TaggedError<IdempotencyConflict>()("IdempotencyConflict", {
  ...common,
  key: Schema.String
}) {
  override get message() {
    return `session ${escapeId(this.sessionId)} has already taken another message under the key ${escapeId(redact(this.key))}`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * An idempotency key that not every store can keep: it is no text, or it holds a NUL character or half of a surrogate pair.
 * Nothing was delivered.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidKey extends Schema.TaggedError<InvalidKey>()("InvalidKey", {
  ...common,
  key: Schema.String
}) {
  override get message() {
    return `the idempotency key ${escapeId(redact(this.key))} is no text, or holds a NUL character or half of a surrogate pair`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/** @internal Names what was given for a key, whatever it is. */
export const makeInvalidKey = (sessionId: SessionId, given: unknown): InvalidKey =>
  new InvalidKey({ sessionId, key: nameAny(given) })

/**
 * The store could not do what was asked. Nothing of it was written, unless `reason` is `unknown`. `reason` is what a
 * caller can decide by:
 *
 * - `busy`: another process holds the file or the rows
 * - `unavailable`: the disk or the server does not answer now, or too many files are open
 * - `full`: there is no space left
 * - `readonly`: the store may be read but not written
 * - `gone`: the file is no longer the one that was opened, because it was deleted, moved, replaced or overwritten by a
 *   backup, or lost the log beside it; open it again
 * - `corrupt`: what is stored cannot be read back
 * - `unreadable`: there is no such file, or this process may not open it
 * - `not-a-database`: the file is another application's, or no database
 * - `newer`: a newer version of this library has written the file, in a schema that this one does not know
 * - `unknown`: the disk failed at the commit, and again when the store tried to find out: it may have been written or not.
 *   A delivery with an idempotency key can be repeated
 * - `failed`: anything else; `detail` says what
 *
 * @since 0.1.0
 * @category errors
 */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  operation: Schema.String,
  reason: Schema.Literal(
    "busy",
    "unavailable",
    "full",
    "readonly",
    "gone",
    "corrupt",
    "unreadable",
    "not-a-database",
    "newer",
    "unknown",
    "failed"
  ),
  detail: Schema.String
}) {
  override get message() {
    return `could not ${this.operation}: ${this.detail}`
  }
  /** True if the same operation may succeed later although nothing in the store is changed. */
  get isRetryable(): boolean {
    return this.reason === "busy" || this.reason === "unavailable"
  }
}

/**
 * The error of a store that was given something else than it takes.
 *
 * @internal
 */
export const makeMisuse = (operation: string, cause: unknown): StoreError =>
  new StoreError({ operation, reason: "failed", detail: textOf(cause) })
