/**
 * What the user typed while Claude Code was working. Its lines say what was queued and what left the queue: by `remove`, the
 * model heard it in the middle of its turn; by `dequeue`, a turn began with it; by `popAll`, the user took it back.
 */
import { isObject } from "../format/json.ts"
import type { Steps, TranscriptRow } from "./rows.ts"

/**
 * Finds the lines by which the model heard something in the middle of a turn, and what it was. Left out is what another
 * line says, as newer versions write it.
 */
export function* findHeard(rows: ReadonlyArray<TranscriptRow>): Steps<ReadonlyMap<TranscriptRow, unknown>> {
  const heard = new Map<TranscriptRow, unknown>()
  const first = yield* findFirst(rows)
  if (first < 0) return heard
  const said = yield* findSaid(rows)
  let queue = new Queue()
  for (const [index, row] of rows.entries()) {
    yield
    if (index < first || row.value.type !== "queue-operation") continue
    const { content, operation, reason } = row.value
    if (operation === "enqueue") queue.add({ content, index })
    else if (operation === "popAll") queue = new Queue()
    else {
      const waiting = queue.take(content)
      const left = operation === "remove" && HEARD.includes(reason) ? (content ?? waiting?.content) : undefined
      if (left !== undefined && !takeAfter(said.get(keyOf(left)), waiting?.index ?? index)) heard.set(row, left)
    }
  }
  return heard
}

/** Newer versions say why something was removed: it may have gone to a sub-agent. */
const HEARD: ReadonlyArray<unknown> = [undefined, "absorbed_mid_turn"]

interface Queued {
  readonly content: unknown
  readonly index: number
}

/** What waits, in the order in which it came. */
class Queue {
  readonly #all: Array<Queued> = []
  readonly #taken = new Set<Queued>()
  readonly #byContent = new Map<string, Array<Queued>>()
  /** How many were passed, of all and of each content. */
  readonly #passed = new Map<ReadonlyArray<Queued>, number>()
  add(queued: Queued): void {
    this.#all.push(queued)
    const equal = this.#byContent.get(keyOf(queued.content))
    if (equal === undefined) this.#byContent.set(keyOf(queued.content), [queued])
    else equal.push(queued)
  }
  /** Takes the oldest with this content, or of all if a line names none, as those of older versions. */
  take(content: unknown): Queued | undefined {
    const list = content === undefined ? this.#all : (this.#byContent.get(keyOf(content)) ?? [])
    let at = this.#passed.get(list) ?? 0
    for (let next = list[at]; next !== undefined && this.#taken.has(next); next = list[at]) at++
    const queued = list[at]
    this.#passed.set(list, at)
    if (queued !== undefined) this.#taken.add(queued)
    return queued
  }
}

/** The place of the first line about the queue; below 0 if nothing was queued, as mostly. */
function* findFirst(rows: ReadonlyArray<TranscriptRow>): Steps<number> {
  for (const [index, { value }] of rows.entries()) {
    if (value.type === "queue-operation") return index
    yield
  }
  return -1
}

/** The places of what users said, by its text, in the order of the file. */
interface Places {
  readonly places: Array<number>
  next: number
}

function* findSaid(rows: ReadonlyArray<TranscriptRow>): Steps<ReadonlyMap<string, Places>> {
  const said = new Map<string, Places>()
  for (const [index, { value }] of rows.entries()) {
    yield
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
