import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Option, Scope, TestClock } from "effect"
import * as CompressionHooks from "../../src/compression/CompressionHooks.ts"
import type { CompressionResult } from "../../src/session/CompressionResult.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { findContradictions } from "../support/auditTrail.ts"
import { hang, shown, textOf, world } from "../support/hooks.ts"
import {
  awaitRequests,
  compressSession,
  conversation,
  deliver,
  id,
  importRounds,
  policy,
  readGeneration,
  recordLogLines,
  route,
  scripted,
  summary
} from "../support/world.ts"

const { Defer, Proceed } = CompressionHooks.Decision

/** Hooks that proceed with these notes and remember what they were told. */
const noting = (...notes: ReadonlyArray<string>) => {
  const leavings: Array<CompressionHooks.Leaving> = []
  const results: Array<CompressionResult> = []
  const hooks: CompressionHooks.Hooks = {
    before: (leaving) => Effect.sync(() => (leavings.push(leaving), Proceed({ notes }))),
    after: (result) => Effect.sync(() => void results.push(result))
  }
  return { leavings, results, hooks }
}

describe("notes", () => {
  it.effect("stand word for word in every later view, and in snapshots", () => {
    const note = "ticket 4711 is closed, see the wiki"
    let notes = [note]
    const { layer } = world({ before: () => Effect.sync(() => Proceed({ notes })) })
    return Effect.gen(function* () {
      yield* importRounds()
      const store = yield* SessionStore
      const { turn } = yield* Gateway.Gateway
      for (let round = 1; round <= 4; round++) {
        assert.strictEqual((yield* compressSession()).generation, round)
        assert.include(yield* shown, `Notes, word for word:\n- ${note} (#`)
        notes = []
        yield* turn(id, ({ append }) => append(...conversation(8, 12 * round)))
        assert.include(yield* shown, note)
      }
      const left = yield* store.snapshots(id)
      for (const { generation, snapshotId } of left) {
        const view = textOf(yield* store.snapshot(snapshotId))
        assert.strictEqual(view.includes(note), generation > 0, `generation ${generation}`)
      }
      assert.strictEqual(left.length, 4)
    }).pipe(Effect.provide(layer))
  })

  it.effect("keep no secrets", () => {
    const secret = "sk-proj-abcdefghij0123456789abcdefghij"
    const { layer } = world(noting(`the key is ${secret}`).hooks)
    return Effect.gen(function* () {
      yield* importRounds()
      yield* compressSession()
      const store = yield* SessionStore
      const stored = JSON.stringify([yield* store.state(id), yield* store.ledger(id)])
      assert.include(stored, "the key is [redacted")
      assert.notInclude(stored, secret)
    }).pipe(Effect.provide(layer))
  })
})

