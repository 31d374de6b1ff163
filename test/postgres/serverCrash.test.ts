import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Fiber, Ref } from "effect"
import { yieldToLoop } from "../../src/concurrency/eventLoopBudget.ts"
import { SessionId, wholeLog } from "../../src/session/Session.ts"
import type { Acquired, Begun } from "../../src/store/SessionStore.ts"
import { createDatabase, type Server, startServer } from "../support/postgres.ts"
import { openHost, readAll, type Store } from "../support/postgresHosts.ts"
import { repetitions } from "../support/repetitions.ts"
import { assistant, segment, user } from "../support/stores.ts"

const HOSTS = 3
const CRASHES = repetitions(2, 20)

/** Runs turns, deliveries and commits on every host until it is interrupted or told to end, and notes what was told. */
const work = (hosts: ReadonlyArray<Store>, isOver: Ref.Ref<boolean>) => {
  const told = { messages: new Array<string>(), tokens: new Array<readonly [token: string, holder: string]>(), lost: 0 }
  const id = SessionId.make("s")
  const untilOver = <E>(step: (n: number) => Effect.Effect<void, E>) =>
    Effect.gen(function* () {
      for (let n = 0; !(yield* Ref.get(isOver)); n++) {
        yield* step(n)
        yield* yieldToLoop
      }
    })
  const note = (holder: string) => (acquired: Acquired | Begun) =>
    Effect.sync(() => {
      if (acquired._tag === "Granted") told.tokens.push([`${acquired.lease.name} ${acquired.lease.token}`, holder])
    })
  const acquire = (host: Store, name: "turn" | "operation", holder: string) =>
    Effect.tap(host.acquire(id, { name, holder, ttl: 20 }), note(holder))
  const begin = (host: Store, holder: string) => Effect.tap(host.begin(id, { holder, ttl: 20 }), note(holder))
  const all = hosts.flatMap((host, h) => [
    untilOver((n) =>
      Effect.map(host.deliver(id, user(`d${h}.${n}`), { kind: "request" }), () => {
        told.messages.push(`d${h}.${n}`)
      })
    ),
    untilOver((n) =>
      Effect.gen(function* () {
        const acquired = yield* n % 2 === 0 ? begin(host, `t${h}.${n}`) : acquire(host, "turn", `t${h}.${n}`)
        if (acquired._tag === "Held") return
        const ended = yield* Effect.either(
          Effect.gen(function* () {
            if (n % 4 > 0) yield* host.promote(acquired.lease)
            yield* host.append(acquired.lease, [assistant(`a${h}.${n}`)])
            told.messages.push(`a${h}.${n}`)
          })
        )
        if (Either.isLeft(ended)) {
          assert.strictEqual(ended.left._tag, "TurnLost")
          told.lost += 1
        }
        yield* host.release(acquired.lease)
      })
    ),
    untilOver((n) =>
      Effect.gen(function* () {
        const acquired = yield* acquire(host, "operation", `o${h}.${n}`)
        if (acquired._tag === "Held") return
        const { generation: base, lastSeq } = yield* host.state(id)
        if (lastSeq < 3) return
        const operationId = `o${h}.${n}`
        const manifest = { ...wholeLog, headTo: 1, tailFrom: lastSeq, segments: [operationId] }
        const made = { operationId, base, manifest, segments: [segment(operationId, 2, lastSeq - 1)], ledger: null }
        const ended = yield* Effect.either(host.commit(acquired.lease, made))
        if (Either.isLeft(ended)) assert.strictEqual(ended.left._tag, "LeaseLost")
      })
    )
  ])
  return { told, id, run: Effect.all(all, { concurrency: "unbounded", discard: true }) }
}

const openServer = Effect.acquireRelease(
  Effect.promise(() => startServer()),
  (server) => Effect.promise(server.stop)
)

const hostsOf = (server: Server) =>
  Effect.flatMap(
    Effect.promise(() => createDatabase(server)),
    (url) => Effect.all(Array.from({ length: HOSTS }, () => openHost(url)))
  )

/** Each message that was told is there once, in the order of the arrivals, and no token was given to two holders. */
const audit = (host: Store, { id, told }: Pick<ReturnType<typeof work>, "id" | "told">) =>
  Effect.gen(function* () {
    const log = yield* readAll(host, id)
    const texts = log.map(({ message }) => String(message.content))
    assert.lengthOf(new Set(texts), texts.length, "nothing twice")
    const stored = new Set(texts)
    assert.deepStrictEqual(
      told.messages.filter((text) => !stored.has(text)),
      [],
      "nothing lost"
    )
    const arrivals = log.flatMap(({ arrival }) => arrival ?? [])
    assert.deepStrictEqual(
      arrivals,
      arrivals.map((_, i) => i + 1),
      "in order"
    )
    const holders = new Map<string, string>()
    for (const [token, holder] of told.tokens) {
      assert.strictEqual(holders.get(token) ?? holder, holder, token)
      holders.set(token, holder)
    }
    return texts.length
  })

describe("a PostgreSQL that ends while hosts write to it", () => {
  for (const [how, end] of [
    ["is killed with all its processes", (server: Server) => server.crash()],
    ["is restarted by its administrator", (server: Server) => server.restart()]
  ] as const) {
    it.scopedLive(`${how}: every receipt is kept, once and in order, and no token has two holders`, () =>
      Effect.gen(function* () {
        const server = yield* openServer
        const hosts = yield* hostsOf(server)
        const watcher = hosts[0] ?? assert.fail()
        yield* watcher.deliver(SessionId.make("s"), user("first"), { kind: "request" })
        const isOver = yield* Ref.make(false)
        const working = work(hosts, isOver)
        const fiber = yield* Effect.fork(working.run)
        const heard = (count: number) =>
          Effect.repeat(yieldToLoop, { until: () => working.told.messages.length >= count })
        const crashes = Effect.gen(function* () {
          for (let n = 0; n < CRASHES; n++) {
            yield* heard(working.told.messages.length + 20)
            yield* Effect.promise(() => end(server))
          }
          yield* heard(working.told.messages.length + 20)
        })
        // A host that has failed tells nothing more, and would be waited for in vain.
        yield* Effect.raceFirst(crashes, Effect.zipRight(Fiber.join(fiber), Effect.never))
        yield* Ref.set(isOver, true)
        yield* Fiber.join(fiber)
        assert.isAbove(yield* audit(watcher, working), 20 * CRASHES)
      })
    )
  }
})
