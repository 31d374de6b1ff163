/**
 * Finds again what has left the view: full-text search over a session's log, and the messages behind a segment.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { excerptAroundHit } from "./foundExcerpt.ts"
import { type QueryChunk, searchableText, splitChunks, splitQueryWords } from "../store/searchQuery.ts"
import { readQuery } from "../store/wordKeys.ts"
import type { Message } from "../message/Message.ts"
import { looksRecalled } from "../message/whoseWords.ts"
import { type Logged, type Segment, SessionId, type State } from "../session/Session.ts"
import { makeMisuse, type StoreError, type UnknownSegment, type UnknownSession } from "../session/SessionError.ts"
import { isInScope } from "../store/model.ts"
import { type SearchScope, SessionIndex, SessionStore } from "../store/SessionStore.ts"

/**
 * Options of a search.
 *
 * @since 0.1.0
 * @category models
 */
export interface RecallOptions {
  /** The largest number of messages to return; default 10, at most 1,000. */
  readonly limit?: number | undefined
  /**
   * How many messages to add before and after each one that was found, after all of these and while `limit` allows it;
   * default 0.
   */
  readonly beside?: number | undefined
  /** The longest message that `excerpt` holds whole, in characters; default 240. */
  readonly wholeUpTo?: number | undefined
  /** The messages to search: all of the log, or those that the view does not show in full. Default: `everywhere`. */
  readonly where?: "everywhere" | "out-of-view" | undefined
}

/**
 * A message that was found.
 *
 * - `at`: its time, in epoch milliseconds
 * - `excerpt`: the message in one line, or about 240 characters of it around the hit if it is longer than `wholeUpTo`
 * - `segment`: the id of the finest segment that covers the message, the newest of several; null if none does
 *
 * @since 0.1.0
 * @category models
 */
export const Found = Schema.Struct({
  sessionId: SessionId,
  seq: Schema.Int,
  role: Schema.Literal("system", "developer", "user", "assistant", "tool"),
  at: Schema.Int,
  excerpt: Schema.String,
  segment: Schema.NullOr(Schema.String)
})
/**
 * @since 0.1.0
 * @category models
 */
export type Found = typeof Found.Type

/**
 * The part of a segment to read.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExpandOptions {
  /** The first message to return; default: the segment's first. */
  readonly fromSeq?: number | undefined
  /** The largest sum of the messages' tokens; default: no limit. The first message is returned whatever its size. */
  readonly maxTokens?: number | undefined
}

/**
 * Messages behind a segment, in order.
 *
 * @since 0.1.0
 * @category models
 */
export interface Expansion {
  readonly sessionId: SessionId
  readonly segment: Segment
  readonly entries: ReadonlyArray<Logged>
  /** The `seq` to continue from if `maxTokens` was reached, otherwise null. */
  readonly next: number | null
}

/**
 * Searches the log of a session and reads the messages behind its segments.
 *
 * @since 0.1.0
 * @category services
 */
export class Recall extends Context.Tag("throughline/Recall")<
  Recall,
  {
    /**
     * Finds the messages of a session that hold the words of the query, in any form, or stand beside such, best first.
     * Text in "double quotes" and anything without white space (a path, a hash) is searched for literally first; `#12`
     * finds message 12. Fails with `UnknownSession` if the session was never delivered to.
     */
    readonly recall: (
      sessionId: SessionId,
      query: string,
      options?: RecallOptions
    ) => Effect.Effect<ReadonlyArray<Found>, UnknownSession | StoreError>
    /**
     * Reads the messages behind a segment, whichever session it belongs to. Fails with `UnknownSegment` if no segment
     * was committed under this id.
     */
    readonly expand: (
      segmentId: string,
      options?: ExpandOptions
    ) => Effect.Effect<Expansion, UnknownSegment | StoreError>
  }
>() {}

