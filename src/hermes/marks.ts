/** Hermes' own marks on the rows of `messages`: the words that open a handoff, and the flags `active` and `compacted`. */

/** Opens every handoff of the versions that archive rows. */
const HANDOFF = "[CONTEXT COMPACTION"

/** Opened the handoffs of older versions, which deleted the messages a handoff stood for. */
const OLD_HANDOFF = "[CONTEXT SUMMARY]:"

/** Stands in a handoff for which no model wrote a summary. */
export const NO_SUMMARY = "Summary generation was unavailable"

/** Opens the handoffs that throughline writes, so that Hermes recognises them. */
export const HANDOFF_PREFIX = `${HANDOFF} — REFERENCE ONLY] Earlier turns were compacted into the summary below.\n`

/** True for a handoff of throughline, which deletes no message: it may stand before those it stands for. */
export const isOwnHandoff = (content: string | null): boolean => content?.startsWith(HANDOFF_PREFIX) === true

/** True if the content stands for messages that a compression took out of the context. */
export const isHandoffContent = (content: unknown): content is string =>
  typeof content === "string" && [HANDOFF, OLD_HANDOFF].some((mark) => content.trimStart().startsWith(mark))

/** True if the messages behind the handoff can still be there, as archived rows. */
export const isArchivingHandoff = (content: string | null): boolean => content?.startsWith(HANDOFF) === true

/** True if the content is a handoff without a summary. */
export const isDegradedHandoff = (content: unknown): boolean =>
  isHandoffContent(content) && content.includes(NO_SUMMARY)

/**
 * - `live`: in the context that the model sees
 * - `archived`: taken out of it by a compression
 * - `undone`: taken back by the user
 */
export type Standing = "live" | "archived" | "undone"

export interface Flags {
  readonly active: 0 | 1
  readonly compacted: 0 | 1
}

export const FLAGS: { readonly [S in Standing]: Flags } = {
  live: { active: 1, compacted: 0 },
  archived: { active: 0, compacted: 1 },
  undone: { active: 0, compacted: 0 }
}

/** Reads the flags of a row. Older schemas have none: there every row is live. */
export const readStanding = (row: {
  readonly active?: number | null
  readonly compacted?: number | null
}): Standing => {
  if (row.active !== 0) return "live"
  return row.compacted === 1 ? "archived" : "undone"
}
