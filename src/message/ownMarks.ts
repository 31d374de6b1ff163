/**
 * What throughline itself wrote, wherever it stands: it is nobody's words, so nothing is learned from it.
 */

/** What recall itself answered begins with this. */
export const RECALL_MARK = "[throughline recall]"

export const isRecalledText = (text: string): boolean => text.trimStart().startsWith(RECALL_MARK)

/** The text without the handoffs in it; nothing of what recall gave back. */
export const stripOwnMarks = (text: string): string => {
  if (!text.includes("[throughline ")) return text
  return isRecalledText(text) ? "" : text.replace(HANDOFF, "").trim()
}

/** One that was cut off has no end: it goes to the end of the text. */
const HANDOFF =
  /\[throughline handoff\](?:(?:(?!\[throughline handoff\])[^])*?\[throughline end of handoff\]| Background from earlier[^]*)/g
