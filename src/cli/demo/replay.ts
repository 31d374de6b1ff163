/** Replays a long session of a scripted agent, whose window is compressed on the way. */
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { CompressionEvent } from "../../compression/CompressionEvent.ts"
import * as CompressionPolicy from "../../compression/CompressionPolicy.ts"
import * as Compressor from "../../compression/Compressor.ts"
import * as Gateway from "../../gateway/Gateway.ts"
import type { Message } from "../../message/Message.ts"
import { Tokens } from "../../message/Tokens.ts"
import * as ModelClients from "../../model/ModelClients.ts"
import * as OpenAi from "../../openai/OpenAi.ts"
import type { CompressionResult } from "../../session/CompressionResult.ts"
import { type DeliveryKind, type Receipt, SessionId } from "../../session/Session.ts"
import * as Sqlite from "../../sqlite/Sqlite.ts"
import { SessionCounters, SessionStore } from "../../store/SessionStore.ts"
import * as RoutePauses from "../../summary/RoutePauses.ts"
import * as Summarizer from "../../summary/Summarizer.ts"
import * as View from "../../view/View.ts"
import { type Check, runChecks } from "./checks.ts"
import { type DemoTurn, listMessages, makeSession } from "./session.ts"

/**
 * The progress that a replay reports. `millisMeanwhile` is the duration of a turn that began and ended during the
 * compression, null for other turns.
 */
export type DemoEvent = Data.TaggedEnum<{
  ReplayStarted: { readonly messages: number; readonly turns: number }
  TurnAnswered: { readonly turn: number; readonly view: View.View; readonly millisMeanwhile: number | null }
  CompressionStarted: { readonly messages: number; readonly tokens: number }
  MessagesArrived: { readonly messages: number }
  CompressionCommitted: { readonly result: CompressionResult }
}>
export const DemoEvent = Data.taggedEnum<DemoEvent>()

export interface DemoOutcome {
  readonly result: CompressionResult
  readonly before: View.View
  readonly after: View.View
  readonly checks: ReadonlyArray<Check>
}

/** The delay of the embedded summarizer. Without it there would be nothing to see during the compression. */
export const PRETENDED_DELAY = "2 seconds"

const pretendedSummarizer = Layer.effect(
  Summarizer.Summarizer,
  Effect.map(Summarizer.make({ routes: [] }), (embedded) =>
    Summarizer.Summarizer.of({
      ...embedded,
      summarize: (range) => Effect.delay(embedded.summarize(range), PRETENDED_DELAY)
    })
  )
)

/** The library on a temporary database, without a route to a model: the demo needs no network. */
export const layerDemo = (contextLength: number) => {
  // One compression, late, so that the window is seen filling up.
  const options = { policy: { contextLength, threshold: 0.5 }, routes: [] }
  return Layer.scoped(Gateway.Gateway, Gateway.make(options)).pipe(
    Layer.provideMerge(Compressor.layer(options)),
    Layer.provide(pretendedSummarizer),
    Layer.provide([ModelClients.layer(), RoutePauses.layer()]),
    Layer.provideMerge(Sqlite.layerTemporary),
    Layer.provide(OpenAi.layer)
  )
}

const sessionId = SessionId.make("demo")

const arrivals: ReadonlyArray<readonly [DeliveryKind, Message]> = [
  ["request", { role: "user", content: "While you are at it: is the nightly export still running on the old rates?" }],
  ["notification", { role: "user", content: "[watch] CI finished: 3 failed, 412 passed" }]
]

/** Delivers messages and keeps their receipts. */
const makeSender = Effect.map(Gateway.Gateway, ({ deliver }) => {
  const receipts: Array<Receipt & { readonly message: Message }> = []
  return {
    receipts,
    sendMessage: (message: Message, kind: DeliveryKind) =>
      Effect.map(deliver(sessionId, message, { kind }), (receipt) => void receipts.push({ ...receipt, message }))
  }
})

