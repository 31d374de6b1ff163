/** The service as a process that is killed, and as one that stops. */
import { execFileSync, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { join } from "node:path"
import { writeFileSync } from "node:fs"
import { assert, layer } from "@effect/vitest"
import { Effect, Either, Fiber, Option, Ref, Schema, Stream } from "effect"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { SessionId } from "../../src/session/Session.ts"
import { layerBundle } from "../support/cli.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { repetitions } from "../support/repetitions.ts"
import * as Service from "../support/service.ts"
import { type Calls, type Check, connect, UNLUCKY, WRITES } from "../support/serviceWrites.ts"
import { renderSummary } from "../support/summaryText.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const session = SessionId.make("chat")
const path = { session }
const user = (content: string) => ({ role: "user", content })

/** A database with a small window, which is compressed as `model` says: without one unless it is given. */
const makePlace = (model = "provider: embedded") =>
  Effect.map(makeTemporaryFolder(), (folder) => {
    const config = join(folder, "config.yaml")
    writeFileSync(config, `model: { ${model}, context_length: 4000 }`)
    return ["--db", join(folder, "sessions.db"), "--config", config, "--write", "--port"]
  })

/** A model that refuses what has the word until it is mended. */
const makeModel = Effect.gen(function* () {
  const hasMended = yield* Ref.make(false)
  const summary = renderSummary({ ...Handoff.empty, goal: ["look at the invoices"], done: ["most of it"] })
  const server = yield* ModelServer.make(
    ({ raw }) =>
      (exchange) =>
        Effect.flatMap(Ref.get(hasMended), (isMended) =>
          (raw.includes(UNLUCKY) && !isMended ? ModelServer.refusal("no") : ModelServer.ok(summary))(exchange)
        )
  )
  return { config: `default: m, base_url: "${server.url}", api_key: k, api: chat`, hasMended }
})

/** The words of a session that are on disk, in its log or its inbox. */
const readWords = (client: Calls, session: SessionId) =>
  Effect.gen(function* () {
    const path = { session }
    const pages = yield* Stream.runCollect(
      Stream.paginateEffect(1, (from) =>
        Effect.map(
          client.sessions.log({ path, urlParams: { from } }),
          ({ entries, next }) => [entries, Option.fromNullable(next)] as const
        )
      )
    )
    const waiting = yield* client.sessions.inbox({ path, urlParams: {} })
    return [...Array.from(pages).flat(), ...waiting].map(({ message }) => String(message.content))
  })

layer(layerBundle, { excludeTestServices: true })("the service as a process", (it) => {
  it.scoped(
    "loses nothing that it acknowledged when it is killed in the middle of every call that changes something",
    () =>
      Effect.gen(function* () {
        const { config, hasMended } = yield* makeModel
        const args = yield* makePlace(config)
        const heard = new Map<SessionId, Array<string>>()
        const hear = (session: SessionId, words: string) =>
          void heard.set(session, [...(heard.get(session) ?? []), words])
        const kept: Array<Check> = []
        const names = Object.keys(WRITES)
        const rounds = repetitions(2, 20)
        let cut = 0
        for (let round = 0; round < rounds; round++) {
          const { end, url } = yield* Service.start([...args, "0"])
          const client = yield* connect(url)
          yield* Effect.forEach(kept.splice(0), (check) => check(client), { discard: true })
          yield* Ref.set(hasMended, false)
          const prepared = yield* Effect.forEach(
            Object.entries(WRITES),
            ([name, prepare]) =>
              prepare({
                client,
                session: SessionId.make(`${name} ${round}`),
                hear,
                mended: Ref.set(hasMended, true)
              }),
            { concurrency: "unbounded" }
          )
          const answered = yield* Effect.makeSemaphore(0)
          const fibers = yield* Effect.forEach(prepared, (call) =>
            Effect.fork(Effect.either(Effect.ensuring(call, answered.release(1))))
          )
          // In the first round all calls are still under way: the service has them by the time it answers another.
          yield* client.service.health({})
          yield* answered.take(Math.floor((names.length * round) / rounds))
          assert.strictEqual(yield* end("SIGKILL"), "SIGKILL")
          for (const answer of yield* Effect.forEach(fibers, Fiber.join)) {
            if (Either.isRight(answer)) kept.push(answer.right)
            else cut++
          }
        }
        assert.isAbove(cut, 0)
        const { url } = yield* Service.start([...args, "0"])
        const client = yield* connect(url)
        yield* Effect.forEach(kept, (check) => check(client), { discard: true })
        for (const [session, acknowledged] of heard) {
          const there = yield* readWords(client, session)
          assert.sameMembers(
            there.filter((words) => acknowledged.includes(words)),
            acknowledged,
            session
          )
        }
        assert.deepStrictEqual((yield* client.observation.doctor({})).findings, [])
      })
  )

  it.scoped("stops when it is told to: readers see the end, turns are given back, a call under way is answered", () =>
    Effect.gen(function* () {
      const args = yield* makePlace()
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
      assert.strictEqual(begun.lastSeq, 1)
    })
  )

  const hasPython = Effect.isSuccess(Effect.try(() => execFileSync("python3", ["--version"], { stdio: "ignore" })))

  it.scoped("gives an agent in Python its turns through three compressions and a restart", () =>
    Effect.gen(function* () {
      if (!(yield* hasPython)) return
      const args = yield* makePlace()
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
      // The session learns the window, so that few views are refused.
      assert.isAtLeast(result.rescues, 1)
      assert.isAtMost(result.rescues, 6)
    })
  )
})

const Result = Schema.parseJson(
  Schema.Struct({
    replies: Schema.Array(Schema.String),
    generation: Schema.Int,
    found: Schema.Array(Schema.Int),
    rescues: Schema.Int
  })
)
