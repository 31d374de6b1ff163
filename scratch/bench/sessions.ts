/**
 * Many sessions in one process: what an open one costs at rest, how long a store of 100,000 takes to open, and how many
 * compressions go through with a model that answers at once.
 * Run: `NODE_OPTIONS=--expose-gc npx tsx scratch/bench/sessions.ts [folder]`
 */
import { Effect, Layer, Logger, LogLevel, ManagedRuntime } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Compressor } from "../../src/Compressor.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as Handoff from "../../src/Handoff.ts"
import type { Message } from "../../src/Message.ts"
import * as Provider from "../../src/Provider.ts"
import * as Scripted from "../../src/Provider/Scripted.ts"
import { SessionId } from "../../src/Session.ts"
import { SessionStore } from "../../src/SessionStore.ts"
import * as Sqlite from "../../src/SessionStore/Sqlite.ts"

const STORED = 100_000
const OPEN = 1_000
const COMPRESSED = 200
const BATCH = 1_000

const idOf = (n: number) => SessionId.make(`session-${n}`)
const many = (count: number) => Array.from({ length: count }, (_, n) => n)

/** About 10,000 tokens, or one short exchange. */
const long = (n: number): ReadonlyArray<Message> =>
  many(30).flatMap((k): ReadonlyArray<Message> => [
    { role: "user", content: `Please look at part ${k} of ${n}.` },
    { role: "assistant", content: `invoice ${n * 131 + k} is fine and says so. `.repeat(30) }
  ])
const short = (n: number): ReadonlyArray<Message> => [
  { role: "user", content: `hello from ${n}` },
  { role: "assistant", content: "hi" }
]

const summary = Handoff.render({ ...Handoff.empty, goal: ["go on"], done: ["read it all"], facts: ["port 8123"] })
const route = Provider.route({ model: "instant", apiKey: "none" })
const world = (filename: string) =>
  ManagedRuntime.make(
    Gateway.layer({ policy: { contextLength: 16_000, mode: "background" }, routes: [route] }).pipe(
      Layer.provideMerge(Sqlite.layer({ filename })),
      Layer.provide(Scripted.layer([summary])),
      Layer.merge(Logger.minimumLogLevel(LogLevel.Error))
    )
  )

const rows: Array<{ readonly figure: string; readonly value: number; readonly unit: string }> = []
const note = (figure: string, value: number, unit: string) => {
  console.log(`${figure}: ${value.toFixed(2)} ${unit}`)
  rows.push({ figure, value: Math.round(value * 100) / 100, unit })
}

const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const timed = async <A>(run: () => Promise<A>) => {
  const begin = performance.now()
  const value = await run()
  return { value, took: performance.now() - begin }
}

const stored = Effect.flatMap(SessionStore, (store) =>
  Effect.forEach(
    many(STORED / BATCH),
    (batch) =>
      store.importAll(
        many(BATCH).map((k) => {
          const n = batch * BATCH + k
          return { sessionId: idOf(n), messages: n < OPEN + COMPRESSED ? long(n) : short(n) }
        })
      ),
    { discard: true }
  )
)

const step = (n: number) =>
  Effect.flatMap(Gateway.Gateway, ({ turn }) =>
    turn(idOf(n), ({ append, view }) => Effect.zipRight(view(), append({ role: "assistant", content: "hi" })))
  )

const compressed = Effect.flatMap(Compressor, ({ compress }) =>
  Effect.forEach(many(COMPRESSED), (n) => compress(idOf(OPEN + n)), { concurrency: 20 })
)

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), "sessions-"))
const filename = join(folder, "sessions.db")
const first = world(filename)
const filled = await timed(() => first.runPromise(stored))
note(`${STORED} sessions imported`, filled.took, "ms")
await first.dispose()

const second = world(filename)
const opened = await timed(() => second.runPromise(Effect.void))
note(`a store of ${STORED} sessions opened`, opened.took, "ms")
note("the first step after it", (await timed(() => second.runPromise(step(0)))).took, "ms")
const before = heap()
note(
  `${OPEN - 1} more sessions stepped`,
  (await timed(() => second.runPromise(Effect.forEach(many(OPEN - 1), (n) => step(n + 1), { discard: true })))).took,
  "ms"
)
note("heap of a session at rest, its state in memory", (heap() - before) / (OPEN - 1) / 1024, "KiB")
const idle = heap()
for (const round of many(3)) {
  await second.runPromise(Effect.forEach(many(OPEN), step, { discard: true, concurrency: 50 }))
  note(`heap after round ${round + 2} on the same sessions`, (heap() - idle) / OPEN / 1024, "KiB more a session")
}
const run = await timed(() => second.runPromise(compressed))
const outcomes = new Set(run.value.map(({ outcome }) => outcome))
note(`compressions (${Array.from(outcomes).join(", ")})`, COMPRESSED / (run.took / 1_000), "a second")
const afterwards = heap()
await second.runPromise(Effect.forEach(many(5_000), (n) => step(OPEN + COMPRESSED + n), { discard: true }))
note("heap of 5,000 more short sessions at rest", (heap() - afterwards) / 5_000 / 1024, "KiB each")
note("resident set of the process", process.memoryUsage().rss / 2 ** 20, "MiB")
await second.dispose()
note("heap once the layer is closed, beside that before the first step", (heap() - before) / 2 ** 20, "MiB")
console.log(JSON.stringify(rows))
rmSync(folder, { recursive: true })