/** Answers a request as a scripted agent: the replies are known, everything else is as with a model. */
const answerTurn = (turn: DemoTurn, stepViews: Array<View.View>) =>
  Effect.flatMap(Gateway.Gateway, (gateway) =>
    gateway.turn(sessionId, ({ append, step }) =>
      Effect.forEach(turn.steps, ({ reply, results }) =>
        Effect.zipRight(
          step((view) => Effect.sync(() => stepViews.push(view))),
          append(reply, ...results)
        )
      )
    )
  )

export const replaySession = (report: (event: DemoEvent) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const { view } = yield* Gateway.Gateway
    const { events, policy } = yield* Compressor.Compressor
    const { receipts, sendMessage } = yield* makeSender
    const turns = makeSession(7)
    const stepViews: Array<View.View> = []
    const compressed = yield* Deferred.make<{ readonly result: CompressionResult; readonly after: View.View }>()
    const turnsMeanwhile: Array<number> = []
    let stepsBeforeArrivals = 0
    let isCompressing = false

    const followEvent = Effect.fnUntraced(function* (event: CompressionEvent) {
      isCompressing = event._tag === "Started"
      if (event._tag === "Started") yield* report(DemoEvent.CompressionStarted(event))
      if (event._tag !== "Committed") return
      yield* report(DemoEvent.CompressionCommitted(event))
      yield* Deferred.succeed(compressed, { result: event.result, after: yield* view(sessionId) })
    })
    yield* Effect.forkScoped(Stream.runForEach(events, followEvent))

    const messages = listMessages(turns).length + arrivals.length
    yield* report(DemoEvent.ReplayStarted({ messages, turns: turns.length }))
    for (const [index, turn] of turns.entries()) {
      const wasCompressing = isCompressing
      if (wasCompressing) {
        stepsBeforeArrivals = stepViews.length
        yield* Effect.forEach(arrivals, ([kind, message]) => sendMessage(message, kind))
        yield* report(DemoEvent.MessagesArrived({ messages: arrivals.length }))
      }
      yield* sendMessage(turn.request, "request")
      const [took] = yield* Effect.timed(answerTurn(turn, stepViews))
      const isMeanwhile = wasCompressing && isCompressing
      const millisMeanwhile = isMeanwhile ? Math.ceil(Duration.toMillis(took)) : null
      yield* report(DemoEvent.TurnAnswered({ turn: index + 1, view: yield* view(sessionId), millisMeanwhile }))
      if (isMeanwhile) turnsMeanwhile.push(index + 1)
      // The remaining turns show the window after the compression.
      if (wasCompressing) yield* Deferred.await(compressed)
    }

    const { after, result } = yield* Deferred.await(compressed)
    const { before, ids, log, turnsWaited } = yield* readStore(result)
    // The compression began with the first step whose view was over the threshold.
    const began = stepViews.find(({ tokens }) => tokens > CompressionPolicy.softLimit(policy)) ?? before
    const checks = runChecks({
      sessionId,
      seenIds: [...ids, result.sessionId, after.sessionId, ...receipts.map((receipt) => receipt.sessionId)],
      appended: turns.flatMap(({ steps }) => steps.flatMap(({ reply, results }) => [reply, ...results])),
      delivered: receipts.toSorted((a, b) => a.arrival - b.arrival).map(({ message }) => message),
      log,
      before,
      after,
      targetTokens: CompressionPolicy.shares(policy, after.parts.system.tokens)?.target ?? 0,
      tokensMeanwhile: before.tokens - began.tokens,
      arrivals: arrivals.map(([, message]) => message),
      nextView: stepViews[stepsBeforeArrivals] ?? after,
      turnsMeanwhile,
      turnsWaited
    })
    return { result, before, after, checks } satisfies DemoOutcome
  }).pipe(Effect.scoped)

const readStore = (result: CompressionResult) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const counters = yield* SessionCounters
    const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(sessionId)))
    const sessions = yield* store.sessions
    return {
      before: View.assemble(yield* store.snapshot(result.snapshotId ?? result.outcome), yield* Tokens),
      ids: sessions.map((session) => session.sessionId),
      turnsWaited: (yield* counters.stats(sessionId)).turnsWaited,
      log: log.map(({ message }) => message)
    }
  })
