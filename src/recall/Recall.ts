/**
 * Finding again what left the view: full-text search over a session's log, and the messages a segment stands for.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { excerptAroundHit } from "./foundExcerpt.ts"
import { type Chunk, splitChunks, splitQueryWords } from "../store/searchQuery.ts"
import type { Message } from "../message/Message.ts"
import type { Logged, Segment, SessionId, State } from "../session/Session.ts"
import type { StoreError, UnknownSegment, UnknownSession } from "../session/SessionError.ts"
import { type SearchScope, SessionIndex, SessionStore } from "../store/SessionStore.ts"

/**
 * How many messages to find at most (10), and where: `everywhere` in the log, or only in messages that the view does
 * not show in full.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly limit?: number | undefined
  readonly where?: "everywhere" | "out-of-view" | undefined
}

/**
 * A message that was found. `at` is in epoch milliseconds, `excerpt` one line of about 240 characters around the place,
 * `segment` the id of the finest, newest segment that covers the message.
 *
 * @since 0.1.0
 * @category models
 */
export interface Found {
  readonly sessionId: SessionId
  readonly seq: number
  readonly role: Message["role"]
  readonly at: number
  readonly excerpt: string
  readonly segment: string | null
}

/**
 * Where to begin within the segment, and how many tokens of messages to return; a first message larger than that is
 * returned all the same.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExpandOptions {
  readonly fromSeq?: number | undefined
  readonly maxTokens?: number | undefined
}

/**
 * Messages a segment stands for, in order. `next` is the `seq` to go on from if `maxTokens` was reached.
 *
 * @since 0.1.0
 * @category models
 */
export interface Expansion {
  readonly sessionId: SessionId
  readonly segment: Segment
  readonly entries: ReadonlyArray<Logged>
  readonly next: number | null
}

/**
 * - `recall` finds the messages of a session that hold the words of the query, best first. Text in "double quotes" and
 *   anything without white space (a path, a hash) is looked for as it is; `#12` finds message 12.
 * - `expand` reads the messages behind a segment.
 *
 * @since 0.1.0
 * @category services
 */
export class Recall extends Context.Tag("throughline/Recall")<
  Recall,
  {
    readonly recall: (
      sessionId: SessionId,
      query: string,
      options?: Options
    ) => Effect.Effect<ReadonlyArray<Found>, UnknownSession | StoreError>
    readonly expand: (
      segmentId: string,
      options?: ExpandOptions
    ) => Effect.Effect<Expansion, UnknownSegment | StoreError>
  }
>() {}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.gen(function* () {
  const store = yield* SessionStore
  const index = yield* SessionIndex

  const found = (sessionId: SessionId, chunks: ReadonlyArray<Chunk>, length: number) => (entry: Logged) =>
    Effect.map(index.segmentOver(sessionId, entry.seq), (segment): Found => ({
      sessionId,
      seq: entry.seq,
      role: entry.message.role,
      at: entry.at,
      excerpt: excerptAroundHit(splitQueryWords(entry.message), chunks, length),
      segment
    }))

  const recall = Effect.fn("Recall.recall")(function* (
    sessionId: SessionId,
    query: string,
    { limit = LIMIT, where = "everywhere" }: Options = {}
  ) {
    const state = yield* store.state(sessionId)
    const scope = where === "everywhere" ? everywhere(state) : outOfView(state)
    const most = Math.min(MOST, Math.floor(limit))
    if (!(most > 0)) return []
    const addressed = yield* Effect.forEach(yield* at(state, addressOf(query)), found(sessionId, [], LONG_EXCERPT))
    const entries = yield* index.search(sessionId, query, { scope, limit: most })
    const others = entries.filter(({ seq }) => addressed.every((entry) => entry.seq !== seq))
    return [...addressed, ...(yield* Effect.forEach(others, found(sessionId, splitChunks(query), EXCERPT)))].slice(
      0,
      most
    )
  })

  const at = ({ lastSeq, sessionId }: State, seq: number) =>
    seq >= 1 && seq <= lastSeq ? store.range(sessionId, seq, seq) : Effect.succeed([])

  const expand = Effect.fn("Recall.expand")(function* (
    segmentId: string,
    { fromSeq = 1, maxTokens = Number.POSITIVE_INFINITY }: ExpandOptions = {}
  ) {
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
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Recall, never, SessionStore | SessionIndex> = Layer.effect(Recall, make)

const LIMIT = 10
const MOST = 1_000
const PAGE = 100

/** In characters: around what was found, and of a message that was asked for by its number. */
const EXCERPT = 240
const LONG_EXCERPT = 6_000

const everywhere = ({ lastSeq }: State): SearchScope => ({ fromSeq: 1, toSeq: lastSeq, except: [], also: [] })

/** What lies between head and tail, and what is shown shortened. */
const outOfView = ({ manifest, system }: State): SearchScope => ({
  fromSeq: Math.max(manifest.headTo, system.at(-1)?.seq ?? 0) + 1,
  toSeq: manifest.tailFrom - 1,
  except: manifest.live,
  also: manifest.excerpts.map(({ seq }) => seq)
})

/** The `seq` in `#12`, `seq 12` or `recall seq 12`, as views and handoffs name it; 0 if the query names none. */
const addressOf = (query: string): number => Number(/^\s*(?:recall\s+)?(?:#|seq\s+#?)(\d+)\s*$/i.exec(query)?.[1] ?? 0)