describe("before", () => {
  it.effect("gets the entries that are about to leave, as they are in the log", () => {
    const { hooks, leavings } = noting()
    const { layer } = world(hooks)
    return Effect.gen(function* () {
      yield* importRounds()
      const store = yield* SessionStore
      const { operationId } = yield* compressSession(id, { focus: "the invoices" })
      const [segment] = (yield* store.state(id)).segments
      const covered = yield* store.range(id, segment?.fromSeq ?? 0, segment?.toSeq ?? 0)
      const tokens = covered.reduce((sum, entry) => sum + entry.tokens, 0)
      assert.isAbove(covered.length, 0)
      assert.deepStrictEqual(leavings, [
        { sessionId: id, operationId, entries: covered, tokens, focus: "the invoices", isUrgent: false }
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("defers: the outcome says so, nothing changes, no model is asked", () => {
    const model = Scripted.make([summary("x")])
    const { layer: lines, lines: said } = recordLogLines()
    const before = () =>
      Effect.succeed(Defer({ reason: "the deployment is under way, key=sk-proj-abcdefghij0123456789" }))
    const gateway = Layer.provide(scripted(model.layer), CompressionHooks.layer({ before }))
    return Effect.gen(function* () {
      yield* importRounds()
      const store = yield* SessionStore
      const state = yield* store.state(id)
      const { operationId, outcome, reason } = yield* compressSession()
      assert.strictEqual(outcome, "deferred")
      assert.match(reason ?? "", /^the deployment is under way, key=\[redacted/)
      assert.deepStrictEqual(yield* store.state(id), state)
      assert.deepStrictEqual(yield* store.snapshots(id), [])
      assert.strictEqual(model.requests.length, 0)
      const [line, ...more] = said.filter((line) => line.startsWith("compression"))
      assert.strictEqual(
        line,
        `compression deferred: session=${id} operation=${operationId} reason=${JSON.stringify(reason)}`
      )
      assert.deepStrictEqual([more, findContradictions(said)], [[], []])
    }).pipe(Effect.provide([gateway, lines]))
  })

  it.effect("what it deferred is not tried again unasked without new material, also if somebody asks meanwhile", () => {
    let runs = 0
    const before = () => Effect.sync(() => (runs++, Defer({ reason: "not now" })))
    const { layer } = world({ before }, [], { policy: { contextLength: 8_000, mode: "background" } })
    return Effect.gen(function* () {
      yield* importRounds()
      const { turn } = yield* Gateway.Gateway
      const { settled } = yield* Compressor
      const look = Effect.gen(function* () {
        yield* turn(id, ({ view }) => view())
        yield* settled(id)
        return runs
      })
      assert.strictEqual(yield* look, 1)
      assert.strictEqual(yield* look, 1)
      assert.strictEqual((yield* compressSession()).outcome, "deferred")
      assert.strictEqual(yield* look, 2)
      yield* deliver({ role: "user", content: "and now?" })
      assert.strictEqual(yield* look, 3)
    }).pipe(Effect.provide(layer))
  })

  const overHard = conversation(22)
  for (const [what, messages] of [
    ["over the hard threshold", overHard],
    ["whose model call overflowed", conversation(12)]
  ] as const) {
    it.effect(`cannot defer for a step ${what}`, () => {
      const urgent: Array<boolean> = []
      const before = ({ isUrgent }: CompressionHooks.Leaving) =>
        Effect.sync(() => (urgent.push(isUrgent), Defer({ reason: "not now" })))
      const { layer, lines } = world({ before })
      return Effect.gen(function* () {
        yield* Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: id, messages }]))
        const { turn } = yield* Gateway.Gateway
        const generation = yield* turn(id, ({ step }) =>
          step((view) =>
            view.generation === 0 ? Effect.fail({ _tag: "ContextOverflow" }) : Effect.succeed(view.generation)
          )
        )
        assert.strictEqual(generation, 1)
        assert.deepStrictEqual(urgent, [true])
        assert.strictEqual(lines.filter((line) => line.startsWith("deferral not followed: session=chat-42")).length, 1)
        assert.deepStrictEqual(findContradictions(lines.filter((line) => line.startsWith("compression"))), [])
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("one who cannot wait begins again what was deferred for one who can", () => {
    const urgent: Array<boolean> = []
    const go = Deferred.unsafeMake<void>(Fiber.id(Fiber.void))
    const before = ({ isUrgent }: CompressionHooks.Leaving) =>
      Effect.sync(() => void urgent.push(isUrgent)).pipe(
        Effect.zipRight(Deferred.await(go)),
        Effect.as(Defer({ reason: "not now" }))
      )
    const { layer, lines } = world({ before })
    return Effect.gen(function* () {
      yield* importRounds()
      const first = yield* Effect.fork(compressSession())
      yield* Effect.repeat(Effect.yieldNow(), { until: () => urgent.length === 1 })
      const second = yield* Effect.fork(compressSession(id, { isUrgent: true }))
      yield* Effect.repeat(Effect.yieldNow(), {
        until: () => lines.some((line) => line.startsWith("compression joined"))
      })
      yield* Deferred.succeed(go, undefined)
      const outcomes = [(yield* Fiber.join(first)).outcome, (yield* Fiber.join(second)).outcome]
      assert.deepStrictEqual(
        [outcomes, urgent],
        [
          ["deferred", "committed"],
          [false, true]
        ]
      )
    }).pipe(Effect.provide(layer))
  })
})

describe("after", () => {
  it.effect("runs once, with the result, for whoever committed; joined callers and short sessions have none", () => {
    const { hooks, results } = noting()
    const { layer } = world(hooks, [{ text: summary("x"), delay: "1 second" }])
    return Effect.gen(function* () {
      yield* importRounds()
      const fibers = yield* Effect.all([Effect.fork(compressSession()), Effect.fork(compressSession())])
      yield* TestClock.adjust("1 minute")
      const [first] = yield* Fiber.join(Fiber.all(fibers))
      assert.strictEqual((yield* compressSession()).outcome, "nothing-to-compress")
      assert.deepStrictEqual(results, [first])
    }).pipe(Effect.provide(layer))
  })

  it.effect("one that hangs delays nobody, and is warned of once", () => {
    const { layer, findWarnings } = world({ after: () => hang, deadline: "3 seconds" })
    return Effect.gen(function* () {
      yield* importRounds()
      assert.strictEqual((yield* compressSession()).outcome, "committed")
      assert.strictEqual((yield* compressSession()).outcome, "nothing-to-compress")
      assert.deepStrictEqual(findWarnings(), [])
      yield* TestClock.adjust("3 seconds")
      assert.match(findWarnings().join("\n"), /^hook failed: \S+ \S+ hook=after error="no answer within 3s"$/)
    }).pipe(Effect.provide(layer))
  })
})

describe("hooks", () => {
  it.effect("run once for the compression that two processes want", () => {
    const { hooks, leavings, results } = noting("said once")
    const model = Scripted.make([{ text: summary("x"), delay: "5 seconds" }])
    return Effect.gen(function* () {
      const stores = yield* Layer.build(Sqlite.layerTemporary)
      const other = Effect.map(
        Layer.build(
          Gateway.layer({ policy, routes: [route] }).pipe(
            Layer.provide([Layer.succeedContext(stores), model.layer, CompressionHooks.layer(hooks)])
          )
        ),
        (context) => Context.get(context, Gateway.Gateway)
      )
      yield* Effect.provide(importRounds(), stores)
      const gateways = yield* Effect.all([other, other])
      const fibers = yield* Effect.forEach(gateways, ({ compress }) => Effect.fork(compress(id)))
      yield* awaitRequests(model, 1)
      yield* TestClock.adjust("10 seconds")
      const outcomes = (yield* Fiber.join(Fiber.all(fibers))).map(({ outcome }) => outcome)
      assert.sameMembers(outcomes, ["committed", "joined"])
      assert.deepStrictEqual([leavings.length, results.length, model.requests.length], [1, 1, 1])
    }).pipe(Effect.scoped)
  })

  it.effect("shield: a caller that gives up leaves the compression and its hooks to go on", () => {
    const go = Deferred.unsafeMake<void>(Fiber.id(Fiber.void))
    const begun = Deferred.unsafeMake<void>(Fiber.id(Fiber.void))
    const { hooks, results } = noting()
    const before = () =>
      Deferred.succeed(begun, undefined).pipe(
        Effect.zipRight(Deferred.await(go)),
        Effect.as(Proceed({ notes: ["kept all the same"] }))
      )
    const { layer } = world({ ...hooks, before })
    return Effect.gen(function* () {
      yield* importRounds()
      const { settled } = yield* Compressor
      const caller = yield* Effect.fork(compressSession())
      yield* Deferred.await(begun)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(caller)))
      assert.strictEqual(yield* readGeneration(), 0)
      yield* Deferred.succeed(go, undefined)
      yield* settled(id)
      yield* Effect.repeat(Effect.yieldNow(), { until: () => results.length > 0 })
      assert.include(yield* shown, "kept all the same")
      assert.deepStrictEqual(
        results.map(({ outcome }) => outcome),
        ["committed"]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("shutdown waits its grace for one that hangs, and the session is as before", () =>
    Effect.gen(function* () {
      const { layer, lines } = recordLogLines()
      const begun = yield* Deferred.make<void>()
      const before = () => Effect.zipRight(Deferred.succeed(begun, undefined), Effect.uninterruptible(hang))
      const stores = yield* Layer.build(Sqlite.layerTemporary)
      const gateway = Gateway.layer({ policy, routes: [route] }).pipe(
        Layer.provide([
          Layer.succeedContext(stores),
          Scripted.layer([summary("x")]),
          CompressionHooks.layer({ before, deadline: "1 hour" })
        ]),
        Layer.provideMerge(layer)
      )
      yield* Effect.provide(importRounds(), stores)
      const scope = yield* Scope.make()
      const { compress } = Context.get(yield* Layer.buildWithScope(gateway, scope), Gateway.Gateway)
      yield* Effect.fork(Effect.provide(compress(id), layer))
      yield* Deferred.await(begun)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("9 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(closing)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.strictEqual(yield* Effect.provide(readGeneration(), stores), 0)
      assert.deepStrictEqual(
        lines.filter((line) => line.startsWith("compression")),
        []
      )
    }).pipe(Effect.scoped)
  )
})
