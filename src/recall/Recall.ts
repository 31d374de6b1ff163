/**
 * Finds again what has left the view: full-text search over a session's log, and the messages behind a segment.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { excerptAroundHit } from "./foundExcerpt.ts"
import { type QueryChunk, splitChunks, splitQueryWords } from "../store/searchQuery.ts"
import type { Message } from "../message/Message.ts"
import type { Logged, Segment, SessionId, State } from "../session/Session.ts"
import { makeMisuse, type StoreError, type UnknownSegment, type UnknownSession } from "../session/SessionError.ts"
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
  /** The messages to search: all of the log, or those that the view does not show in full. Default: `everywhere`. */
  readonly where?: "everywhere" | "out-of-view" | undefined
}

/**
 * A message that was found.
 *
 * @since 0.1.0
 * @category models
 */
export interface Found {
  readonly sessionId: SessionId
  readonly seq: number
  readonly role: Message["role"]
  /** Time of the message, in epoch milliseconds. */
  readonly at: number
  /** One line of about 240 characters around the hit. */
  readonly excerpt: string
  /** The id of the finest segment that covers the message, the newest of several; null if none does. */
  readonly segment: string | null
}

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
     * finds message 12. Fails with
     * `UnknownSession` if the session was never delivered to.
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

  const makeFound = (sessionId: SessionId, chunks: ReadonlyArray<QueryChunk>, length: number) => (entry: Logged) =>
    Effect.map(index.segmentOver(sessionId, entry.seq), (segment): Found => ({
      sessionId,
      seq: entry.seq,
      role: entry.message.role,
      at: entry.at,
      excerpt: excerptAroundHit(splitQueryWords(entry.message), chunks, length),
      segment
    }))

  const recall = Effect.fn("Recall.recall")(function* (sessionId: SessionId, query: string, options?: RecallOptions) {
    const { limit = LIMIT, where = "everywhere" } = yield* copyOptions("recall", options)
    const state = yield* store.state(sessionId)
    const scope = where === "everywhere" ? scopeOfLog(state) : scopeOutOfView(state)
    const most = Math.min(MOST, Math.floor(limit))
    if (!(most > 0)) return []
    const addressed = yield* Effect.forEach(
      yield* readMessage(state, addressOf(query)),
      makeFound(sessionId, [], LONG_EXCERPT)
    )
    const entries = yield* index.search(sessionId, query, { scope, limit: most })
    const others = entries.filter(({ seq }) => addressed.every((entry) => entry.seq !== seq))
    return [...addressed, ...(yield* Effect.forEach(others, makeFound(sessionId, splitChunks(query), EXCERPT)))].slice(
      0,
      most
    )
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
      const { fromSeq, limit, maxTokens, where } = options ?? {}
      return { fromSeq: numberOf(fromSeq), limit: numberOf(limit), maxTokens: numberOf(maxTokens), where }
    },
    catch: (cause) => makeMisuse(operation, cause)
  })

const numberOf = (given: number | undefined): number | undefined => (typeof given === "number" ? given : undefined)

const LIMIT = 10
const MOST = 1_000
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

/** The `seq` in `#12`, `seq 12` or `recall seq 12`, as views and handoffs write it; 0 without one. */
const addressOf = (query: string): number =>
  typeof query !== "string" ? 0 : Number(/^\s*(?:recall\s+)?(?:#|seq\s+#?)(\d+)\s*$/i.exec(query)?.[1] ?? 0)
