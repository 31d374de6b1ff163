/**
 * What throughline itself wrote, wherever it stands: it is nobody's words, so nothing is learned from it.
 */

/** The text without the handoffs in it; nothing of what recall gave back. */
export const withoutOwn = (text: string): string => {
  if (!text.includes("[throughline ")) return text
  return RECALLED.test(text) ? "" : text.replace(HANDOFF, "").trim()
}

const RECALLED = /^\s*\[throughline recall\]/
/** One that was cut off has no end: it goes to the end of the text. */
const HANDOFF =
  /\[throughline handoff\](?:(?:(?!\[throughline handoff\])[^])*?\[throughline end of handoff\]| Background from earlier[^]*)/g
