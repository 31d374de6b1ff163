/** Search in the native store. Words are found by the index, which a search fills first; letters by a scan of the log. */
import type Database from "better-sqlite3"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Segment, UndoneRange } from "../session/Session.ts"
import { SessionId } from "../session/Session.ts"
import { makeUnknownSegment, type UnknownSegment, type UnknownSession } from "../session/SessionError.ts"
import type { SearchOptions, SearchScope } from "../store/SessionStore.ts"
import * as Message from "../message/Message.ts"
import { areRecalled, looksRecalled } from "../message/whoseWords.ts"
import { yieldToLoop } from "../concurrency/eventLoopBudget.ts"
import {
  type QueryChunk,
  splitChunks,
  holdsChunk,
  indexText,
  needsScan,
  likePattern,
  pairCharacters,
  searchableText
} from "../store/searchQuery.ts"
import type { AfterCommit, Connection } from "./transaction.ts"
import { toStoreError } from "./file.ts"
import * as Rows from "./rows.ts"
import { type Ask, type Body, makeIndex, type Mark, prepareLogReading, type Range } from "./searchStatements.ts"

/** The largest slice indexed at once, in messages and characters. */
const BATCH = 200
const BATCH_CHARACTERS = 200_000

/** The messages scanned in one slice, and by one search at most, the newest first. */
const PAGE = 500
const FARTHEST = 10_000

/** A word that is in so many messages says too little to rank by. */
const COMMON = 1_000

