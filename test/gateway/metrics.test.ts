/** What Effect's metrics say of sessions, as an exporter would read them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FiberRef, Metric, MetricState, Schema, TestClock } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { RateLimited } from "../../src/model/ModelError.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { interruptEverywhere, isUnbroken } from "../support/interruptEverywhere.ts"
import { crowded, deliver, id, importRounds, manual, route, scripted, summary } from "../support/world.ts"

const user = (content: string) => ({ role: "user", content }) as const
const reply = { role: "assistant", content: "It is paid." } as const

class NoTime extends Schema.TaggedError<NoTime>()("NoTime", {}) {}

type Tags = Readonly<Record<string, string>>

interface Reading {
  /** The value of a counter or a gauge, the sum of a histogram. */
  readonly value: number
  /** Measurements of a histogram. */
  readonly count: number
}

const readState = (state: MetricState.MetricState<unknown>): Reading => {
  if (MetricState.isHistogramState(state)) return { value: state.sum, count: state.count }
  if (MetricState.isCounterState(state)) return { value: Number(state.count), count: 0 }
  return MetricState.isGaugeState(state) ? { value: Number(state.value), count: 0 } : { value: 0, count: 0 }
}

let tests = 0

/** A process has one registry for all its tests, and fibers of others may still run: what a test measures has its label. */
const labelled = <A, E, R>(test: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.tagMetrics(test, "test", `${++tests}`))

/** Adds up all metrics of a name that have these tags, and the label of the test. */
const read = (name: string, tags: Tags = {}) =>
  Effect.map(Effect.all([Metric.snapshot, FiberRef.get(FiberRef.currentMetricLabels)]), ([pairs, labels]) =>
    pairs
      .filter(
        ({ metricKey }) =>
          metricKey.name === name &&
          [...labels, ...Object.entries(tags).map(([key, value]) => ({ key, value }))].every(({ key, value }) =>
            metricKey.tags.some((tag) => tag.key === key && tag.value === value)
          )
      )
      .map(({ metricState }) => readState(metricState))
      .reduce((a, b) => ({ value: a.value + b.value, count: a.count + b.count }), { value: 0, count: 0 })
  )

/** What `work` adds to metrics. */
const addedBy = <A, E, R>(work: Effect.Effect<A, E, R>, asked: ReadonlyArray<readonly [name: string, tags?: Tags]>) =>
  Effect.gen(function* () {
    const readAll = Effect.forEach(asked, ([name, tags]) => read(`throughline_${name}`, tags))
    const before = yield* readAll
    yield* work
    const after = yield* readAll
    return after.map(({ count, value }, i) => [value - (before[i]?.value ?? 0), count - (before[i]?.count ?? 0)])
  })

