/** Search. Words are found by the index, which a search fills first; letters by a scan of the log. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { yieldToLoop } from "../concurrency/eventLoopBudget.ts"
import * as Message from "../message/Message.ts"
import { areRecalled, looksRecalled } from "../message/whoseWords.ts"
import type { Logged, Segment, UndoneRange } from "../session/Session.ts"
import { SessionId } from "../session/Session.ts"
import { makeUnknownSegment, type StoreError, type UnknownSegment } from "../session/SessionError.ts"
import { preferAsked, rankByWords } from "../store/rankByWords.ts"
import { messageOfBody } from "../store/rows.ts"
import { collectUntil, makeIsSearched, type Matches, matchesOf } from "../store/searchMatches.ts"
import {
  holdsChunk,
  likePattern,
  needsScan,
  pairCharacters,
  type QueryChunk,
  searchableText,
  splitChunks,
  tailPhrase
} from "../store/searchQuery.ts"
import type { SearchOptions, SearchScope } from "../store/SessionStore.ts"
import { listWords, readQuery, type Term, weightOf } from "../store/wordKeys.ts"
import type { Link } from "./link.ts"
import {
  type Body,
  type RangeParameters,
  sql,
  vectorOfStems,
  vectorOfWords,
  nameKey,
  queryOf,
  quoteKey
} from "./recallIndex.ts"
import { loggedOf, readRows, type Residents, segmentOf } from "./residents.ts"
import { statements } from "./statements.ts"
import { keepId, keepText, readText } from "./texts.ts"

/** The messages to search, of a session that has a number in the index. */
interface Range {
  readonly sessionId: SessionId
  readonly number: number
  readonly parameters: RangeParameters
  readonly least: number
  readonly most: number
}

/** Messages that enter the index at once, and characters of them. */
const BATCH = 100
const CHARACTERS = 100_000

/** The messages scanned in one slice, and by one search at most, the newest first. */
const PAGE = 500
const FARTHEST = 10_000

/** So many messages that the index names are faster read than the log. */
const FEW = 100

/** A word that is in so many messages says too little to rank by. */
const COMMON = 1_000

/** A stem that is in so many messages is left out: reading where it stands would take longer than it helps. */
const MOST_POSTINGS = 10_000

