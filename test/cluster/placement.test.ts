/** Sessions on the hosts of one process, which share a database and speak over the loopback. */
import { assert, describe, it } from "@effect/vitest"
import { SqlClient } from "@effect/sql/SqlClient"
import { Chunk, Deferred, Duration, Effect, Exit, Fiber, Stream } from "effect"
import type { Client } from "../../src/cluster/SessionCluster.ts"
import { pruneRequests } from "../../src/cluster/pruneRequests.ts"
import type { Turn } from "../../src/gateway/Turn.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { type Agent, eventually, makeCluster } from "../support/cluster.ts"
import { isThorough } from "../support/repetitions.ts"
import { user } from "../support/stores.ts"

const id = SessionId.make("chat-42")

const makeSessions = (count: number) => Array.from({ length: count }, (_, i) => SessionId.make(`session ${i}`))

const readLog = (sessionId: SessionId) =>
  Effect.flatMap(SessionStore, (store) =>
    Effect.map(Stream.runCollect(store.log(sessionId)), (log) =>
      Chunk.toReadonlyArray(log).map(({ message }) => String(message.content))
    )
  )

const say = (turn: Turn, content: string) => turn.append({ role: "assistant", content })

/** Says the name of its request, and how many messages it saw. */
const echo: Agent = (turn, request) =>
  Effect.gen(function* () {
    const { messages } = yield* turn.view()
    yield* say(turn, `answer to ${request}`)
    return `${request}: ${messages.length}`
  })

/** A turn in three parts, between which another host could write. */
const STEPS = 3
const inSteps: Agent = (turn, request) =>
  Effect.gen(function* () {
    for (let step = 1; step <= STEPS; step++) {
      yield* turn.view()
      yield* say(turn, `${request} step ${step}`)
      yield* Effect.yieldNow()
    }
    return String(request)
  })

