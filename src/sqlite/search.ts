/** Search in the native store: words by the index, which a search fills first; marks and parts of words in the log. */
import type Database from "better-sqlite3"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Segment, UndoneRange } from "../session/Session.ts"
import { SessionId } from "../session/Session.ts"
import { UnknownSegment } from "../session/SessionError.ts"
import type { UnknownSession } from "../session/SessionError.ts"
import type { SearchScope } from "../store/SessionStore.ts"
import { yieldToLoop } from "../concurrency/eventLoopBudget.ts"
import {
  type Chunk,
  splitChunks,
  holdsChunk,
  indexText,
  needsScan,
  likePattern,
  pairCharacters,
  searchableText
} from "../store/searchQuery.ts"
import type { Answer, Block } from "./transaction.ts"
import * as Rows from "./rows.ts"
import { type Ask, type Body, type Mark, prepareSearch, type Range } from "./searchStatements.ts"

/** Messages, and characters, that are indexed before others get their turn. */
const BATCH = 200
const BATCH_CHARACTERS = 200_000

/** Messages that are scanned before others get their turn, and at all, the newest first. */
const PAGE = 500
const FARTHEST = 10_000

/** Words in so many messages tell too little to be worth ranking by. */
const COMMON = 1_000

interface Options {
  readonly places: SearchScope
  readonly limit: number
}

