/**
 * The words for a session: its id, its log, its generations. Plain data; nothing here does anything.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { Message } from "../message/Message.ts"
import { Usage } from "../message/Tokens.ts"
import { CostAccount } from "./account.ts"

export { Usage }

/**
 * True if every store can keep the text as it is: PostgreSQL knows no NUL character, and half of a surrogate pair has no
 * UTF-8.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isStorable = (text: string): boolean => !UNSTORABLE.test(text)

const UNSTORABLE = /[\0\p{Surrogate}]/u

/**
 * The name of one conversation. The caller gives it; throughline never makes or changes one.
 *
 * @since 0.1.0
 * @category models
 */
export const SessionId = Schema.NonEmptyString.pipe(
  Schema.maxLength(512),
  Schema.filter((text) => isStorable(text) || "expected no NUL character and no half of a surrogate pair"),
  Schema.brand("throughline/SessionId")
)
/**
 * @since 0.1.0
 * @category models
 */
export type SessionId = typeof SessionId.Type

/** @internal */
export const isSessionId = Schema.is(SessionId)

/**
 * The purpose of an arrival: a `request` is to be answered, a `notification` only to be known.
 *
 * @since 0.1.0
 * @category models
 */
export const DeliveryKind = Schema.Literal("request", "notification")
/**
 * @since 0.1.0
 * @category models
 */
export type DeliveryKind = typeof DeliveryKind.Type

/**
 * The promise that a message is on disk. `arrival` numbers it; `duplicate` says that an equal delivery with the same
 * idempotency key came before and this is its receipt.
 *
 * @since 0.1.0
 * @category models
 */
export const Receipt = Schema.Struct({ sessionId: SessionId, arrival: Schema.Int, duplicate: Schema.Boolean })
/**
 * @since 0.1.0
 * @category models
 */
export type Receipt = typeof Receipt.Type

/**
 * A message of the log with its place. `kind` and `arrival` are there if it came by delivery; `at` is in epoch
 * milliseconds; `tokens` is the estimate made when it was appended.
 *
 * What is stored of a message may be damaged. Then `unreadable` says how, and `message` stands in its place and says so.
 *
 * @since 0.1.0
 * @category models
 */
export interface Logged {
  readonly seq: number
  readonly message: Message
  readonly tokens: number
  readonly kind: DeliveryKind | null
  readonly arrival: number | null
  readonly at: number
  readonly unreadable?: string
}

/**
 * The summary of the messages `fromSeq` to `toSeq` of a log. At `level` 0 it was made from the messages, above from the
 * segments named in `children`, which are kept. `degraded` holds the reason if no model wrote it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Segment {
  readonly id: string
  readonly level: number
  readonly children: ReadonlyArray<string>
  readonly fromSeq: number
  readonly toSeq: number
  readonly text: string
  readonly tokens: number
  readonly degraded: string | null
  readonly focus: string | null
  readonly model: string
}

/**
 * Returns whether no model wrote the segment, so that it is still to be healed.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isDegraded = ({ degraded }: Segment): boolean => degraded !== null

/**
 * A message too large for its share of the view, shown as an excerpt of about `tokens` tokens.
 *
 * @since 0.1.0
 * @category models
 */
export const Excerpt = Schema.Struct({ seq: Schema.Int, tokens: Schema.Int })
/**
 * @since 0.1.0
 * @category models
 */
export type Excerpt = typeof Excerpt.Type

/**
 * Messages `fromSeq` to `toSeq` that a rewind took back: the log keeps them, no view shows them any more.
 *
 * @since 0.1.0
 * @category models
 */
export const UndoneRange = Schema.Struct({ fromSeq: Schema.Int, toSeq: Schema.Int })
/**
 * @since 0.1.0
 * @category models
 */
export type UndoneRange = typeof UndoneRange.Type

/**
 * The base of a generation's view; the messages after it are added from the log.
 *
 * - `contextFrom`: the first `seq` after the last reset, 1 without one; nothing before it is shown but the system prompt
 * - `headTo` and `tailFrom`: the last `seq` of the head, 0 without one, and the first of the tail
 * - `segments`: the ids of the segments shown, oldest first
 * - `live` and `excerpts`: the `seq` of each open request that lies before the tail, and messages shown shortened
 * - `ledger` and `renderer`: the ledger as rendered, and the version of the handoff's wording
 * - `undone`: what rewinds have taken back, in order
 * - `account`: what the session has cost, where a compression has counted it
 *
 * @since 0.1.0
 * @category models
 */
