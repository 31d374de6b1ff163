/** The demo itself: a scripted agent works through a long session while its window is kept within bounds. */
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as CompressionPolicy from "../../compression/CompressionPolicy.ts"
import type { CompressionResult } from "../../session/CompressionResult.ts"
import type { CompressionEvent } from "../../compression/CompressionEvent.ts"
import { Compressor } from "../../compression/Compressor.ts"
import { Gateway } from "../../gateway/Gateway.ts"
import type { Message } from "../../message/Message.ts"
import { type DeliveryKind, type Receipt, SessionId } from "../../session/Session.ts"
import { SessionStore } from "../../store/SessionStore.ts"
import { Tokens } from "../../message/Tokens.ts"
import * as View from "../../view/View.ts"
import { type DemoTurn, listMessages, makeSession } from "./session.ts"
import { type Check, runChecks } from "./checks.ts"

/** What an onlooker may show while the demo works. `meanwhile`: a compression was under way all the milliseconds it took. */
export type DemoEvent = Data.TaggedEnum<{
  Begun: { readonly messages: number; readonly turns: number }
  Answered: { readonly turn: number; readonly view: View.View; readonly meanwhile: number | null }
  Compressing: { readonly messages: number; readonly tokens: number }
  Arrived: { readonly messages: number }
  Compressed: { readonly result: CompressionResult }
}>
export const DemoEvent = Data.taggedEnum<DemoEvent>()

export interface DemoOutcome {
  readonly result: CompressionResult
  readonly before: View.View
  readonly after: View.View
  readonly checks: ReadonlyArray<Check>
}

const id = SessionId.make("demo")

const arrivals: ReadonlyArray<readonly [DeliveryKind, Message]> = [
  ["request", { role: "user", content: "While you are at it: is the nightly export still running on the old rates?" }],
  ["notification", { role: "user", content: "[watch] CI finished: 3 failed, 412 passed" }]
]

/** Who delivers, and keeps the receipts. */
const makeSender = Effect.map(Gateway, ({ deliver }) => {
  const receipts: Array<Receipt & { readonly message: Message }> = []
  return {
    receipts,
    send: (message: Message, kind: DeliveryKind) =>
      Effect.map(deliver(id, message, { kind }), (receipt) => void receipts.push({ ...receipt, message }))
  }
})

/** How many steps have begun, and what each saw. */
interface Steps {
  begun: number
  readonly seen: Array<View.View>
}

/** The scripted agent: its replies are known, all else is as with a model. */
const answerTurn = (turn: DemoTurn, steps: Steps) =>
  Effect.flatMap(Gateway, (gateway) =>
    gateway.turn(id, ({ append, step }) =>
      Effect.forEach(turn.steps, ({ reply, results }) =>
        Effect.zipRight(
          Effect.suspend(() => {
            steps.begun += 1
            return step((view) => Effect.sync(() => steps.seen.push(view)))
          }),
          append(reply, ...results)
        )
      )
    )
  )

export const replaySession = (show: (happening: DemoEvent) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const { view } = yield* Gateway
    const { events, policy } = yield* Compressor
    const { receipts, send } = yield* makeSender
    const turns = makeSession(7)
    const steps: Steps = { begun: 0, seen: [] }
    const compressed = yield* Deferred.make<Compressed>()
    let stepsBefore = 0
    let isUnderWay = false
    let answeredMeanwhile = 0

    const arrive = Effect.forEach(arrivals, ([kind, message]) => send(message, kind)).pipe(
      Effect.tap(() => Effect.sync(() => (stepsBefore = steps.begun))),
      Effect.zipRight(show(DemoEvent.Arrived({ messages: arrivals.length })))
    )
    const watch = (event: CompressionEvent) =>
      Effect.gen(function* () {
        isUnderWay = event._tag === "Started"
        if (event._tag === "Started") yield* Effect.zipRight(show(DemoEvent.Compressing(event)), arrive)
        if (event._tag !== "Committed") return
        const { result } = event
        yield* show(DemoEvent.Compressed({ result }))
        yield* Deferred.succeed(compressed, { result, after: yield* view(id) })
      })
    yield* Effect.forkScoped(Stream.runForEach(events, watch))

    yield* show(DemoEvent.Begun({ messages: listMessages(turns).length + arrivals.length, turns: turns.length }))
    for (const [index, turn] of turns.entries()) {
      const wasUnderWay = isUnderWay
      yield* send(turn.request, "request")
      const [took] = yield* Effect.timed(answerTurn(turn, steps))
      const isMeanwhile = wasUnderWay && isUnderWay
      const meanwhile = isMeanwhile ? Math.ceil(Duration.toMillis(took)) : null
      yield* show(DemoEvent.Answered({ turn: index + 1, view: yield* view(id), meanwhile }))
      if (!isMeanwhile) continue
      answeredMeanwhile++
      // The rest of the story is for the window after.
      yield* Deferred.await(compressed)
    }

    const { after, result } = yield* Deferred.await(compressed)
    const { before, ids, log, turnsWaited } = yield* readStore(result)
    const inOrder = receipts.toSorted((a, b) => a.arrival - b.arrival)
    const made = runChecks({
      given: id,
      sessionIds: [...ids, result.sessionId, after.sessionId, ...receipts.map(({ sessionId }) => sessionId)],
      appended: turns.flatMap(({ steps }) => steps.flatMap(({ reply, results }) => [reply, ...results])),
      delivered: inOrder.map(({ message }) => message),
      log,
      before,
      after,
      target: CompressionPolicy.shares(policy, after.parts.system.tokens)?.target ?? 0,
      arrivals: arrivals.map(([, message]) => message),
      answeredMeanwhile,
      turnsWaited,
      next: steps.seen[stepsBefore] ?? after
    })
    return { result, before, after, checks: made } satisfies DemoOutcome
  }).pipe(Effect.scoped)

interface Compressed {
  readonly result: CompressionResult
  readonly after: View.View
}

/** What the store has to say in the end. */
const readStore = (result: CompressionResult) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(id)))
    const sessions = yield* store.sessions
    return {
      before: View.assemble(yield* store.snapshot(result.snapshotId ?? result.outcome), yield* Tokens),
      ids: sessions.map(({ sessionId }) => sessionId),
      turnsWaited: (yield* store.stats(id)).turnsWaited,
      log: log.map(({ message }) => message)
    }
  })
