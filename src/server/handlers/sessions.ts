/** Answers what there is to read of sessions. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readHandoff } from "../../gateway/editHandoff.ts"
import { Gateway } from "../../gateway/Gateway.ts"
import type { MessageFormat } from "../../format/MessageFormat.ts"
import { inUse } from "../../message/Tokens.ts"
import { Recall } from "../../recall/Recall.ts"
import * as CompressionReceipt from "../../session/Receipt.ts"
import type { Logged, State } from "../../session/Session.ts"
import { SessionIndex, SessionStore } from "../../store/SessionStore.ts"
import * as View from "../../view/View.ts"
import { Api } from "../Api.ts"
import type { LogEntry } from "../endpoints/answers.ts"
import { readFacts } from "../facts.ts"
import { SessionList } from "../sessionList.ts"
import { Settings } from "../settings.ts"
import { Snapshots } from "../snapshots.ts"
import { describeView } from "../views.ts"

const PAGE = 100
const LARGEST_PAGE = 1_000

/** Messages that are read at a time, and the tokens after which a page ends whatever was asked for. */
const SLICE = 50
const PAGE_TOKENS = 400_000

/** The most tokens behind a segment that one answer has, unless more are asked for. */
const SEGMENT_TOKENS = 20_000

export const layer = HttpApiBuilder.group(Api, "sessions", (handlers) =>
  Effect.gen(function* () {
    const gateway = yield* Gateway
    const store = yield* SessionStore
    const index = yield* SessionIndex
    const recall = yield* Recall
    const list = yield* SessionList
    const snapshots = yield* Snapshots
    const counter = yield* inUse
    const { contextLength } = yield* Settings

    const answerView = (state: State, format: MessageFormat = "chat") =>
      Effect.orDie(describeView(View.assemble(state, counter), format))

    const describeEntry = (state: State, { sessionId }: State) => {
      const places = makePlaces(state)
      return ({ unreadable, ...entry }: Logged) =>
        Effect.map(index.segmentOver(sessionId, entry.seq), (segment): LogEntry => ({
          ...entry,
          place: places(entry.seq),
          segment,
          ...(unreadable === undefined ? {} : { unreadable })
        }))
    }

    return handlers
      .handle("list", ({ urlParams: { after, limit = PAGE } }) => list.list(after, Math.min(LARGEST_PAGE, limit)))
      .handle("detail", ({ path: { session } }) =>
        Effect.map(store.state(session), (state) => {
          const { generation, lastSeq, manifest, sessionId, windows } = state
          const { ledger: _, renderer: __, ...places } = manifest
          const { messages, open, parts, tokens } = View.assemble(state, counter)
          const view = { messages: messages.length, tokens }
          return { sessionId, generation, lastSeq, contextLength, view, parts, open, ...places, windows }
        })
      )
      .handle("view", ({ path: { session }, urlParams: { format } }) =>
        Effect.flatMap(store.state(session), (state) => answerView(state, format))
      )
      .handle("log", ({ path: { session }, urlParams: { from = 1, limit = PAGE } }) =>
        Effect.gen(function* () {
          const state = yield* store.state(session)
          const { lastSeq, manifest } = state
          const describe = describeEntry(state, state)
          const entries: Array<LogEntry> = []
          const most = Math.min(LARGEST_PAGE, Math.max(1, limit))
          let next = Math.max(1, from)
          let tokens = 0
          while (next <= lastSeq && entries.length < most && tokens < PAGE_TOKENS) {
            const to = Math.min(lastSeq, next + Math.min(SLICE, most - entries.length) - 1)
            for (const entry of yield* store.range(session, next, to)) {
              entries.push(yield* describe(entry))
              tokens += entry.tokens
            }
            next = to + 1
          }
          const { undone } = manifest
          return { entries, undone, lastSeq, next: next <= lastSeq ? next : null }
        })
      )
      .handle("inbox", ({ path: { session }, urlParams: { limit = PAGE } }) =>
        Effect.gen(function* () {
          const { lastSeq } = yield* store.state(session)
          // What a turn takes up meanwhile comes first.
          const waiting = Stream.filter(store.log(session, lastSeq), ({ seq }) => seq === null)
          const entries = yield* Stream.runCollect(Stream.take(waiting, Math.min(LARGEST_PAGE, limit)))
          return Array.from(entries, ({ arrival, at, kind, message, unreadable }) => ({
            arrival,
            at,
            kind,
            message,
            ...(unreadable === undefined ? {} : { unreadable })
          }))
        })
      )
      .handle("reply", ({ path: { arrival, session } }) =>
        Effect.map(gateway.reply(session, arrival), (entry) => entry && describeMessage(entry))
      )
      .handle("segments", ({ path: { session } }) => snapshots.readTree(session))
      .handle("segment", ({ path: { segment }, urlParams: { from, maxTokens = SEGMENT_TOKENS } }) =>
        Effect.map(recall.expand(segment, { fromSeq: from, maxTokens }), ({ entries, ...rest }) => ({
          ...rest,
          entries: entries.map(describeMessage)
        }))
      )
      .handle("handoff", ({ path: { session } }) =>
        Effect.map(store.state(session), (state) => ({
          sessionId: session,
          generation: state.generation,
          handoff: readHandoff(state)
        }))
      )
      .handle("ledger", ({ path: { session } }) => readFacts(store, session))
      .handle("rules", ({ path: { session } }) =>
        Effect.map(readFacts(store, session), ({ constraints, fileRules, notes }) => ({
          constraints,
          fileRules,
          notes
        }))
      )
      .handle("pins", ({ path: { session } }) => gateway.pins(session))
      .handle("recall", ({ path: { session }, urlParams: { query, ...options } }) =>
        recall.recall(session, query, options)
      )
      .handle("stats", ({ path: { session } }) => gateway.stats(session))
      .handle("plan", ({ path: { session }, urlParams: { steps } }) =>
        Effect.map(gateway.plan(session, { steps }), ({ threshold, window, ...forecast }) => ({
          ...forecast,
          window: { ...window, hard: boundOrNull(window.hard) },
          threshold: { ...threshold, latest: boundOrNull(threshold.latest) }
        }))
      )
      .handle("timeline", ({ path: { session } }) => snapshots.readTimeline(session))
      .handle("snapshots", ({ path: { session } }) => snapshots.list(session))
      .handle("snapshotView", ({ path: { snapshot }, urlParams: { format } }) =>
        Effect.flatMap(store.snapshot(snapshot), (state) => answerView(state, format))
      )
      .handle("comparison", ({ path: { snapshot }, urlParams: { limit = PAGE, with: other } }) =>
        snapshots.compare(snapshot, other, Math.min(LARGEST_PAGE, limit))
      )
      .handle("receipt", ({ path: { snapshot } }) =>
        Effect.flatMap(store.receipt(snapshot), (text) =>
          text === null ? Effect.succeed(null) : CompressionReceipt.decode(text)
        )
      )
  })
)

const boundOrNull = (bound: number): number | null => (Number.isFinite(bound) ? bound : null)

const describeMessage = ({ at, message, seq, tokens }: Logged) => ({ seq, at, tokens, message })

/** Tells where a view shows a message of the log. */
const makePlaces = ({ manifest, system }: State): ((seq: number) => LogEntry["place"]) => {
  const isSystem = new Set(system.map(({ seq }) => seq))
  const isExcerpt = new Set(manifest.excerpts.map(({ seq }) => seq))
  const isLive = new Set(manifest.live)
  return (seq) => {
    if (isSystem.has(seq)) return "system"
    if (seq < manifest.contextFrom) return "before"
    if (isExcerpt.has(seq)) return "excerpt"
    if (seq <= manifest.headTo) return "head"
    if (seq >= manifest.tailFrom) return "tail"
    return isLive.has(seq) ? "requests" : "handoff"
  }
}
