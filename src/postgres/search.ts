/**
 * Search. Words are found by the index, which a search fills first; letters by a scan of the log. A word of the index begins
 * with the number of its session. The server's own parser is not asked: it cuts paths, addresses and hyphens.
 */
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
  indexText,
  likePattern,
  needsScan,
  pairCharacters,
  type QueryChunk,
  searchableText,
  splitChunks,
  tailPhrase,
  WORD
} from "../store/searchQuery.ts"
import type { SearchOptions, SearchScope } from "../store/SessionStore.ts"
import { listWords, readQuery, type Term, weighKeys, weightOf } from "../store/wordKeys.ts"
import { type Link, prepare } from "./link.ts"
import { loggedOf, readRows, type Residents, segmentOf } from "./residents.ts"
import { statements } from "./statements.ts"
import { keepId, keepText, readText } from "./texts.ts"

/** A message of the log, as its text is there. */
interface Body {
  readonly seq: number
  readonly body: string
}

/** The messages to search, of a session that has a number in the index. */
interface Range {
  readonly sessionId: SessionId
  readonly number: number
  readonly parameters: RangeParameters
  readonly least: number
  readonly most: number
}

type RangeParameters = readonly [
  id: string,
  fromSeq: number,
  toSeq: number,
  except: ReadonlyArray<number>,
  also: ReadonlyArray<number>,
  undoneFrom: ReadonlyArray<number>,
  undoneTo: ReadonlyArray<number>
]

const IS_WITHIN = `r.session_id = $1 AND (r.seq BETWEEN $2 AND $3 AND r.seq <> ALL ($4::int[]) OR r.seq = ANY ($5::int[]))
  AND NOT EXISTS (SELECT FROM unnest($6::int[], $7::int[]) AS u(f, t) WHERE r.seq BETWEEN u.f AND u.t)`

const find = (name: string, where: string, order: string) =>
  prepare<[...RangeParameters, match: string, limit: number], { readonly seq: number }>(
    name,
    `SELECT r.seq FROM throughline.recall r WHERE ${where} AND ${IS_WITHIN} ORDER BY ${order} LIMIT $9`
  )