export const make = ({ run }: Link, { findCurrent }: Residents) => {
  const search = (sessionId: SessionId, query: string, { limit, scope }: SearchOptions) =>
    Effect.gen(function* () {
      const { lastSeq, manifest } = yield* findCurrent(sessionId)
      const number = yield* fillIndex(sessionId, lastSeq)
      const chunks = splitChunks(query)
      if (chunks.length === 0) return []
      const range = yield* readRows(() => rangeOf(sessionId, number, scope, lastSeq, manifest.undone))
      const isSearched = makeIsSearched(scope, manifest.undone)
      const { asked, exact, isQuestion, telling, terms } = readQuery(chunks)
      const isCommon = yield* findCommon(number, chunks)
      const byStems = isQuestion
        ? rankByStems(range, { asked, terms }, lastSeq, isSearched, limit)
        : findHoldingAll(range, terms, limit)
      const byWords = [
        ...exact.map((chunks) => findAll(range, matchesOf(chunks, isCommon), limit)),
        byStems,
        findAny(range, matchesOf(telling, isCommon).rarer, limit)
      ]
      const byLetters = findByLetters(range, chunks, limit)
      const found = yield* collectUntil(limit, needsScan(chunks) ? [byLetters, ...byWords] : [...byWords, byLetters])
      const seqs = found.length > 0 ? found : yield* findAny(range, pairCharacters(chunks), limit)
      return yield* readMessages(sessionId, seqs)
    })

  /** Adds what the index lacks of the session, in slices. Returns the session's number. */
  const fillIndex = (sessionId: SessionId, lastSeq: number): Effect.Effect<number, StoreError> =>
    Effect.gen(function* () {
      const [mark] = yield* run(sql.mark, sessionId)
      if (mark === undefined) {
        yield* run(sql.open, sessionId)
        return yield* fillIndex(sessionId, lastSeq)
      }
      if (mark.seq >= lastSeq) return mark.number
      const rows = yield* run(sql.bodies, sessionId, mark.seq, BATCH)
      const slice = takeCharacters(rows, CHARACTERS)
      const texts = yield* Effect.forEach(slice, (row) => readBody(sessionId, row))
      const { number } = mark
      const held = Arr.zip(slice, texts).filter(([, text]) => text !== "")
      const seqs = held.map(([{ seq }]) => seq)
      const words = held.map(([, text]) => vectorOfWords(number, text))
      const stems = held.map(([, text]) => vectorOfStems(number, text))
      yield* run(sql.fill, sessionId, mark.seq, slice.at(-1)?.seq ?? lastSeq, seqs, words, stems)
      yield* yieldToLoop
      return yield* fillIndex(sessionId, lastSeq)
    })

  /** The searchable text of a row; none for an answer of the recall tools. */
  const readBody = (sessionId: SessionId, { body, seq }: Body): Effect.Effect<string, StoreError> => {
    const message = messageOfBody(body)
    if (!looksRecalled(message)) return Effect.succeed(searchableText(message))
    return Effect.map(run(sql.before, sessionId, seq), (rows) =>
      areRecalled(readFromCall(rows, message)).at(-1) === true ? "" : searchableText(message)
    )
  }

  const readTexts = (sessionId: SessionId, seqs: ReadonlyArray<number>) =>
    Effect.flatMap(seqs.length === 0 ? Effect.succeed([]) : run(sql.named, sessionId, seqs), (rows) =>
      Effect.map(
        Effect.forEach(rows, (row) => Effect.map(readBody(sessionId, row), (text) => [row.seq, text] as const)),
        (texts) => new Map(texts)
      )
    )

  const findSeqs = (range: Range, statement: typeof sql.best, match: string, limit: number) =>
    match === ""
      ? Effect.succeed([])
      : Effect.map(run(statement, ...range.parameters, match, limit), (rows) => rows.map(({ seq }) => seq))

  /** Messages with all the words, best first. */
  const findAll = (range: Range, { all, rarer }: Matches, limit: number) => {
    const queries = all.flatMap((phrase) => queryOf(range.number, phrase) ?? [])
    return findSeqs(range, rarer.length === 0 ? sql.newest : sql.best, queries.join(" & "), limit)
  }

  const findAny = (range: Range, phrases: ReadonlyArray<string>, limit: number) => {
    const queries = phrases.flatMap((phrase) => queryOf(range.number, phrase) ?? [])
    return findSeqs(range, sql.best, queries.join(" | "), limit)
  }

  /** Counts each word of a query once. */
  const findCommon = (number: number, chunks: ReadonlyArray<QueryChunk>) =>
    Effect.map(
      Effect.filter(
        chunks.flatMap(({ phrase }) => (phrase === null || phrase.includes(" ") ? [] : [phrase])),
        (phrase) => {
          const query = queryOf(number, phrase)
          if (query === undefined) return Effect.succeed(false)
          return Effect.map(run(sql.count, query, COMMON), ([row]) => (row?.count ?? 0) >= COMMON)
        }
      ),
      (common) => {
        const known = new Set(common)
        return (phrase: string) => known.has(phrase)
      }
    )

  /** Messages with the stems of all words, the newest first. */
  const findHoldingAll = (range: Range, terms: ReadonlyArray<Term>, limit: number) => {
    const needed = terms.filter(({ isNeeded }) => isNeeded)
    const queries = needed.map(({ keys }) => `(${keys.map((key) => quoteKey(range.number, key)).join(" | ")})`)
    return findSeqs(range, sql.holding, queries.join(" & "), limit)
  }

  /** Messages by the stems of their own words and their neighbours'. */
  const rankByStems = (
    range: Range,
    { asked, terms }: { readonly asked: ReadonlySet<string>; readonly terms: ReadonlyArray<Term> },
    lastSeq: number,
    isSearched: (seq: number) => boolean,
    limit: number
  ) =>
    Effect.gen(function* () {
      const postings = yield* readPostings(range.number, terms, lastSeq, isSearched)
      const ranked = rankByWords(postings)
      const texts = new Map<number, string>()
      const read = (seqs: ReadonlyArray<number>) =>
        Effect.map(readTexts(range.sessionId, seqs), (found) => found.forEach((text, seq) => texts.set(seq, text)))
      yield* read(ranked.slice(0, LOOKED_AT).map(({ seq }) => seq))
      const preferred = preferAsked(ranked, asked, (seq) => listWords(texts.get(seq) ?? ""))
      const found: Array<number> = []
      for (const page of Arr.chunksOf(preferred, Math.max(LOOKED_AT, limit))) {
        if (found.length >= limit) break
        yield* read(page.flatMap(({ isHolding, seq }) => (isHolding || texts.has(seq) ? [] : seq)))
        const isFound = ({ isHolding, seq }: (typeof page)[number]) =>
          isHolding || (isSearched(seq) && (texts.get(seq) ?? "") !== "")
        found.push(...page.filter(isFound).map(({ seq }) => seq))
      }
      return found.slice(0, limit)
    })

  const readPostings = (
    number: number,
    terms: ReadonlyArray<Term>,
    lastSeq: number,
    isSearched: (seq: number) => boolean
  ) => {
    const keys = terms.flatMap((term, at) => term.keys.map((key) => ({ at, key })))
    const [names, queries] = [keys.map(({ key }) => nameKey(number, key)), keys.map(({ key }) => quoteKey(number, key))]
    return Effect.map(
      keys.length === 0 ? Effect.succeed([]) : run(sql.postings, names, queries, MOST_POSTINGS),
      (rows) => {
        const counts = new Map<number, number>()
        for (const { place } of rows) counts.set(place, (counts.get(place) ?? 0) + 1)
        const isTooCommon = (at: number) =>
          keys.some((key, i) => key.at === at && (counts.get(i + 1) ?? 0) >= MOST_POSTINGS)
        const words = terms.map(({ isNeeded }) => ({ isNeeded, weights: new Float64Array(lastSeq + 1) }))
        const dropped = new Set(terms.flatMap((_, at) => (isTooCommon(at) ? at : [])))
        for (const { level, place, seq } of rows) {
          const at = keys[place - 1]?.at ?? -1
          const weights = words[at]?.weights
          if (weights === undefined || dropped.has(at) || seq > lastSeq || !isSearched(seq)) continue
          weights[seq] = Math.max(weights[seq] ?? 0, weightOf(level))
        }
        return words
      }
    )
  }

  /** Messages that hold every chunk letter for letter, the newest first: a few that the index names, or any. */
  const findByLetters = (range: Range, chunks: ReadonlyArray<QueryChunk>, limit: number) =>
    Effect.gen(function* () {
      const [tail] = chunks.flatMap((chunk) => tailPhrase(chunk) ?? [])
      const match = tail === undefined ? undefined : queryOf(range.number, tail)
      if (match === undefined) return yield* scanLog(range, chunks, limit)
      const named = yield* findSeqs(range, sql.newest, match, FEW)
      if (named.length >= FEW) return yield* scanLog(range, chunks, limit)
      const rows = named.length === 0 ? [] : yield* run(sql.named, range.sessionId, named)
      return yield* filterHolding(range.sessionId, rows, chunks, limit)
    })

  const scanLog = (range: Range, chunks: ReadonlyArray<QueryChunk>, limit: number) =>
    Effect.gen(function* () {
      const [longest = ""] = chunks.map(({ text }) => text).sort((a, b) => b.length - a.length)
      const pattern = likePattern(longest)
      const end = Math.max(range.least, range.most - FARTHEST + 1)
      const found: Array<number> = []
      for (let most = range.most; most >= end && found.length < limit; most -= PAGE) {
        const rows = yield* run(sql.scan, ...range.parameters, Math.max(end, most - PAGE + 1), most, pattern)
        found.push(...(yield* filterHolding(range.sessionId, rows, chunks, limit - found.length)))
        yield* yieldToLoop
      }
      return found
    })

  const filterHolding = (
    sessionId: SessionId,
    rows: ReadonlyArray<Body>,
    chunks: ReadonlyArray<QueryChunk>,
    limit: number
  ) =>
    Effect.gen(function* () {
      const found: Array<number> = []
      for (const row of rows) {
        if (found.length >= limit) break
        if (holdsChunk(yield* readBody(sessionId, row), chunks)) found.push(row.seq)
      }
      return found
    })

  const readMessages = (sessionId: SessionId, seqs: ReadonlyArray<number>) =>
    Effect.gen(function* () {
      if (seqs.length === 0) return []
      const rows = yield* run(statements.parts, sessionId, 0, seqs, 1, 0, 1)
      const entries = yield* readRows(() => rows.map((row) => loggedOf(sessionId, row)))
      const bySeq = new Map(entries.map((entry) => [entry.seq, entry]))
      return seqs.flatMap((seq) => bySeq.get(seq) ?? []).filter(isReadable)
    })

  const segment = (segmentId: string): Effect.Effect<FoundSegment, UnknownSegment | StoreError> =>
    Effect.gen(function* () {
      const [row] = yield* run(statements.segments, [keepText(segmentId)])
      if (row === undefined) return yield* makeUnknownSegment(segmentId)
      return { sessionId: SessionId.make(row.session_id), segment: yield* readRows(() => segmentOf(row)) }
    })

  const segmentOver = (sessionId: SessionId, seq: number) =>
    Effect.map(run(statements.segmentOver, keepId(sessionId), seq), ([row]) =>
      row === undefined ? null : readText(row.id)
    )

  return { search, segment, segmentOver }
}