describe("metrics", () => {
  it("are all in the table of docs/service.md, and no others", () => {
    const sources = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
    const namesIn = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), ([, name]) => name)
    const named = sources.flatMap((file) =>
      namesIn(readFileSync(join("src", file), "utf8"), /"(throughline_[a-z_]+)"/g)
    )
    const metrics = named.filter((name) => name !== "throughline_body")
    const listed = namesIn(readFileSync("docs/service.md", "utf8"), /^\| `(throughline_[a-z_]+)`/gm)
    assert.deepStrictEqual(listed.toSorted(), metrics.toSorted())
  })

  it.effect("count deliveries, what steps take up, turns by outcome, and the tokens of the agent's calls", () =>
    Effect.gen(function* () {
      const { forget, turn } = yield* Gateway
      const work = Effect.gen(function* () {
        yield* deliver(user("one"), user("two"))
        yield* Effect.flatMap(Gateway, ({ deliver }) => deliver(id, user("three"), { kind: "notification", key: "k" }))
        yield* Effect.flatMap(Gateway, ({ deliver }) => deliver(id, user("three"), { kind: "notification", key: "k" }))
        yield* turn(id, ({ append, report, view }) =>
          view().pipe(Effect.zipRight(report({ inputTokens: 120 })), Effect.zipRight(append(reply, user("more"))))
        )
        yield* Effect.flip(turn(id, () => new NoTime()))
        yield* Effect.exit(turn(id, () => Effect.die("a bug")))
        yield* deliver(user("four"))
        yield* forget(id)
      })
      assert.deepStrictEqual(
        yield* addedBy(work, [
          ["messages_delivered", { kind: "request" }],
          ["messages_delivered", { kind: "notification" }],
          ["messages_taken_up"],
          ["messages_forgotten"],
          ["inbox_length"],
          ["turns", { outcome: "ok" }],
          ["turns", { outcome: "NoTime" }],
          ["turns", { outcome: "defect" }],
          ["turn_wait_seconds"],
          ["agent_tokens", { direction: "in" }]
        ]),
        [
          [3, 0],
          [1, 0],
          [3, 0],
          [1, 0],
          [3, 1],
          [1, 0],
          [1, 0],
          [1, 0],
          [0, 3],
          [120, 0]
        ]
      )
      assert.isAbove((yield* read("throughline_agent_tokens", { direction: "out" })).value, 0)
    }).pipe(Effect.provide(scripted(Scripted.layer([]), { policy: manual })), labelled)
  )

  it.effect("count what the model wrote as it is reported, and estimate nothing of such a session", () =>
    Effect.gen(function* () {
      const { turn } = yield* Gateway
      const out = [["agent_tokens", { direction: "out" }]] as const
      yield* deliver(user("one"))
      const reported = turn(id, ({ append, report, view }) =>
        view().pipe(
          Effect.zipRight(report({ inputTokens: 120, outputTokens: 7 })),
          Effect.zipRight(append(reply, reply))
        )
      )
      assert.deepStrictEqual(yield* addedBy(reported, out), [[7, 0]])
      // The answer may be appended in a later turn, as some frameworks do.
      assert.deepStrictEqual(
        yield* addedBy(
          turn(id, ({ append }) => append(reply)),
          out
        ),
        [[0, 0]]
      )
      const odd = turn(id, ({ report, view }) =>
        Effect.zipRight(view(), report({ inputTokens: 1, outputTokens: Infinity }))
      )
      assert.deepStrictEqual(yield* addedBy(odd, out), [[0, 0]])
    }).pipe(Effect.provide(scripted(Scripted.layer([]), { policy: manual })), labelled)
  )

  it.effect("count money where a price is set, and none where none is", () => {
    const usage = { inputTokens: 4_000, outputTokens: 300, cachedTokens: 3_000 }
    const makeModel = () => Scripted.make([{ text: summary("what counts"), usage }])
    const work = Effect.gen(function* () {
      const { turn } = yield* Gateway
      yield* importRounds(16)
      yield* turn(id, ({ report, view }) =>
        Effect.zipRight(view(), report({ inputTokens: 5_000, cachedTokens: 4_000 }))
      )
      yield* turn(id, ({ append }) => append(reply))
    })
    const asked = ["agent", "model"].flatMap((who) =>
      ["in", "out"].map((direction) => [`${who}_dollars`, { direction }] as const)
    )
    const priced = {
      policy: { ...crowded.policy, promptCache: { kind: "openai-automatic", dollarsPerMillion: 2 } },
      routes: [{ ...route, price: { input: 1, cached: 0.1, output: 10 } }]
    } as const
    return Effect.gen(function* () {
      const none = work.pipe(Effect.provide(scripted(makeModel().layer, { ...crowded, routes: [route] })))
      assert.deepStrictEqual(yield* addedBy(none, asked), [
        [0, 0],
        [0, 0],
        [0, 0],
        [0, 0]
      ])
      const some = work.pipe(Effect.provide(scripted(makeModel().layer, priced)))
      const [agentIn, agentOut, modelIn, modelOut] = (yield* addedBy(some, asked)).map(([value = 0]) => value)
      assert.closeTo(agentIn ?? 0, (2 * (1_000 + 0.1 * 4_000)) / 1e6, 1e-12)
      assert.isAbove(agentOut ?? 0, 0)
      assert.closeTo(modelIn ?? 0, (1_000 + 0.1 * 3_000) / 1e6, 1e-12)
      assert.closeTo(modelOut ?? 0, (10 * 300) / 1e6, 1e-12)
    }).pipe(labelled)
  })

  it.effect("measure how long turns wait, and how many wait now, also of those that give up", () =>
    Effect.gen(function* () {
      const { turn } = yield* Gateway
      yield* deliver(user("one"))
      const before = (yield* read("throughline_turns_waiting")).value
      const waiting = Effect.map(read("throughline_turns_waiting"), ({ value }) => value - before)
      const work = Effect.gen(function* () {
        const first = yield* Effect.fork(turn(id, () => Effect.sleep("5 seconds")))
        yield* TestClock.adjust("1 second")
        const second = yield* Effect.fork(turn(id, () => Effect.void))
        const third = yield* Effect.fork(turn(id, () => Effect.void))
        const late = yield* Effect.fork(turn(id, () => Effect.void, { wait: "2 seconds" }))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* waiting, 3)
        yield* Fiber.interrupt(third)
        assert.strictEqual(yield* waiting, 2)
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        assert.strictEqual((yield* Effect.flip(Fiber.join(late)))._tag, "SessionBusy")
        assert.strictEqual(yield* waiting, 0)
      })
      assert.deepStrictEqual(
        yield* addedBy(work, [
          ["turn_wait_seconds"],
          ["turns", { outcome: "SessionBusy" }],
          ["turns", { outcome: "interrupted" }]
        ]),
        // The second waited 4 seconds, the third 1 and the late one 2.
        [
          [7, 4],
          [1, 0],
          [1, 0]
        ]
      )
    }).pipe(Effect.provide(scripted(Scripted.layer([]), { policy: manual })), labelled)
  )

  it.live("count no turn as waiting that was interrupted, wherever it was", () =>
    Effect.gen(function* () {
      const waiting = Effect.map(read("throughline_turns_waiting"), ({ value }) => value)
      const before = yield* waiting
      const { turn } = yield* Gateway
      yield* deliver(user("one"))
      const sweep = yield* interruptEverywhere(
        Effect.void,
        () => turn(id, () => Effect.void),
        () => Effect.map(waiting, (now) => now === before),
        { every: 1 }
      )
      isUnbroken(sweep)
    }).pipe(Effect.provide(scripted(Scripted.layer([]), { policy: manual })), labelled)
  )

  it.effect("measure model calls by outcome, their tokens, compressions, and how long a step waits for one", () => {
    const limited = new RateLimited({ route: "m", retryAfter: null })
    const usage = { inputTokens: 4_000, outputTokens: 300 }
    const model = Scripted.make([limited, { text: summary("what counts"), usage, delay: "3 seconds" }])
    return Effect.gen(function* () {
      const { turn } = yield* Gateway
      const work = Effect.gen(function* () {
        yield* importRounds(16)
        const step = yield* Effect.fork(turn(id, ({ view }) => view()))
        yield* TestClock.adjust("5 minutes")
        yield* Fiber.join(step)
      })
      const [failed, passed, tokensIn, tokensOut, ended, saved, duration, wait] = yield* addedBy(work, [
        ["model_calls", { task: "compression", outcome: "RateLimited" }],
        ["model_calls", { task: "compression", outcome: "ok" }],
        ["model_tokens", { task: "compression", direction: "in" }],
        ["model_tokens", { task: "compression", direction: "out" }],
        ["compressions", { outcome: "committed" }],
        ["compression_tokens_saved"],
        ["compression_duration_seconds", { outcome: "committed" }],
        ["step_wait_seconds"]
      ])
      assert.deepStrictEqual(
        [failed, passed, tokensIn, tokensOut, ended],
        [
          [1, 0],
          [1, 0],
          [4_000, 0],
          [300, 0],
          [1, 0]
        ]
      )
      assert.isAbove(saved?.[0] ?? 0, 1_000)
      assert.strictEqual(duration?.[1], 1)
      assert.isAtLeast(duration?.[0] ?? 0, 3)
      assert.strictEqual(wait?.[1], 1)
      // Seconds are no whole numbers.
      assert.closeTo(wait?.[0] ?? 0, duration?.[0] ?? 0, 1e-9)
    }).pipe(Effect.provide(scripted(model.layer, { ...crowded, routes: [route] })), labelled)
  })
})
