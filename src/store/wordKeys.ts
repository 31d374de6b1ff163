/**
 * The words of messages and queries as the ranking compares them: keys, which are stems without accents. A part of an
 * identifier is a word, and in scripts without spaces each pair of characters is one.
 */
import { ENGLISH, guessLanguage, type Language, LATIN_LANGUAGES, languageOfScript } from "./languages.ts"
import { foldLetters, pairNeighbours, type QueryChunk, splitRuns, WORD } from "./searchQuery.ts"

/** A word of a query: the keys that messages may have it under. */
export interface Term {
  readonly keys: ReadonlyArray<string>
  /** False for a function word, which no message has, and for an identifier as a whole, whose parts may stand alone. */
  readonly isNeeded: boolean
}

/** How much a key weighs in a message, from `LEVELS - 1` (little) to 0. An index stores levels; see `weightOf`. */
const LEVELS = 32

/** BM25's k1 and b for short turns, and the length in words of a message that b neither favours nor punishes. */
const SATURATION = 0.9
const LENGTH_WEIGHT = 0.4
const USUAL_LENGTH = 40

const MOST_WEIGHT = SATURATION + 1
const STEP = 0.9

/** The share of BM25 that depends on the message alone. */
export const weightOf = (level: number): number => MOST_WEIGHT * STEP ** level

const levelOf = (times: number, length: number): number => {
  const lengthFactor = 1 - LENGTH_WEIGHT + (LENGTH_WEIGHT * length) / USUAL_LENGTH
  const share = times / (times + SATURATION * lengthFactor)
  return Math.min(LEVELS - 1, Math.round(Math.log(share) / Math.log(STEP)))
}

/** The keys of a text with their levels. Function words have none. */
export const weighKeys = (text: string): ReadonlyMap<string, number> => {
  const words = splitWords(text)
  const language = guessLanguage(words) ?? ENGLISH
  const counts = new Map<string, number>()
  for (const [word, times] of countEach(words)) {
    for (const key of keysOf(word, language)) counts.set(key, (counts.get(key) ?? 0) + times)
  }
  const levels = new Map<string, number>()
  for (const [key, times] of counts) levels.set(key, levelOf(times, words.length))
  return levels
}

const splitWords = (text: string): ReadonlyArray<string> =>
  (IS_PLAIN.test(text) ? text.match(PLAIN_WORD) : foldLetters(text).match(WORD)) ?? []

