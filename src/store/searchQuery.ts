/** Reads queries, and the text of messages that queries are about, into words. */
import * as Message from "../message/Message.ts"

/** The text of a message, then the names and inputs of its tool calls. */
export const splitQueryWords = (message: Message.Message): string =>
  [Message.text(message), ...Message.toolCalls(message).map(ofCall)].filter((text) => text !== "").join("\n")

const ofCall = (call: Message.ToolCall): string => `${Message.callName(call)} ${Message.callInput(call)}`

/**
 * Leaves out the queries of recall calls: they would be found in place of the messages they ask for. So would their
 * results, but nothing in a result tells for certain that it is one: see `areRecalled`.
 */
export const searchableText = (message: Message.Message): string => {
  const text = Message.text(message)
  const calls = Message.toolCalls(message)
  return calls.some(isSearch)
    ? [text, ...calls.filter((call) => !isSearch(call)).map(ofCall)].join("\n")
    : splitQueryWords(message)
}

const isSearch = (call: Message.ToolCall): boolean =>
  Message.callName(call) === "recall" && /^\s*\{\s*"query"/.test(Message.callInput(call))

/**
 * The text as the index of words has it. Every character of a script without spaces is a word of its own, so that a phrase
 * finds a substring.
 */
export const indexText = (text: string): string => {
  const folded = foldLetters(text)
  return MAY_BE_UNSPACED.test(folded) ? folded.replace(UNSPACED, " $& ") : folded
}

/** Writes letters that are written in two ways in one of them: full and half width, ß and ss, Arabic vowel signs. */
export const foldLetters = (text: string): string =>
  MAY_FOLD.test(text) ? text.normalize("NFKC").replace(FOLDED, (letter) => FOLDS[letter] ?? "") : text

const FOLDS: Readonly<Record<string, string>> = {
  ß: "ss",
  ẞ: "SS",
  œ: "oe",
  Œ: "OE",
  æ: "ae",
  Æ: "AE",
  ø: "o",
  Ø: "O",
  ł: "l",
  Ł: "L",
  đ: "d",
  Đ: "D",
  ı: "i",
  أ: "ا",
  إ: "ا",
  آ: "ا",
  ى: "ي",
  ة: "ه"
}

/** The letters above, and the vowel signs of Arabic and Hebrew, which most texts leave out. */
const FOLDED = new RegExp(`[${Object.keys(FOLDS).join("")}\\u0591-\\u05c7\\u0640\\u064b-\\u065f\\u0670]`, "g")
const MAY_FOLD = /[\u00c6\u00d8\u00df\u00e6\u00f8\u0100-\uffff]/

/** A piece of a query: text in quotes, or a run without white space. */
export interface QueryChunk {
  /** The piece as the caller wrote it, without its quotes. */
  readonly text: string
  readonly isQuoted: boolean
  /** One quoted phrase of the full-text index, without syntax. Null if the piece has no words. */
  readonly phrase: string | null
  /** The phrase with its last word as a prefix, if that word is long enough. */
  readonly prefix: string | null
}

/** Bounds what one search costs. */
const LONGEST_QUERY = 2_000
const MOST_CHUNKS = 32

/** The pieces of a query, each once. */
export const splitChunks = (query: string): ReadonlyArray<QueryChunk> => {
  const found = Array.from(
    cutQuery(query).matchAll(CHUNK),
    ([whole, quoted]) => [quoted ?? whole, quoted !== undefined] as const
  )
  return Array.from(new Map(found))
    .slice(0, MOST_CHUNKS)
    .map(([text, isQuoted]) => ({ text, isQuoted, ...phrasesOf(text) }))
}

/** Without words if it is no text. */
const cutQuery = (query: string): string =>
  typeof query === "string" ? query.slice(0, LONGEST_QUERY).replace(/[\ud800-\udbff]$/, "") : ""

const phrasesOf = (text: string): Pick<QueryChunk, "phrase" | "prefix"> => {
  const words = indexText(text).match(WORD) ?? []
  const last = words.at(-1)
  if (last === undefined) return { phrase: null, prefix: null }
  const phrase = `"${words.join(" ")}"`
  return { phrase, prefix: last.length < SHORTEST_PREFIX ? phrase : `${phrase} *` }
}

const SHORTEST_PREFIX = 3

/** Pairs of neighbours in scripts without spaces, for a question that the log does not hold as it was asked. */
export const pairCharacters = (chunks: ReadonlyArray<QueryChunk>): ReadonlyArray<string> =>
  Array.from(
    new Set(
      chunks
        .flatMap(({ text }) => foldLetters(text).match(UNSPACED_RUN) ?? [])
        .filter((run) => Array.from(run).length > 1)
        .flatMap(pairNeighbours)
        .map((pair) => `"${Array.from(pair).join(" ")}"`)
    )
  ).slice(0, MOST_CHUNKS)

/** Every two characters of a run that stand together; the run itself if it is one character. */
export const pairNeighbours = (run: string): ReadonlyArray<string> => {
  const characters = Array.from(run)
  return characters.length < 2 ? [run] : characters.slice(1).map((character, i) => `${characters[i]}${character}`)
}

/** The runs of a word: of a script without spaces, and of others. */
export const splitRuns = (word: string): ReadonlyArray<{ readonly run: string; readonly isUnspaced: boolean }> =>
  MAY_BE_UNSPACED.test(word)
    ? Array.from(word.matchAll(RUN), ([run, unspaced]) => ({ run, isUnspaced: unspaced !== undefined }))
    : [{ run: word, isUnspaced: false }]

/** True if the query holds marks (`&&`, `C++`, `--force`), which an index of words does not know. */
export const needsScan = (chunks: ReadonlyArray<QueryChunk>): boolean =>
  chunks.some(({ phrase, text }) => phrase === null || MARKED.test(text.replace(SENTENCE_MARKS, "")))

/**
 * One phrase of the full-text index that every message with the chunk in it has, whatever stands before: all words of the
 * chunk but the first, the last as a prefix. Null if the chunk has no second word, or other letters than ASCII.
 */
export const tailPhrase = ({ text }: QueryChunk): string | null => {
  const [, ...words] = IS_ASCII.test(text) ? (text.match(WORD) ?? []) : []
  return words.length === 0 ? null : `"${words.join(" ")}" *`
}

const IS_ASCII = /^[\0-\u007f]*$/

/** True if a text holds every chunk as it was written. Ignores case. */
export const holdsChunk = (text: string, chunks: ReadonlyArray<QueryChunk>): boolean => {
  const lower = text.toLowerCase()
  return chunks.every((chunk) => text.includes(chunk.text) || lower.includes(chunk.text.toLowerCase()))
}

/** A pattern of SQL's LIKE, with `\` as its escape, that finds a text inside JSON. */
export const likePattern = (text: string): string =>
  `%${JSON.stringify(text)
    .slice(1, -1)
    .replaceAll(/[\\%_]/g, "\\$&")}%`

const CHUNK = /"(\s*[^"\s][^"]*)"|\S+/g
/** The words of a text. */
export const WORD = /[\p{L}\p{M}\p{N}\p{Co}]+/gu
const MARKED = /^[^\p{L}\p{M}\p{N}]|[^\p{L}\p{M}\p{N}]$/u
const SENTENCE_MARKS = /^["'“‘«(¿¡]+|(?<!["'”’»),.;:!?…。、，！？])["'”’»),.;:!?…。、，！？]+$/gu

/** V8 answers this at once for strings of one byte a character, which most are. */
const MAY_BE_UNSPACED = /[\u0e00-\uffff]/
const SCRIPTS =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}" +
  "\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}ー"
const UNSPACED = new RegExp(`[${SCRIPTS}]`, "gu")
const UNSPACED_RUN = new RegExp(`[${SCRIPTS}]+`, "gu")
const RUN = new RegExp(`([${SCRIPTS}]+)|[^${SCRIPTS}]+`, "gu")
