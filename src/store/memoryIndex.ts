/**
 * Search of a log in memory: by words, ranked like BM25 does, and by letters. It shares with other backends how a query
 * is read and how stems rank (`searchQuery`, `wordKeys`, `rankByWords`), and nothing of how messages are found.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { areRecalled } from "../message/whoseWords.ts"
import { dropUndone, type Logged, type Segment, type SessionId } from "../session/Session.ts"
import { makeUnknownSegment, type UnknownSession } from "../session/SessionError.ts"
import { atOnce, manifestOf, type Session } from "./memorySession.ts"
import { isInScope, type SearchOptions } from "./model.ts"
import {
  type QueryChunk,
  holdsChunk,
  indexText,
  needsScan,
  pairCharacters,
  searchableText,
  splitChunks
} from "./searchQuery.ts"
import { preferAsked, rankByWords } from "./rankByWords.ts"
import { listWords, readQuery, type Term, weighKeys, weightOf } from "./wordKeys.ts"

/** Words in a row, the last of which may go on. */
interface Phrase {
  readonly words: ReadonlyArray<string>
  readonly isPrefix: boolean
}

/** The index of the sessions that `find` finds, and of their segments. */
export const make = (
  find: (sessionId: SessionId) => Either.Either<Session, UnknownSession>,
  segments: ReadonlyMap<string, { readonly sessionId: SessionId; readonly segment: Segment }>
) => {
  const search = (sessionId: SessionId, query: string, options: SearchOptions) =>
    atOnce(() =>
      Either.map(find(sessionId), (session) => {
        const { limit, scope } = options
        const entries = dropRecalled(session.log).filter(({ seq }) => isInScope(scope, seq))
        const searched = dropUndone(manifestOf(session).undone, entries)
        return searchEntries(searched, query, limit, session.log.length)
      })
    )

  const segment = (segmentId: string) =>
    atOnce(() => Either.fromNullable(segments.get(segmentId), () => makeUnknownSegment(segmentId)))

  const segmentOver = (sessionId: SessionId, seq: number) =>
    Effect.sync(() => {
      const ofSession = Array.from(segments.values()).filter((found) => found.sessionId === sessionId)
      const known = ofSession.map(({ segment }) => segment)
      return findFinest(known, seq)?.id ?? null
    })

  return { search, segment, segmentOver }
}

/** Drops the answers of the recall tools: they would be found in place of the messages they repeat. */
export const dropRecalled = (log: ReadonlyArray<Logged>): Array<Logged> => {
  const recalled = areRecalled(log.map(({ message }) => message))
  return log.filter((_, i) => recalled[i] !== true)
}

/**
 * The best `limit` entries for a query. `entries` are those to search, in the order of the log, whose last message is
 * `lastSeq`.
 */
export const searchEntries = (
  entries: ReadonlyArray<Logged>,
  query: string,
  limit: number,
  lastSeq: number
): ReadonlyArray<Logged> => {
  const chunks = splitChunks(query)
  if (chunks.length === 0) return []
  const { asked, exact, isQuestion, telling, terms } = readQuery(chunks)
  const byWords = [
    ...exact.map((chunks) => () => findAll(entries, phrasesOf(chunks))),
    () => (isQuestion ? rankByStems(entries, { asked, terms }, lastSeq) : findHoldingAll(entries, terms)),
    () => findAny(entries, phrasesOf(telling))
  ]
  const byLetters = () => findByLetters(entries, chunks)
  const found = new Set<Logged>()
  for (const find of needsScan(chunks) ? [byLetters, ...byWords] : [...byWords, byLetters]) {
    if (found.size < limit) find().forEach((entry) => found.add(entry))
  }
  if (found.size === 0) findAny(entries, pairsOf(chunks)).forEach((entry) => found.add(entry))
  return Array.from(found).slice(0, limit)
}

const phrasesOf = (chunks: ReadonlyArray<QueryChunk>): ReadonlyArray<Phrase> =>
  chunks.flatMap(({ phrase, prefix }) =>
    phrase === null ? [] : [{ words: wordsOfText(phrase), isPrefix: prefix !== phrase }]
  )

const findAll = (entries: ReadonlyArray<Logged>, phrases: ReadonlyArray<Phrase>): ReadonlyArray<Logged> => {
  const holdsAll = (entry: Logged) => phrases.every((phrase) => countPhrase(wordsOf(entry), phrase) > 0)
  return phrases.length === 0 ? [] : rankEntries(entries.filter(holdsAll), phrases, entries)
}

/** Entries with the stems of all words, the newest first. */
const findHoldingAll = (entries: ReadonlyArray<Logged>, terms: ReadonlyArray<Term>): ReadonlyArray<Logged> => {
  const needed = terms.filter(({ isNeeded }) => isNeeded)
  const holds = (entry: Logged, { keys }: Term) => keys.some((key) => levelsOf(entry).has(key))
  return needed.length === 0 ? [] : entries.filter((entry) => needed.every((term) => holds(entry, term))).toReversed()
}

