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
  lines: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const rows = joinLines(lines)
  const byUuid = new Map(rows.map((row) => [row.value.uuid, row]))
  const parents = new Map<TranscriptRow, TranscriptRow | undefined>()
  for (const [index, row] of rows.entries()) {
    const { parentUuid } = row.value
    // A line whose parent is not in the file follows the line before it, so that nothing is lost.
    if (typeof parentUuid === "string") parents.set(row, byUuid.get(parentUuid) ?? rows[index - 1])
  }
  const newest = rows.findLast(({ value }) => typeof value.uuid === "string") ?? rows.at(-1)
  const follow = (leaf: TranscriptRow | undefined) => walkBack(leaf, (row) => parents.get(row))
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

/** A message may be written in pieces, each a line with the same id. */
const joinLines = (lines: ReadonlyArray<TranscriptRow>): ReadonlyArray<TranscriptRow> => {
  const rows: Array<TranscriptRow> = []
  const places = new Map<unknown, number>()
  for (const row of lines) {
    const { message, uuid } = row.value
    const place = typeof uuid === "string" ? places.get(uuid) : undefined
    const first = place === undefined ? undefined : rows[place]
    const before = first?.value.message
    if (first === undefined || place === undefined || !isObject(before) || !isObject(message)) {
      if (typeof uuid === "string") places.set(uuid, rows.length)
      rows.push(row)
      continue
    }
    const parts = [before.parts, message.parts].flat()
    rows[place] = { ...first, value: { ...first.value, message: { ...before, parts } } }
  }
  return rows
}

const convertQwen = ({ value }: TranscriptRow, ids: CallIds): Either.Either<Converted, ImportError> => {
  const { message, subtype, type } = value
  if (!isObject(message) || type === "system") return Either.right(String(subtype ?? type ?? "unknown"))
  const isReply = type === undefined ? message.role === "model" : type === "assistant"
  const messages = convertParts(isReply ? "assistant" : "user", message.parts, ids)
  if (messages.length === 0) return Either.right("empty")
  return Either.right(subtype === undefined ? say(...messages) : note(...messages))
}