export const Manifest = Schema.Struct({
  /** Manifests were stored without it once, and without `undone`. */
  contextFrom: Schema.optionalWith(Schema.Int, { default: () => 1 }),
  headTo: Schema.Int,
  tailFrom: Schema.Int,
  segments: Schema.Array(Schema.String),
  live: Schema.Array(Schema.Int),
  excerpts: Schema.Array(Excerpt),
  ledger: Schema.String,
  renderer: Schema.Int,
  undone: Schema.optionalWith(Schema.Array(UndoneRange), { default: () => [] }),
  account: Schema.optional(CostAccount)
})
/**
 * @since 0.1.0
 * @category models
 */
export type Manifest = typeof Manifest.Type

/**
 * The manifest of generation 0: the whole log, nothing left out.
 *
 * @since 0.1.0
 * @category constructors
 */
export const wholeLog: Manifest = {
  contextFrom: 1,
  headTo: 0,
  tailFrom: 1,
  segments: [],
  live: [],
  excerpts: [],
  ledger: "",
  renderer: 1,
  undone: []
}

/**
 * A window that proved smaller than configured: the server refused a view of this size, or named this limit. `model` is
 * the empty text if the steps name none. From the message `fromSeq` on a larger window is tried; once the server refuses
 * that too, the next trial is `wait` messages later. Without `probe` none is tried.
 *
 * @since 0.1.0
 * @category models
 */
export const LearnedWindow = Schema.Struct({
  model: Schema.String,
  contextLength: Schema.Int,
  probe: Schema.optional(Schema.Struct({ fromSeq: Schema.Int, wait: Schema.Int }))
})
/**
 * @since 0.1.0
 * @category models
 */
export type LearnedWindow = typeof LearnedWindow.Type

/**
 * Returns the smallest window learned for a model; infinite without one. A model without a name counts as the same.
 *
 * @since 0.1.0
 * @category getters
 */
export const findLearnedWindow = (windows: ReadonlyArray<LearnedWindow>, model = ""): number =>
  windows.reduce(
    (least, window) =>
      model === "" || window.model === "" || window.model === model ? Math.min(least, window.contextLength) : least,
    Infinity
  )

/**
 * What is learned of the window of `model`; a `contextLength` of null forgets it.
 *
 * @since 0.1.0
 * @category models
 */
export type LearnedWindowChange = readonly [model: string, contextLength: number | null, probe?: LearnedWindow["probe"]]

/**
 * Puts a window in the place of the one of the same model, or removes it. Ignores what is none. Keeps the newest 16.
 *
 * @since 0.1.0
 * @category combinators
 */
export const replaceLearnedWindow = (
  windows: ReadonlyArray<LearnedWindow>,
  ...[model, contextLength, probe]: LearnedWindowChange
): ReadonlyArray<LearnedWindow> => {
  const others = windows.filter((window) => window.model !== model)
  if (contextLength === null) return others
  const learned = { model, contextLength, ...(probe && { probe }) }
  return Schema.is(LearnedWindow)(learned) ? [...others, learned].slice(-MOST_WINDOWS) : windows
}

const MOST_WINDOWS = 16

/**
 * Returns whether a log that ends with `lastSeq` has every message that the manifest names.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isWithinLog = (manifest: Omit<Manifest, "undone">, lastSeq: number): boolean =>
  Math.max(manifest.contextFrom - 1, manifest.headTo, manifest.tailFrom - 1, ...manifest.live) <= lastSeq

/**
 * Everything a view is derived from, at one moment: head, open requests and tail are the messages themselves.
 * `system` are the system messages the log begins with; they belong to no other part. `windows` are those that proved
 * smaller than configured.
 *
 * `base` identifies what the log grows from. States with the same object as `base` differ only in what was appended in
 * between: manifest, head, segments and live requests are the same, and the shorter tail is the beginning of the longer.
 * A store makes a new object, such as `{}`, whenever it cannot promise that.
 *
 * @since 0.1.0
 * @category models
 */
export interface State {
  readonly sessionId: SessionId
  readonly base: object
  readonly generation: number
  readonly lastSeq: number
  readonly manifest: Manifest
  readonly system: ReadonlyArray<Logged>
  readonly head: ReadonlyArray<Logged>
  readonly segments: ReadonlyArray<Segment>
  readonly live: ReadonlyArray<Logged>
  readonly tail: ReadonlyArray<Logged>
  readonly usage: Usage | null
  readonly windows: ReadonlyArray<LearnedWindow>
}

