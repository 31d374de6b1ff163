/**
 * What a turn of ten messages costs on PostgreSQL: the floor, the store by its contract, and the whole library, each turn of
 * each right after the other, so that all have the same machine. Then deliveries of many at once.
 *
 * The server is started for it, with its usual fsync, and its data in the folder for temporary files (`TMPDIR`).
 */
import { Effect, Layer, Logger, LogLevel, ManagedRuntime } from "effect"
import assert from "node:assert"
import { readFileSync } from "node:fs"
import { loadavg } from "node:os"
import { setImmediate } from "node:timers/promises"
import { parseArgs } from "node:util"
import { Client } from "pg"
import { Compressor } from "../../src/compression/Compressor.ts"
import { inUse } from "../../src/message/Tokens.ts"
import * as Postgres from "../../src/postgres/Postgres.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { createDatabase, type Server, startServer } from "../../test/support/postgres.ts"
import { median, quantile } from "./paired.ts"
import * as Floor from "./postgresFloor.ts"
import * as Session from "./session.ts"
import { answerTurn, id, worldOn } from "./world.ts"

const { values } = parseArgs({
  options: {
    turns: { type: "string", default: "300" },
    rounds: { type: "string", default: "3" },
    /** Deliveries of each row of the second table, in each round. */
    deliveries: { type: "string", default: "2000" }
  }
})
const TURNS = Number(values.turns)
const ROUNDS = Number(values.rounds)
const DELIVERIES = Number(values.deliveries)

/** The first turns of a round, which run code for the first time, prepare the statements and read the session. */
const WARM = 50

const turns = Session.make(TURNS)
const counter = Effect.runSync(inUse)
const encoded = turns.map((turn) => Floor.encode(counter, turn))

// ── round trips ──

/** Each query of a client is a round trip, whoever sends it; the driver sends the text of a named one along. */
let trips = 0
/** Queries without an answer yet. */
const underWay = new Set<number>()
const { query } = Client.prototype
Reflect.set(Client.prototype, "query", function (this: Client, ...given: ReadonlyArray<unknown>): unknown {
  const trip = ++trips
  underWay.add(trip)
  const end = () => void underWay.delete(trip)
  const callback = given.at(-1)
  if (typeof callback !== "function") {
    const answered: unknown = Reflect.apply(query, this, given)
    void Promise.resolve(answered).then(end, end)
    return answered
  }
  const answer = (...answered: ReadonlyArray<unknown>): void => {
    end()
    Reflect.apply(callback, undefined, answered)
  }
  return Reflect.apply(query, this, [...given.slice(0, -1), answer])
})

/** A lease is given back while nobody waits. The next one to be measured is not to pay for it. */
const awaitAnswers = async (): Promise<void> => {
  do await setImmediate()
  while (underWay.size > 0)
}

// ── the server ──

interface Spent {
  /** Bytes of the write-ahead log, flushed or not. */
  readonly wal: number
  /** Time that the processes of the server were on a processor, in milliseconds. */
  readonly cpu: number
}

/** Reads what the server has spent so far. Its own query is outside of what is measured. */
const makeProbe = async (url: string) => {
  const client = new Client(url)
  await client.connect()
  const asked = `SELECT (pg_current_wal_insert_lsn() - '0/0')::float8 AS wal, array_agg(pid) AS pids FROM pg_stat_activity
    WHERE pid <> pg_backend_pid()`
  const read = async (): Promise<Spent> => {
    const { rows } = await client.query<{ wal: number; pids: ReadonlyArray<number> }>(asked)
    const [{ pids, wal } = { pids: [], wal: 0 }] = rows
    return { wal, cpu: pids.reduce((sum, pid) => sum + millisecondsOf(pid), 0) }
  }
  return { read, close: () => client.end() }
}

/** Linux counts the nanoseconds of a process. One that has ended counts no more. */
const millisecondsOf = (pid: number): number => {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6
  } catch {
    return 0
  }
}

// ── turns ──

interface Runner {
  readonly turn: (n: number) => Promise<void>
  readonly close: () => Promise<void>
}

const quiet = Logger.minimumLogLevel(LogLevel.None)

