/** What the writers of session files share: what they are given, and lines of JSON. */
import { createHash } from "node:crypto"
import type { Message } from "../../message/Message.ts"

/** A message, and the time of it in milliseconds since 1970. */
export interface WritableEntry {
  readonly message: Message
  readonly at: number
}

/** A session, and the folder that its agent shall work in. */
export interface WritableSession {
  readonly sessionId: string
  readonly entries: ReadonlyArray<WritableEntry>
  readonly folder: string
}

export const writeLines = (values: ReadonlyArray<unknown>): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("")

export const writeTime = (at: number): string => new Date(at).toISOString()

/** A UUID for an entry that is the same each time it is written, so that two exports of a session are equal. */
export const makeEntryId = (sessionId: string, index: number): string => {
  const hex = createHash("sha256").update(`${index} ${sessionId}`).digest("hex")
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-"
  )
}