const sql = {
  mark: prepare<[string], { readonly number: number; readonly seq: number }>(
    "read the index",
    "SELECT number, seq FROM throughline.recall_session WHERE session_id = $1"
  ),
  open: prepare<[string], unknown>(
    "open the index",
    "INSERT INTO throughline.recall_session (session_id, seq) VALUES ($1, 0) ON CONFLICT DO NOTHING"
  ),
  bodies: prepare<[string, after: number, limit: number], Body>(
    "read bodies",
    "SELECT seq, body FROM throughline.message WHERE session_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"
  ),
  before: prepare<[string, seq: number], Body>(
    "read bodies before",
    "SELECT seq, body FROM throughline.message WHERE session_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT 200"
  ),
  named: prepare<[string, seqs: ReadonlyArray<number>], Body>(
    "read named bodies",
    "SELECT seq, body FROM throughline.message WHERE session_id = $1 AND seq = ANY ($2::int[]) ORDER BY seq DESC"
  ),
  /** Whoever was here meanwhile has moved the mark: then nothing of this is written. */
  fill: prepare<
    [
      string,
      from: number,
      to: number,
      seqs: ReadonlyArray<number>,
      words: ReadonlyArray<string>,
      stems: ReadonlyArray<string>
    ],
    unknown
  >(
    "fill the index",
    `WITH moved AS (
       UPDATE throughline.recall_session SET seq = $3 WHERE session_id = $1 AND seq = $2 RETURNING 1)
     INSERT INTO throughline.recall (session_id, seq, words, stems)
       SELECT $1, u.seq, u.words::tsvector, u.stems::tsvector
       FROM moved, unnest($4::int[], $5::text[], $6::text[]) AS u(seq, words, stems) ON CONFLICT DO NOTHING`
  ),
  count: prepare<[match: string, limit: number], { readonly count: number }>(
    "count messages",
    `SELECT count(*)::int AS count FROM (
       SELECT FROM throughline.recall WHERE words @@ $1::tsquery LIMIT $2) AS found`
  ),
  best: find("find the best", "r.words @@ $8::tsquery", "ts_rank(r.words, $8::tsquery, 1) DESC, r.seq DESC"),
  newest: find("find the newest", "r.words @@ $8::tsquery", "r.seq DESC"),
  holding: find("find by stems", "r.stems @@ $8::tsquery", "r.seq DESC"),
  /** Each message with one of the keys, and the level of its weight, which stands in place of the key's position. */
  postings: prepare<
    [keys: ReadonlyArray<string>, queries: ReadonlyArray<string>, limit: number],
    { readonly place: number; readonly seq: number; readonly level: number }
  >(
    "read postings",
    `SELECT k.place::int AS place, r.seq, l.positions[1] - 1 AS level
     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k(key, query, place),
       LATERAL (SELECT seq, stems FROM throughline.recall WHERE stems @@ k.query::tsquery LIMIT $3) r,
       LATERAL unnest(r.stems) AS l WHERE l.lexeme = k.key`
  ),
  scan: prepare<[...RangeParameters, least: number, most: number, pattern: string], Body>(
    "scan the log",
    `SELECT r.seq, r.body FROM throughline.message r WHERE ${IS_WITHIN} AND r.seq BETWEEN $8 AND $9 AND r.body ILIKE $10
     ORDER BY r.seq DESC`
  )
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
    Effect.map(run(statements.segmentOver, keepId(sessionId), seq), ([row]) => (row === undefined ? null : readText(row.id)))

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

// ── words of the index ──

/** The server takes positions up to this one, so many of a word, and words of so many bytes. */
const MOST_POSITIONS = 16_383
const MOST_OF_A_WORD = 255
const LONGEST_WORD = 500

/** Two letters may take six bytes. The longest text of words the server takes is a megabyte. */
const LONGEST_VECTOR = 250_000

/** As the index of the native store folds words: in lower case, without accents. */
const foldWord = (word: string): string => {
  const folded = /^[\0-\u007f]*$/.test(word) ? word : word.normalize("NFD").replaceAll(/\p{M}/gu, "")
  return Array.from(folded.toLowerCase()).slice(0, LONGEST_WORD).join("")
}

const nameKey = (number: number, key: string): string => `${number}·${key}`

const quoteKey = (number: number, key: string): string =>
  `'${nameKey(number, key).replaceAll("\\", "\\\\").replaceAll("'", "''")}'`

const vectorOfWords = (number: number, text: string): string => {
  const places = new Map<string, Array<number>>()
  let [place, room] = [0, LONGEST_VECTOR]
  for (const [word] of indexText(text).matchAll(WORD)) {
    const folded = foldWord(word)
    if (folded === "") continue
    if (++place > MOST_POSITIONS || room < 0) break
    const known = places.get(folded)
    if (known === undefined) {
      places.set(folded, [place])
      room -= folded.length + 10
    } else if (known.length < MOST_OF_A_WORD) known.push(place)
  }
  return Array.from(places, ([word, at]) => `${quoteKey(number, word)}:${at.join(",")}`).join(" ")
}

const vectorOfStems = (number: number, text: string): string => {
  let room = LONGEST_VECTOR
  const keys = Array.from(weighKeys(text), ([key, level]) => {
    room -= key.length + 10
    return room < 0 ? "" : `${quoteKey(number, key)}:${level + 1}`
  })
  return keys.filter((key) => key !== "").join(" ")
}

/** A phrase of the index's syntax, such as `"a b" *`, as the server asks for it. None if it has no words. */
const queryOf = (number: number, phrase: string): string | undefined => {
  const words = (phrase.match(WORD) ?? []).map(foldWord).filter((word) => word !== "")
  if (words.length === 0) return undefined
  const quoted = words.map((word) => quoteKey(number, word))
  return `(${quoted.join(" <-> ")}${phrase.endsWith(" *") ? ":*" : ""})`
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