/** The state as a commit of the manifest and its segments makes it: all that it shows is shown now. @internal */
export const applyManifest = (state: State, manifest: Manifest, segments: ReadonlyArray<Segment>): State => {
  const shown = new Map([...state.head, ...state.live, ...state.tail].map((entry) => [entry.seq, entry] as const))
  const entries = Array.from(shown.values())
  return {
    ...state,
    manifest,
    segments,
    head: entries.filter(({ seq }) => seq <= manifest.headTo),
    live: entries.filter(({ seq }) => manifest.live.includes(seq)),
    tail: entries.filter(({ seq }) => seq >= manifest.tailFrom)
  }
}

/**
 * The name of the snapshot left behind at `at` (epoch milliseconds), e.g. `chat-42.snapshot.2026-05-28T16:12:31.004Z`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const snapshotId = (sessionId: SessionId, at: number): string =>
  `${sessionId}.snapshot.${new Date(at).toISOString()}`

/**
 * Returns whether a message is undone. Looks it up by halves, as the ranges are in order and do not overlap.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isUndone = (ranges: ReadonlyArray<UndoneRange>, seq: number): boolean => {
  let low = 0
  for (let high = ranges.length; low < high;) {
    const middle = (low + high) >> 1
    if ((ranges[middle]?.toSeq ?? Infinity) < seq) low = middle + 1
    else high = middle
  }
  return (ranges[low]?.fromSeq ?? Infinity) <= seq
}

/**
 * Leaves out the entries that are undone.
 *
 * @since 0.1.0
 * @category combinators
 */
export const dropUndone = <A extends { readonly seq: number }>(
  ranges: ReadonlyArray<UndoneRange>,
  entries: Array<A>
): Array<A> => (ranges.length === 0 ? entries : entries.filter(({ seq }) => !isUndone(ranges, seq)))

/**
 * Takes back everything after `seq` up to the end of the log. Later ranges become part of the new one.
 *
 * @since 0.1.0
 * @category combinators
 */
export const undoAfter = (
  ranges: ReadonlyArray<UndoneRange>,
  seq: number,
  lastSeq: number
): ReadonlyArray<UndoneRange> =>
  seq >= lastSeq ? ranges : [...ranges.filter(({ toSeq }) => toSeq <= seq), { fromSeq: seq + 1, toSeq: lastSeq }]

/**
 * Takes back single messages, which need not be the last ones.
 *
 * @since 0.1.0
 * @category combinators
 */
export const undoMessages = (
  ranges: ReadonlyArray<UndoneRange>,
  seqs: ReadonlyArray<number>
): ReadonlyArray<UndoneRange> => {
  const all = [...ranges, ...seqs.map((seq) => ({ fromSeq: seq, toSeq: seq }))].sort((a, b) => a.fromSeq - b.fromSeq)
  const joined: Array<UndoneRange> = []
  for (const range of all) {
    const last = joined.at(-1)
    if (last === undefined || range.fromSeq > last.toSeq + 1) joined.push(range)
    else joined.splice(-1, 1, { fromSeq: last.fromSeq, toSeq: Math.max(last.toSeq, range.toSeq) })
  }
  return joined
}

/**
 * Restores single messages.
 *
 * @since 0.1.0
 * @category combinators
 */
export const restoreMessages = (
  ranges: ReadonlyArray<UndoneRange>,
  seqs: ReadonlyArray<number>
): ReadonlyArray<UndoneRange> =>
  seqs.reduce<ReadonlyArray<UndoneRange>>(
    (left, seq) =>
      left.flatMap((range) => {
        if (seq < range.fromSeq || seq > range.toSeq) return [range]
        const before = { ...range, toSeq: seq - 1 }
        const after = { ...range, fromSeq: seq + 1 }
        return [before, after].filter(({ fromSeq, toSeq }) => fromSeq <= toSeq)
      }),
    ranges
  )

/**
 * Counts the messages that are undone.
 *
 * @since 0.1.0
 * @category getters
 */
export const countUndone = (ranges: ReadonlyArray<UndoneRange>): number =>
  ranges.reduce((sum, { fromSeq, toSeq }) => sum + toSeq - fromSeq + 1, 0)
