/**
 * Turns whose agents are on the other side of a connection. Each runs in a fiber of this process, which holds the session's
 * lease until the client ends the turn or is silent for too long.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { createHash, randomBytes } from "node:crypto"
import { monotonicMillis } from "../concurrency/fiberServices.ts"
import { setNewest } from "../concurrency/newestEntries.ts"
import { Gateway, type TurnFailure } from "../gateway/Gateway.ts"
import type { StepOptions, StepUsage, Turn, TurnError } from "../gateway/Turn.ts"
import type { MessageFormat } from "../format/MessageFormat.ts"
import type { Message } from "../message/Message.ts"
import { makeAgentOverflow } from "../model/overflowText.ts"
import type { SessionId } from "../session/Session.ts"
import { IdempotencyConflict, type StoreError, TurnLost, type UnknownSession } from "../session/SessionError.ts"
import { SessionStore } from "../store/SessionStore.ts"
import type { View } from "../view/View.ts"
import { Unavailable } from "./endpoints/errors.ts"
import { Events } from "./events.ts"
import * as RemoteStep from "./remoteStep.ts"

/** A turn that its client has. */
interface OpenTurn {
  readonly sessionId: SessionId
  readonly turn: Turn
  readonly ttl: number
  readonly end: Deferred.Deferred<void>
  /** Closed at the end of the turn. */
  readonly scope: Scope.Scope
  /** Appends and rescues come one by one. */
  readonly oneByOne: Effect.Semaphore
  /** The answers of appends, by their keys. */
  readonly answers: Map<string, Appended>
  /** Calls under way: as long as there are any, the client is there. */
  calls: number
  /** When the client was heard last, by the monotonic clock. */
  heardAt: number
  run: Fiber.Fiber<void> | undefined
  /** The latest view was asked for with these. */
  asked: Asked
  /** The step whose view was refused, until another call tells that the model has answered. */
  rescue: RemoteStep.RemoteStep | undefined
}

/** The format of the latest view, and the options of its step. */
export interface Asked {
  readonly format: MessageFormat
  readonly options: StepOptions
}

interface Appended {
  readonly digest: string
  readonly lastSeq: number
}

/** The name of a turn in its calls, and the end of the log. */
export interface Begun {
  readonly turn: string
  readonly ttl: number
  readonly lastSeq: number
}

export class OpenTurns extends Context.Tag("throughline/server/OpenTurns")<
  OpenTurns,
  {
    readonly begin: (
      sessionId: SessionId,
      options: { readonly wait: number; readonly ttl: number }
    ) => Effect.Effect<Begun, TurnFailure | Unavailable>
    /** Takes up what was delivered. */
    readonly view: (
      sessionId: SessionId,
      name: string,
      asked: Asked
    ) => Effect.Effect<readonly [view: View, ttl: number], TurnError>
    /** Makes a smaller view, as the latest one was refused in the words of `detail`. */
    readonly rescue: (
      sessionId: SessionId,
      name: string,
      detail: string
    ) => Effect.Effect<readonly [view: View, ttl: number, asked: Asked], TurnError>
    readonly report: (sessionId: SessionId, name: string, usage: StepUsage) => Effect.Effect<number, TurnLost>
    /** Extends a turn, by the milliseconds that it returns. */
    readonly keep: (sessionId: SessionId, name: string) => Effect.Effect<number, TurnLost>
    /** Appends once for each key, and returns the end of the log. */
    readonly append: (
      sessionId: SessionId,
      name: string,
      messages: ReadonlyArray<Message>,
      key: string | undefined
    ) => Effect.Effect<
      { readonly lastSeq: number; readonly duplicate: boolean; readonly ttl: number },
      Effect.Effect.Error<ReturnType<Turn["append"]>> | IdempotencyConflict
    >
    /** Ends a turn, and returns the end of the log once the next turn may begin. */
    readonly end: (sessionId: SessionId, name: string) => Effect.Effect<number, TurnLost | UnknownSession | StoreError>
    /** Ends all turns: their clients lose them. */
    readonly stop: Effect.Effect<void>
  }
>() {}

/** Turns that are open or wait for their session. */
const MOST_TURNS = 1_000
const MOST_KEYS = 1_000

