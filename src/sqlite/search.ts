/** Search in the native store. Words are found by the index, which a search fills first; letters by a scan of the log. */
import type Database from "better-sqlite3"
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
  needsScan,
  likePattern,
  pairCharacters,
  searchableText,
  tailPhrase
} from "../store/searchQuery.ts"
import { type AfterCommit, type Connection, readLog } from "./transaction.ts"
import { collectUntil, makeIsSearched, type Matches, matchesOf } from "../store/searchMatches.ts"
import { preferAsked, rankByWords } from "../store/rankByWords.ts"
import { listWords, readQuery, type Term, weightOf } from "../store/wordKeys.ts"
import { toStoreError } from "./file.ts"
import * as Rows from "../store/rows.ts"
import {
  type Ask,
  type Body,
  makeIndex,
  type Mark,
  nameKey,
  type Part,
  prepareLogReading,
  type Range
} from "./searchStatements.ts"

/** The messages scanned in one slice, and by one search at most, the newest first. */
const PAGE = 500
const FARTHEST = 10_000

/** So many messages that the index names are faster read than the log. */
const FEW = 100

/** A word that is in so many messages says too little to rank by. */
const COMMON = 1_000

/** A stem that is in so many messages is left out: reading where it stands would take longer than it helps. */
const MOST_POSTINGS = 10_000

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
      const mark = yield* fillIndex(sessionId, index.words)
      const chunks = splitChunks(query)
      if (chunks.length === 0) return []
      const undone = yield* readUndone(sessionId)
      const range = yield* Effect.try({
        try: () => rangeOf(scope, mark.seq, undone),
        catch: (cause) => toStoreError("search", cause)
      })
      const ask = { ...range, number: mark.number, limit }
      const isSearched = makeIsSearched(scope, undone)
      const isCommon = makeIsCommon(ask)
      const { asked, exact, isQuestion, telling, terms } = readQuery(chunks)
      const byWords = [
        ...exact.map((chunks) => querySeqs(sessionId, () => findAll(matchesOf(chunks, isCommon), ask))),
        Effect.flatMap(fillIndex(sessionId, index.stems), (mark) =>
          querySeqs(sessionId, () =>
            isQuestion ? rankByStems(sessionId, { asked, terms }, mark, isSearched, limit) : findHoldingAll(terms, ask)
          )
        ),
        querySeqs(sessionId, () => findAny(matchesOf(telling, isCommon).rarer, ask))
      ]
      const byLetters = findByLetters(sessionId, chunks, ask)
      const byPairs = querySeqs(sessionId, () => findAny(pairCharacters(chunks), ask))
      const found = yield* collectUntil(limit, needsScan(chunks) ? [byLetters, ...byWords] : [...byWords, byLetters])
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

  /** Adds to a part of the index what it lacks of the session, in slices. Returns the session's mark. */
  const fillIndex = (sessionId: SessionId, part: Part) =>
    Effect.flatMap(findFullMark(sessionId, part), (mark) =>
      mark === undefined
        ? Effect.repeat(Effect.zipLeft(fillSlice(sessionId, part), yieldToLoop), {
            until: (mark) => mark !== undefined
          })
        : Effect.succeed(mark)
    )

  /** The mark of a session whose whole log is in the part. A damaged mark may name messages that are not there. */
  const findFullMark = (sessionId: SessionId, { lastOf }: Part) =>
    read("find", sessionId, (): AfterCommit<Mark | undefined, UnknownSession> =>
      Either.map(findResident(sessionId), ({ lastSeq }) => {
        const mark = index.use(({ mark }) => mark.get(sessionId))
        const isFull = mark !== undefined && lastOf(mark) >= lastSeq
        return () => (isFull ? { ...mark, stemSeq: Math.min(mark.stemSeq, lastSeq) } : undefined)
      })
    )

  /** Reads the mark in the transaction that moves it, so that no process indexes a row twice or misses one. */
  const fillSlice = (sessionId: SessionId, part: Part) =>
    commitDurably("index", sessionId, (): AfterCommit<Mark | undefined, never> => {
      const mark = index.use(({ mark, open }) => {
        open.run(sessionId)
        return mark.get(sessionId) ?? { number: 0, seq: 0, stemSeq: 0 }
      })
      const rows = logged.bodies.all(sessionId, part.lastOf(mark), part.batch)
      const seq = insertRows(sessionId, mark.number, rows, part) ?? part.lastOf(mark)
      part.moveMark(mark.number, seq)
      const isAll = rows.length < part.batch && seq >= (rows.at(-1)?.seq ?? 0)
      const full = isAll ? index.use(({ mark }) => mark.get(sessionId)) : undefined
      return Either.right(() => full)
    })

  /** Returns the last row for which there was room. */
  const insertRows = (
    sessionId: SessionId,
    number: number,
    rows: ReadonlyArray<Body>,
    { characters, insert }: Part
  ): number | undefined => {
    let upTo: number | undefined
    let room = characters
    for (const { body, seq } of rows) {
      if (room <= 0) break
      room -= body.length
      const text = readText(sessionId, { body, seq })
      if (text !== "") insert(number, seq, text)
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

  /** Messages with all the words, best first. */
  const findAll = ({ all, rarer }: Matches, ask: Omit<Ask, "match">): ReadonlyArray<number> => {
    const match = all.join(" AND ")
    return all.length === 0
      ? []
      : index.use(({ best, newest }) => (rarer.length === 0 ? newest : best).all({ ...ask, match }))
  }

  /** Counts each word once in a search. */
  const makeIsCommon = (ask: Omit<Ask, "match">) => {
    const known = new Map<string, boolean>()
    return (phrase: string): boolean => {
      const isCommon = known.get(phrase) ?? countUpTo({ ...ask, match: phrase, limit: COMMON }) >= COMMON
      known.set(phrase, isCommon)
      return isCommon
    }
  }

  /** Messages with the stems of all words, the newest first. */
  const findHoldingAll = (terms: ReadonlyArray<Term>, ask: Omit<Ask, "match">): ReadonlyArray<number> => {
    const needed = terms.filter(({ isNeeded }) => isNeeded)
    const nameAny = ({ keys }: Term) => `(${keys.map((key) => `"${nameKey(ask.number, key)}"`).join(" OR ")})`
    const match = needed.map(nameAny).join(" AND ")
    return needed.length === 0 ? [] : index.use(({ holding }) => holding.all({ ...ask, match }))
  }

  /** Messages by the stems of their own words and their neighbours'. */
  const rankByStems = (
    sessionId: SessionId,
    { asked, terms }: { readonly asked: ReadonlySet<string>; readonly terms: ReadonlyArray<Term> },
    { number, stemSeq: lastSeq }: Mark,
    isSearched: (seq: number) => boolean,
    limit: number
  ): ReadonlyArray<number> => {
    const postings = terms.map(({ isNeeded, keys }) => {
      return { isNeeded, weights: readWeights(number, keys, lastSeq, isSearched) }
    })
    const found: Array<number> = []
    const readWords = (seq: number) => listWords(readTextAt(sessionId, seq))
    for (const { isHolding, seq } of preferAsked(rankByWords(postings), asked, readWords)) {
      if (found.length >= limit) break
      if (isHolding || (isSearched(seq) && readTextAt(sessionId, seq) !== "")) found.push(seq)
    }
    return found
  }

  const readWeights = (
    number: number,
    keys: ReadonlyArray<string>,
    lastSeq: number,
    isSearched: (seq: number) => boolean
  ) => {
    const weights = new Float64Array(lastSeq + 1)
    for (const key of keys) {
      const postings = index.use(({ postings }) => postings.all(nameKey(number, key), MOST_POSTINGS))
      if (postings.length >= MOST_POSTINGS) return new Float64Array(lastSeq + 1)
      for (const posting of postings) {
        const seq = Math.floor(posting / 100)
        const weight = weightOf(posting % 100)
        if (isSearched(seq) && weight > (weights[seq] ?? 0)) weights[seq] = weight
      }
    }
    return weights
  }

  /** The text by which words can find a message; none of an answer of the recall tools. */
  const readTextAt = (sessionId: SessionId, seq: number): string => {
    const [row] = logged.bodies.all(sessionId, seq - 1, 1)
    return row?.seq === seq ? readText(sessionId, row) : ""
  }

  const findAny = (matches: ReadonlyArray<string>, ask: Omit<Ask, "match">): ReadonlyArray<number> =>
    matches.length === 0 ? [] : index.use(({ best }) => best.all({ ...ask, match: matches.join(" OR ") }))

  const countUpTo = (ask: Ask): number => index.use(({ count }) => count.get(ask) ?? 0)

  /** Messages that hold every chunk letter for letter, the newest first: a few that the index names, or any. */
  const findByLetters = Effect.fnUntraced(function* (
    sessionId: SessionId,
    chunks: ReadonlyArray<QueryChunk>,
    ask: Omit<Ask, "match">
  ) {
    const [tail] = chunks.flatMap((chunk) => tailPhrase(chunk) ?? [])
    if (tail === undefined) return yield* scanLog(sessionId, chunks, ask, ask.limit)
    const named = yield* querySeqs(sessionId, () =>
      index.use(({ newest }) => newest.all({ ...ask, match: tail, limit: FEW }))
    )
    if (named.length >= FEW) return yield* scanLog(sessionId, chunks, ask, ask.limit)
    const readBodies = () => named.flatMap((seq) => logged.bodies.all(sessionId, seq - 1, 1))
    return yield* querySeqs(sessionId, () => filterHolding(sessionId, readBodies(), chunks, ask.limit))
  })

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
      const entries = seqs.flatMap((seq) => readLog(sql, sessionId, seq, seq))
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