interface FoundSegment {
  readonly sessionId: SessionId
  readonly segment: Segment
}

const isReadable = ({ unreadable }: Logged): boolean => unreadable === undefined

/** The first messages of a ranking, whose texts decide between those that are about as good. */
const LOOKED_AT = 10

const takeCharacters = (rows: ReadonlyArray<Body>, characters: number): ReadonlyArray<Body> => {
  let room = characters
  return rows.filter(({ body }) => {
    const isIn = room > 0
    room -= body.length
    return isIn
  })
}

/** The messages from the nearest call with the result's id to the result itself. */
const readFromCall = (before: ReadonlyArray<Body>, result: Message.ToolMessage) => {
  const messages: Array<Message.Message> = [result]
  for (const { body } of before) {
    const message = messageOfBody(body)
    messages.unshift(message)
    if (Message.toolCalls(message).some(({ id }) => id === result.tool_call_id)) break
  }
  return messages
}

const rangeOf = (
  sessionId: SessionId,
  number: number,
  { also, except, fromSeq, toSeq }: SearchScope,
  lastSeq: number,
  undone: ReadonlyArray<UndoneRange>
): Range => ({
  sessionId,
  number,
  parameters: [
    keepId(sessionId),
    clampSeq(fromSeq),
    Math.min(toSeq, lastSeq),
    except.map(clampSeq),
    also.map(clampSeq),
    undone.map(({ fromSeq }) => fromSeq),
    undone.map(({ toSeq }) => toSeq)
  ],
  least: Math.max(0, Math.min(fromSeq, ...also)),
  most: Math.min(lastSeq, Math.max(toSeq, ...also))
})

const clampSeq = (seq: number): number => Math.max(-1, Math.min(seq, 2 ** 31 - 1))
