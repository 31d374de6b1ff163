/**
 * The marks by which throughline recognizes its own text in a conversation. Own text is no statement of the user or the
 * agent, so nothing is learned from it.
 *
 * Handoffs in stored sessions carry these marks: never change one.
 */

/** Every mark begins with this. */
const MARK = "[throughline"

/** Begins a handoff. */
export const HANDOFF_MARK = `${MARK} handoff]`

/** Ends a handoff. */
export const HANDOFF_END = `${MARK} end of handoff]`

/** Begins a segment within a handoff; the segment's range follows. */
export const SEGMENT_MARK = `${MARK} #`

/** Begins the ledger within a handoff. */
export const LEDGER_MARK = `${MARK} ledger]`

/** Begins each answer of the recall tools. */
export const RECALL_MARK = `${MARK} recall]`

/** Returns whether the text begins as a handoff does. */
export const isHandoffText = (text: string): boolean => text.startsWith(HANDOFF_MARK)

/** Returns whether the text is an answer of the recall tools. */
export const isRecalledText = (text: string): boolean => text.trimStart().startsWith(RECALL_MARK)

/** Returns the text without the handoffs in it; the empty text for an answer of the recall tools. */
export const removeOwnText = (text: string): string => {
  if (!text.includes(`${MARK} `)) return text
  return isRecalledText(text) ? "" : text.replace(HANDOFF, "").trim()
}

/** Splits a handoff into its parts, each beginning with its mark. */
export const splitAtMarks = (handoff: string): ReadonlyArray<string> => handoff.split(/^(?=\[throughline )/m)

/** Makes marks within the text unrecognizable, so that a summarized conversation cannot end or begin a part. */
export const disarmMarks = (text: string): string => text.replace(/\[(?=throughline)/gi, "(")

/** A handoff whose end was cut off goes on to the end of the text. */
const HANDOFF =
  /\[throughline handoff\](?:(?:(?!\[throughline handoff\])[^])*?\[throughline end of handoff\]| Background from earlier[^]*)/g
