/** Reads the sessions of Qwen Code, which descends from Gemini CLI. */
import * as Either from "effect/Either"
import { isObject } from "../../../format/json.ts"
import {
  CallIds,
  type Converted,
  makeTranscript,
  makeTree,
  note,
  readEntries,
  readTree,
  say,
  walkBack
} from "../../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../../rows.ts"
import { convertParts } from "./parts.ts"

export const isQwenRow = ({ value }: TranscriptRow): boolean =>
  typeof value.sessionId === "string" && isObject(value.message) && Array.isArray(value.message.parts)

/** Reads a session of Qwen Code, whose lines name the line they follow. */
export const readQwen = (
  rows: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const byUuid = new Map(rows.map((row) => [row.value.uuid, row]))
  const newest = rows.findLast(({ value }) => typeof value.uuid === "string") ?? rows.at(-1)
  const follow = (leaf: TranscriptRow | undefined) =>
    walkBack(leaf, ({ value }) => (typeof value.parentUuid === "string" ? byUuid.get(value.parentUuid) : undefined))
  const sessionId = rows.find(({ value }) => typeof value.sessionId === "string")?.value.sessionId
  const readBranch = (branch: ReadonlyArray<TranscriptRow>) => {
    const ids = new CallIds()
    return Either.map(
      readEntries(branch, tolerance, (row) => convertQwen(row, ids)),
      (read) => ({ ...read, sessionId: typeof sessionId === "string" ? sessionId : null })
    )
  }
  const tree = makeTree({ file: rows[0]?.file ?? "", said: rows, live: follow(newest), follow })
  return Either.map(readTree(tree, tolerance, readBranch), (conversations) => makeTranscript(conversations))
}

const convertQwen = ({ value }: TranscriptRow, ids: CallIds): Either.Either<Converted, ImportError> => {
  const { message, subtype, type } = value
  if (!isObject(message) || type === "system") return Either.right(String(subtype ?? type ?? "unknown"))
  const isReply = type === undefined ? message.role === "model" : type === "assistant"
  const messages = convertParts(isReply ? "assistant" : "user", message.parts, ids)
  if (messages.length === 0) return Either.right("empty")
  return Either.right(subtype === undefined ? say(...messages) : note(...messages))
}