export const make = (db: Database.Database, { reading, resident, sql, writing }: Block) => {
  const index = prepareSearch(db)

  const search = (sessionId: SessionId, query: string, { limit, places }: Options) =>
    Effect.gen(function* () {
      const mark = yield* caughtUp(sessionId)
      const chunks = splitChunks(query)
      if (chunks.length === 0) return []
      const range = rangeOf(places, mark.seq, yield* undoneIn(sessionId))
      const ask = { ...range, number: mark.number, limit }
      const isLiteral = needsScan(chunks)
      const literal = isLiteral ? yield* scan(sessionId, chunks, range, limit) : []
      const worded = distinct([literal, yield* looked(sessionId, () => byWords(chunks, ask))], limit)
      const isEnough = isLiteral || worded.length >= limit
      const found = isEnough ? worded : distinct([worded, yield* scan(sessionId, chunks, range, limit)], limit)
      return yield* load(
        sessionId,
        found.length > 0 ? found : yield* looked(sessionId, () => byAny(pairCharacters(chunks), ask))
      )
    })

  const undoneIn = (sessionId: SessionId) =>
    reading("find", sessionId, () =>
      Either.map(
        resident(sessionId),
        ({ manifest: { undone } }) =>
          () =>
            undone
      )
    )

  /** The mark of a session whose whole log is in the index. */
  const caughtUp = (sessionId: SessionId) =>
    Effect.flatMap(marked(sessionId), (mark) =>
      mark === undefined
        ? Effect.repeat(Effect.zipLeft(fill(sessionId), yieldToLoop), { until: (mark) => mark !== undefined })
        : Effect.succeed(mark)
    )

  const marked = (sessionId: SessionId) =>
    reading("find", sessionId, (): Answer<Mark | undefined, UnknownSession> =>
      Either.map(resident(sessionId), ({ lastSeq }) => {
        const mark = index.mark.get(sessionId)
        return () => (mark !== undefined && mark.seq >= lastSeq ? mark : undefined)
      })
    )

  /** The mark is read in the transaction that moves it, so that no process indexes a row twice or misses one. */
  const fill = (sessionId: SessionId) =>
    writing("index", sessionId, (): Answer<Mark | undefined, never> => {
      index.open.run(sessionId)
      const mark = index.mark.get(sessionId) ?? { number: 0, seq: 0 }
      const rows = index.bodies.all(sessionId, mark.seq, BATCH)
      const seq = insert(mark.number, rows) ?? mark.seq
      index.moveMark.run(seq, mark.number)
      const isAll = rows.length < BATCH && seq >= (rows.at(-1)?.seq ?? 0)
      return Either.right(() => (isAll ? { ...mark, seq } : undefined))
    })

  /** The last row for which there was room. */
  const insert = (number: number, rows: ReadonlyArray<Body>): number | undefined => {
    let upTo: number | undefined
    let room = BATCH_CHARACTERS
    for (const { body, seq } of rows) {
      if (room <= 0) break
      room -= body.length
      const text = searchableText(Rows.messageOfRow(body))
      if (text !== "") index.insert.run(number, seq, indexText(text))
      upTo = seq
    }
    return upTo
  }

  const looked = (sessionId: SessionId, look: () => ReadonlyArray<number>) =>
    reading("search", sessionId, () => {
      const found = look()
      return Either.right(() => found)
    })

  /** Messages with all the words, then those with any that tells something, the best first. */
  const byWords = (chunks: ReadonlyArray<Chunk>, ask: Omit<Ask, "match">): ReadonlyArray<number> => {
    const terms = chunks.flatMap(({ phrase, prefix }) => {
      if (phrase === null || prefix === null) return []
      const isWord = !phrase.includes(" ")
      const isCommon = isWord && (index.count.get({ ...ask, match: phrase, limit: COMMON }) ?? 0) >= COMMON
      return [{ isCommon, match: isCommon ? phrase : prefix }]
    })
    if (terms.length === 0) return []
    const telling = terms.filter(({ isCommon }) => !isCommon).map(({ match }) => match)
    const match = terms.map(({ match }) => match).join(" AND ")
    const all = (telling.length === 0 ? index.newest : index.best).all({ ...ask, match })
    return all.length >= ask.limit || terms.length === 1 ? all : [...all, ...byAny(telling, ask)]
  }

  const byAny = (matches: ReadonlyArray<string>, ask: Omit<Ask, "match">): ReadonlyArray<number> =>
    matches.length === 0 ? [] : index.best.all({ ...ask, match: matches.join(" OR ") })

  /** Messages that hold every chunk letter for letter, the newest first. */
  const scan = Effect.fnUntraced(function* (
    sessionId: SessionId,
    chunks: ReadonlyArray<Chunk>,
    range: Range,
    limit: number
  ) {
    const [longest = ""] = chunks.map(({ text }) => text).sort((a, b) => b.length - a.length)
    const pattern = likePattern(longest)
    const end = Math.max(range.least, range.most - FARTHEST + 1)
    const found: Array<number> = []
    for (let most = range.most; most >= end && found.length < limit; most -= PAGE) {
      const page = { ...range, most, least: Math.max(end, most - PAGE + 1), sessionId, pattern }
      found.push(...(yield* looked(sessionId, () => holding(index.scan.iterate(page), chunks, limit - found.length))))
      yield* yieldToLoop
    }
    return found
  })

  const load = (sessionId: SessionId, seqs: ReadonlyArray<number>) =>
    reading("load", sessionId, () => {
      const entries = seqs.flatMap((seq) => sql.message.all(sessionId, seq)).map(Rows.loggedOfRow)
      return Either.right(() => entries)
    })

  const segment = (segmentId: string) =>
    reading("segment", segmentId, (): Answer<{ sessionId: SessionId; segment: Segment }, UnknownSegment> => {
      const row = sql.segment.get(segmentId)
      if (row === undefined) return Either.left(new UnknownSegment({ segmentId }))
      const found = { sessionId: SessionId.make(row.session_id), segment: Rows.segmentOfRow(row) }
      return Either.right(() => found)
    })

  const segmentOver = (sessionId: SessionId, seq: number) =>
    reading("segmentOver", sessionId, () => {
      const id = index.segmentOver.get(sessionId, seq, seq) ?? null
      return Either.right(() => id)
    })

  return { search, segment, segmentOver }
}

const distinct = (lists: ReadonlyArray<ReadonlyArray<number>>, limit: number): ReadonlyArray<number> =>
  Array.from(new Set(lists.flat())).slice(0, limit)

const rangeOf = (
  { also, except, fromSeq, toSeq }: SearchScope,
  lastSeq: number,
  undone: ReadonlyArray<UndoneRange>
): Range => ({
  fromSeq,
  toSeq: Math.min(toSeq, lastSeq),
  least: Math.min(fromSeq, ...also),
  most: Math.min(lastSeq, Math.max(toSeq, ...also)),
  except: JSON.stringify(except),
  also: JSON.stringify(also),
  undone: JSON.stringify(undone)
})

const holding = (rows: Iterable<Body>, chunks: ReadonlyArray<Chunk>, limit: number): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (const { body, seq } of rows) {
    if (found.length >= limit) break
    if (holdsChunk(searchableText(Rows.messageOfRow(body)), chunks)) found.push(seq)
  }
  return found
}