const make = Effect.gen(function* () {
  const gateway = yield* Gateway
  const store = yield* SessionStore
  const { publish } = yield* Events
  const scope = yield* Effect.scope
  const open = new Map<string, OpenTurn>()
  let count = 0

  const readLastSeq = (sessionId: SessionId) => Effect.map(store.state(sessionId), ({ lastSeq }) => lastSeq)

  /** Waits until the client has been silent for too long. */
  const awaitSilence = (of: OpenTurn): Effect.Effect<void> =>
    Effect.flatMap(monotonicMillis, (now) => {
      const left = of.calls > 0 ? of.ttl : of.heardAt + of.ttl - now
      return left <= 0 ? Effect.void : Effect.zipRight(Effect.sleep(Math.ceil(left)), awaitSilence(of))
    })

  const begin = (sessionId: SessionId, { ttl, wait }: { readonly wait: number; readonly ttl: number }) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        if (count >= MOST_TURNS) return yield* new Unavailable({ detail: "there are too many turns" })
        const name = randomBytes(24).toString("base64url")
        const begun = yield* Deferred.make<Begun, TurnFailure>()
        const agent = (turn: Turn) =>
          Effect.gen(function* () {
            const lastSeq = yield* readLastSeq(sessionId)
            const of: OpenTurn = {
              sessionId,
              turn,
              ttl,
              end: yield* Deferred.make<void>(),
              scope: yield* Effect.scope,
              oneByOne: yield* Effect.makeSemaphore(1),
              answers: new Map(),
              calls: 0,
              heardAt: yield* monotonicMillis,
              run: undefined,
              asked: { format: "chat", options: {} },
              rescue: undefined
            }
            open.set(name, of)
            yield* publish({ _tag: "TurnBegan", sessionId, at: Date.now() })
            yield* Deferred.succeed(begun, { turn: name, ttl, lastSeq })
            const isLost = yield* Effect.raceFirst(
              Effect.as(Deferred.await(of.end), false),
              Effect.as(awaitSilence(of), true)
            )
            yield* publish({ _tag: "TurnEnded", sessionId, at: Date.now(), outcome: isLost ? "lost" : "ended" })
          }).pipe(Effect.scoped)
        const run = Effect.interruptible(gateway.turn(sessionId, agent, { wait })).pipe(
          Effect.onExit((exit) => {
            open.delete(name)
            count--
            return Exit.isFailure(exit) ? Deferred.failCause(begun, exit.cause) : Effect.void
          }),
          Effect.ignore
        )
        count++
        const fiber = yield* Effect.forkIn(run, scope)
        const answer = yield* Effect.onInterrupt(restore(Deferred.await(begun)), () => Fiber.interrupt(fiber))
        const of = open.get(name)
        if (of !== undefined) of.run = fiber
        return answer
      })
    )

  const find = (sessionId: SessionId, name: string, unstored: ReadonlyArray<Message>) => {
    const of = open.get(name)
    return of === undefined || of.sessionId !== sessionId
      ? Effect.fail(new TurnLost({ sessionId, unstored }))
      : Effect.succeed(of)
  }

  /** Counts as the client's presence from its beginning to its end. */
  const during = <A, E>(of: OpenTurn, call: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Effect.sync(() => void of.calls++),
      () => call,
      () =>
        Effect.map(monotonicMillis, (now) => {
          of.calls--
          of.heardAt = now
        })
    )

  const use = <A, E>(sessionId: SessionId, name: string, call: (of: OpenTurn) => Effect.Effect<A, E>) =>
    Effect.flatMap(find(sessionId, name, []), (of) => during(of, call(of)))

  /** Ends a step whose view was refused: the client goes on, so that its model has taken the latest one. */
  const endRescue = (of: OpenTurn): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { rescue } = of
      of.rescue = undefined
      return rescue === undefined ? Effect.void : rescue.pass
    })

  const view = (sessionId: SessionId, name: string, asked: Asked) =>
    use(sessionId, name, (of) =>
      Effect.gen(function* () {
        yield* endRescue(of)
        of.asked = asked
        return [yield* of.turn.view(asked.options), of.ttl] as const
      })
    )

  const rescue = (sessionId: SessionId, name: string, detail: string) =>
    use(sessionId, name, (of) =>
      of.oneByOne.withPermits(1)(
        Effect.gen(function* () {
          const { asked, scope, ttl, turn } = of
          of.rescue ??= yield* RemoteStep.begin(turn, asked.options, scope)
          return [yield* of.rescue.refuse(makeAgentOverflow(detail)), ttl, asked] as const
        })
      )
    )

  const report = (sessionId: SessionId, name: string, usage: StepUsage) =>
    use(sessionId, name, (of) => Effect.as(Effect.zipRight(endRescue(of), of.turn.report(usage)), of.ttl))

  const keep = (sessionId: SessionId, name: string) => use(sessionId, name, ({ ttl }) => Effect.succeed(ttl))

  /** Uninterruptible: what is on disk is remembered under its key. */
  const append = (sessionId: SessionId, name: string, messages: ReadonlyArray<Message>, key: string | undefined) =>
    Effect.flatMap(find(sessionId, name, messages), (of) => {
      const digest = createHash("sha256").update(JSON.stringify(messages)).digest("base64")
      const appendOnce = Effect.gen(function* () {
        const before = key === undefined ? undefined : of.answers.get(key)
        if (before !== undefined && key !== undefined) {
          if (before.digest !== digest) return yield* new IdempotencyConflict({ sessionId, key })
          return { lastSeq: before.lastSeq, duplicate: true, ttl: of.ttl }
        }
        yield* endRescue(of)
        yield* of.turn.append(...messages)
        const lastSeq = yield* readLastSeq(sessionId)
        if (key !== undefined) setNewest(of.answers, key, { digest, lastSeq }, MOST_KEYS)
        return { lastSeq, duplicate: false, ttl: of.ttl }
      })
      return during(of, of.oneByOne.withPermits(1)(Effect.uninterruptible(appendOnce)))
    })

  const end = (sessionId: SessionId, name: string) =>
    Effect.gen(function* () {
      const of = yield* find(sessionId, name, [])
      yield* endRescue(of)
      yield* Deferred.succeed(of.end, undefined)
      if (of.run !== undefined) yield* Fiber.await(of.run)
      return yield* readLastSeq(sessionId)
    })

  const stop = Effect.suspend(() =>
    Effect.forEach(open.values(), ({ end, run }) =>
      Effect.zipRight(Deferred.succeed(end, undefined), run === undefined ? Effect.void : Fiber.await(run))
    )
  )

  return OpenTurns.of({ begin, view, rescue, report, keep, append, end, stop: Effect.asVoid(stop) })
})

export const layer = Layer.scoped(OpenTurns, make)
