/**
 * For every error and every policy, what the program does is what `Recovery.next` says: which routes it calls and when,
 * how many clients it opens, which credentials it renews, what it pauses, and how it ends.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Arbitrary, Duration, Effect, Either, FastCheck as fc, Fiber, Layer, Redacted, TestClock } from "effect"
import * as ModelClients from "../../src/model/ModelClients.ts"
import { InvalidSummary, ModelError, RateLimited } from "../../src/model/ModelError.ts"
import type { Route } from "../../src/model/Provider.ts"
import * as Recovery from "../../src/model/Recovery.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as Budget from "../../src/summary/budget.ts"
import { type ModelTask, runModelTask } from "../../src/summary/modelTask.ts"
import * as RoutePauses from "../../src/summary/RoutePauses.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { anyPolicyOf, anyRule } from "../support/models.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { onVirtualClock } from "../support/virtualClock.ts"

const MAX_CALLS = 12
const TOTAL_TIMEOUT = 100_000
const TASK = "compression"

type Tag = ModelError["_tag"]

const anyPolicy = anyPolicyOf(
  anyRule({
    times: fc.nat({ max: 3 }),
    delay: fc.constantFrom(0, 1_000, 7_000, 40_000),
    pause: fc.constantFrom(undefined, ...Recovery.pauseScopes)
  })
)

/** Waits in whole milliseconds, so that the clock of the prediction and that of the program agree. */
const anyError: fc.Arbitrary<ModelError> = fc
  .tuple(Arbitrary.make(ModelError), fc.constantFrom(null, Number.NaN, -1, 0, 900, 30_000, 120_000))
  .map(([error, retryAfter]) => (error._tag === "RateLimited" ? new RateLimited({ route: "r", retryAfter }) : error))

/** The key of a route, and what renewing it comes to. */
type Key = "fixed" | "renewable" | "never renewed"

interface Scenario {
  readonly policy: Recovery.Policy
  readonly errors: ReadonlyArray<ModelError>
  readonly keys: ReadonlyArray<Key>
  readonly isDivisible: boolean
}

const anyScenario: fc.Arbitrary<Scenario> = fc.record({
  policy: fc.oneof(anyPolicy, fc.constant(Recovery.defaults)),
  errors: fc.array(anyError, { minLength: 1, maxLength: 8 }),
  keys: fc.array(fc.constantFrom<Key>("fixed", "renewable", "never renewed"), { minLength: 1, maxLength: 3 }),
  isDivisible: fc.boolean()
})

/** The effects of a task, as seen from outside. */
interface Seen {
  /** The route and the time of each call. */
  readonly calls: ReadonlyArray<readonly [route: number, at: number]>
  readonly hints: ReadonlyArray<string | null>
  readonly clients: number
  readonly renewals: number
  /** The pause of each route afterwards. */
  readonly pauses: ReadonlyArray<Recovery.PauseScope>
  /** The routes that no other chunk of the task asks. */
  readonly left: ReadonlyArray<boolean>
  /** The routes on which a later call, of any task, opens another client. */
  readonly dropped: ReadonlyArray<boolean>
  readonly end: "answered" | "too large" | "exhausted"
}

/** Follows `next` through the scenario: every call fails with the next error, and succeeds once all are used up. */
const predictSeen = ({ errors, isDivisible, keys, policy }: Scenario): Seen => {
  const calls: Array<readonly [number, number]> = []
  const hints: Array<string | null> = []
  const pauses: Array<Recovery.PauseScope> = keys.map(() => "nothing")
  const left = keys.map(() => false)
  const hasClient = keys.map(() => false)
  let [clients, renewals, now] = [0, 0, 0]
  const seen = (end: Seen["end"]): Seen => {
    const dropped = hasClient.map((has) => !has)
    return { calls, hints, clients, renewals, pauses, left, dropped, end }
  }

  for (const [route, key] of keys.entries()) {
    let before: ReadonlyArray<Tag> = []
    let hint: string | null = null
    for (;;) {
      calls.push([route, now])
      hints.push(hint)
      if (!hasClient[route]) clients += 1
      hasClient[route] = true
      const error = errors[calls.length - 1]
      if (error === undefined) return seen("answered")
      const attempt = {
        failures: before,
        routesLeft: keys.length - route - 1,
        remaining: TOTAL_TIMEOUT - now,
        callsLeft: MAX_CALLS - calls.length,
        isDivisible,
        isRenewable: key !== "fixed"
      }
      let step = Recovery.next(policy, error, attempt)
      if (step._tag === "NewCredential") {
        renewals += 1
        if (key === "never renewed") step = Recovery.next(policy, error, { ...attempt, isRenewable: false })
      }
      before = [...before, error._tag]
      if (step._tag === "SmallerChunks") return seen("too large")
      if (step._tag === "NextRoute" || step._tag === "GiveUp") {
        pauses[route] = step.pause
        left[route] = step.isFinal
        hasClient[route] = step.client === "same"
        if (step._tag === "GiveUp") return seen("exhausted")
        break
      }
      if (step._tag === "Retry") {
        hasClient[route] = step.client === "same"
        hint = step.hint
        now += step.delay
      }
    }
  }
  return seen("exhausted")
}

