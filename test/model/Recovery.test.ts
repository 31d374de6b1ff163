import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc } from "effect"
import { readFileSync } from "node:fs"
import {
  ModelError,
  ConnectionError,
  ContextOverflow,
  Interrupted,
  InvalidSummary,
  ModelUnavailable,
  ProviderError,
  QuotaExceeded,
  RateLimited,
  Timeout,
  Unauthorized
} from "../../src/model/ModelError.ts"
import * as Recovery from "../../src/model/Recovery.ts"
import { anyPolicyOf, anyRule, failures } from "../support/models.ts"

const { Step, defaults, next, table } = Recovery
const route = "m@host"
const detail = "x"

const timeout = new Timeout({ route, phase: "idle", deadline: 30_000 })
const connection = new ConnectionError({ route, detail })
const invalid = new InvalidSummary({ route, reason: "sections-missing", detail: "without ## Goal" })
const rateLimited = (retryAfter: number | null) => new RateLimited({ route, retryAfter })

const first: Recovery.Attempt = {
  failures: [],
  routesLeft: 1,
  remaining: 60_000,
  callsLeft: 8,
  isDivisible: true,
  isRenewable: true
}
const after = (...failures: ReadonlyArray<ModelError["_tag"]>): Recovery.Attempt => ({ ...first, failures })
const again = { client: "same", delay: 0, hint: null } as const
const left = { client: "same", pause: "nothing", isFinal: false } as const
const condemned = { client: "fresh", pause: "task", isFinal: false } as const
const refused = { client: "same", pause: "route", isFinal: true } as const

const anyError: fc.Arbitrary<ModelError> = Arbitrary.make(ModelError)
const anyPolicy = anyPolicyOf(anyRule({ times: fc.nat({ max: 5 }), delay: fc.nat({ max: 10_000 }) }))

/** Counts and delays as they come from a miscalculation or a configuration file. */
const oddNumbers = fc.constantFrom(Number.NaN, Infinity, -Infinity, -1, -0, 0.5, 1.5, Number.MAX_VALUE)
const anyOddPolicy = anyPolicyOf(
  anyRule({ times: fc.oneof(fc.nat({ max: 5 }), oddNumbers), delay: fc.oneof(fc.nat({ max: 10_000 }), oddNumbers) })
)

