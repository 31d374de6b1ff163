/** Random programs on a whole gateway, and what was seen while one ran. */
import { Cause, Chunk, Effect, Either, FastCheck, Fiber, Stream, TestClock } from "effect"
import { ContextOverflow } from "../../src/model/ModelError.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import type { CompressionResult } from "../../src/session/CompressionResult.ts"
import { yieldToLoop } from "../../src/concurrency/eventLoopBudget.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import type * as Message from "../../src/message/Message.ts"
import type { DeliveryKind, Receipt, SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import type { Turn } from "../../src/gateway/Turn.ts"
import type { View } from "../../src/view/View.ts"
import { id } from "./world.ts"

/** One step of a turn: a view, a report of `ratio` times its estimate, a pause, and calls with their results. */
export interface Step {
  readonly ratio: number | undefined
  readonly pause: number
  readonly calls: number
  readonly size: number
}

export type Action =
  | { readonly do: "deliver"; readonly kind: DeliveryKind; readonly size: number; readonly key: string | undefined }
  | { readonly do: "turn"; readonly steps: ReadonlyArray<Step> }
  | { readonly do: "compress"; readonly focus: string | undefined; readonly times: number }
  | { readonly do: "give up"; readonly caller: number }
  | { readonly do: "stop" }
  | { readonly do: "yield"; readonly times: number }
  | { readonly do: "wait"; readonly seconds: number }
  | { readonly do: "heal" }
  | { readonly do: "reset" }
  | { readonly do: "rewind"; readonly by: number }
  | { readonly do: "overflow"; readonly times: number; readonly patience: number | undefined }
  | { readonly do: "auxiliary" }
  | { readonly do: "look" }

const size = FastCheck.constantFrom(4, 30, 120)
const step: FastCheck.Arbitrary<Step> = FastCheck.record({
  ratio: FastCheck.option(FastCheck.double({ min: 0.7, max: 2, noNaN: true }), { nil: undefined, freq: 3 }),
  pause: FastCheck.constantFrom(0, 0, 3),
  calls: FastCheck.nat(2),
  size
})

export const action: FastCheck.Arbitrary<Action> = FastCheck.oneof(
  {
    weight: 5,
    arbitrary: FastCheck.record({
      do: FastCheck.constant("deliver" as const),
      kind: FastCheck.constantFrom<DeliveryKind>("request", "notification"),
      size,
      key: FastCheck.constantFrom(undefined, undefined, "a", "b")
    })
  },
  {
    weight: 3,
    arbitrary: FastCheck.record({
      do: FastCheck.constant("turn" as const),
      steps: FastCheck.array(step, { minLength: 1, maxLength: 4 })
    })
  },
  {
    weight: 3,
    arbitrary: FastCheck.record({
      do: FastCheck.constant("compress" as const),
      focus: FastCheck.constantFrom(undefined, undefined, "the invoices"),
      times: FastCheck.integer({ min: 1, max: 3 })
    })
  },
  {
    weight: 2,
    arbitrary: FastCheck.record({ do: FastCheck.constant("give up" as const), caller: FastCheck.nat(20) })
  },
  { weight: 1, arbitrary: FastCheck.constant({ do: "stop" as const }) },
  {
    weight: 3,
    arbitrary: FastCheck.record({ do: FastCheck.constant("yield" as const), times: FastCheck.nat(60) })
  },
  {
    weight: 1,
    arbitrary: FastCheck.record({ do: FastCheck.constant("wait" as const), seconds: FastCheck.constantFrom(2, 9) })
  }
)

export const program = FastCheck.array(action, { minLength: 3, maxLength: 14, size: "max" })

/** Actions that call a failing model or end the work of others, and a look at the session from outside. */
const disturbance: FastCheck.Arbitrary<Action> = FastCheck.oneof(
  { weight: 3, arbitrary: FastCheck.constant({ do: "heal" as const }) },
  { weight: 1, arbitrary: FastCheck.constant({ do: "reset" as const }) },
  {
    weight: 1,
    arbitrary: FastCheck.record({
      do: FastCheck.constant("rewind" as const),
      by: FastCheck.integer({ min: 0, max: 40 })
    })
  },
  {
    weight: 2,
    arbitrary: FastCheck.record({
      do: FastCheck.constant("overflow" as const),
      times: FastCheck.integer({ min: 1, max: 2 }),
      patience: FastCheck.constantFrom(undefined, 3)
    })
  },
  { weight: 2, arbitrary: FastCheck.constant({ do: "auxiliary" as const }) },
  { weight: 3, arbitrary: FastCheck.constant({ do: "look" as const }) }
)

export const disturbed = FastCheck.array(
  FastCheck.oneof({ weight: 3, arbitrary: action }, { weight: 2, arbitrary: disturbance }),
  { minLength: 3, maxLength: 16, size: "max" }
)

// ── running one ──

/** Acknowledged messages in their order; messages that were only `tried` may or may not be in the log. */
export interface Seen {
  readonly delivered: Array<{ readonly text: string; readonly kind: DeliveryKind; readonly receipt: Receipt }>
  readonly keyed: Array<Keyed>
  readonly appended: Array<string>
  readonly tried: Array<string>
  readonly results: Array<CompressionResult>
  readonly errors: Array<unknown>
  /** Callers that were told to give up. */
  readonly givenUp: Array<Fiber.RuntimeFiber<unknown, unknown>>
}

/** The answer to a delivery with an idempotency key, in words. */
export interface Keyed {
  readonly key: string
  readonly body: string
  readonly answer: string
}

/** Looks at each view a step got, with the deliveries that were acknowledged before the step asked for it. */
export type Onlooker<R> = (view: View, before: Seen["delivered"]) => Effect.Effect<void, never, R>

const makeFiller = (size: number): string => "The invoice of the billing report was looked at. ".repeat(size / 4)

/** Runs the actions one after the other, callers beside them, and goes on until nobody waits any more. */
export const run = Effect.fnUntraced(function* <R, R2 = never>(
  id: SessionId,
  actions: ReadonlyArray<Action>,
  onView: Onlooker<R>,
  onLook: (seen: Seen) => Effect.Effect<void, never, R2> = () => Effect.void
) {
  const gateway = yield* Gateway.Gateway
  const seen: Seen = { delivered: [], keyed: [], appended: [], tried: [], results: [], errors: [], givenUp: [] }
  const callers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
  let n = 0

  const caller = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.map(Effect.fork(Effect.tapErrorCause(effect, (cause) => noteErrors(seen, cause))), (fiber) =>
      callers.push(fiber)
    )

  const append = (turn: Turn, message: Message.Message) => {
    const text = JSON.stringify(message)
    seen.tried.push(text)
    return Effect.tap(turn.append(message), () => Effect.sync(() => seen.appended.push(text)))
  }

  const answer = (steps: ReadonlyArray<Step>) =>
    gateway.turn(
      id,
      Effect.fnUntraced(function* (turn) {
        for (const { calls, pause, ratio, size } of steps) {
          const before = seen.delivered.slice()
          const view = yield* turn.view()
          yield* onView(view, before)
          if (ratio !== undefined) yield* turn.report({ inputTokens: Math.round(view.tokens * ratio) })
          if (pause > 0) yield* Effect.sleep(pause * 1_000)
          const made = Array.from({ length: calls }, () => toolCall(`call_${++n}`))
          if (calls > 0) yield* append(turn, { role: "assistant", content: null, tool_calls: made })
          for (const { id } of made) {
            yield* append(turn, { role: "tool", tool_call_id: id, content: `${id}: ${makeFiller(size)}` })
          }
        }
        yield* append(turn, { role: "assistant", content: `That was answer ${++n}.` })
      })
    )

  const deliver = Effect.fnUntraced(function* ({ key, kind, size }: Extract<Action, { readonly do: "deliver" }>) {
    const content = `<${key === undefined ? `d${++n}` : `${key}${size}`}> ${makeFiller(size)}`
    const result = yield* Effect.either(completeAtOnce(gateway.deliver(id, { role: "user", content }, { kind, key })))
    if (Either.isLeft(result)) seen.errors.push(result.left)
    else if (!result.right.duplicate) seen.delivered.push({ text: content, kind, receipt: result.right })
    if (key !== undefined) seen.keyed.push({ key, body: `${kind} ${content}`, answer: Either.match(result, inWords) })
  })

  /** A step whose model call does not fit, `times` times. */
  const overflowStep = ({ patience, times }: Extract<Action, { readonly do: "overflow" }>) => {
    let left = times
    const call = Effect.suspend(() => (left-- > 0 ? tooLong : Effect.void))
    const options = patience === undefined ? {} : { wait: patience * 1_000 }
    return gateway.turn(id, (turn) => turn.step(() => call), options)
  }

  /** So many messages, and what follows them by the time it is done. */
  const rewindBy = (by: number) =>
    Effect.flatMap(SessionStore, (store) => store.state(id)).pipe(
      Effect.flatMap(({ lastSeq }) => gateway.rewind(id, Math.max(0, lastSeq - by)))
    )

  const perform = (action: Action): Effect.Effect<unknown, never, R | R2 | SessionStore> => {
    switch (action.do) {
      case "deliver":
        return deliver(action)
      case "turn":
        return caller(answer(action.steps))
      case "compress": {
        const compress = Effect.tap(gateway.compress(id, action), (result) =>
          Effect.sync(() => seen.results.push(result))
        )
        return Effect.replicateEffect(caller(compress), action.times)
      }
      case "give up": {
        const fiber = callers[action.caller % Math.max(1, callers.length)]
        if (fiber === undefined) return Effect.void
        seen.givenUp.push(fiber)
        return Fiber.interruptFork(fiber)
      }
      case "stop":
        return gateway.interrupt(id)
      case "yield":
        return Effect.replicateEffect(Effect.yieldNow(), action.times)
      case "wait":
        return TestClock.adjust(action.seconds * 1_000)
      case "heal":
        return caller(gateway.heal(id))
      case "reset":
        return Effect.exit(Effect.tapErrorCause(gateway.reset(id), (cause) => noteErrors(seen, cause)))
      case "rewind":
        return Effect.exit(Effect.tapErrorCause(rewindBy(action.by), (cause) => noteErrors(seen, cause)))
      case "overflow":
        return caller(overflowStep(action))
      case "auxiliary":
        return caller(gateway.auxiliary(id, flush))
      case "look":
        return onLook(seen)
    }
  }

  yield* Effect.forEach(actions, perform, { discard: true })
  yield* untilNobodyWaits(id, callers)
  return seen
})

/** Fails if the effect waits for more than turns of the event loop: the clock stands still. */
export const completeAtOnce = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.raceFirst(
    effect,
    Effect.zipRight(Effect.replicateEffect(yieldToLoop, 100), Effect.dieMessage("it does not complete at once"))
  )

const tooLong = new ContextOverflow({ route: "conversation", detail: "of a step" })

const flush: Gateway.AuxiliaryRequest = {
  task: "flush_memories",
  messages: [{ role: "user", content: "What is worth remembering?" }],
  maxOutputTokens: 500
}

/**
 * Failures and defects, failed assertions of an onlooker among them. Who is interrupted does not come here: an interrupt
 * that does was somebody else's.
 */
const noteErrors = (seen: Seen, cause: Cause.Cause<unknown>) =>
  Effect.sync(() => {
    seen.errors.push(...Cause.failures(cause), ...Cause.defects(cause))
    if (Cause.isInterrupted(cause)) seen.errors.push("interrupted in place of somebody else")
  })

const inWords = {
  onLeft: ({ _tag }: { readonly _tag: string }) => _tag,
  onRight: ({ arrival, duplicate }: Receipt) => `${duplicate ? "again" : "first"} ${arrival}`
}

const toolCall = (id: string): Message.ToolCall => ({
  id,
  type: "function",
  function: { name: "read_file", arguments: "{}" }
})

/** Lets time pass until all fibers and the compressions of the session have ended; dies if they never do. */
export const untilNobodyWaits = (id: SessionId, fibers: ReadonlyArray<Fiber.RuntimeFiber<unknown, unknown>>) =>
  Effect.gen(function* () {
    const { settled } = yield* Compressor
    const all = yield* Effect.fork(Effect.zipRight(Fiber.awaitAll(fibers), settled(id)))
    for (let rounds = 0; rounds < 60; rounds++) {
      yield* Effect.replicateEffect(Effect.yieldNow(), 20)
      if ((yield* Fiber.poll(all))._tag === "Some") return
      yield* TestClock.adjust("10 seconds")
    }
    return yield* Effect.dieMessage("somebody waits for ever")
  })

/** Runs `effect` to its end, letting time pass for as long as it waits. */
export const joinInTime = <A, E, R>(effect: Effect.Effect<A, E, R>, sessionId = id) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    yield* untilNobodyWaits(sessionId, [fiber])
    return yield* Fiber.join(fiber)
  })

/** Every acknowledged message of the session: its log, then its inbox. */
export const readAcknowledged = (id: SessionId) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(id))).pipe(
    Effect.map(Chunk.toReadonlyArray),
    Effect.catchTag("UnknownSession", () => Effect.succeed([]))
  )
