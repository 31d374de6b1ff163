/** What holds a place, a signal or a lease, interrupted at each of its operations. See `../interruption.test.ts`. */
import { describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, identity, Option, Scope } from "effect"
import * as Heartbeats from "../../src/internal/heartbeats.ts"
import * as Lease from "../../src/internal/lease.ts"
import * as Signals from "../../src/internal/signals.ts"
import * as Turnstile from "../../src/internal/turnstile.ts"
import * as Scripted from "../../src/Provider/Scripted.ts"
import { SessionId } from "../../src/Session.ts"
import { type LeaseRequest, SessionStore } from "../../src/SessionStore.ts"
import { impatient, interruptEverywhere, isNoticed, isUnbroken } from "../support/interruptEverywhere.ts"
import { scripted } from "../support/world.ts"

const world = scripted(Scripted.layer([]))

type Line = ReturnType<typeof Turnstile.make<string>>

const ways: ReadonlyArray<readonly [string, (line: Line) => Effect.Effect<void>]> = [
  ["for a scope", (line) => Effect.scoped(line.enter("k"))],
  ["around an effect", (line) => line.within("k", identity, Effect.void)]
]

describe("turnstile", () => {
  for (const [how, pass] of ways) {
    it.live(`interrupted anywhere ${how}, nobody keeps a place`, () =>
      interruptEverywhere(
        Effect.sync(() => Turnstile.make<string>()),
        pass,
        (line) => Effect.sync(() => line.size() === 0)
      ).pipe(Effect.map(isUnbroken))
    )

    it.live(`interrupted anywhere ${how} in the second place, the third one still gets in`, () =>
      interruptEverywhere(
        Effect.gen(function* () {
          const line = Turnstile.make<string>()
          const first = yield* Scope.make()
          yield* Scope.extend(line.enter("k"), first)
          return { line, leave: Effect.uninterruptible(Scope.close(first, Exit.void)) }
        }),
        ({ leave, line }) => Effect.zipRight(Effect.fork(leave), pass(line)),
        ({ leave, line }) => Effect.map(Effect.zipRight(leave, pass(line)), () => line.size() === 0)
      ).pipe(Effect.map(isUnbroken))
    )

    it.live(`of several places, interrupted anywhere ${how} in the line, the one behind still gets in`, () =>
      interruptEverywhere(
        Effect.gen(function* () {
          const line = Turnstile.make<string>(2)
          const first = yield* Scope.make()
          yield* Scope.extend(Effect.zipRight(line.enter("k"), line.enter("k")), first)
          return { line, leave: Effect.uninterruptible(Scope.close(first, Exit.void)) }
        }),
        ({ leave, line }) => Effect.zipRight(Effect.fork(leave), pass(line)),
        ({ leave, line }) => Effect.map(Effect.zipRight(leave, pass(line)), () => line.size() === 0)
      ).pipe(Effect.map(isUnbroken))
    )
  }

  it.live("a semaphore in its place is noticed", () =>
    interruptEverywhere(
      Effect.makeSemaphore(1),
      (semaphore) => semaphore.withPermits(1)(Effect.void),
      (semaphore) => Effect.map(semaphore.withPermitsIfAvailable(1)(Effect.void), Option.isSome)
    ).pipe(Effect.map(isNoticed))
  )
})

describe("signals", () => {
  const id = SessionId.make("s")

  it.live("interrupted anywhere, a stoppable effect ends and leaves nobody to stop", () =>
    interruptEverywhere(
      Effect.sync(() => Signals.make()),
      (signals) => signals.stoppable(id, () => "stopped")(Effect.yieldNow()),
      (signals) => Effect.map(signals.stop(id), (stopped) => !stopped && signals.size() === 0)
    ).pipe(Effect.map(isUnbroken))
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

describe("a lease", () => {
  const mine: LeaseRequest = { name: "turn", holder: "mine", ttl: 60_000 }
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
  const isFree = (id: SessionId) => Effect.map(acquire(id, theirs), ({ _tag }) => _tag === "Granted")

  it.live("held for a scope, interrupted anywhere, is left free", () =>
    interruptEverywhere(
      delivered,
      (id) => Effect.flatMap(SessionStore, (store) => Effect.scoped(Lease.hold(store, id, mine))),
      isFree
    ).pipe(Effect.map(isUnbroken), Effect.provide(world))
  )

  /** Polls take no time, heartbeats never come. */
  const hasty: Clock.Clock = {
    ...Clock.make(),
    sleep: (duration) => (Duration.toMillis(duration) < 1_000 ? Effect.yieldNow() : Effect.never)
  }

  it.live("held for a scope, interrupted anywhere while another holder is waited for, is left free", () =>
    interruptEverywhere(
      Effect.gen(function* () {
        const id = yield* delivered
        const acquired = yield* acquire(id, theirs)
        if (acquired._tag === "Held") return yield* Effect.dieMessage("it is free")
        const store = yield* SessionStore
        return { id, release: Effect.orDie(store.release(acquired.lease)) }
      }),
      ({ id, release }) =>
        Effect.flatMap(SessionStore, (store) => Effect.scoped(Lease.hold(store, id, mine, () => release))).pipe(
          Effect.withClock(hasty)
        ),
      ({ id, release }) => Effect.zipRight(release, isFree(id))
    ).pipe(Effect.map(isUnbroken), Effect.provide(world))
  )

  const held = Effect.gen(function* () {
    const id = yield* delivered
    const store = yield* SessionStore
    return { id, store, heartbeats: yield* Heartbeats.make(store, mine.ttl) }
  })

  it.live("held around an effect, interrupted anywhere, is left free and beats no more", () =>
    interruptEverywhere(
      held,
      ({ heartbeats, id, store }) =>
        Lease.holding(
          store,
          heartbeats,
          id,
          mine,
          () => Effect.void,
          () => Effect.yieldNow()
        ),
      ({ heartbeats, id }) => Effect.map(isFree(id), (free) => free && heartbeats.size() === 0)
    ).pipe(Effect.map(isUnbroken), Effect.scoped, Effect.provide(world))
  )

  it.live("held around an effect, interrupted anywhere while another holder is waited for, is left free", () =>
    interruptEverywhere(
      Effect.gen(function* () {
        const { heartbeats, id, store } = yield* held
        const acquired = yield* acquire(id, theirs)
        if (acquired._tag === "Held") return yield* Effect.dieMessage("it is free")
        return { heartbeats, id, store, release: Effect.orDie(store.release(acquired.lease)) }
      }),
      ({ heartbeats, id, release, store }) =>
        Lease.holding(
          store,
          heartbeats,
          id,
          mine,
          () => release,
          () => Effect.void
        ),
      ({ heartbeats, id, release }) =>
        Effect.map(Effect.zipRight(release, isFree(id)), (free) => free && heartbeats.size() === 0)
    ).pipe(Effect.map(isUnbroken), Effect.scoped, Effect.provide(world))
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
      isFree
    ).pipe(Effect.map(isNoticed), Effect.provide(world))
  )
})