describe("sessions of a cluster", () => {
  it.scopedLive("are answered once for each request, whoever asks and however often", () =>
    Effect.gen(function* () {
      const cluster = yield* makeCluster(echo)
      const host = yield* cluster.host
      const web = yield* cluster.client
      const { arrival } = yield* web.client.deliver(id, user("hello"))
      assert.strictEqual(yield* web.client.turn(id, arrival), "1: 1")
      assert.deepStrictEqual(yield* Effect.all([host, web].map(({ client }) => client.turn(id, arrival))), [
        "1: 1",
        "1: 1"
      ])
      assert.strictEqual(yield* host.client.turn(id, "1"), "1: 2", "a text is no number")
      yield* web.client.startTurn(id, "later")
      const view = yield* eventually(web.client.view(id), ({ messages }) => messages.length === 4)
      assert.deepStrictEqual(
        view.messages.map(({ content }) => content),
        ["hello", "answer to 1", "answer to 1", "answer to later"]
      )
      assert.strictEqual((yield* web.client.reply(id, arrival))?.seq, 2)
      const { outcome } = yield* web.client.compress(id, "c")
      assert.strictEqual((yield* web.client.stats(id)).compressions[outcome], 1)
      assert.strictEqual((yield* web.client.compress(id, "c")).outcome, outcome)
      assert.strictEqual((yield* web.client.stats(id)).compressions[outcome], 1, "it was not run again")
      assert.strictEqual(yield* web.client.locate(id), host.name)
      const unknown = yield* Effect.flip(web.client.turn(SessionId.make("never delivered to"), 1))
      assert.strictEqual(unknown._tag, "UnknownSession")
    })
  )

  it.scopedLive("go on when an agent throws: its caller is told, and nothing else of the session stops", () =>
    Effect.gen(function* () {
      const hasBegun = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      let runs = 0
      const cluster = yield* makeCluster((turn, request) => {
        if (request === "throw") {
          runs += 1
          throw new Error("a bug of the agent")
        }
        return Effect.zipRight(
          Effect.zipRight(Deferred.succeed(hasBegun, undefined), Deferred.await(goOn)),
          Effect.as(say(turn, "done"), "done")
        )
      })
      const { client } = yield* cluster.host
      yield* client.deliver(id, user("hello"))
      const slow = yield* Effect.fork(client.turn(id, "slow"))
      yield* Deferred.await(hasBegun)
      const thrown = yield* Effect.fork(Effect.exit(client.turn(id, "throw")))
      yield* Deferred.succeed(goOn, undefined)
      assert.strictEqual(yield* Fiber.join(slow), "done")
      const exit = yield* Fiber.join(thrown)
      assert.include(String(Exit.isFailure(exit) && exit.cause), "a bug of the agent")
      const again = yield* Effect.exit(client.turn(id, "throw"))
      assert.include(String(Exit.isFailure(again) && again.cause), "a bug of the agent")
      assert.strictEqual(runs, 1)
    })
  )

  it.scopedLive("can be seen and interrupted while a turn is under way, which cannot ask for its own session", () =>
    Effect.gen(function* () {
      const hasBegun = yield* Deferred.make<void>()
      const asking = yield* Deferred.make<Client<string, never>>()
      const cluster = yield* makeCluster((turn, request) =>
        request === "nested"
          ? Effect.flatMap(Deferred.await(asking), (client) => client.turn(turn.sessionId, "within"))
          : Effect.zipRight(Deferred.succeed(hasBegun, undefined), Effect.never)
      )
      const { client } = yield* cluster.host
      yield* Deferred.succeed(asking, client)
      const web = yield* cluster.client
      yield* client.deliver(id, user("hello"))
      const endless = yield* Effect.fork(Effect.flip(web.client.turn(id, "endless")))
      yield* Deferred.await(hasBegun)
      assert.lengthOf((yield* web.client.view(id)).messages, 1)
      assert.isTrue(yield* web.client.interrupt(id))
      assert.strictEqual((yield* Fiber.join(endless))._tag, "TurnInterrupted")
      assert.strictEqual((yield* Effect.flip(web.client.turn(id, "nested")))._tag, "NestedTurn")
    })
  )

  it.scopedLive("have ids of any length and of any characters that a store takes", () =>
    Effect.gen(function* () {
      const ids = [
        "x".repeat(512),
        `${"x".repeat(511)}y`,
        "é".repeat(255),
        "sha256:",
        "default:1",
        `'; DROP TABLE throughline_messages; --`,
        `a"b\\c\n\t/ ? # % {} \u202e 🧵`
      ].map((text) => SessionId.make(text))
      const cluster = yield* makeCluster(echo)
      yield* cluster.host
      const { client } = yield* cluster.client
      yield* Effect.forEach(ids, (sessionId) => client.deliver(sessionId, user(`hello ${sessionId}`)))
      for (const sessionId of ids) {
        const request = "r".repeat(600)
        assert.strictEqual(yield* client.turn(sessionId, request), `${request}: 1`)
        assert.strictEqual((yield* client.compress(sessionId, sessionId)).sessionId, sessionId)
        const { messages } = yield* client.view(sessionId)
        assert.strictEqual(messages[0]?.content, `hello ${sessionId}`)
      }
    })
  )

  it.scopedLive("move as hosts join and leave, and no two turns of one overlap", () =>
    Effect.gen(function* () {
      const cluster = yield* makeCluster(inSteps)
      const web = yield* cluster.client
      const ids = makeSessions(12)
      const first = yield* cluster.host
      const load = { isOn: true }
      const delivered = new Map<SessionId, Array<string>>()
      const work = yield* Effect.forkScoped(
        Effect.forEach(
          ids,
          (sessionId) =>
            Effect.gen(function* () {
              const mine: Array<string> = []
              delivered.set(sessionId, mine)
              for (let n = 1; load.isOn; n++) {
                const { arrival } = yield* web.client.deliver(sessionId, user(`message ${n}`))
                mine.push(`message ${n}`)
                // Two at once, so that one waits for the other also while the session moves.
                yield* Effect.all([web.client.turn(sessionId, arrival), web.client.turn(sessionId, `${n} too`)], {
                  concurrency: "unbounded"
                })
              }
            }),
          { concurrency: "unbounded", discard: true }
        )
      )
      const places = Effect.map(
        Effect.forEach(ids, web.client.locate, { concurrency: "unbounded" }),
        (names) => new Set(names)
      )
      const second = yield* cluster.host
      yield* eventually(places, (names) => names.size === 2)
      if (isThorough) {
        const third = yield* cluster.host
        yield* eventually(places, (names) => names.size === 3)
        yield* third.leave
      }
      yield* first.leave
      yield* eventually(places, (names) => names.size === 1 && names.has(second.name))
      load.isOn = false
      yield* Fiber.join(work)

      for (const sessionId of ids) {
        const log = yield* Effect.provide(readLog(sessionId), cluster.shared)
        const messages = log.filter((text) => text.startsWith("message"))
        assert.deepStrictEqual(messages, delivered.get(sessionId), "each delivery once, in order")
        const steps = log.filter((text) => !text.startsWith("message"))
        const turns = steps.map((text) => text.replace(/ step \d+$/, ""))
        const runs = turns.filter((turn, i) => turns[i - 1] !== turn)
        // A turn whose host left is run again from its beginning, so its steps may be there twice, one run after the other.
        assert.strictEqual(new Set(runs).size, runs.length, `no turn came between the steps of another: ${log.join()}`)
        assert.lengthOf(new Set(runs), 2 * messages.length, "each request was answered")
      }
    })
  )

  it.scopedLive.runIf(isThorough)("move in great number", () =>
    Effect.gen(function* () {
      const cluster = yield* makeCluster(echo)
      const first = yield* cluster.host
      const web = yield* cluster.client
      const ids = makeSessions(1_000)
      yield* Effect.forEach(ids, (sessionId) => web.client.deliver(sessionId, user("hello")))
      const askAll = (request: string) =>
        Effect.forEach(ids, (sessionId) => web.client.turn(sessionId, request), { concurrency: 50 })
      yield* askAll("before")
      const second = yield* cluster.host
      const askedWhileMoving = yield* Effect.fork(askAll("while"))
      yield* first.leave
      assert.deepStrictEqual(new Set(yield* Fiber.join(askedWhileMoving)), new Set(["while: 2"]))
      assert.deepStrictEqual(new Set(yield* askAll("after")), new Set(["after: 3"]))
      assert.deepStrictEqual(
        new Set(yield* Effect.forEach(ids, web.client.locate, { concurrency: 50 })),
        new Set([second.name])
      )
    })
  )
})