/**
 * Makes the service on a `SessionStore` and its `SessionIndex`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.gen(function* () {
  const store = yield* SessionStore
  const index = yield* SessionIndex

  const makeFound = (sessionId: SessionId, chunks: ReadonlyArray<QueryChunk>, wholeUpTo: number, length: number) => {
    const makeExcerpt = (text: string) => excerptAroundHit(text, chunks, text.length <= wholeUpTo ? wholeUpTo : length)
    return (entry: Logged) =>
      Effect.map(index.segmentOver(sessionId, entry.seq), (segment): Found => ({
        sessionId,
        seq: entry.seq,
        role: entry.message.role,
        at: entry.at,
        excerpt: makeExcerpt(splitQueryWords(entry.message)),
        segment
      }))
  }

  const recall = Effect.fn("Recall.recall")(function* (sessionId: SessionId, query: string, options?: RecallOptions) {
    const {
      beside = 0,
      limit = LIMIT,
      where = "everywhere",
      wholeUpTo = EXCERPT
    } = yield* copyOptions("recall", options)
    const state = yield* store.state(sessionId)
    const scope = where === "everywhere" ? scopeOfLog(state) : scopeOutOfView(state)
    const most = Math.min(MOST, Math.floor(limit))
    if (!(most > 0)) return []
    const addressed = yield* readMessage(state, addressOf(query))
    const found = yield* index.search(sessionId, query, { scope, limit: most })
    const others = found.filter(({ seq }) => addressed.every((entry) => entry.seq !== seq))
    const entries = [...addressed, ...others].slice(0, most)
    const neighbours = yield* readNeighbours(sessionId, scope, entries, beside, most - entries.length)
    const [named, rest] = [entries.slice(0, addressed.length), entries.slice(addressed.length)]
    const describe = makeFound(sessionId, readQuery(splitChunks(query)).telling, wholeUpTo, EXCERPT)
    return [
      ...(yield* Effect.forEach(named, makeFound(sessionId, [], LONG_EXCERPT, LONG_EXCERPT))),
      ...(yield* Effect.forEach([...rest, ...neighbours], describe))
    ]
  })

  /** Reads at most `most` messages that stand beside the found ones, those of the best first. */
  const readNeighbours = (
    sessionId: SessionId,
    scope: SearchScope,
    entries: ReadonlyArray<Logged>,
    beside: number,
    most: number
  ) =>
    Effect.gen(function* () {
      const known = new Set(entries.map(({ seq }) => seq))
      const wanted = entries.flatMap(({ seq }) => rangeAround(seq, beside).filter((near) => isInScope(scope, near)))
      const neighbours: Array<Logged> = []
      for (const seq of new Set(wanted)) {
        if (neighbours.length >= most) break
        if (known.has(seq)) continue
        const [entry] = yield* store.range(sessionId, seq, seq)
        if (entry !== undefined && isWorthShowing(entry.message)) neighbours.push(entry)
      }
      return neighbours
    })

  const readMessage = ({ lastSeq, sessionId }: State, seq: number) =>
    seq >= 1 && seq <= lastSeq ? store.range(sessionId, seq, seq) : Effect.succeed([])

  const expand = Effect.fn("Recall.expand")(function* (segmentId: string, options?: ExpandOptions) {
    const { fromSeq = 1, maxTokens = Number.POSITIVE_INFINITY } = yield* copyOptions("expand", options)
    const { segment, sessionId } = yield* index.segment(segmentId)
    const entries: Array<Logged> = []
    let room = maxTokens
    let next = Math.max(segment.fromSeq, Math.floor(fromSeq))
    while (next <= segment.toSeq) {
      const end = Math.min(segment.toSeq, next + PAGE - 1)
      for (const entry of yield* store.range(sessionId, next, end)) {
        room -= entry.tokens
        if (room < 0 && entries.length > 0) return { sessionId, segment, entries, next: entry.seq }
        entries.push(entry)
      }
      next = end + 1
    }
    return { sessionId, segment, entries, next: null }
  })

  return Recall.of({ recall, expand })
})

/**
 * Recall on a `SessionStore` and its `SessionIndex`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Recall, never, SessionStore | SessionIndex> = Layer.effect(Recall, make)

/** Reads options of any origin: a field of another type than its own counts as not given. */
const copyOptions = (operation: string, options: RecallOptions & ExpandOptions = {}) =>
  Effect.try({
    try: () => {
      const { beside, fromSeq, limit, maxTokens, where, wholeUpTo } = options ?? {}
      return {
        beside: numberOf(beside),
        fromSeq: numberOf(fromSeq),
        limit: numberOf(limit),
        maxTokens: numberOf(maxTokens),
        where,
        wholeUpTo: numberOf(wholeUpTo)
      }
    },
    catch: (cause) => makeMisuse(operation, cause)
  })

const numberOf = (given: number | undefined): number | undefined => (typeof given === "number" ? given : undefined)

const LIMIT = 10
const MOST = 1_000
const MOST_BESIDE = 10
const PAGE = 100

/** Length of an excerpt in characters: around a hit, and of a message that was asked for by its number. */
const EXCERPT = 240
const LONG_EXCERPT = 6_000

const scopeOfLog = ({ lastSeq }: State): SearchScope => ({ fromSeq: 1, toSeq: lastSeq, except: [], also: [] })

/** The messages between head and tail, and those shown as excerpts. */
const scopeOutOfView = ({ manifest, system }: State): SearchScope => ({
  fromSeq: Math.max(manifest.headTo, system.at(-1)?.seq ?? 0) + 1,
  toSeq: manifest.tailFrom - 1,
  except: manifest.live,
  also: manifest.excerpts.map(({ seq }) => seq)
})

/** The numbers around one, the nearest first. */
const rangeAround = (seq: number, distance: number): ReadonlyArray<number> =>
  Array.from({ length: Math.max(0, Math.min(MOST_BESIDE, Math.floor(distance))) }, (_, i) => [
    seq - i - 1,
    seq + i + 1
  ]).flat()

/** False for queries and answers of recall, which repeat other messages, and for a message without words. */
const isWorthShowing = (message: Message): boolean => !looksRecalled(message) && searchableText(message) !== ""

/** The `seq` in `#12`, `seq 12` or `recall seq 12`, as views and handoffs write it; 0 without one. */
const addressOf = (query: string): number =>
  typeof query !== "string" ? 0 : Number(/^\s*(?:recall\s+)?(?:#|seq\s+#?)(\d+)\s*$/i.exec(query)?.[1] ?? 0)