describe("Recovery", () => {
  it("asks a fresh client once after a timeout or a broken connection", () => {
    for (const error of [timeout, connection]) {
      assert.deepStrictEqual(next(defaults, error, first), Step.Retry({ ...again, client: "fresh" }))
      assert.deepStrictEqual(next(defaults, error, after("Timeout")), Step.NextRoute(condemned))
      assert.deepStrictEqual(next(defaults, error, after("ConnectionError")), Step.NextRoute(condemned))
    }
  })

  it("a failure speaks against a task, a route, or nothing", () => {
    const scopes: Partial<Record<ModelError["_tag"], Recovery.PauseScope>> = {
      Timeout: "task",
      ConnectionError: "task",
      QuotaExceeded: "route",
      Unauthorized: "route"
    }
    for (const error of failures) {
      const step = next(defaults, error, { ...first, routesLeft: 0, callsLeft: 0 })
      assert.strictEqual(step._tag === "GiveUp" ? step.pause : undefined, scopes[error._tag] ?? "nothing", error._tag)
    }
  })

  it("asks once more after an interruption", () => {
    const interrupted = new Interrupted({ route, by: "provider" })
    assert.deepStrictEqual(next(defaults, interrupted, after("Timeout")), Step.Retry(again))
    assert.deepStrictEqual(next(defaults, interrupted, after("Interrupted")), Step.NextRoute(left))
  })

  it("waits as told if that fits the budget", () => {
    assert.deepStrictEqual(next(defaults, rateLimited(20_000), first), Step.Retry({ ...again, delay: 20_000 }))
    assert.deepStrictEqual(next(defaults, rateLimited(60_000), first), Step.NextRoute(left))
    assert.deepStrictEqual(next(defaults, rateLimited(Number.NaN), first), Step.NextRoute(left))
    assert.deepStrictEqual(next(defaults, rateLimited(null), first), Step.Retry({ ...again, delay: 1_000 }))
    assert.deepStrictEqual(
      next(defaults, rateLimited(null), after("RateLimited")),
      Step.Retry({ ...again, delay: 2_000 })
    )
    assert.deepStrictEqual(next(defaults, rateLimited(1), after("RateLimited", "RateLimited")), Step.NextRoute(left))
  })

  it("asks for a new credential once", () => {
    const unauthorized = new Unauthorized({ route, detail })
    assert.deepStrictEqual(next(defaults, unauthorized, first), Step.NewCredential())
    assert.deepStrictEqual(next(defaults, unauthorized, after("Unauthorized")), Step.NextRoute(refused))
    assert.deepStrictEqual(next(defaults, unauthorized, { ...first, isRenewable: false }), Step.NextRoute(refused))
  })

  it("leaves a route without quota or without the model at once", () => {
    assert.deepStrictEqual(next(defaults, new QuotaExceeded({ route, detail }), first), Step.NextRoute(refused))
    assert.deepStrictEqual(next(defaults, new ModelUnavailable({ route, detail }), first), Step.NextRoute(left))
  })

  it("makes smaller chunks after an overflow", () => {
    const overflow = new ContextOverflow({ route, detail })
    assert.deepStrictEqual(next(defaults, overflow, { ...first, routesLeft: 0 }), Step.SmallerChunks())
    assert.deepStrictEqual(
      next(defaults, overflow, after(...Array.from({ length: 9 }, () => overflow._tag))),
      Step.NextRoute({ ...left, isFinal: true })
    )
    assert.deepStrictEqual(
      next(defaults, overflow, { ...first, isDivisible: false }),
      Step.NextRoute({ ...left, isFinal: true })
    )
  })

  it("tells the model once why its summary was turned away", () => {
    const step = next(defaults, invalid, first)
    assert.strictEqual(step._tag, "Retry")
    assert.include(step._tag === "Retry" ? step.hint : null, "without ## Goal")
    assert.deepStrictEqual(next(defaults, invalid, after("InvalidSummary")), Step.NextRoute(left))
  })

  it("backs off once after a failure of the provider", () => {
    const failed = new ProviderError({ route, status: 503, detail })
    assert.deepStrictEqual(next(defaults, failed, first), Step.Retry({ ...again, delay: 1_000 }))
    assert.deepStrictEqual(next(defaults, failed, { ...first, remaining: 1_000 }), Step.NextRoute(left))
    assert.deepStrictEqual(next(defaults, failed, after("ProviderError")), Step.NextRoute(left))
  })

  it("does not repeat a request that was refused as it stands, and tries less text once", () => {
    for (const status of [400, 422]) {
      const failed = new ProviderError({ route, status, detail })
      assert.deepStrictEqual(next(defaults, failed, first), Step.SmallerChunks())
      assert.deepStrictEqual(next(defaults, failed, after("ProviderError")), Step.NextRoute(left))
      assert.deepStrictEqual(next(defaults, failed, { ...first, isDivisible: false }), Step.NextRoute(left))
    }
  })

  it("gives up without a route, time or calls", () => {
    assert.deepStrictEqual(next(defaults, timeout, { ...after("Timeout"), routesLeft: 0 }), Step.GiveUp(condemned))
    assert.deepStrictEqual(next(defaults, timeout, { ...first, remaining: 0 }), Step.GiveUp(condemned))
    assert.deepStrictEqual(next(defaults, timeout, { ...first, callsLeft: 0 }), Step.GiveUp(condemned))
  })

  it.prop(
    "9: bounded: whatever fails, a policy ends within its calls, its time and its counts",
    [
      anyPolicy,
      fc.infiniteStream(fc.tuple(anyError, fc.nat({ max: 20_000 }))),
      fc.nat({ max: 3 }),
      fc.nat({ max: 12 })
    ],
    ([policy, faults, routes, maxCalls]) => {
      const run = playPolicy(policy, faults, { routes, maxCalls, totalTimeout: 100_000 })
      assert.isAtMost(run.calls, maxCalls)
      assert.isAtMost(run.waited, 100_000)
    },
    { fastCheck: { numRuns: 500 } }
  )

  it.prop(
    "9: bounded: a route is left after as many calls as its rules allow, however many calls are left",
    [anyPolicy, fc.infiniteStream(anyError)],
    ([policy, faults]) => {
      const allowed = new Map(Object.values(policy).map(({ action }) => [action, 0]))
      for (const { action, times } of Object.values(policy))
        allowed.set(action, Math.max(allowed.get(action) ?? 0, times))
      const bound = 1 + [...allowed.values()].reduce((sum, times) => sum + times, 0)
      const run = playPolicy(
        policy,
        mapItems(faults, (error) => [error, 0]),
        { routes: 0, maxCalls: 1_000, totalTimeout: 1e300 }
      )
      assert.isAtMost(run.calls, bound)
    },
    { fastCheck: { numRuns: 500 } }
  )

  it.prop(
    "9: bounded: a policy of odd numbers is refused, and if it is followed all the same it ends and waits no odd time",
    [anyOddPolicy, fc.infiniteStream(anyError)],
    ([policy, faults]) => {
      const rules = Object.values(policy)
      const isSound = rules.every(
        ({ delay, times }) => Number.isSafeInteger(times) && times >= 0 && Number.isFinite(delay) && delay >= 0
      )
      assert.strictEqual(Either.isRight(Recovery.checkPolicy(policy)), isSound)
      const times = rules.map((rule) => (rule.times > 0 ? Math.ceil(rule.times) : 0))
      const run = playPolicy(
        policy,
        mapItems(faults, (error) => [error, 0]),
        { routes: 0, maxCalls: 1_000, totalTimeout: 100_000 }
      )
      assert.isAtMost(run.calls, 1 + times.reduce((sum, n) => sum + n, 0))
      assert.isAtMost(run.waited, 100_000)
    },
    { fastCheck: { numRuns: 500 } }
  )

  it("refuses what plain JavaScript and configuration files may pass for a policy", () => {
    const rule = defaults.Timeout
    const odd: Record<string, unknown> = {
      "recovery.Timeout": undefined,
      "recovery.Timeout.action": { ...rule, action: "again" },
      "recovery.Timeout.times": { ...rule, times: "2" },
      "recovery.Timeout.delay": { ...rule, delay: null },
      "recovery.Timeout.pause": { ...rule, pause: "all" }
    }
    for (const [field, Timeout] of Object.entries(odd)) {
      const policy: Recovery.Policy = Object.assign({ ...defaults }, { Timeout })
      const error = Either.flip(Recovery.checkPolicy(policy))
      assert.strictEqual(Either.isRight(error) ? error.right.field : "", field)
    }
    assert.isTrue(Either.isRight(Recovery.checkPolicy(defaults)))
  })

  it.prop(
    "a retry fits into the remaining time, and only a failure that condemns the client asks for a fresh one",
    [anyError, fc.record({ failures: fc.array(anyError.map(({ _tag }) => _tag)), remaining: fc.double() })],
    ([error, { failures, remaining }]) => {
      const step = next(defaults, error, { ...first, failures, remaining, callsLeft: 1 })
      if (step._tag !== "Retry") return
      assert.isAtLeast(step.delay, 0)
      assert.isBelow(step.delay, remaining)
      assert.strictEqual(step.client === "fresh", error._tag === "Timeout" || error._tag === "ConnectionError")
      assert.strictEqual(step.hint !== null, error._tag === "InvalidSummary")
    },
    { fastCheck: { numRuns: 1_000 } }
  )

  it("is documented as it is", () => {
    const page = readFileSync(new URL("../../docs/recovery.md", import.meta.url), "utf8")
    const cells = (text: string) =>
      text
        .trim()
        .split("\n")
        .map((line) => line.split("|").map((cell) => cell.trim()))
    const [, documented = ""] = /<!-- recovery:begin -->([^]*)<!-- recovery:end -->/.exec(page) ?? []
    const isRule = (row: ReadonlyArray<string>) => !row.some((cell) => cell.startsWith("---"))
    assert.deepStrictEqual(cells(documented).filter(isRule), cells(table(defaults)).filter(isRule))
  })
})

