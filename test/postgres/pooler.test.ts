import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SessionId, wholeLog } from "../../src/session/Session.ts"
import { isPoolerInstalled, startPooler } from "../support/pooler.ts"
import { createDatabase, sharedServer } from "../support/postgres.ts"
import { openHost, readAll, type Store } from "../support/postgresHosts.ts"
import { assistant, segment, user } from "../support/stores.ts"

const HOSTS = 3
const SESSIONS = 4
const TURNS = 10

/** A database, by way of a pooler that has two connections to it. */
const pooledDatabase = Effect.gen(function* () {
  const url = yield* Effect.promise(() => createDatabase())
  const { port } = yield* Effect.promise(sharedServer)
  const pooler = yield* Effect.acquireRelease(
    Effect.promise(() => startPooler(port, 2)),
    ({ stop }) => Effect.promise(stop)
  )
  return { direct: url, pooled: url.replace(`:${port}/`, `:${pooler.port}/`) }
})

/** Takes turns with the other hosts until it has had enough, and compresses in between. */
const takeTurns = (host: Store, h: number, id: SessionId) =>
  Effect.gen(function* () {
    for (let n = 0; n < TURNS;) {
      yield* host.deliver(id, user(`d${h}.${n}`), { kind: "request", key: `${h}.${n}` })
      const begun = yield* host.begin(id, { holder: `t${h}.${n}`, ttl: 10_000 })
      if (begun._tag === "Held") continue
      yield* host.append(begun.lease, [assistant(`a${h}.${n}`)])
      const operationId = `o ${id} ${h}.${n}`
      const operation = yield* host.acquire(id, { name: "operation", holder: operationId, ttl: 10_000 })
      if (operation._tag === "Granted") {
        const { generation: base, lastSeq } = yield* host.state(id)
        const manifest = { ...wholeLog, headTo: 1, tailFrom: lastSeq, segments: [operationId] }
        const segments = lastSeq < 3 ? [] : [segment(operationId, 2, lastSeq - 1)]
        if (segments.length > 0)
          yield* host.commit(operation.lease, { operationId, base, manifest, segments, ledger: null })
        yield* host.release(operation.lease)
      }
      yield* host.release(begun.lease)
      n++
    }
  })

describe.skipIf(!isPoolerInstalled)("a pooler that gives each transaction another connection", () => {
  it.scopedLive("loses nothing, doubles nothing and keeps the order of what several hosts write through it", () =>
    Effect.gen(function* () {
      const { direct, pooled } = yield* pooledDatabase
      const hosts = yield* Effect.all(
        Array.from({ length: HOSTS }, () => openHost(pooled, { transactionPooling: true })),
        { concurrency: HOSTS }
      )
      const ids = Array.from({ length: SESSIONS }, (_, s) => SessionId.make(`session ${s}`))
      const all = ids.flatMap((id) => hosts.map((host, h) => takeTurns(host, h, id)))
      yield* Effect.all(all, { concurrency: "unbounded" })
      const watcher = yield* openHost(direct)
      for (const id of ids) {
        const log = yield* readAll(watcher, id)
        const told = hosts.flatMap((_, h) => Array.from({ length: TURNS }, (_, n) => [`d${h}.${n}`, `a${h}.${n}`]))
        assert.deepStrictEqual(log.map(({ message }) => String(message.content)).toSorted(), told.flat().toSorted())
        const arrivals = log.flatMap(({ arrival }) => arrival ?? [])
        assert.deepStrictEqual(
          arrivals,
          arrivals.toSorted((a, b) => a - b)
        )
        assert.isAbove((yield* watcher.state(id)).generation, 0)
      }
    })
  )

  it.scopedLive("is named by the error of a store that was not told of it", () =>
    Effect.gen(function* () {
      const { pooled } = yield* pooledDatabase
      const refused = yield* Effect.flip(openHost(pooled))
      assert.strictEqual(refused.reason, "failed")
      assert.match(refused.message, /transactionPooling/)
    })
  )
})
