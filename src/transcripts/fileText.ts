/** Reads the text of a file whole. */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { constants } from "node:buffer"
import { readFileSync, statSync } from "node:fs"
import { systemErrorText } from "../message/systemErrorText.ts"

/**
 * A file could not be read, is neither a database nor text in UTF-8, is longer than a text can be, or was changed
 * while it was read.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnreadableTranscript extends Schema.TaggedError<UnreadableTranscript>()("UnreadableTranscript", {
  file: Schema.String,
  reason: Schema.Literal("unreadable", "not-utf8", "too-large", "changed"),
  detail: Schema.String
}) {
  override get message(): string {
    if (this.reason === "unreadable") return `cannot read ${this.file}: ${this.detail}`
    return `${this.file}: ${this.reason === "not-utf8" ? "expected text in UTF-8" : this.detail}`
  }
}

export const readBytes = (file: string): Either.Either<Uint8Array, UnreadableTranscript> => {
  const size = Either.getOrUndefined(attemptRead(file, "unreadable", () => statSync(file).size)) ?? 0
  if (size <= constants.MAX_STRING_LENGTH) return attemptRead(file, "unreadable", () => readFileSync(file))
  return Either.left(failTooLarge(file, `of text, found ${size}`))
}

export const attemptRead = <A>(file: string, reason: "unreadable" | "not-utf8", read: () => A) =>
  Either.try({
    try: read,
    catch: (cause) => new UnreadableTranscript({ file, reason, detail: systemErrorText(cause) })
  })

export const readText = (file: string): Either.Either<string, UnreadableTranscript> =>
  Either.flatMap(readBytes(file), (bytes) =>
    attemptRead(file, "not-utf8", () => new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  )

export const failTooLarge = (file: string, found: string): UnreadableTranscript =>
  new UnreadableTranscript({
    file,
    reason: "too-large",
    detail: `expected at most ${constants.MAX_STRING_LENGTH} bytes ${found}`
  })
