/** The time of day is set while something is under way: what lasts so long still lasts so long. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, FastCheck, Fiber, Layer, Option, TestClock } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as ModelClients from "../../src/model/ModelClients.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { awaitRequests, conversation, id, policy, route, scripted } from "../support/world.ts"

/** A clock to run something on, whose time of day is `by` milliseconds off once `set` has run; nobody sleeps less for it. */
const settable = (by: number) =>
  Effect.clockWith((clock) => {
    let off = 0
    const unsafeCurrentTimeMillis = () => clock.unsafeCurrentTimeMillis() + off
    const skewed: Clock.Clock = {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis,
      unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
      currentTimeMillis: Effect.sync(unsafeCurrentTimeMillis),
      currentTimeNanos: clock.currentTimeNanos,
      sleep: (duration) => clock.sleep(duration)
    }
    return Effect.succeed({ onIt: Effect.withClock(skewed), set: Effect.sync(() => void (off = by)) })
  })

const hour = 3_600_000
const anywhere = FastCheck.integer({ min: -24 * hour, max: 24 * hour })

/** Whether it ends within the second that is the `n`-th from now, and not before. */
const endsAt = <A, E>(fiber: Fiber.Fiber<A, E>, seconds: number) =>
  Effect.gen(function* () {
    yield* TestClock.adjust(seconds * 1_000 - 1)
    assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)), "it ended early")
    yield* TestClock.adjust(2)
    assert.isTrue(Option.isSome(yield* Fiber.poll(fiber)), "it did not end in time")
  })

describe("when the clock is set", () => {
  it.effect.prop(
    "silence ends at its deadline",
    [anywhere],
    ([by]) =>
      Effect.gen(function* () {
        const { onIt, set } = yield* settable(by)
        const { complete } = yield* ModelClients.ModelClients
        const request = { task: "t", messages: [], maxOutputTokens: 1 }
        const hasty = { ...route, idleTimeout: Duration.seconds(4), timeout: Duration.minutes(1) }
        const fiber = yield* Effect.fork(onIt(Effect.flip(complete(hasty, request))))
        yield* TestClock.adjust("1 second")
        yield* set
        yield* endsAt(fiber, 3)
        assert.deepInclude(yield* Fiber.join(fiber), { _tag: "Timeout", phase: "idle" })
      }).pipe(Effect.provide(Layer.provide(ModelClients.layer(), Scripted.layer([Scripted.hang])))),
    propertyRuns(5, 20)
  )

  it.effect.prop(
    "a compression ends at its total deadline, over all its tries",
    [anywhere],
    ([by]) => {
      const model = Scripted.make([Scripted.hang])
      const manual = { ...policy, mode: "manual" } as const
      return Effect.gen(function* () {
        const { onIt, set } = yield* settable(by)
        const store = yield* SessionStore
        yield* store.importAll([{ sessionId: id, messages: conversation(12) }])
        const { compress } = yield* Gateway.Gateway
        const fiber = yield* Effect.fork(onIt(compress(id)))
        yield* awaitRequests(model, 1)
        yield* TestClock.adjust("1 second")
        yield* set
        yield* endsAt(fiber, 28)
        const { durationMs, outcome } = yield* Fiber.join(fiber)
        assert.strictEqual(outcome, "degraded")
        assert.approximately(durationMs, 29_000, 10)
      }).pipe(Effect.provide(scripted(model.layer, { policy: manual, totalTimeout: "29 seconds" })))
    },
    propertyRuns(3, 10)
  )

  it.effect.prop(
    "who waits so long for a session's turn waits so long",
    [anywhere],
    ([by]) =>
      Effect.gen(function* () {
        const { onIt, set } = yield* settable(by)
        const store = yield* SessionStore
        yield* store.importAll([{ sessionId: id, messages: conversation(1) }])
        // Another process, which has never heard of our time of day.
        yield* store.acquire(id, { name: "turn", holder: "other", ttl: 1_000 * hour })
        const { turn } = yield* Gateway.Gateway
        const fiber = yield* Effect.fork(onIt(Effect.flip(turn(id, () => Effect.void, { wait: "5 seconds" }))))
        yield* TestClock.adjust("1 second")
        yield* set
        yield* endsAt(fiber, 4)
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "SessionBusy")
      }).pipe(Effect.provide(scripted(Scripted.layer([])))),
    propertyRuns(3, 10)
  )
})
