/** What holds a place, a signal or a lease, interrupted at each of its operations. See `../promises/03-shield.test.ts`. */
import { describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Fiber, Layer, Option } from "effect"
import * as ModelClients from "../../src/model/ModelClients.ts"
import * as HoldLease from "../../src/store/holdLease.ts"
import * as StopSignals from "../../src/concurrency/stopSignals.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { type LeaseRequest, SessionStore } from "../../src/store/SessionStore.ts"
import {
  everyOperation,
  impatient,
  interruptEverywhere,
  isNoticed,
  isUnbroken
} from "../support/interruptEverywhere.ts"
import { route, scripted } from "../support/world.ts"
import { makeFairQueue } from "../../src/concurrency/fiberServices.ts"

const world = scripted(Scripted.layer([]))

describe("a fair queue", () => {
  it.live("interrupted anywhere, nobody keeps a place", () =>
    interruptEverywhere(
      Effect.sync(() => makeFairQueue<string>()),
      (line) => line.withPlace("k", Effect.yieldNow()),
      (line) => Effect.sync(() => line.countLines() === 0)
    ).pipe(Effect.map(isUnbroken))
  )

  /** A line whose places are all taken, to be left by whoever says so. */
  const taken = (places: number) =>
    Effect.gen(function* () {
      const line = makeFairQueue<string>(places)
      const isLeaving = yield* Deferred.make<void>()
      const inside = yield* Effect.replicateEffect(
        Effect.forkDaemon(line.withPlace("k", Deferred.await(isLeaving))),
        places
      )
      yield* Effect.yieldNow()
      const leave = Effect.zipRight(Deferred.succeed(isLeaving, undefined), Fiber.joinAll(inside))
      return { line, leave: Effect.uninterruptible(leave) }
    })

  it.live("interrupted anywhere in the second place, the third one still gets in", () =>
    interruptEverywhere(
      taken(1),
      ({ leave, line }) => Effect.zipRight(Effect.fork(leave), line.withPlace("k", Effect.void)),
      ({ leave, line }) =>
        Effect.map(Effect.zipRight(leave, line.withPlace("k", Effect.void)), () => line.countLines() === 0)
    ).pipe(Effect.map(isUnbroken))
  )

  it.live("of several places, interrupted anywhere in the line, the one behind still gets in", () =>
    interruptEverywhere(
      taken(2),
      ({ leave, line }) => Effect.zipRight(Effect.fork(leave), line.withPlace("k", Effect.void)),
      ({ leave, line }) =>
        Effect.map(Effect.zipRight(leave, line.withPlace("k", Effect.void)), () => line.countLines() === 0)
    ).pipe(Effect.map(isUnbroken))
  )

  it.live("a semaphore in its place is noticed", () =>
    interruptEverywhere(
      Effect.makeSemaphore(1),
      (semaphore) => semaphore.withPermits(1)(Effect.void),
      (semaphore) => Effect.map(semaphore.withPermitsIfAvailable(1)(Effect.void), Option.isSome),
      everyOperation
    ).pipe(Effect.map(isNoticed))
  )
})

describe("stop signals", () => {
  const id = SessionId.make("s")

  it.live("interrupted anywhere, a stoppable effect ends and leaves nobody to stop", () =>
    interruptEverywhere(
      Effect.sync(() => StopSignals.make()),
      (signals) => signals.interruptible(id, () => "stopped")(Effect.yieldNow()),
      (signals) => Effect.map(signals.stopAll(id), (stopped) => !stopped && signals.countKeys() === 0)
    ).pipe(Effect.map(isUnbroken))
  )

  it.live("interrupted anywhere, a call with deadlines ends", () =>
    interruptEverywhere(
      ModelClients.ModelClients,
      ({ complete }) => complete(route, { task: "t", messages: [], maxOutputTokens: 1 }),
      () => Effect.succeed(true),
      impatient
    ).pipe(Effect.map(isUnbroken), Effect.provide(Layer.provide(ModelClients.layer(), Scripted.layer(["yes"]))))
  )

  it.live("a race that is not masked is noticed", () =>
    interruptEverywhere(
      Effect.void,
      () => Effect.raceFirst(Effect.yieldNow(), Effect.never),
      () => Effect.succeed(true),
      impatient
    ).pipe(Effect.map(isNoticed))
  )
})