/** Entries by the stems of their own words and their neighbours'. */
const rankByStems = (
  entries: ReadonlyArray<Logged>,
  { asked, terms }: { readonly asked: ReadonlySet<string>; readonly terms: ReadonlyArray<Term> },
  lastSeq: number
): ReadonlyArray<Logged> => {
  const words = terms.map(({ isNeeded, keys }) => {
    const weights = new Float64Array(lastSeq + 1)
    for (const entry of entries) {
      const levels = keys.flatMap((key) => levelsOf(entry).get(key) ?? [])
      if (levels.length > 0) weights[entry.seq] = weightOf(Math.min(...levels))
    }
    return { isNeeded, weights }
  })
  const withText = entries.filter(({ message }) => searchableText(message) !== "")
  const bySeq = new Map(withText.map((entry) => [entry.seq, entry]))
  const textAt = (seq: number) => {
    const entry = bySeq.get(seq)
    return entry === undefined ? "" : searchableText(entry.message)
  }
  const ranked = preferAsked(rankByWords(words), asked, (seq) => listWords(textAt(seq)))
  return ranked.flatMap(({ seq }) => bySeq.get(seq) ?? [])
}

const findAny = (entries: ReadonlyArray<Logged>, phrases: ReadonlyArray<Phrase>): ReadonlyArray<Logged> => {
  const holdsAny = (entry: Logged) => phrases.some((phrase) => countPhrase(wordsOf(entry), phrase) > 0)
  return rankEntries(entries.filter(holdsAny), phrases, entries)
}

/** Entries that hold every chunk letter for letter, the newest first. */
const findByLetters = (entries: ReadonlyArray<Logged>, chunks: ReadonlyArray<QueryChunk>): ReadonlyArray<Logged> =>
  entries.filter(({ message }) => holdsChunk(searchableText(message), chunks)).toReversed()

const pairsOf = (chunks: ReadonlyArray<QueryChunk>): ReadonlyArray<Phrase> =>
  pairCharacters(chunks).map((pair) => ({ words: wordsOfText(pair), isPrefix: false }))

/** The usual parameters of BM25. */
const SATURATION = 1.2
const LENGTH_WEIGHT = 0.75

/** Orders entries by BM25 among all that are searched, equal ones the newest first. */
const rankEntries = (
  found: ReadonlyArray<Logged>,
  phrases: ReadonlyArray<Phrase>,
  searched: ReadonlyArray<Logged>
): ReadonlyArray<Logged> => {
  const averageLength = searched.reduce((sum, entry) => sum + wordsOf(entry).length, 0) / Math.max(1, searched.length)
  const weights = phrases.map((phrase) => {
    const holding = searched.filter((entry) => countPhrase(wordsOf(entry), phrase) > 0).length
    return Math.max(1e-6, Math.log((searched.length - holding + 0.5) / (holding + 0.5)))
  })
  const scoreOf = (entry: Logged): number => {
    const words = wordsOf(entry)
    const lengthFactor = 1 - LENGTH_WEIGHT + (LENGTH_WEIGHT * words.length) / Math.max(1, averageLength)
    return phrases.reduce((score, phrase, i) => {
      const times = countPhrase(words, phrase)
      return score + ((weights[i] ?? 0) * times * (SATURATION + 1)) / (times + SATURATION * lengthFactor)
    }, 0)
  }
  return found
    .map((entry) => ({ entry, score: scoreOf(entry) }))
    .toSorted((a, b) => b.score - a.score || b.entry.seq - a.entry.seq)
    .map(({ entry }) => entry)
}

/** Counts the places where the words of a phrase follow one another. */
const countPhrase = (text: ReadonlyArray<string>, { isPrefix, words }: Phrase): number => {
  let times = 0
  for (let at = 0; at + words.length <= text.length; at++) {
    const isHere = words.every((word, i) =>
      isPrefix && i === words.length - 1 ? text[at + i]?.startsWith(word) : text[at + i] === word
    )
    if (isHere) times += 1
  }
  return times
}

/** A message of a log never changes, so its words are found once. */
const wordsOf = (entry: Logged): ReadonlyArray<string> => {
  const known = wordsByEntry.get(entry)
  if (known !== undefined) return known
  const words = wordsOfText(indexText(searchableText(entry.message)))
  wordsByEntry.set(entry, words)
  return words
}

const levelsOf = (entry: Logged): ReadonlyMap<string, number> => {
  const known = levelsByEntry.get(entry)
  if (known !== undefined) return known
  const levels = weighKeys(searchableText(entry.message))
  levelsByEntry.set(entry, levels)
  return levels
}

const levelsByEntry = new WeakMap<Logged, ReadonlyMap<string, number>>()
const wordsByEntry = new WeakMap<Logged, ReadonlyArray<string>>()

/** Words in lower case, without diacritics. */
const wordsOfText = (text: string): ReadonlyArray<string> =>
  text
    .toLowerCase()
    .normalize("NFD")
    .replaceAll(/\p{M}+/gu, "")
    .match(/[\p{L}\p{N}\p{Co}]+/gu) ?? []

/** The finest segment that covers a message; of equals one that is not degraded, and the newest. */
export const findFinest = (segments: ReadonlyArray<Segment>, seq: number): Segment | undefined => {
  const isDegraded = ({ degraded }: Segment) => Number(degraded !== null)
  const covering = segments.filter(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= toSeq)
  return covering.toReversed().toSorted((a, b) => a.level - b.level || isDegraded(a) - isDegraded(b))[0]
}
