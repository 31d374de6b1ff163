import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { type Cut, startProxy } from "../support/cuttingProxy.ts"
import { SessionId, wholeLog } from "../../src/session/Session.ts"
import * as Postgres from "../../src/postgres/Postgres.ts"
import { type LeaseName, SessionCounters } from "../../src/store/SessionStore.ts"
import { createDatabase, sharedServer } from "../support/postgres.ts"
import { openHost, readAll, readTexts, type Store } from "../support/postgresHosts.ts"
import { assistant, segment, user } from "../support/stores.ts"

const acquire = (store: Store, sessionId: SessionId, name: LeaseName) =>
  Effect.flatMap(store.acquire(sessionId, { name, holder: `${name} of ${sessionId}`, ttl: 60_000 }), (acquired) =>
    acquired._tag === "Granted" ? Effect.succeed(acquired.lease) : Effect.dieMessage("it is held")
  )

/** A store behind a proxy, and one that looks at the same database directly. */
const openBehindProxy = Effect.gen(function* () {
  const url = yield* Effect.promise(() => createDatabase())
  const { port } = yield* Effect.promise(sharedServer)
  const proxy = yield* Effect.acquireRelease(
    Effect.promise(() => startProxy(port)),
    ({ close }) => Effect.promise(close)
  )
  const watcher = yield* openHost(url)
  const store = yield* openHost(url.replace(`:${port}/`, `:${proxy.port}/`), { connections: 1 })
  const services = yield* Layer.build(Postgres.layer({ url, connections: 1 }))
  return { store, watcher, counters: Context.get(services, SessionCounters), cutNext: proxy.cutNext }
})

for (const at of ["statement", "answer"] satisfies ReadonlyArray<Cut>) {
  describe(`a connection that is cut at the ${at}`, () => {
    it.scopedLive("makes each write happen once, and tells what it did", () =>
      Effect.gen(function* () {
        const { counters, cutNext, store, watcher } = yield* openBehindProxy
        const cut = <A, E>(write: Effect.Effect<A, E>) =>
          Effect.zipRight(
            Effect.sync(() => cutNext(at)),
            write
          )
        const id = SessionId.make("s")

        const first = yield* cut(store.deliver(id, user("one"), { kind: "request" }))
        assert.deepStrictEqual(first, { sessionId: id, arrival: 1, duplicate: false })
        const keyed = yield* cut(store.deliver(id, user("two"), { kind: "request", key: "k" }))
        assert.deepStrictEqual(keyed, { sessionId: id, arrival: 2, duplicate: false })
        assert.isTrue((yield* cut(store.deliver(id, user("two"), { kind: "request", key: "k" }))).duplicate)

        const turn = yield* cut(acquire(store, id, "turn"))
        const { promoted, state } = yield* cut(store.promote(turn))
        assert.deepStrictEqual(
          promoted.map(({ arrival, seq }) => [seq, arrival]),
          [
            [1, 1],
            [2, 2]
          ]
        )
        assert.deepStrictEqual(state.tail, promoted)
        const appended = yield* cut(store.append(turn, [assistant("three"), assistant("four")]))
        assert.deepStrictEqual(
          appended.map(({ seq }) => seq),
          [3, 4]
        )
        assert.isTrue(yield* cut(store.renew(turn, 60_000)))

        yield* cut(store.release(turn))
        yield* store.deliver(id, user("five"), { kind: "request" })
        const begun = yield* cut(store.begin(id, { holder: "the next turn", ttl: 60_000 }))
        if (begun._tag === "Held") return assert.fail("the lease was given back")
        assert.deepStrictEqual(
          begun.promoted.map(({ arrival, seq }) => [seq, arrival]),
          [[5, 3]]
        )
        assert.deepStrictEqual(begun.state, yield* store.state(id))
        const last = yield* cut(store.append(begun.lease, [assistant("six")]))
        assert.deepStrictEqual(
          last.map(({ seq }) => seq),
          [6]
        )

        const acquired = yield* cut(acquire(store, id, "operation"))
        yield* cut(store.release(acquired))
        const operating = yield* cut(store.beginOperation(id, { holder: "an operation", ttl: 60_000 }))
        if (operating._tag === "Held") return assert.fail("the lease was given back")
        assert.deepStrictEqual(operating.state, yield* store.state(id))
        const operation = operating.lease
        const manifest = { ...wholeLog, headTo: 1, tailFrom: 4, segments: ["summary"] }
        const made = { operationId: "op", base: 0, manifest, segments: [segment("summary", 2, 3)], ledger: "l" }
        assert.strictEqual((yield* cut(store.commit(operation, made))).generation, 1)
        const rewind = { base: 1, seq: 4, manifest, ledger: null }
        assert.strictEqual((yield* cut(store.rewind(id, rewind)))?.generation, 2)
        assert.strictEqual((yield* cut(store.reset(id))).generation, 3)
        const closing = yield* cut(acquire(store, id, "operation"))
        const ending = { requestKey: "k", makeOutcome: (left: string) => `left ${left}`, counts: { committed: 1 } }
        const end = { operationId: "last", base: 3, manifest: wholeLog, segments: [], ledger: null, ending }
        const { generation, snapshotId } = yield* cut(store.commit(closing, end))
        assert.strictEqual(generation, 4)
        assert.strictEqual(yield* watcher.outcome("last", "k"), `left ${snapshotId}`)
        assert.strictEqual((yield* counters.stats(id)).compressions.committed, 1)
        yield* watcher.release(yield* acquire(watcher, id, "operation"))
        assert.lengthOf(yield* watcher.snapshots(id), 4)
        assert.deepStrictEqual(yield* cut(readTexts(store, id)), ["one", "two", "three", "four", "five", "six"])

        const imported = SessionId.make("imported")
        yield* cut(store.importAll([{ sessionId: imported, messages: [user("a"), assistant("b")] }]))
        assert.deepStrictEqual(yield* readTexts(watcher, imported), ["a", "b"])
        const seqs = (yield* readAll(watcher, id)).map(({ seq }) => seq)
        assert.deepStrictEqual(seqs, [1, 2, 3, 4, 5, 6])
        assert.deepStrictEqual(yield* store.state(id), yield* watcher.state(id))
      })
    )
  })
}
