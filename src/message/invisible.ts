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