const countEach = (words: ReadonlyArray<string>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

/**
 * How the words of a query are looked for. `exact` are the chunks of which a message holds all: first every one, then those
 * that are no function words. `terms` are the words of the latter. `isQuestion` tells whether a message may be found by its
 * neighbours' words. `asked` are all words of a question with function words. What stands alone in quotes is looked for as it
 * is.
 */
export const readQuery = (chunks: ReadonlyArray<QueryChunk>) => {
  const guessed = guessLanguage(chunks.flatMap(({ text }) => splitWords(text)))
  const telling = dropFunctionWords(chunks, guessed)
  const isQuestion = chunks.filter(({ phrase }) => phrase !== null).length > 1
  return {
    exact: telling.length < chunks.length ? [chunks, telling] : [chunks],
    telling,
    isQuestion,
    asked: listWords(telling.length < chunks.length ? chunks.map(({ text }) => text).join(" ") : ""),
    terms: isQuestion || chunks[0]?.isQuoted !== true ? readTerms(telling, guessed) : []
  }
}

/** The words at the beginning of a text as they were written, in lower case. */
export const listWords = (text: string): ReadonlySet<string> =>
  new Set(splitWords(text.slice(0, LONGEST_BEGINNING)).map(lowerCase))

/** In characters. */
const LONGEST_BEGINNING = 2_000

/** The terms of a query, each once. Nothing tells the language of names and keywords: they are stemmed in every one. */
const readTerms = (chunks: ReadonlyArray<QueryChunk>, guessed: Language | undefined): ReadonlyArray<Term> => {
  const languages = guessed === undefined ? LATIN_LANGUAGES : Array.from(new Set([guessed, ENGLISH]))
  const terms = chunks.flatMap(({ text }) => splitWords(text)).flatMap((word) => termsOf(word, languages))
  return Array.from(new Map(terms.map((term) => [term.keys.join(" "), term])).values())
}

/** The chunks without the function words of their language; all of them if nothing else is there. */
const dropFunctionWords = (
  chunks: ReadonlyArray<QueryChunk>,
  guessed: Language | undefined
): ReadonlyArray<QueryChunk> => {
  const isFunctionWord = (word: string) => (languageOfScript(word) ?? guessed)?.functionWords.has(word) === true
  const rest = chunks.filter(({ text }) => {
    const words = splitWords(text).map(lowerCase)
    return words.length === 0 || !words.every(isFunctionWord)
  })
  return rest.length > 0 ? rest : chunks
}

const lowerCase = (word: string): string => word.toLowerCase()

/** Longer words are data. */
const LONGEST_WORD = 40

/** An identifier with more parts is a hash or another random text. */
const MOST_PARTS = 5

const termsOf = (word: string, languages: ReadonlyArray<Language>): ReadonlyArray<Term> =>
  readWord(word).flatMap(({ isPair, parts, whole }): ReadonlyArray<Term> => {
    if (isPair) return parts.map((pair) => ({ keys: [pair], isNeeded: true }))
    const needed = parts.map((part): Term => {
      const script = languageOfScript(part)
      const possible = script === undefined ? languages : [script]
      return {
        keys: Array.from(new Set(possible.flatMap((language) => stemsOf(part, language)))),
        isNeeded: !possible.some(({ functionWords }) => functionWords.has(part))
      }
    })
    const readable = needed.filter(({ keys }) => keys.length > 0)
    return whole === undefined ? readable : [...readable, { keys: [whole], isNeeded: false }]
  })

const keysOf = (word: string, language: Language): ReadonlyArray<string> => {
  const known = remembered.get(language) ?? new Map<string, ReadonlyArray<string>>()
  const keys = known.get(word)
  if (keys !== undefined) return keys
  const found = findKeys(word, language)
  if (known.size >= MOST_REMEMBERED) known.clear()
  remembered.set(language, known.set(word, found))
  return found
}

/** Most words of a text have been in others. */
const remembered = new Map<Language, Map<string, ReadonlyArray<string>>>()
const MOST_REMEMBERED = 20_000

const findKeys = (word: string, language: Language): ReadonlyArray<string> =>
  readWord(word).flatMap(({ isPair, parts, whole }) => {
    if (isPair) return parts
    const keys = parts.flatMap((part) => {
      const own = languageOfScript(part) ?? language
      return own.functionWords.has(part) ? [] : stemsOf(part, own)
    })
    return whole === undefined ? keys : [...keys, whole]
  })

interface Reading {
  readonly isPair: boolean
  readonly parts: ReadonlyArray<string>
  readonly whole: string | undefined
}

const readWord = (word: string): ReadonlyArray<Reading> =>
  splitRuns(word).map(({ isUnspaced, run }): Reading => {
    if (isUnspaced) return { isPair: true, parts: pairNeighbours(run), whole: undefined }
    if (run.length > LONGEST_WORD) return { isPair: false, parts: [], whole: undefined }
    const whole = run.toLowerCase()
    const parts = BOUNDARY.test(run) ? (run.match(PART) ?? []).map(lowerCase) : [whole]
    const isSplit = parts.length > 1 && parts.length <= MOST_PARTS
    return isSplit
      ? { isPair: false, parts, whole: dropAccents(whole) }
      : { isPair: false, parts: [whole], whole: undefined }
  })

const BOUNDARY = /\p{Ll}\p{Lu}|\p{Lu}\p{Lu}\p{Ll}|\p{L}\p{N}|\p{N}\p{L}/u
const PART = /\p{N}+|\p{Lu}+(?!\p{Ll})|\p{Lu}?[^\p{Lu}\p{N}]+/gu

/** The stem of a word in lower case, and that of its other spelling. */
const stemsOf = (word: string, language: Language): ReadonlyArray<string> => {
  const plain = dropAccents(word)
  // A sign that is only an accent, such as U+1FED, is no word.
  if (plain === "") return []
  if (!/\p{L}{3}/u.test(word)) return [plain]
  const other = word.replaceAll(OTHER_SPELLING, (letter) => SPELLINGS[letter] ?? "")
  const stem = dropAccents(language.stem(word))
  return other === word ? [stem] : [stem, dropAccents(language.stem(other))]
}

/** The German umlauts; and the plural of Russian nouns that end like verbs, which the stemmer would cut as verbs. */
const OTHER_SPELLING = /[äöü]|ь$/g
const SPELLINGS: Readonly<Record<string, string>> = { ä: "ae", ö: "oe", ü: "ue", ь: "и" }

const dropAccents = (word: string): string =>
  IS_PLAIN.test(word) ? word : word.normalize("NFD").replaceAll(ACCENT, "").normalize("NFC")

const IS_PLAIN = /^[\0-\u007f]*$/
const PLAIN_WORD = /[A-Za-z0-9]+/g
const ACCENT = /[\u0300-\u036f]/g
