/** The past of sessions: the views they left behind, their segments, and the size of the window over time. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { yieldToLoop } from "../concurrency/eventLoopBudget.ts"
import { setNewest } from "../concurrency/newestEntries.ts"
import { readHandoff } from "../gateway/editHandoff.ts"
import { clipText, toOneLine } from "../message/text.ts"
import { type Counter, inUse } from "../message/Tokens.ts"
import type { Logged, Segment, SessionId, State } from "../session/Session.ts"
import type { StoreError, UnknownSession, UnknownSnapshot } from "../session/SessionError.ts"
import { searchableText } from "../store/searchQuery.ts"
import { SessionStore } from "../store/SessionStore.ts"
import * as View from "../view/View.ts"
import type { Comparison, SegmentNode, SnapshotEntry, Timeline } from "./endpoints/answers.ts"
import { listShown } from "./facts.ts"
import { Settings } from "./settings.ts"
import { estimateView } from "./views.ts"

type Failure = UnknownSession | StoreError

export class Snapshots extends Context.Tag("throughline/server/Snapshots")<
  Snapshots,
  {
    readonly list: (sessionId: SessionId) => Effect.Effect<ReadonlyArray<SnapshotEntry>, Failure>
    readonly compare: (
      snapshotId: string,
      other: string | undefined,
      most: number
    ) => Effect.Effect<Comparison, Failure | UnknownSnapshot>
    readonly readTree: (
      sessionId: SessionId
    ) => Effect.Effect<
      { readonly roots: ReadonlyArray<string>; readonly segments: ReadonlyArray<SegmentNode> },
      Failure
    >
    readonly readTimeline: (sessionId: SessionId) => Effect.Effect<Timeline, Failure>
  }
>() {}

/** A snapshot never changes, so that it is read once. */
interface Digest {
  readonly view: number
  readonly segments: ReadonlyArray<Segment>
  readonly hasReceipt: boolean
}

/** The tokens and the times of the log's messages, by `seq`; those that a rewind took back have none. */
interface Growth {
  readonly sums: Array<number>
  readonly times: Array<number>
}

const MOST_DIGESTS = 5_000
const MOST_GROWTHS = 16
const MOST_POINTS = 1_000
const PAGE = 200
const EXCERPT = 240

const make = Effect.gen(function* () {
  const store = yield* SessionStore
  const counter = yield* inUse
  const { contextLength } = yield* Settings
  const digests = new Map<string, Digest>()
  const growths = new Map<string, Growth>()

  const readDigest = (snapshotId: string): Effect.Effect<Digest, StoreError> =>
    Effect.suspend(() => {
      const known = digests.get(snapshotId)
      if (known !== undefined) return Effect.succeed(known)
      return Effect.gen(function* () {
        const state = yield* store.snapshot(snapshotId)
        const hasReceipt = (yield* store.receipt(snapshotId)) !== null
        const segments = state.segments.map((segment) => ({ ...segment, text: "" }))
        const digest = { view: estimateView(state, counter), segments, hasReceipt }
        setNewest(digests, snapshotId, digest, MOST_DIGESTS)
        yield* yieldToLoop
        return digest
      }).pipe(
        // It was forgotten with its session meanwhile.
        Effect.catchTag("UnknownSnapshot", () => Effect.succeed({ view: 0, segments: [], hasReceipt: false }))
      )
    })

  const list = (sessionId: SessionId) =>
    Effect.flatMap(store.snapshots(sessionId), (found) =>
      Effect.forEach(found, (snapshot) =>
        Effect.map(readDigest(snapshot.snapshotId), ({ hasReceipt }) => ({ ...snapshot, hasReceipt }))
      )
    )

  const compare = (snapshotId: string, other: string | undefined, most: number) =>
    Effect.gen(function* () {
      const before = yield* store.snapshot(snapshotId)
      const after = yield* other === undefined ? store.state(before.sessionId) : store.snapshot(other)
      return compareStates({ before, after, most }, counter)
    })

  const readTree = (sessionId: SessionId) =>
    Effect.gen(function* () {
      const state = yield* store.state(sessionId)
      const nodes = new Map<string, SegmentNode>()
      for (const { snapshotId } of yield* store.snapshots(sessionId)) {
        for (const segment of (yield* readDigest(snapshotId)).segments)
          nodes.set(segment.id, describeSegment(segment, false))
      }
      for (const segment of state.segments) nodes.set(segment.id, describeSegment(segment, true))
      const children = new Set(Array.from(nodes.values()).flatMap((node) => node.children))
      const segments = Array.from(nodes.values()).toSorted((a, b) => b.level - a.level || a.fromSeq - b.fromSeq)
      return { roots: segments.filter(({ id }) => !children.has(id)).map(({ id }) => id), segments }
    })

  /** Reads only what the log has grown by. */
  const readGrowth = (sessionId: SessionId, lastSeq: number) =>
    Effect.gen(function* () {
      const known = growths.get(sessionId)
      const growth = known === undefined || known.sums.length > lastSeq + 1 ? { sums: [0], times: [0] } : known
      for (let from = growth.sums.length; from <= lastSeq; from += PAGE) {
        const to = Math.min(lastSeq, from + PAGE - 1)
        const page = new Map((yield* store.range(sessionId, from, to)).map((entry) => [entry.seq, entry] as const))
        for (let seq = from; seq <= to; seq++) {
          const entry = page.get(seq)
          growth.sums.push((growth.sums.at(-1) ?? 0) + (entry?.tokens ?? 0))
          growth.times.push(entry?.at ?? growth.times.at(-1) ?? 0)
        }
        yield* yieldToLoop
      }
      setNewest(growths, sessionId, growth, MOST_GROWTHS)
      return growth
    })

  const readTimeline = (sessionId: SessionId) =>
    Effect.gen(function* () {
      const state = yield* store.state(sessionId)
      const growth = yield* readGrowth(sessionId, state.lastSeq)
      const snapshots = yield* store.snapshots(sessionId)
      const digested = yield* Effect.forEach(snapshots, (snapshot) =>
        Effect.map(readDigest(snapshot.snapshotId), ({ hasReceipt, view }) => ({ ...snapshot, hasReceipt, view }))
      )
      const now = { lastSeq: state.lastSeq, view: estimateView(state, counter) }
      const sumTo = (seq: number): number => growth.sums[Math.min(seq, growth.sums.length - 1)] ?? 0
      const commits = digested.map(({ at, generation, hasReceipt, lastSeq, snapshotId, view }, i) => {
        const next = digested[i + 1] ?? now
        const after = Math.max(0, next.view - (sumTo(next.lastSeq) - sumTo(lastSeq)))
        return { snapshotId, generation: generation + 1, at, lastSeq, hasReceipt, before: view, after }
      })
      const points = choosePoints(
        state.lastSeq,
        commits.map(({ lastSeq }) => lastSeq)
      ).map((seq) => {
        const commit = commits.findLast(({ lastSeq }) => lastSeq < seq)
        const view = commit === undefined ? sumTo(seq) : commit.after + sumTo(seq) - sumTo(commit.lastSeq)
        return { seq, at: growth.times[seq] ?? 0, view, whole: sumTo(seq) }
      })
      return { contextLength, points, commits }
    })

  return Snapshots.of({ list, compare, readTree, readTimeline })
})

