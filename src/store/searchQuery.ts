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

/** Makes every character of a script without spaces a word of its own, so that a phrase finds a substring. */
export const indexText = (text: string): string => (MAY_BE_UNSPACED.test(text) ? text.replace(UNSPACED, " $& ") : text)

/** A piece of a query: text in quotes, or a run without white space. */
export interface QueryChunk {
  /** The piece as the caller wrote it. */
  readonly text: string
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
  const found = Array.from(cutQuery(query).matchAll(CHUNK), ([whole, quoted]) => quoted ?? whole)
  return Array.from(new Set(found))
    .slice(0, MOST_CHUNKS)
    .map((text) => ({ text, ...phrasesOf(text) }))
}

/** Without words if it is no text. */
const cutQuery = (query: string): string =>
  typeof query === "string" ? query.slice(0, LONGEST_QUERY).replace(/[\ud800-\udbff]$/, "") : ""

const phrasesOf = (text: string): Omit<QueryChunk, "text"> => {
  const words = indexText(text).match(WORD) ?? []
  const last = words.at(-1)
  if (last === undefined) return { phrase: null, prefix: null }
  const phrase = `"${words.join(" ")}"`
  return { phrase, prefix: last.length < SHORTEST_PREFIX ? phrase : `${phrase} *` }
}

const SHORTEST_PREFIX = 3

/** Pairs of neighbours in scripts without spaces, for a question that the log does not hold as it was asked. */
export const pairCharacters = (chunks: ReadonlyArray<QueryChunk>): ReadonlyArray<string> =>
  Array.from(new Set(chunks.flatMap(({ text }) => text.match(UNSPACED_RUN) ?? []).flatMap(pairNeighbours))).slice(
    0,
    MOST_CHUNKS
  )

const pairNeighbours = (run: string): ReadonlyArray<string> => {
  const characters = Array.from(run)
  return characters.slice(1).map((character, i) => `"${characters[i]} ${character}"`)
}

/** True if the query holds marks (`&&`, `C++`, `--force`), which an index of words does not know. */
export const needsScan = (chunks: ReadonlyArray<QueryChunk>): boolean =>
  chunks.some(({ phrase, text }) => phrase === null || MARKED.test(text.replace(SENTENCE_MARKS, "")))

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
const WORD = /[\p{L}\p{M}\p{N}\p{Co}]+/gu
const MARKED = /^[^\p{L}\p{M}\p{N}]|[^\p{L}\p{M}\p{N}]$/u
const SENTENCE_MARKS = /^["'“‘«(¿¡]+|(?<!["'”’»),.;:!?…。、，！？])["'”’»),.;:!?…。、，！？]+$/gu

/** V8 answers this at once for strings of one byte a character, which most are. */
const MAY_BE_UNSPACED = /[\u0e00-\uffff]/
const SCRIPTS =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}" +
  "\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}ー"
const UNSPACED = new RegExp(`[${SCRIPTS}]`, "gu")
const UNSPACED_RUN = new RegExp(`[${SCRIPTS}]+`, "gu")
