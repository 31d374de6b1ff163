/** Reads the end of a transcript of Claude Code, however long the transcript is. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { getString, isObject, listObjects, parseJson } from "../../format/json.ts"
import type { Message } from "../../message/Message.ts"
import { systemErrorText } from "../../message/systemErrorText.ts"
import * as Transcripts from "../../transcripts/Transcripts.ts"
import { CommandError } from "../io.ts"

/** The newest messages of a transcript, and the newest summary in it; null before the first compaction. */
export interface TranscriptEnd {
  readonly messages: ReadonlyArray<Message>
  readonly summary: string | null
}

/** Reading so many bytes takes about a second. A window of a million tokens needs a fourth of them. */
export const MOST_BYTES = 32_000_000

/** Reads the newest messages of a session. Lines that are torn are left out: the agent may be writing one. */
export const readTranscriptEnd = (
  file: string,
  sessionId: string,
  most = MOST_BYTES
): Effect.Effect<TranscriptEnd, CommandError | Transcripts.ImportError> =>
  Effect.gen(function* () {
    const text = yield* readEnd(file, most)
    if (text.trim() === "") return { messages: [], summary: null }
    const { sessions } = yield* Transcripts.parse(text, { file, format: "claude-code", salvage: true })
    const session = sessions.find((one) => one.sessionId === sessionId) ?? sessions.at(-1)
    return { messages: session?.messages ?? [], summary: findSummary(text) }
  })

/** Reads whole lines from the end of a file. */
const readEnd = (file: string, most: number): Either.Either<string, CommandError> =>
  Either.try({
    try: () => {
      const descriptor = openSync(file, "r")
      try {
        const { size } = fstatSync(descriptor)
        const bytes = Buffer.alloc(Math.min(size, most))
        const length = readSync(descriptor, bytes, 0, bytes.length, size - bytes.length)
        const firstLine = bytes.length < size ? bytes.indexOf("\n") + 1 : 0
        return bytes.toString("utf8", firstLine, length)
      } finally {
        closeSync(descriptor)
      }
    },
    catch: (cause) => new CommandError({ message: `cannot read ${file}: ${systemErrorText(cause)}` })
  })

const SUMMARY_MARK = '"isCompactSummary":true'

const findSummary = (text: string): string | null => {
  const at = text.lastIndexOf(SUMMARY_MARK)
  if (at < 0) return null
  const end = text.indexOf("\n", at)
  const row = parseJson(text.slice(text.lastIndexOf("\n", at) + 1, end < 0 ? undefined : end))
  const content = isObject(row) && isObject(row.message) ? row.message.content : undefined
  if (typeof content === "string") return content
  return listObjects(content)
    .map(({ text }) => getString(text))
    .join("\n")
}
