/**
 * What the user typed while Claude Code was working. Its lines say what was queued and what left the queue: by `remove`, the
 * model heard it in the middle of its turn; by `dequeue`, a turn began with it; by `popAll`, the user took it back.
 */
import { isObject } from "../format/json.ts"
import type { TranscriptRow } from "./rows.ts"

/**
 * Finds the lines by which the model heard something in the middle of a turn, and what it was. Left out is what another
 * line says, as newer versions write it.
 */
export const findHeard = (rows: ReadonlyArray<TranscriptRow>): ReadonlyMap<TranscriptRow, unknown> => {
  const said = findSaid(rows)
  const heard = new Map<TranscriptRow, unknown>()
  let queue: Array<Queued> = []
  let first = 0
  for (const [index, row] of rows.entries()) {
    if (row.value.type !== "queue-operation") continue
    const { content, operation } = row.value
    if (operation === "enqueue") queue.push({ content, index })
    else if (operation === "popAll") [queue, first] = [[], 0]
    else {
      const head = queue[first++]
      const left = operation === "remove" && head !== undefined ? (content ?? head.content) : undefined
      if (head !== undefined && left !== undefined && !takeAfter(said.get(keyOf(left)), head.index))
        heard.set(row, left)
    }
  }
  return heard
}

interface Queued {
  readonly content: unknown
  readonly index: number
}

/** The places of what users said, by its text, in the order of the file. */
interface Places {
  readonly places: Array<number>
  next: number
}

const findSaid = (rows: ReadonlyArray<TranscriptRow>): ReadonlyMap<string, Places> => {
  const said = new Map<string, Places>()
  for (const [index, { value }] of rows.entries()) {
    const { attachment, message, type } = value
    const content = isObject(attachment)
      ? attachment.prompt
      : type === "user" && isObject(message)
        ? message.content
        : null
    if (content === null || content === undefined) continue
    const known = said.get(keyOf(content))
    if (known === undefined) said.set(keyOf(content), { places: [index], next: 0 })
    else known.places.push(index)
  }
  return said
}

/** Takes the first place after `index`. Returns false if there is none left. */
const takeAfter = (said: Places | undefined, index: number): boolean => {
  if (said === undefined) return false
  while (said.next < said.places.length && (said.places[said.next] ?? 0) < index) said.next++
  return said.next++ < said.places.length
}

/** Equal for a text, and for a single block with this text. */
const keyOf = (content: unknown): string => {
  const [only, ...others]: ReadonlyArray<unknown> = Array.isArray(content) ? content : [content]
  const text = isObject(only) && others.length === 0 ? only.text : content
  return typeof text === "string" ? text.trim() : JSON.stringify(content)
}