let scenarios = 0

/** Runs the program. Each scenario has routes of its own, because all share one store. */
const runProgram = ({ errors, isDivisible, keys, policy }: Scenario) =>
  Effect.gen(function* () {
    const n = ++scenarios
    const calls: Array<readonly [number, number]> = []
    const hints: Array<string | null> = []
    let renewals = 0
    const clock = yield* Effect.clock
    const routes = keys.map((key, i): Route => {
      const route = ModelServer.route(`http://run-${n}-${i}.invalid/v1`, {
        timeout: "10 minutes",
        idleTimeout: "10 minutes"
      })
      if (key === "fixed") return route
      const renew = Effect.suspend(() => {
        renewals += 1
        return key === "renewable" ? Effect.void : Effect.fail("no other key")
      })
      return { ...route, apiKey: { name: `key-${n}-${i}`, current: Effect.succeed(Redacted.make("key")), renew } }
    })
    const errorNow = () => errors[calls.length - 1]
    const model = Scripted.make([
      ({ task }, route): Scripted.ScriptedOutcome => {
        if (task !== TASK) return "pong"
        calls.push([routes.findIndex(({ baseUrl }) => baseUrl === route.baseUrl), clock.unsafeCurrentTimeMillis()])
        const error = errorNow()
        return error === undefined || error._tag === "InvalidSummary" ? "an answer" : error
      }
    ])
    const task: ModelTask<string> = {
      name: TASK,
      routes,
      recovery: policy,
      request: (hint) => {
        hints.push(hint)
        return { task: TASK, messages: [], maxOutputTokens: 10 }
      },
      tokens: 1,
      cuts: isDivisible ? [] : null,
      // The gate makes this error from an answer, all others come from the provider.
      accept: (_, { text }) => {
        const error = errorNow()
        return error instanceof InvalidSummary ? Either.left(error) : Either.right(text)
      },
      onProgress: () => Effect.void
    }
    return yield* Effect.gen(function* () {
      const spending = yield* Budget.startSpending({
        maxCalls: MAX_CALLS,
        maxTokens: 1e9,
        totalTimeout: Duration.millis(TOTAL_TIMEOUT)
      })
      const fiber = yield* Effect.fork(Effect.either(runModelTask(task, spending)))
      yield* TestClock.adjust("1 hour")
      const ended = yield* Fiber.join(fiber)
      const clients = model.opened
      const pauses = yield* Effect.forEach(routes, readPause)
      const { complete } = yield* ModelClients.ModelClients
      const dropped = yield* Effect.forEach(routes, (route) => {
        const opened = model.opened
        return Effect.map(
          complete(route, { task: "ping", messages: [], maxOutputTokens: 1 }),
          () => model.opened > opened
        )
      })
      const left = routes.map((route) => spending.routes.get(route)?.isLeft ?? false)
      return { calls, hints, clients, renewals, pauses, left, dropped, end: describeEnd(ended) } satisfies Seen
    }).pipe(Effect.provide(Layer.provide(ModelClients.layer(), model.layer)))
  })

const readPause = (route: Route) =>
  Effect.gen(function* () {
    const { claim } = yield* RoutePauses.RoutePauses
    if (!(yield* claim(route, "another task"))) return "route"
    return (yield* claim(route, TASK)) ? "nothing" : "task"
  })

const describeEnd = (ended: Either.Either<unknown, { readonly _tag: "TooLarge" | "Exhausted" }>): Seen["end"] => {
  if (Either.isRight(ended)) return "answered"
  return ended.left._tag === "TooLarge" ? "too large" : "exhausted"
}

/** Every failed task pauses at once and for longer than a scenario lasts. */
const live = RoutePauses.layer({ durations: [24 * 3_600_000], afterFailures: 1 }).pipe(
  Layer.provide(Sqlite.layerTemporary)
)

describe("Recovery.next", () => {
  layer(live, { excludeTestServices: true })((it) => {
    it.effect.prop(
      "is what the program does, for every error and every policy",
      [anyScenario],
      ([scenario]) =>
        onVirtualClock(Effect.map(runProgram(scenario), (seen) => assert.deepStrictEqual(seen, predictSeen(scenario)))),
      propertyRuns(60, 400)
    )
  })
})
