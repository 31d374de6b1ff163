import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber, TestClock } from "effect"
import { ConnectionError, ModelUnavailable } from "../../src/model/ModelError.ts"
import * as CompressionHooks from "../../src/compression/CompressionHooks.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { findContradictions } from "../support/auditTrail.ts"
import { hang, world } from "../support/hooks.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import { compressSession, id, importRounds, readGeneration, summary } from "../support/world.ts"

const { Defer, Proceed } = CompressionHooks.Decision

describe("a hook at fault", () => {
  const secret = "sk-proj-abcdefghij0123456789abcdefghij"
  const failing = (error: unknown) => () => Effect.fail(error)
  const broken: ReadonlyArray<readonly [string, () => Effect.Effect<CompressionHooks.Decision, unknown>, string]> = [
    ["fails", failing(new Error(`no disk\nfor ${secret}`)), '"Error: no disk for [redacted'],
    ["fails without a message", failing(new TypeError("")), "TypeError\n"],
    [
      "fails with what is no error",
      () => Effect.fail({ content: "Please look at part 3." }),
      '"it failed with a value that is no Error"'
    ],
    ["fails with a tagged value", () => Effect.fail({ _tag: "DiskFull", content: "Please look" }), "DiskFull\n"],
    [
      "fails with an error that throws",
      failing(Object.defineProperty(new Error(), "message", { get: () => JSON.parse("{") })),
      '"it broke off"'
    ],
    ["dies", () => Effect.die(new TypeError("no such thing")), '"TypeError: no such thing"'],
    [
      "throws",
      () => {
        throw new RangeError("too far")
      },
      '"RangeError: too far"'
    ],
    ["interrupts itself", () => Effect.interrupt, ""],
    ["hangs", () => hang, '"no answer within 10s"'],
    ["hangs and hears no interrupt", () => Effect.uninterruptible(hang), '"no answer within 10s"']
  ]
  for (const [what, before, error] of broken) {
    it.effect(`one that ${what} costs a warning, and the compression goes on`, () => {
      const { layer, findWarnings } = world({ before })
      return Effect.gen(function* () {
        yield* importRounds()
        const fiber = yield* Effect.fork(compressSession())
        yield* TestClock.adjust("10 seconds")
        const { operationId, outcome } = yield* Fiber.join(fiber)
        assert.strictEqual(outcome, "committed")
        const [warning = "", ...more] = findWarnings()
        assert.deepStrictEqual(more, [])
        assert.isTrue(
          `${warning}\n`.startsWith(`hook failed: session=${id} operation=${operationId} hook=before error=${error}`),
          warning
        )
        for (const word of [secret, "part", "look"]) assert.notInclude(warning, word)
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("one that is late is interrupted", () => {
    let heard = false
    const before = () => Effect.onInterrupt(hang, () => Effect.sync(() => void (heard = true)))
    const { layer } = world({ before, deadline: "3 seconds" })
    return Effect.gen(function* () {
      yield* importRounds()
      const fiber = yield* Effect.fork(compressSession())
      yield* TestClock.adjust("2999 millis")
      assert.isFalse(heard)
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(fiber)
      assert.isTrue(heard)
    }).pipe(Effect.provide(layer))
  })

  const behaviour: FastCheck.Arbitrary<() => Effect.Effect<CompressionHooks.Decision, unknown>> = FastCheck.oneof(
    FastCheck.array(FastCheck.string({ maxLength: 900, unit: "grapheme" })).map(
      (notes) => () => Effect.succeed(Proceed({ notes }))
    ),
    FastCheck.anything().map((error) => () => Effect.fail(error)),
    FastCheck.anything().map((defect) => () => Effect.die(defect)),
    FastCheck.anything().map((thrown) => () => {
      throw thrown
    }),
    FastCheck.constantFrom(
      () => Effect.interrupt,
      () => hang,
      () => Effect.uninterruptible(hang),
      () => Effect.delay(Effect.succeed(Proceed({ notes: ["late"] })), "9 seconds"),
      () => Effect.succeed(Defer({ reason: "not followed" }))
    )
  )
  const outcomes = FastCheck.constantFrom<ReadonlyArray<Scripted.ScriptedOutcome>>(
    [summary("x")],
    [new ConnectionError({ route: "r", detail: "refused" }), summary("x")],
    ["no summary", summary("x")],
    [new ModelUnavailable({ route: "r", detail: "gone" })],
    [Scripted.hang]
  )
  const outcomeWith = (hooks: CompressionHooks.Hooks, script: ReadonlyArray<Scripted.ScriptedOutcome>) => {
    const { layer, lines } = world(hooks, script)
    return Effect.gen(function* () {
      yield* importRounds()
      const fiber = yield* Effect.fork(compressSession(id, { isUrgent: true }))
      yield* TestClock.adjust("1 hour")
      const { attempts, modelCalls, outcome } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(findContradictions(lines), [])
      return { attempts, modelCalls, outcome, generation: yield* readGeneration() }
    }).pipe(Effect.provide(layer), onVirtualClock)
  }

  it.effect.prop(
    "a hook never loses a compression",
    [behaviour, behaviour, outcomes],
    ([before, after, script]) =>
      Effect.gen(function* () {
        const hooks = { before, after: () => Effect.asVoid(Effect.suspend(after)) }
        assert.deepStrictEqual(yield* outcomeWith(hooks, script), yield* outcomeWith({}, script))
      }),
    propertyRuns(10, 40)
  )
})
