/**
 * Measures how long a compression of a session of 1,000,000 tokens keeps the event loop from others, with a model that answers at
 * once: what the parts take on their own, then the longest stretches of the whole. Run: `npx tsx scratch/bench/eventLoop.ts`
 */
import { Effect, Layer, Logger, LogLevel } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { renderSummary } from "../../test/support/summaryText.ts"
import * as Prompt from "../../src/handoff/prompt.ts"
import { runInSlices } from "../../src/concurrency/eventLoopBudget.ts"
import * as Ledger from "../../src/ledger/Ledger.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Plan from "../../src/compression/Plan.ts"
import * as Provider from "../../src/model/Provider.ts"
import * as Extractive from "../../src/summary/Extractive.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Recall from "../../src/recall/Recall.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"

const ROUNDS = 1_350
const id = SessionId.make("large")
const again = SessionId.make("large too")
const policy = { contextLength: 2_000_000, targetRatio: 0.02, mode: "manual" } as const
const route = Provider.route({ model: "instant", apiKey: "none", contextLength: 200_000 })

const line = (n: number, i: number) =>
  `${n}:${i} const total${i} = await billing.sum(invoice_${n * 7 + i}) // 10.0.${i}.${n % 250}:8080\n`
const round = (n: number): ReadonlyArray<Message> => {
  const call = { name: "read_file", arguments: JSON.stringify({ path: `src/part/${n}.ts` }) }
  return [
    { role: "user", content: `Please look at part ${n}. Never touch migration ${n % 40}.` },
    { role: "assistant", content: null, tool_calls: [{ id: `call_${n}`, type: "function", function: call }] },
    { role: "tool", tool_call_id: `call_${n}`, content: Array.from({ length: 38 }, (_, i) => line(n, i)).join("") },
    { role: "assistant", content: `Part ${n} is fine, we decided to keep port ${8_000 + (n % 90)}.` }
  ]
}
const messages = Array.from({ length: ROUNDS }, (_, n) => round(n)).flat()

const summary = renderSummary({ ...Handoff.empty, goal: ["go on"], done: ["read it all"], facts: ["port 8123"] })

/** What this process has computed so far, in milliseconds: unlike the clock, it does not see who else is at work. */
const processor = () => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1_000
}

/** The lesser of both, since the processor's count has the collector's and compiler's threads in it. */
const stopwatch = () => {
  const [begin, computed] = [performance.now(), processor()]
  return () => Math.min(performance.now() - begin, processor() - computed)
}

/** The second time: what a process that has worked for a while takes. */
const timeWork = (body: () => unknown): number => {
  body()
  const passed = stopwatch()
  body()
  return passed()
}

const rows: Array<{ readonly part: string; readonly milliseconds: number }> = []
const note = (part: string, milliseconds: number) =>
  rows.push({ part, milliseconds: Math.round(milliseconds * 10) / 10 })

/** The longest stretches between two turns of the event loop while `effect` runs, beside the platform's own figure. */
const watchEventLoop = <A, E, R>(part: string, effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const stretches: Array<number> = []
    let passed = stopwatch()
    let isRunning = true
    const look = () => {
      stretches.push(passed())
      passed = stopwatch()
      if (isRunning) setImmediate(look)
    }
    setImmediate(look)
    const histogram = monitorEventLoopDelay({ resolution: 1 })
    histogram.enable()
    return Effect.map(effect, (value) => {
      isRunning = false
      histogram.disable()
      stretches.push(passed())
      const longest = stretches.toSorted((a, b) => b - a).slice(0, 5)
      longest.forEach((milliseconds, n) => note(`${part}: stretch ${n + 1}`, milliseconds))
      note(`${part}: monitorEventLoopDelay p99`, histogram.percentile(99) / 1e6)
      return value
    })
  })

const program = Effect.gen(function* () {
  const store = yield* SessionStore
  yield* store.importAll([{ sessionId: id, messages }])
  const state = yield* watchEventLoop("state, read from disk", store.state(id))
  const view = View.assemble(state, estimate)
  console.log(`${state.tail.length} messages, ${view.tokens} tokens`)
  note(
    "view",
    timeWork(() => View.assemble(state, estimate))
  )
  const made = yield* CompressionPolicy.make(policy)
  const input = { state, policy: made, counter: estimate, overhead: 0 }
  note(
    "plan",
    timeWork(() => Plan.make(input))
  )
  const plan = Plan.make(input)
  if (plan._tag !== "Compress") return console.log(`no plan: ${plan._tag}`)
  note(
    "ledger, all at once",
    timeWork(() => Ledger.add(Ledger.empty, plan.material))
  )
  note(
    "ledger, rendered",
    timeWork(() => Ledger.render(Ledger.add(Ledger.empty, plan.material.slice(-800)), estimate, 5_000))
  )
  note(
    "material, all at once",
    timeWork(() => Prompt.renderMaterial(plan.material))
  )
  note(
    "chunks",
    timeWork(() => Prompt.chunkUpTo(plan.material, 150_000, estimate))
  )
  note(
    "extract, all at once",
    timeWork(() => Extractive.summarize(plan.material, { counter: estimate, maxTokens: 2_000, focus: null }))
  )

  yield* watchEventLoop(
    "an extract",
    runInSlices(Extractive.summarizeInSteps(plan.material, { counter: estimate, maxTokens: 2_000, focus: null }))
  )

  const { compress } = yield* Compressor
  const result = yield* watchEventLoop("one compression", compress(id))
  console.log(`${result.outcome}: ${result.tokensBefore} to ${result.tokensAfter} tokens, ${result.modelCalls} calls`)
  yield* store.importAll([{ sessionId: again, messages }])
  yield* store.state(again)
  yield* watchEventLoop("another, its state in memory", compress(again))
  const { recall } = yield* Recall.Recall
  yield* watchEventLoop("the first search", recall(id, "invoice"))
})

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), "event-loop-"))
const file = join(folder, "sessions.db")
const layer = (routes: ReadonlyArray<Provider.Route>) =>
  Gateway.layer({ policy, routes }).pipe(
    Layer.provideMerge(Sqlite.layer({ filename: file })),
    Layer.provide(Scripted.layer([summary])),
    Layer.provideMerge(Logger.minimumLogLevel(LogLevel.Error))
  )
await Effect.runPromise(Effect.provide(program, layer([route])))
console.table(rows)
console.log(JSON.stringify(rows))
rmSync(folder, { recursive: true })
