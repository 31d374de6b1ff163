/** The service as a process that is killed, and as one that stops. */
import { execFileSync, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { join } from "node:path"
import { writeFileSync } from "node:fs"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Option, Schema, Stream } from "effect"
import * as Client from "../../src/server/Client.ts"
import { SessionId } from "../../src/session/Session.ts"
import { layerBundle } from "../support/cli.ts"
import { repetitions } from "../support/repetitions.ts"
import * as Service from "../support/service.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const session = SessionId.make("chat")
const path = { session }
const LONG = "this and that about the invoices of the year, and the file src/invoices.ts. ".repeat(12)
const user = (content: string) => ({ role: "user", content })
const reply = (content: string) => ({ role: "assistant", content })

/** A database with a small window, which is compressed without a model. */
const makePlace = Effect.map(makeTemporaryFolder(), (folder) => {
  const config = join(folder, "config.yaml")
  writeFileSync(config, "model: { provider: embedded, context_length: 4000 }")
  return ["--db", join(folder, "sessions.db"), "--config", config, "--write", "--port"]
})

const connect = (baseUrl: string) => Effect.map(Layer.build(Client.layer({ baseUrl })), Context.get(Client.Client))

type Calls = Effect.Effect.Success<ReturnType<typeof connect>>

/** What the service has promised to one client. */
interface Heard {
  readonly words: Array<string>
}

type Write = (client: Calls, n: number, heard: Heard) => Effect.Effect<unknown, unknown>

const deliver: Write = (client, n, { words }) => {
  const content = `delivered ${n}: ${LONG}`
  return Effect.map(client.operations.deliver({ path, payload: { message: user(content) } }), () => words.push(content))
}

/** Calls that change something, each of which notes what it was promised. */
const WRITES: Readonly<Record<string, Write>> = {
  deliver,
  append: (client, n, { words }) =>
    Effect.gen(function* () {
      const { turn } = yield* client.turns.begin({ path, payload: { ttl: 1_000 } })
      const of = { path: { session, turn } }
      yield* client.turns.step({ ...of, payload: {} })
      const content = `appended ${n}`
      yield* client.turns.append({ ...of, payload: { messages: [reply(content)] } })
      words.push(content)
      yield* client.turns.end(of)
    }),
  compress: (client) => client.operations.compress({ path, payload: {} }),
  pin: (client, n) => client.operations.pin({ path, payload: { text: `pinned ${n}`, as: "pin" } }),
  reset: (client) => client.operations.reset({ path, payload: {} }),
  restore: (client) =>
    Effect.flatMap(client.sessions.snapshots({ path }), (snapshots) =>
      client.operations.restore({ path, payload: { snapshotId: snapshots.at(-1)?.snapshotId ?? "" } })
    )
}

const readLog = (client: Calls) =>
  Stream.runCollect(
    Stream.paginateEffect(1, (from) =>
      Effect.map(
        client.sessions.log({ path, urlParams: { from } }),
        ({ entries, next }) => [entries, Option.fromNullable(next)] as const
      )
    )
  )

layer(layerBundle, { excludeTestServices: true })("the service as a process", (it) => {
  it.scoped(
    "loses nothing that it acknowledged when it is killed in the middle of any call",
    () =>
      Effect.gen(function* () {
        const args = yield* makePlace
        const heard: Heard = { words: [] }
        let n = 0
        for (const write of Object.values(WRITES)) {
          for (let round = 0; round < repetitions(1, 10); round++) {
            const { end, url } = yield* Service.start([...args, "0"])
            const client = yield* connect(url)
            yield* deliver(client, ++n, heard)
            // Each call begins as soon as the one before has ended, so that the kill meets one of them.
            const calls = Effect.suspend(() => write(client, ++n, heard)).pipe(Effect.ignore, Effect.forever)
            const until = heard.words.length + 3
            yield* Effect.raceFirst(
              calls,
              Effect.repeat(
                Effect.suspend(() => deliver(client, ++n, heard)),
                { until: () => heard.words.length >= until }
              )
            )
            const lastCall = yield* Effect.fork(Effect.ignore(write(client, ++n, heard)))
            assert.strictEqual(yield* end("SIGKILL"), "SIGKILL")
            yield* lastCall
          }
        }
        const { url } = yield* Service.start([...args, "0"])
        const client = yield* connect(url)
        // Whatever still waits is taken up.
        const { turn } = yield* client.turns.begin({ path, payload: {} })
        yield* client.turns.step({ path: { session, turn }, payload: {} })
        const there = Array.from(yield* readLog(client)).flat()
        const counts = new Map<string, number>()
        for (const { message } of there)
          counts.set(String(message.content), (counts.get(String(message.content)) ?? 0) + 1)
        assert.deepStrictEqual(
          heard.words.filter((words) => counts.get(words) !== 1).map((words) => words.slice(0, 20)),
          []
        )
        assert.deepStrictEqual((yield* client.observation.doctor({})).findings, [])
      }),
    120_000
  )

  it.scoped("stops when it is told to: readers see the end, turns are given back, a call under way is answered", () =>
    Effect.gen(function* () {
      const args = yield* makePlace
      const { end, url } = yield* Service.start([...args, "0"])
      const client = yield* connect(url)
      yield* client.operations.deliver({ path, payload: { message: user("one") } })
      yield* client.turns.begin({ path, payload: { ttl: 600_000 } })
      const connected = yield* Effect.promise(() => fetch(`${url}/events`))
      const text = connected.text()
      assert.strictEqual(yield* end("SIGTERM"), 130)
      assert.include(yield* Effect.promise(() => text), "connected")
      const next = yield* Service.start([...args, "0"])
      const again = yield* connect(next.url)
      const begun = yield* again.turns.begin({ path, payload: { wait: 0 } })
      assert.strictEqual(begun.lastSeq, 0)
    })
  )

  const hasPython = Effect.isSuccess(Effect.try(() => execFileSync("python3", ["--version"], { stdio: "ignore" })))

  it.scoped("gives an agent in Python its turns through three compressions and a restart", () =>
    Effect.gen(function* () {
      if (!(yield* hasPython)) return
      const args = yield* makePlace
      const first = yield* Service.start([...args, "0"])
      const { port } = new URL(first.url)
      const turns = 24
      const agent = yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawn("python3", ["test/support/agent.py", first.url, "from python", String(turns)], {
            stdio: ["ignore", "pipe", "inherit"]
          })
        ),
        (child) => Effect.sync(() => void child.kill("SIGKILL"))
      )
      const lines: Array<string> = []
      const said = createInterface({ input: agent.stdout })
      const hasSaid = (count: number) =>
        Effect.async<void>((resume) => {
          const look = () => {
            if (lines.length >= count) resume(Effect.void)
          }
          said.on("line", look)
          look()
        })
      said.on("line", (line) => lines.push(line))
      yield* hasSaid(turns / 2)
      assert.strictEqual(yield* first.end("SIGKILL"), "SIGKILL")
      yield* Service.start([...args, port])
      yield* hasSaid(turns + 1)
      const result = yield* Schema.decode(Result)(lines.at(-1) ?? "")
      assert.deepStrictEqual(
        result.replies,
        Array.from({ length: turns }, (_, i) => `Answer to request ${i + 1}`)
      )
      assert.isAtLeast(result.generation, 3)
      assert.include(result.found, 1)
    })
  )
})

const Result = Schema.parseJson(
  Schema.Struct({ replies: Schema.Array(Schema.String), generation: Schema.Int, found: Schema.Array(Schema.Int) })
)
