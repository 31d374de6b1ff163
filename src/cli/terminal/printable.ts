/** Makes text of any origin fit for a terminal, which must not be steered by it nor show another order than it has. */
import { HIDDEN } from "../../message/invisible.ts"
import { nameCharacter } from "../../message/text.ts"

/**
 * One line that shows whatever a terminal would obey or hide: control characters as their symbols, all others by their
 * number. Line breaks count as controls. What makes up letters and pictures stays, and so do tabs.
 */
export const makePrintable = (line: string): string =>
  line.replaceAll(HIDDEN, (hidden) => {
    const code = hidden.codePointAt(0) ?? 0
    if (code < 0x20) return String.fromCodePoint(SYMBOLS + code)
    return code === DELETE ? "␡" : nameCharacter(hidden)
  })

/** Gives glyphs of a drawing an ANSI color. */
export const paintGlyphs = (glyphs: string, color: number): string => `\u001B[${color}m${glyphs}\u001B[0m`

/** A painted run. Foreign text can paint such glyphs too, but nothing else, and the color ends with them. */
const PAINTED = new RegExp(String.raw`(\u001B\[\d\dm[█▓▒▚▤▦◆●!]+\u001B\[0m)`)

/** Makes a line printable but for the colors of its drawings. All that the command line writes for a reader passes here. */
export const showLine = (line: string, hasColor: boolean): string =>
  hasColor
    ? line
        .split(PAINTED)
        .map((piece, index) => (index % 2 === 1 ? piece : makePrintable(piece)))
        .join("")
    : makePrintable(line)

/** Writes the same characters as JSON escapes, which leaves the value of a JSON text as it is. */
export const escapeHidden = (json: string): string =>
  json.replaceAll(HIDDEN, (hidden) =>
    Array.from({ length: hidden.length }, (_, i) => `\\u${hidden.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")
  )

const SYMBOLS = 0x2400
const DELETE = 0x7f