describe("the documented table", () => {
  const page = readFileSync(new URL("../../docs/recovery.md", import.meta.url), "utf8")
  const rows = page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim()))

  it("has every error once", () => {
    const tags = rows.flatMap(([, errors = ""]) => errors.split(", ").map((tag) => tag.replaceAll("`", "")))
    assert.sameMembers(tags, Object.keys(defaults))
  })

  for (const error of [
    ...failures.map((error) => (error._tag === "RateLimited" ? rateLimited(null) : error)),
    new ContextOverflow({ route, detail }),
    invalid
  ]) {
    it(`says what next says of ${error._tag}`, () => {
      const row = rows.find(([, errors = ""]) => errors.split(", ").includes(`\`${error._tag}\``)) ?? []
      const [, , action = "", times, after = "", , pauses] = row
      const steps = Array.from({ length: 10 }, (_, n) => next(defaults, error, repeated(error._tag, n)))
      const onRoute = steps.filter(({ _tag }) => _tag !== "NextRoute")
      const last = steps.at(-1)
      assert.strictEqual(String(onRoute.length), times)
      assert.isTrue(last?._tag === "NextRoute")
      if (last?._tag !== "NextRoute") return
      assert.strictEqual(action.startsWith("drop the client"), last.client === "fresh")
      assert.strictEqual(pauses, PAUSES[last.pause])
      onRoute.forEach((step, n) => {
        assert.match(action, ACTIONS[step._tag])
        const [delay = "0"] = /\d+/.exec(after) ?? []
        if (step._tag === "Retry") assert.strictEqual(step.delay, Number(delay) * 2 ** n)
        if (step._tag === "Retry") assert.strictEqual(step.client, last.client)
      })
    })
  }

  const PAUSES = { nothing: "nothing", task: "this task on this model", route: "every task on this route" }
  const ACTIONS = {
    Retry: /call again/,
    NewCredential: /new credential/,
    SmallerChunks: /smaller chunks/,
    NextRoute: /^–$/,
    GiveUp: /^–$/
  }
  const repeated = (tag: ModelError["_tag"], n: number) => after(...Array.from({ length: n }, () => tag))
})

