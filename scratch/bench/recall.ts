/**
 * Recall on a session of 3,000 messages: the first search, which fills the index, with the longest time nobody else got
 * a turn; then 500 searches of several kinds. Run: `npx tsx scratch/bench/recall.ts [folder]`
 */
import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Message } from "../../src/Message.ts"
import * as Recall from "../../src/Recall.ts"
import { SessionId } from "../../src/Session.ts"
import { SessionStore } from "../../src/SessionStore.ts"
import * as Sqlite from "../../src/SessionStore/Sqlite.ts"

const MESSAGES = 3_000
const SEARCHES = 500
const WORDS = 4_000
const id = SessionId.make("recall")

let state = 42
const random = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648
const pick = <A>(list: ReadonlyArray<A>, fallback: A): A => list[Math.floor(random() * list.length)] ?? fallback
const syllables = ["ra", "ton", "mi", "ke", "sol", "ver", "pa", "in", "dex", "lo", "gra", "ter"]
const made = Array.from({ length: WORDS }, (_, n) => {
  const digits = n
    .toString(12)
    .split("")
    .map((digit) => syllables[Number.parseInt(digit, 12)])
  return digits.join("")
})
/** A few words make up most of a text, as in any language. */
const word = () => made[Math.floor(WORDS * random() ** 4)] ?? "the"
const sentence = (n: number) => Array.from({ length: n }, word).join(" ")
const path = (n: number) => `src/${made[n % 97]}/${made[n % WORDS]}.ts`
const hash = (n: number) =>
  Math.abs(Math.imul(n + 1, 2_654_435_761))
    .toString(16)
    .padStart(8, "0")
    .repeat(5)
const chinese = Array.from("我们决定用新的数据库来保存会话因为旧的太慢了端口密码部署测试")
const han = (n: number) => Array.from({ length: n }, () => pick(chinese, "我")).join("")

const message = (n: number): Message => {
  if (n % 10 === 0) return { role: "user", content: `${sentence(30)}? ${han(40)}` }
  if (n % 2 === 1) {
    const call = { name: "read_file", arguments: JSON.stringify({ path: path(n) }) }
    return { role: "assistant", content: null, tool_calls: [{ id: `call_${n}`, type: "function", function: call }] }
  }
  return { role: "tool", tool_call_id: `call_${n - 1}`, content: `commit ${hash(n)} x != ${n}\n${sentence(240)}` }
}

const some = () => Math.floor(random() * MESSAGES)
const kinds: ReadonlyArray<readonly [string, () => string]> = [
  ["rare words", () => `${made[1_000 + (some() % 2_000)]} ${made[1_000 + (some() % 2_000)]}`],
  ["common words", () => `${made[0]} ${made[1]}`],
  ["paths", () => path(some() | 1)],
  ["hashes", () => hash(some() & ~1)],
  ["Chinese", () => han(3)],
  ["questions", () => `what was the ${sentence(6)} of ${made[some()]}?`],
  ["punctuation", () => `x != ${some()}`],
  ["nowhere", () => `zzz${some()}`]
]

const at = (times: ReadonlyArray<number>, share: number) =>
  (times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(2)

/** The longest time between two turns of the event loop while `effect` runs, in milliseconds. */
const withLongestBlock = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let last = performance.now()
    let longest = 0
    let running = true
    const look = () => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
      if (running) setImmediate(look)
    }
    setImmediate(look)
    const begin = last
    return Effect.map(effect, () => {
      running = false
      return { took: performance.now() - begin, longest: Math.max(longest, performance.now() - last) }
    })
  })

/** What this process has computed so far, in milliseconds: unlike the clock, it does not see who else is at work. */
const processor = () => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1_000
}

const timed = (query: string) =>
  Effect.gen(function* () {
    const recall = yield* Recall.Recall
    const begin = performance.now()
    const found = yield* recall.recall(id, query)
    return { took: performance.now() - begin, found: found.length }
  })

const program = Effect.gen(function* () {
  const store = yield* SessionStore
  const { recall } = yield* Recall.Recall
  const messages = Array.from({ length: MESSAGES }, (_, n) => message(n))
  yield* store.importAll([{ sessionId: id, messages }])
  yield* store.state(id)
  const fill = yield* withLongestBlock(recall(id, "warm"))
  const characters = messages.reduce((sum, message) => sum + JSON.stringify(message).length, 0)
  console.log(`${MESSAGES} messages, ${(characters / 1e6).toFixed(2)} M characters`)
  console.log(`first search ${fill.took.toFixed(1)} ms, longest block ${fill.longest.toFixed(1)} ms`)
  const all: Array<number> = []
  const begin = processor()
  for (const [name, query] of kinds) {
    const runs = yield* Effect.forEach(Array.from({ length: Math.ceil(SEARCHES / kinds.length) }), () => timed(query()))
    const times = runs.map(({ took }) => took)
    all.push(...times)
    const hits = runs.filter(({ found }) => found > 0).length
    console.log(
      `${name.padEnd(12)} median ${at(times, 0.5)} ms, p99 ${at(times, 0.99)} ms, ${hits}/${runs.length} found something`
    )
  }
  console.log(`${all.length} searches: median ${at(all, 0.5)} ms, p99 ${at(all, 0.99)} ms`)
  console.log(`${((processor() - begin) / all.length).toFixed(2)} ms of the processor a search`)
})

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), "recall-"))
await Effect.runPromise(
  Effect.provide(program, Recall.layer.pipe(Layer.provideMerge(Sqlite.layer({ filename: join(folder, "recall.db") }))))
)
rmSync(folder, { recursive: true })