export const make = (db: Database.Database, { commitDurably, findResident, read, sql }: Connection) => {
  const index = makeIndex(db)
  const logged = prepareLogReading(db)

  const search = (sessionId: SessionId, query: string, options: SearchOptions) =>
    Effect.catchIf(searchOnce(sessionId, query, options), index.isDamaged, () =>
      Effect.zipRight(startNewIndex(sessionId), searchOnce(sessionId, query, options))
    )

  /** The log has all that the index had: searches fill the new one again, in slices. */
  const startNewIndex = (sessionId: SessionId) =>
    Effect.zipRight(
      commitDurably("index", sessionId, () => {
        index.reset()
        return Either.right(() => {})
      }),
      Effect.logWarning("the index of recall was damaged; searches fill a new one from the log")
    )

  const searchOnce = (sessionId: SessionId, query: string, { limit, scope }: SearchOptions) =>
    Effect.gen(function* () {
      const mark = yield* fillIndex(sessionId)
      const chunks = splitChunks(query)
      if (chunks.length === 0) return []
      const undone = yield* readUndone(sessionId)
      const range = yield* Effect.try({
        try: () => rangeOf(scope, mark.seq, undone),
        catch: (cause) => toStoreError("search", cause)
      })
      const ask = { ...range, number: mark.number, limit }
      const byWords = querySeqs(sessionId, () => findWords(chunks, ask))
      const byLetters = scanLog(sessionId, chunks, range, limit)
      const byPairs = querySeqs(sessionId, () => findAny(pairCharacters(chunks), ask))
      const found = yield* collectUntil(limit, needsScan(chunks) ? [byLetters, byWords] : [byWords, byLetters])
      return yield* readMessages(sessionId, found.length > 0 ? found : yield* byPairs)
    })

  const readUndone = (sessionId: SessionId) =>
    read("find", sessionId, () =>
      Either.map(
        findResident(sessionId),
        ({ manifest: { undone } }) =>
          () =>
            undone
      )
    )

  /** Adds to the index what it lacks of the session, in slices. Returns the session's mark. */
  const fillIndex = (sessionId: SessionId) =>
    Effect.flatMap(findFullMark(sessionId), (mark) =>
      mark === undefined
        ? Effect.repeat(Effect.zipLeft(fillSlice(sessionId), yieldToLoop), { until: (mark) => mark !== undefined })
        : Effect.succeed(mark)
    )

  /** The mark of a session whose whole log is in the index. */
  const findFullMark = (sessionId: SessionId) =>
    read("find", sessionId, (): AfterCommit<Mark | undefined, UnknownSession> =>
      Either.map(findResident(sessionId), ({ lastSeq }) => {
        const mark = index.use(({ mark }) => mark.get(sessionId))
        return () => (mark !== undefined && mark.seq >= lastSeq ? mark : undefined)
      })
    )

  /** Reads the mark in the transaction that moves it, so that no process indexes a row twice or misses one. */
  const fillSlice = (sessionId: SessionId) =>
    commitDurably("index", sessionId, (): AfterCommit<Mark | undefined, never> => {
      const mark = index.use(({ mark, open }) => {
        open.run(sessionId)
        return mark.get(sessionId) ?? { number: 0, seq: 0 }
      })
      const rows = logged.bodies.all(sessionId, mark.seq, BATCH)
      const seq = insertRows(sessionId, mark.number, rows) ?? mark.seq
      index.use(({ moveMark }) => moveMark.run(seq, mark.number))
      const isAll = rows.length < BATCH && seq >= (rows.at(-1)?.seq ?? 0)
      return Either.right(() => (isAll ? { ...mark, seq } : undefined))
    })

  /** Returns the last row for which there was room. */
  const insertRows = (sessionId: SessionId, number: number, rows: ReadonlyArray<Body>): number | undefined => {
    let upTo: number | undefined
    let room = BATCH_CHARACTERS
    for (const { body, seq } of rows) {
      if (room <= 0) break
      room -= body.length
      const text = readText(sessionId, { body, seq })
      if (text !== "") index.use(({ insert }) => insert.run(number, seq, indexText(text)))
      upTo = seq
    }
    return upTo
  }

  /** The searchable text of a row; none for an answer of the recall tools. */
  const readText = (sessionId: SessionId, { body, seq }: Body): string => {
    const message = Rows.messageOfBody(body)
    const isAnswer = looksRecalled(message) && areRecalled(readFromCall(sessionId, seq, message)).at(-1)
    return isAnswer === true ? "" : searchableText(message)
  }

  /** The messages from the nearest call with the result's id to the result itself. */
  const readFromCall = (sessionId: SessionId, seq: number, result: Message.ToolMessage) => {
    const messages: Array<Message.Message> = [result]
    for (const { body } of logged.before.iterate(sessionId, seq)) {
      const message = Rows.messageOfBody(body)
      messages.unshift(message)
      if (Message.toolCalls(message).some(({ id }) => id === result.tool_call_id)) break
    }
    return messages
  }

  const querySeqs = (sessionId: SessionId, query: () => ReadonlyArray<number>) =>
    read("search", sessionId, () => {
      const seqs = query()
      return Either.right(() => seqs)
    })

  /** Messages with all the words, then those with any of the rarer ones, best first. */
  const findWords = (chunks: ReadonlyArray<QueryChunk>, ask: Omit<Ask, "match">): ReadonlyArray<number> => {
    const terms = chunks.flatMap(({ phrase, prefix }) => {
      if (phrase === null || prefix === null) return []
      const isWord = !phrase.includes(" ")
      const isCommon = isWord && countUpTo({ ...ask, match: phrase, limit: COMMON }) >= COMMON
      return [{ isCommon, match: isCommon ? phrase : prefix }]
    })
    if (terms.length === 0) return []
    const rarer = terms.filter(({ isCommon }) => !isCommon).map(({ match }) => match)
    const match = terms.map(({ match }) => match).join(" AND ")
    const all = index.use(({ best, newest }) => (rarer.length === 0 ? newest : best).all({ ...ask, match }))
    return all.length >= ask.limit || terms.length === 1 ? all : [...all, ...findAny(rarer, ask)]
  }

  const findAny = (matches: ReadonlyArray<string>, ask: Omit<Ask, "match">): ReadonlyArray<number> =>
    matches.length === 0 ? [] : index.use(({ best }) => best.all({ ...ask, match: matches.join(" OR ") }))

  const countUpTo = (ask: Ask): number => index.use(({ count }) => count.get(ask) ?? 0)

  /** Messages that hold every chunk letter for letter, the newest first. */
  const scanLog = Effect.fnUntraced(function* (
    sessionId: SessionId,
    chunks: ReadonlyArray<QueryChunk>,
    range: Range,
    limit: number
  ) {
    const [longest = ""] = chunks.map(({ text }) => text).sort((a, b) => b.length - a.length)
    const pattern = likePattern(longest)
    const end = Math.max(range.least, range.most - FARTHEST + 1)
    const found: Array<number> = []
    for (let most = range.most; most >= end && found.length < limit; most -= PAGE) {
      const page = { ...range, most, least: Math.max(end, most - PAGE + 1), sessionId, pattern }
      found.push(
        ...(yield* querySeqs(sessionId, () =>
          filterHolding(sessionId, logged.scan.iterate(page), chunks, limit - found.length)
        ))
      )
      yield* yieldToLoop
    }
    return found
  })

  const filterHolding = (
    sessionId: SessionId,
    rows: Iterable<Body>,
    chunks: ReadonlyArray<QueryChunk>,
    limit: number
  ): ReadonlyArray<number> => {
    const found: Array<number> = []
    for (const row of rows) {
      if (found.length >= limit) break
      if (holdsChunk(readText(sessionId, row), chunks)) found.push(row.seq)
    }
    return found
  }

  const readMessages = (sessionId: SessionId, seqs: ReadonlyArray<number>) =>
    read("load", sessionId, () => {
      const entries = seqs.flatMap((seq) => Rows.readLog(sql, sessionId, seq, seq))
      const found = entries.filter(({ unreadable }) => unreadable === undefined)
      return Either.right(() => found)
    })

  const segment = (segmentId: string) =>
    read("segment", segmentId, (): AfterCommit<{ sessionId: SessionId; segment: Segment }, UnknownSegment> => {
      const row = sql.segment.get(segmentId)
      if (row === undefined) return Either.left(makeUnknownSegment(segmentId))
      const found = { sessionId: SessionId.make(row.session_id), segment: Rows.segmentOfRow(row) }
      return Either.right(() => found)
    })

  const segmentOver = (sessionId: SessionId, seq: number) =>
    read("segmentOver", sessionId, () => {
      const id = logged.segmentOver.get(sessionId, seq, seq) ?? null
      return Either.right(() => id)
    })

  return { search, segment, segmentOver }
}

/** Tries one strategy after another until `limit` messages are found, each once. */
const collectUntil = <E>(
  limit: number,
  strategies: ReadonlyArray<Effect.Effect<ReadonlyArray<number>, E>>
): Effect.Effect<ReadonlyArray<number>, E> =>
  Effect.reduce(strategies, Arr.empty<number>(), (found, strategy) =>
    found.length >= limit
      ? Effect.succeed(found)
      : Effect.map(strategy, (more) => Array.from(new Set([...found, ...more])).slice(0, limit))
  )

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
