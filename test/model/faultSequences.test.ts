/**
 * Random fault sequences × arrivals × interrupts × second requests × heals × resets: promises 1 to 9 hold in every run.
 *
 * A failing run prints its seed and path. To replay it, give both to fast-check in `runs`, e.g.
 * `{ numRuns, seed: 1057203961, path: "17:3", endOnFailure: true }`; time and the order of the fibers are the same again.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Exit, FastCheck, Fiber, Layer, TestClock } from "effect"
import { ConnectionError } from "../../src/model/ModelError.ts"
import { Gateway, layer as gatewayLayer } from "../../src/gateway/Gateway.ts"
import type { ResolvedRoute } from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { findContradictions } from "../support/auditTrail.ts"
import * as Kept from "../support/keptPromises.ts"
import * as ModelServer from "../support/ModelServer.ts"
import * as Models from "../support/models.ts"
import * as Programs from "../support/programs.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { idle, onVirtualClock } from "../support/virtualClock.ts"
import * as Watched from "../support/watched.ts"
import { conversation, id, policy, recordLogLines, scripted, summary } from "../support/world.ts"

const faults = FastCheck.array(Models.outcomesWithOverflow, { maxLength: 12 })

const HISTORY = FastCheck.nat(12)

const EXPECTED = [
  "UnknownSession",
  "InvalidRewind",
  "IdempotencyConflict",
  "CompressionFailed",
  "TurnInterrupted",
  "Superseded",
  "SessionBusy",
  "Exhausted",
  "Interrupted",
  "ContextOverflow",
  "WindowExceeded"
]

let sessions = 0

/** Makes a session and routes for each run, so that all runs can share one store, which keeps pauses by route. */
const makePlace = () => {
  const n = String(++sessions).padStart(6, "0")
  const route: ResolvedRoute = ModelServer.route(`http://run-${n}.invalid/v1`, {
    timeout: Kept.TIMEOUT,
    idleTimeout: 7_000
  })
  return { id: SessionId.make(`chat-${n}`), routes: [route, { ...route, model: "second-model" }] }
}

describe("random fault sequences", () => {
  layer(Sqlite.layerTemporary, { excludeTestServices: true })((it) => {
    for (const onExhausted of ["extract", "fail"] as const) {
      for (const mode of ["background", "preflight"] as const) {
        it.effect.prop(
          `promises 1 to 9 hold in every run, with onExhausted ${onExhausted} in ${mode} mode`,
          [HISTORY, Programs.disturbed, faults],
          ([rounds, program, script]) => {
            const { id, routes } = makePlace()
            const model = Watched.make([...script, Models.oracle])
            const audit = recordLogLines()
            const gateway = gatewayLayer({ policy: { contextLength: 6_000, mode, onExhausted }, routes })
            return Effect.gen(function* () {
              const history = conversation(rounds)
              const store = yield* SessionStore
              if (rounds > 0) yield* store.importAll([{ sessionId: id, messages: history }])
              const generations = new Map<number, string>()
              const emitted = yield* Kept.listened
              const look = (seen: Programs.Seen) =>
                Effect.orDie(Effect.zipRight(Kept.gaveUpAtOnce(seen), Kept.oldOrNew(id, generations)))
              const seen = yield* Programs.run(id, program, Kept.takesUpWhatCameBefore(id), look)
              for (const error of seen.errors) assert.include(EXPECTED, Kept.tagOf(error), String(error))
              yield* look(seen)
              if (seen.delivered.length > 0 || rounds > 0) yield* Kept.comesToRest(id, model)
              yield* Kept.snapshotsAreWhatWasSeen(id, generations)
              yield* Kept.nothingLost(id, history.length, seen)
              const results = [...seen.results, ...emitted]
              Kept.isNamed(id, results, audit.lines)
              Kept.isBounded(model, results)
              assert.deepStrictEqual(model.misdeeds, [])
              assert.strictEqual(model.underWay.size, 0, "promise 3: a stream is open after its deadline")
              assert.isAtMost(model.open(), 1, "promise 8: clients of one place are open")
              assert.deepStrictEqual(findContradictions(audit.lines), [], "promises 2, 3 and 5 by the log")
              Kept.everyStartedIsEmitted(audit.lines, emitted, onExhausted)
            }).pipe(
              Effect.scoped,
              Effect.provide(Layer.merge(Layer.provide(gateway, model.layer), audit.layer)),
              onVirtualClock
            )
          },
          propertyRuns(30, 260)
        )
      }
    }
  })
})