export const layer = Layer.effect(Snapshots, make)

/** Numbers of messages, evenly spread, and those beside each commit. */
const choosePoints = (lastSeq: number, commits: ReadonlyArray<number>): ReadonlyArray<number> => {
  const nearCommits = commits.slice(-MOST_POINTS / 4).flatMap((seq) => [seq, seq + 1])
  const step = Math.max(1, Math.ceil(lastSeq / (MOST_POINTS - nearCommits.length)))
  const spread = Array.from({ length: Math.floor(lastSeq / step) }, (_, i) => (i + 1) * step)
  const chosen = new Set([...spread, ...nearCommits, lastSeq].filter((seq) => seq >= 1 && seq <= lastSeq))
  return Array.from(chosen).toSorted((a, b) => a - b)
}

export const describeSegment = (segment: Segment, isShown: boolean): SegmentNode => {
  const { text: _, ...node } = segment
  return { ...node, isShown }
}

// ── comparisons ──

interface Compared {
  readonly before: State
  readonly after: State
  /** The most messages that are listed of those that left, and of those that came. */
  readonly most: number
}

const compareStates = ({ after, before, most }: Compared, counter: Counter): Comparison => {
  const [shownBefore, shownAfter] = [listShown(before), listShown(after)]
  const without = (entries: ReadonlyArray<Logged>, others: ReadonlyArray<Logged>) => {
    const there = new Set(others.map(({ seq }) => seq))
    return entries.filter(({ seq }) => !there.has(seq))
  }
  const left = without(shownBefore, shownAfter)
  const came = without(shownAfter, shownBefore)
  const wasWhole = new Set(shownBefore.map(({ seq }) => seq))
  for (const { seq } of before.manifest.excerpts) wasWhole.delete(seq)
  return {
    sessionId: before.sessionId,
    before: describeSide(before, counter),
    after: describeSide(after, counter),
    left: left.slice(0, most).map(mention),
    leftCount: left.length,
    came: came.slice(0, most).map(mention),
    cameCount: came.length,
    shortened: after.manifest.excerpts.filter(({ seq }) => wasWhole.has(seq))
  }
}

const describeSide = (state: State, counter: Counter): Comparison["before"] => {
  const { generation, messages, parts, tokens } = View.assemble(state, counter)
  return {
    generation,
    lastSeq: state.lastSeq,
    view: { messages: messages.length, tokens },
    parts,
    segments: state.manifest.segments,
    handoff: readHandoff(state)
  }
}

const mention = ({ at, message, seq, tokens }: Logged): Comparison["left"][number] => ({
  seq,
  role: message.role,
  at,
  tokens,
  excerpt: clipText(toOneLine(searchableText(message)), EXCERPT)
})
