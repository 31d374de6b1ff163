/** Lists the characters that are not seen, so that no reader is misled by them in a terminal, a log or a page. */

/** Controls, halves of a pair, separators of lines, and all that Unicode lets a program leave out when it draws a text. */
export const INVISIBLE = String.raw`\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb`

/**
 * Joiners between letters of scripts that are written with them, joiners within a picture, and the style of a picture.
 * Elsewhere nobody sees them, so that two names that differ look the same.
 */
const SCRIPTS = ["Arab", "Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym", "Sinh", "Mong"]
const LETTER = `[${SCRIPTS.map((script) => String.raw`\p{Script=${script}}`).join("")}]`
const JOINER = String.raw`(?<=${LETTER})[\u200c\u200d](?=${LETTER})`
const PICTURE_JOINER = String.raw`(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d(?=\p{Extended_Pictographic})`
const STYLE = String.raw`(?<=\p{Emoji})[\ufe0e\ufe0f]`

/** Invisible characters but for tabs, and for those that make up letters and pictures. */
export const HIDDEN = new RegExp(`(?!${JOINER}|${PICTURE_JOINER}|${STYLE}|\\t)[${INVISIBLE}]`, "gu")

const EACH_INVISIBLE = new RegExp(`[${INVISIBLE}]`, "gu")
const EACH_UNSAFE = new RegExp(String.raw`["\\${INVISIBLE}]|<(?=U\+)`, "gu")
const ESCAPED = /<U\+([0-9A-F]{4,6})>/g

/** Names a character by its number, e.g. `<U+202E>`. */
export const nameCharacter = (character: string): string =>
  `<U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}>`

/** Shows each invisible character by its number, so that a text stays in its line and reads in the order that it has. */
export const escapeInvisible = (text: string): string => text.replace(EACH_INVISIBLE, nameCharacter)

/**
 * Shows an id in one line of a log or an error. The line can be quoted again by any logger: the result holds neither
 * quotes nor backslashes. Ids that differ stay different.
 */
export const escapeId = (id: string): string => id.replace(EACH_UNSAFE, nameCharacter)

/** Reads back what `escapeId` wrote. */
export const readEscapedId = (text: string): string =>
  text.replace(ESCAPED, (escaped, code: string) => {
    const point = Number.parseInt(code, 16)
    return point <= LAST_CODE_POINT ? String.fromCodePoint(point) : escaped
  })

const LAST_CODE_POINT = 0x10ffff