const runFloor = async (url: string): Promise<Runner> => {
  const floor = await Floor.open(url)
  return { turn: (n) => floor.turn(id, n, encoded[n] ?? []), close: floor.close }
}

/** As the gateway uses the store in a turn of one step. The state that its view is made of comes with the beginning. */
const callStore = ({ replies, request }: Session.Turn) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    yield* store.deliver(id, request, { kind: "request" })
    const begun = yield* store.begin(id, { holder: "bench", ttl: 15_000 })
    if (begun._tag === "Held") return yield* Effect.dieMessage("nobody else has turns here")
    yield* store.append(begun.lease, replies)
    yield* store.release(begun.lease)
  })

/** The turn of a user, and the compression that it begins now and then. */
const useLibrary = (turn: Session.Turn) =>
  Effect.gen(function* () {
    const { settled } = yield* Compressor
    yield* answerTurn(id, turn)
    yield* settled(id)
  })

const run =
  <R, E, E2>(makeLayer: (url: string) => Layer.Layer<R, E>, take: (turn: Session.Turn) => Effect.Effect<void, E2, R>) =>
  async (url: string): Promise<Runner> => {
    const runtime = ManagedRuntime.make(Layer.provideMerge(makeLayer(url), quiet))
    await runtime.runtime()
    const turn = async (n: number) => {
      const given = turns[n]
      if (given !== undefined) await runtime.runPromise(take(given))
    }
    return { turn, close: () => runtime.dispose() }
  }

interface Measured {
  readonly name: string
  readonly open: (url: string) => Promise<Runner>
  readonly times: Array<number>
  readonly trips: Array<number>
  readonly cpu: Array<number>
  readonly spent: Array<Spent>
}

const measured = (name: string, open: Measured["open"]): Measured => ({
  name,
  open,
  times: [],
  trips: [],
  cpu: [],
  spent: []
})

const takeTurn = async (
  { cpu, spent, times, trips: sent }: Measured,
  runner: Runner,
  probe: () => Promise<Spent>,
  n: number
): Promise<void> => {
  const earlier = await probe()
  const [from, used, before] = [performance.now(), process.cpuUsage(), trips]
  await runner.turn(n)
  const time = performance.now() - from
  await awaitAnswers()
  const { system, user } = process.cpuUsage(used)
  if (n < WARM) return
  times.push(time)
  cpu.push((user + system) / 1000)
  sent.push(trips - before)
  const later = await probe()
  spent.push({ wal: later.wal - earlier.wal, cpu: later.cpu - earlier.cpu })
}

const takeRound = async (server: Server, variants: ReadonlyArray<Measured>): Promise<void> => {
  const databases: Array<string> = []
  const runners: Array<Runner> = []
  for (const { open } of variants) {
    const url = await createDatabase(server)
    databases.push(url)
    runners.push(await open(url))
  }
  const probe = await makeProbe(server.url())
  for (let n = 0; n < TURNS; n++) {
    for (const [i, variant] of variants.entries()) {
      const runner = runners[i]
      if (runner !== undefined) await takeTurn(variant, runner, probe.read, n)
    }
  }
  await probe.close()
  for (const { close } of runners) await close()
  const [floor, ...others] = await Promise.all(databases.map((url) => Floor.digestLog(url, id)))
  for (const other of others) assert.deepStrictEqual(other, floor, "the floor did not write what the library wrote")
}

// ── deliveries ──

/** Delivers once for each caller at a time, `DELIVERIES` in all, and says how many that were in a second. */
const measureRate = async (callers: number, deliver: (caller: number, n: number) => Promise<unknown>) => {
  const each = Math.ceil(DELIVERIES / callers)
  const from = performance.now()
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let n = 0; n < each; n++) await deliver(caller, n)
    })
  )
  return (1000 * each * callers) / (performance.now() - from)
}

const sessionOf = (caller: number): SessionId => SessionId.make(`session ${caller}`)