describe("what the cluster keeps of requests", () => {
  const count = (table: string) =>
    Effect.flatMap(SqlClient, (sql) =>
      Effect.map(sql<{ readonly n: number }>`SELECT count(*) AS n FROM ${sql(table)}`, ([row]) => Number(row?.n))
    )

  it.scopedLive("holds no message, and is deleted once it is old, but not what is still to be answered", () =>
    Effect.gen(function* () {
      const hasBegun = yield* Deferred.make<void>()
      const cluster = yield* makeCluster((turn, request) =>
        request === "endless"
          ? Effect.zipRight(Deferred.succeed(hasBegun, undefined), Effect.never)
          : Effect.as(say(turn, "secret words"), "ok")
      )
      const { client } = yield* cluster.host
      const inside = <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.provide(work, cluster.shared)
      yield* client.deliver(id, user("secret words"))
      yield* Effect.forEach(makeSessions(20), (_, n) => client.turn(id, `request ${n}`))
      yield* client.startTurn(id, "endless")
      yield* Deferred.await(hasBegun)
      const rows = yield* inside(
        Effect.flatMap(SqlClient, (sql) =>
          Effect.all([sql`SELECT * FROM throughline_messages`, sql`SELECT * FROM throughline_replies`])
        )
      )
      assert.notInclude(JSON.stringify(rows), "secret words")
      assert.strictEqual(yield* inside(pruneRequests("throughline", Duration.hours(1))), 0)
      assert.strictEqual(yield* inside(pruneRequests("throughline", Duration.seconds(-1))), 20)
      assert.strictEqual(yield* inside(count("throughline_messages")), 1)
      assert.strictEqual(yield* inside(count("throughline_replies")), 0)
    })
  )
})
