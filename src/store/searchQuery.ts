/** What is searched in, and what is searched for: words for an index, and queries that are nothing but words. */
import * as Handoff from "../handoff/Handoff.ts"
import * as Message from "../message/Message.ts"
import { isRecalledText } from "../message/ownMarks.ts"

/** The words of a message: its text, then names and arguments of its tool calls. */
export const splitQueryWords = (message: Message.Message): string =>
  [Message.text(message), ...Message.toolCalls(message).map(ofCall)].filter((text) => text !== "").join("\n")

const ofCall = ({ function: { arguments: json, name } }: Message.ToolCall): string => `${name} ${json}`

/** The same, without what was said to find or to stand for other messages: it would be found in their place. */
export const searchableText = (message: Message.Message): string => {
  const text = Message.text(message)
  if (Handoff.isHandoff(message) || (message.role === "tool" && isRecalledText(text))) return ""
  const calls = Message.toolCalls(message)
  return calls.some(isSearch)
    ? [text, ...calls.filter((call) => !isSearch(call)).map(ofCall)].join("\n")
    : splitQueryWords(message)
}

const isSearch = ({ function: { arguments: json, name } }: Message.ToolCall): boolean =>
  name === "recall" && /^\s*\{\s*"query"/.test(json)

/** Where words are not set apart by spaces, every character becomes a word, so that a phrase is a substring. */
export const indexText = (text: string): string => (MAY_BE_UNSPACED.test(text) ? text.replace(UNSPACED, " $& ") : text)

/** A piece of a query: text in quotes, or a run without white space. */
export interface Chunk {
  /** As it was written. */
  readonly text: string
  /** As the index is asked for it: one quoted phrase, never syntax. Null if it has no words. */
  readonly phrase: string | null
  /** The same, and its last word may go on, if it is long enough to mean something. */
  readonly prefix: string | null
}

/** Nobody looks for more at once, and an index should not be asked for more. */
const LONGEST_QUERY = 2_000
const MOST_CHUNKS = 32

/** The pieces of a query, each once. */
export const splitChunks = (query: string): ReadonlyArray<Chunk> => {
  const found = Array.from(beginning(query).matchAll(CHUNK), ([whole, quoted]) => quoted ?? whole)
  return Array.from(new Set(found))
    .slice(0, MOST_CHUNKS)
    .map((text) => ({ text, ...phrasesOf(text) }))
}

const beginning = (query: string): string => query.slice(0, LONGEST_QUERY).replace(/[\ud800-\udbff]$/, "")

const phrasesOf = (text: string): Omit<Chunk, "text"> => {
  const words = indexText(text).match(WORD) ?? []
  const last = words.at(-1)
  if (last === undefined) return { phrase: null, prefix: null }
  const phrase = `"${words.join(" ")}"`
  return { phrase, prefix: last.length < SHORTEST_PREFIX ? phrase : `${phrase} *` }
}

const SHORTEST_PREFIX = 3

/** Pairs of characters where words are not set apart, for when a question is not in the log as it was asked. */
export const pairCharacters = (chunks: ReadonlyArray<Chunk>): ReadonlyArray<string> =>
  Array.from(new Set(chunks.flatMap(({ text }) => text.match(UNSPACED_RUN) ?? []).flatMap(neighbours))).slice(
    0,
    MOST_CHUNKS
  )

const neighbours = (run: string): ReadonlyArray<string> => {
  const characters = Array.from(run)
  return characters.slice(1).map((character, i) => `"${characters[i]} ${character}"`)
}

/** Whether marks are part of what is looked for (`&&`, `C++`, `--force`), which an index of words cannot tell. */
export const needsScan = (chunks: ReadonlyArray<Chunk>): boolean =>
  chunks.some(({ phrase, text }) => phrase === null || MARKED.test(text.replace(SENTENCE_MARKS, "")))

/** Whether a text has every chunk as it was written, in whatever case. */
export const holdsChunk = (text: string, chunks: ReadonlyArray<Chunk>): boolean => {
  const lower = text.toLowerCase()
  return chunks.every((chunk) => text.includes(chunk.text) || lower.includes(chunk.text.toLowerCase()))
}

/** A pattern of SQL's LIKE, with `\` as its escape, for a text within a JSON text. */
export const likePattern = (text: string): string =>
  `%${JSON.stringify(text)
    .slice(1, -1)
    .replaceAll(/[\\%_]/g, "\\$&")}%`

const CHUNK = /"([^"]*[^"\s][^"]*)"|\S+/g
const WORD = /[\p{L}\p{M}\p{N}\p{Co}]+/gu
const MARKED = /^[^\p{L}\p{M}\p{N}]|[^\p{L}\p{M}\p{N}]$/u
const SENTENCE_MARKS = /^["'“‘«(¿¡]+|["'”’»),.;:!?…。、，！？]+$/gu

/** V8 answers this at once for a string it keeps as one byte a character, which most are. */
const MAY_BE_UNSPACED = /[\u0e00-\uffff]/
const SCRIPTS =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}" +
  "\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}ー"
const UNSPACED = new RegExp(`[${SCRIPTS}]`, "gu")
const UNSPACED_RUN = new RegExp(`[${SCRIPTS}]+`, "gu")