describe("a lease that is used", () => {
  const mine: LeaseRequest = { name: "operation", holder: "mine", ttl: 60_000 }
  const theirs: LeaseRequest = { ...mine, holder: "theirs" }

  const acquire = (id: SessionId, request: LeaseRequest) =>
    Effect.flatMap(SessionStore, (store) => store.acquire(id, request))
  let sessions = 0
  const delivered = Effect.tap(
    Effect.sync(() => SessionId.make(`session-${++sessions}`)),
    (id) =>
      Effect.flatMap(SessionStore, (store) =>
        store.deliver(id, { role: "user", content: "Please look at it." }, { kind: "request" })
      )
  )
  const used = (id: SessionId) =>
    Effect.gen(function* () {
      const leases = yield* HoldLease.make(yield* SessionStore, mine.ttl)
      yield* leases.usingOperation(id, mine.holder, () => Effect.yieldNow())
    }).pipe(Effect.scoped)
  const isFree = (id: SessionId) => Effect.map(acquire(id, theirs), ({ _tag }) => _tag === "Granted")

  it.live("interrupted anywhere, it leaves the lease free", () =>
    interruptEverywhere(delivered, (id) => used(id), isFree).pipe(Effect.map(isUnbroken), Effect.provide(world))
  )

  it.scopedLive("interrupted anywhere, it leaves the renewals to the next lease of its process", () =>
    interruptEverywhere(
      Effect.gen(function* () {
        const id = yield* delivered
        const store = yield* SessionStore
        const renewed = yield* Deferred.make<void>()
        const renew: typeof store.renew = (...lease) =>
          Effect.zipLeft(store.renew(...lease), Deferred.succeed(renewed, undefined))
        const leases = yield* HoldLease.make({ ...store, renew }, "30 millis")
        return { id, leases, isRenewed: Deferred.await(renewed) }
      }),
      ({ id, leases }) => leases.usingOperation(id, mine.holder, () => Effect.yieldNow()),
      ({ id, isRenewed, leases }) =>
        Effect.as(
          leases.usingOperation(id, mine.holder, () => isRenewed),
          true
        ),
      { ...everyOperation, patience: "1 second" }
    ).pipe(Effect.map(isUnbroken), Effect.provide(world))
  )

  /** Polls take no time, heartbeats never come. */
  const hasty: Clock.Clock = {
    ...Clock.make(),
    sleep: (duration) => (Duration.toMillis(duration) < 1_000 ? Effect.yieldNow() : Effect.never)
  }

  it.live("interrupted anywhere while it waits for another holder, it leaves the lease free", () =>
    interruptEverywhere(
      Effect.gen(function* () {
        const id = yield* delivered
        const acquired = yield* acquire(id, theirs)
        if (acquired._tag === "Held") return yield* Effect.dieMessage("it is free")
        const store = yield* SessionStore
        return { id, release: Effect.orDie(store.release(acquired.lease)) }
      }),
      ({ id, release }) =>
        Effect.zipRight(Effect.fork(Effect.uninterruptible(release)), used(id)).pipe(Effect.withClock(hasty)),
      ({ id, release }) => Effect.zipRight(release, isFree(id))
    ).pipe(Effect.map(isUnbroken), Effect.provide(world))
  )

  it.live("a lease whose release is promised in a second step is noticed", () =>
    interruptEverywhere(
      delivered,
      (id) =>
        Effect.flatMap(SessionStore, (store) =>
          Effect.flatMap(store.acquire(id, mine), (acquired) =>
            acquired._tag === "Held"
              ? Effect.void
              : Effect.ensuring(Effect.void, Effect.orDie(store.release(acquired.lease)))
          )
        ),
      isFree,
      everyOperation
    ).pipe(Effect.map(isNoticed), Effect.provide(world))
  )
})