describe("a caller that is interrupted while it waits", () => {
  const down = new ConnectionError({ route: "r", detail: "refused" })
  const slow = (what: string): Scripted.ScriptedOutcome => ({ text: summary(what), delay: "5 seconds" })
  const against = (outcomes: ReadonlyArray<Scripted.ScriptedOutcome>) =>
    scripted(Scripted.layer(outcomes), { policy: { ...policy, mode: "manual" } })

  const imported = Effect.flatMap(SessionStore, (store) =>
    store.importAll([{ sessionId: id, messages: conversation(12) }])
  )
  const outcomeOf = (segments: ReadonlyArray<{ readonly degraded: string | null }>) =>
    segments.map(({ degraded }) => (degraded === null ? "whole" : "extract"))
  const shown = Effect.flatMap(SessionStore, (store) =>
    Effect.map(store.state(id), ({ segments }) => outcomeOf(segments))
  )
  const longer = Effect.flatMap(Gateway, ({ turn }) => turn(id, ({ append }) => append(...conversation(6, 20))))

  it.effect("a caller of heal that gives up gets its interrupt at once, and the segment is healed all the same", () =>
    Effect.gen(function* () {
      yield* imported
      const { compress, heal } = yield* Gateway
      yield* compress(id)
      const caller = yield* Effect.fork(heal(id))
      yield* idle
      yield* Fiber.interrupt(caller)
      assert.deepStrictEqual(yield* shown, ["extract"])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* shown, ["whole"])
    }).pipe(Effect.provide(against([down, down, slow("healed")])), onVirtualClock)
  )

  it.effect("a caller of heal is told what was healed, and not interrupted, when a compression takes the slot", () =>
    Effect.gen(function* () {
      yield* imported
      const { compress, heal } = yield* Gateway
      yield* compress(id)
      yield* longer
      yield* compress(id)
      assert.deepStrictEqual(yield* shown, ["extract", "extract"])
      yield* TestClock.adjust("1 minute")
      const [first] = (yield* Effect.flatMap(SessionStore, (store) => store.state(id))).segments
      const caller = yield* Effect.fork(heal(id))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* shown, ["whole", "extract"])
      const compression = yield* Effect.fork(compress(id, { focus: "invoices" }))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.await(caller), Exit.succeed([first?.id ?? "none"]))
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(compression)))
      assert.deepStrictEqual(yield* shown, ["whole", "extract", "whole"])
    }).pipe(
      Effect.provide(against([down, down, down, down, slow("healed"), Scripted.hang, slow("new")])),
      onVirtualClock
    )
  )

  it.effect(
    "a caller whose compression waits for the slot gets its interrupt at once, and the compression is made",
    () =>
      Effect.gen(function* () {
        yield* imported
        const { compress } = yield* Gateway
        const ended = yield* Kept.listened
        const first = yield* Effect.fork(compress(id))
        yield* idle
        const waiting = yield* Effect.fork(compress(id, { focus: "invoices" }))
        yield* idle
        yield* Fiber.interrupt(waiting)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* Fiber.join(first)).outcome, "committed")
        assert.deepStrictEqual(
          ended.map(({ focus, outcome }) => [focus, outcome]),
          [
            [null, "committed"],
            ["invoices", "nothing-to-compress"]
          ]
        )
      }).pipe(Effect.scoped, Effect.provide(against([slow("first")])), onVirtualClock)
  )

  it.effect("a turn that gives up in line leaves its place to the next one", () =>
    Effect.gen(function* () {
      yield* imported
      const { turn } = yield* Gateway
      const order: Array<string> = []
      const answering = (name: string) =>
        turn(id, () =>
          Effect.zipRight(
            Effect.sync(() => order.push(name)),
            Effect.sleep("3 seconds")
          )
        )
      const [, second, third] = yield* Effect.forEach(["first", "second", "third"], (name) =>
        Effect.zipLeft(Effect.fork(answering(name)), idle)
      )
      if (second === undefined || third === undefined) return assert.fail("three were forked")
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(order, ["first"])
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.join(third)
      assert.deepStrictEqual(order, ["first", "third"])
    }).pipe(Effect.provide(against([])), onVirtualClock)
  )
})