// -- a program that obeys the policy while every call fails -----------------------------------------------------------

interface Budget {
  readonly routes: number
  readonly maxCalls: number
  readonly totalTimeout: number
}

function playPolicy(
  policy: Recovery.Policy,
  faults: Iterator<readonly [error: ModelError, duration: number]>,
  { routes, maxCalls, totalTimeout }: Budget
) {
  let [calls, waited, clock, routesLeft] = [0, 0, 0, routes]
  let failures: ReadonlyArray<ModelError["_tag"]> = []
  while (calls < maxCalls) {
    calls++
    const [error, duration] = faults.next().value
    clock = Math.min(totalTimeout, clock + duration)
    const left = { remaining: totalTimeout - clock, callsLeft: maxCalls - calls }
    const attempt = { failures, routesLeft, ...left, isDivisible: true, isRenewable: true }
    const step = next(policy, error, attempt)
    failures = [...failures, error._tag]
    if (step._tag === "GiveUp") break
    if (step._tag === "Retry") {
      clock += step.delay
      waited += step.delay
    }
    if (step._tag === "NextRoute") {
      assert.isAbove(routesLeft, 0)
      routesLeft--
      failures = []
    }
  }
  return { calls, waited }
}

function* mapItems<A, B>(items: Iterable<A>, f: (a: A) => B): Generator<B> {
  for (const item of items) yield f(item)
}