const deliverBare = async (server: Server, connections: number): Promise<number> => {
  const url = await createDatabase(server)
  const floors: Array<Awaited<ReturnType<typeof Floor.open>>> = []
  for (let i = 0; i < connections; i++) floors.push(await Floor.open(url))
  const rate = await measureRate(connections, async (caller, n) => {
    const [row] = encoded[n % TURNS] ?? []
    if (row !== undefined) await floors[caller]?.insert(sessionOf(caller), n + 1, row)
  })
  for (const { close } of floors) await close()
  return rate
}

/** Callers of so many stores, as many hosts have them, or of one, as one host has them. */
const deliverThroughStores = async (server: Server, callers: number, stores: number): Promise<number> => {
  const url = await createDatabase(server)
  const open = () => ManagedRuntime.make(Postgres.layer(stores === 1 ? { url } : { url, connections: 1 }))
  const runtimes = Array.from({ length: stores }, open)
  for (const runtime of runtimes) await runtime.runtime()
  const rate = await measureRate(callers, async (caller, n) => {
    const delivered = Effect.flatMap(SessionStore, (store) =>
      store.deliver(sessionOf(caller), turns[n % TURNS]?.request, { kind: "request" })
    )
    await runtimes[caller % stores]?.runPromise(delivered)
  })
  for (const runtime of runtimes) await runtime.dispose()
  return rate
}

// ── tables ──

const two = (value: number): string => value.toFixed(2)
const mean = (of: ReadonlyArray<number>): number => of.reduce((a, b) => a + b, 0) / of.length
const load = (): string => loadavg().map(two).join(", ")
const rowOf = (...cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

const variants = [
  measured("floor: bare `pg`", runFloor),
  measured(
    "store by its contract",
    run((url) => Postgres.layer({ url }), callStore)
  ),
  measured(
    "whole library",
    run((url) => worldOn(Postgres.layer({ url })), useLibrary)
  )
]

const printTurns = (): void => {
  const floor = variants[0]?.times ?? []
  console.log(
    rowOf(
      "a turn",
      "p50 ms",
      "p99 ms",
      "mean ms",
      "p50 × floor",
      "mean × floor",
      "trips, usual",
      "trips, mean",
      "CPU ms",
      "server's CPU ms",
      "WAL kB"
    )
  )
  console.log(rowOf("---", ...Array.from({ length: 10 }, () => "--:")))
  for (const { cpu, name, spent, times, trips } of variants) {
    const [p50, p99, average] = [median(times), quantile(times, 0.99), mean(times)]
    const ratios = [p50 / median(floor), average / mean(floor)]
    const ofServer = [mean(spent.map(({ cpu }) => cpu)), mean(spent.map(({ wal }) => wal / 1000))]
    const figures = [p50, p99, average, ...ratios, median(trips), mean(trips), mean(cpu), ...ofServer]
    console.log(rowOf(name, ...figures.map(two)))
  }
}

const AT_ONCE = [1, 8, 32]

const measureDeliveries = async (server: Server): Promise<void> => {
  const ways: ReadonlyArray<readonly [string, (callers: number) => Promise<number>]> = [
    ["floor: a connection each", (callers) => deliverBare(server, callers)],
    ["a store with a connection each", (callers) => deliverThroughStores(server, callers, callers)],
    ["callers of one store", (callers) => deliverThroughStores(server, callers, 1)]
  ]
  const rates = ways.map(([name]) => ({ name, of: AT_ONCE.map((): Array<number> => []) }))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [c, callers] of AT_ONCE.entries()) {
      for (const [w, [, measure]] of ways.entries()) rates[w]?.of[c]?.push(await measure(callers))
    }
  }
  console.log(rowOf("deliveries a second, at once:", ...AT_ONCE.map(String)))
  console.log(rowOf("---", ...AT_ONCE.map(() => "--:")))
  for (const { name, of } of rates) console.log(rowOf(name, ...of.map((found) => Math.round(median(found)).toString())))
}

const server = await startServer()
console.log(`${ROUNDS} rounds of ${TURNS} turns, the first ${WARM} not counted; load ${load()}`)
for (let round = 0; round < ROUNDS; round++) {
  globalThis.gc?.()
  await takeRound(server, variants)
}
printTurns()
await measureDeliveries(server)
console.log(`load at the end ${load()}`)
await server.stop()
