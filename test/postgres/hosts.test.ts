import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Logger, LogLevel } from "effect"
import { Client } from "pg"
import { yieldToLoop } from "../../src/concurrency/eventLoopBudget.ts"
import { SessionId, wholeLog } from "../../src/session/Session.ts"
import { createDatabase } from "../support/postgres.ts"
import { openHost, readAll, readTexts, type Store } from "../support/postgresHosts.ts"
import { repetitions } from "../support/repetitions.ts"
import { assistant, segment, user } from "../support/stores.ts"

const ROUNDS = repetitions(24, 800)
const HOSTS = 4

const database = Effect.promise(() => createDatabase())

describe("several hosts on one PostgreSQL", () => {
  it.scopedLive("bring an empty database up to date once, however many open it at the same moment", () =>
    Effect.gen(function* () {
      const url = yield* database
      const hosts = yield* Effect.all(
        Array.from({ length: HOSTS }, () => openHost(url)),
        { concurrency: HOSTS }
      )
      const id = SessionId.make("s")
      for (const host of hosts) yield* host.deliver(id, user("hello"), { kind: "request" })
      assert.lengthOf(yield* readAll(hosts[0] ?? assert.fail(), id), HOSTS)
    })
  )

  it.scopedLive("keep one message and one receipt of what all deliver under one key at the same moment", () =>
    Effect.gen(function* () {
      const url = yield* database
      const hosts = yield* Effect.all(Array.from({ length: HOSTS }, () => openHost(url)))
      const deliverEverywhere = (id: SessionId, key: string, textOf: (host: number) => string) =>
        Effect.forEach(hosts, (host, i) => Effect.either(host.deliver(id, user(textOf(i)), { kind: "request", key })), {
          concurrency: HOSTS
        })
      for (let round = 0; round < ROUNDS / 2; round++) {
        const id = SessionId.make(`session ${round % 3}`)
        const same = yield* deliverEverywhere(id, `k${round}`, () => `m${round}`)
        const receipts = same.flatMap((result) => (Either.isRight(result) ? [result.right] : []))
        assert.lengthOf(receipts, HOSTS)
        assert.strictEqual(new Set(receipts.map(({ arrival }) => arrival)).size, 1)
        assert.lengthOf(
          receipts.filter(({ duplicate }) => !duplicate),
          1
        )
        const others = yield* deliverEverywhere(id, `c${round}`, (host) => `m${round} of ${host}`)
        assert.lengthOf(others.filter(Either.isRight), 1)
      }
    })
  )

  it.scopedLive("lose nothing, keep nothing twice and keep the order, while leases are lost all the time", () =>
    Effect.gen(function* () {
      const url = yield* database
      const hosts = yield* Effect.all(Array.from({ length: HOSTS }, () => openHost(url)))
      const ids = [0, 1, 2].map((n) => SessionId.make(`session ${n}`))
      const acknowledged = new Map(ids.map((id) => [id, new Array<string>()]))
      const told = { lost: 0, committed: 0, refused: 0 }
      const idOf = (n: number) => ids[n % ids.length] ?? assert.fail()
      const note = (id: SessionId, text: string) => acknowledged.get(id)?.push(text)
      for (const id of ids) {
        yield* (hosts[0] ?? assert.fail()).deliver(id, user("first"), { kind: "request" })
        note(id, "first")
      }

      const deliverSome = (host: Store, h: number) =>
        Effect.gen(function* () {
          for (let n = 0; n < ROUNDS * 3; n++) {
            const text = `delivered by ${h}: ${n}`
            yield* host.deliver(idOf(n), user(text), { kind: "request", ...(n % 2 === 0 && { key: text }) })
            note(idOf(n), text)
          }
        })

      const answerSome = (host: Store, h: number) =>
        Effect.gen(function* () {
          for (let n = 0; n < ROUNDS; n++) {
            const id = idOf(n + h)
            const acquired = yield* host.acquire(id, { name: "turn", holder: `turn ${h}.${n}`, ttl: 2 })
            if (acquired._tag === "Held") {
              yield* yieldToLoop
              continue
            }
            const { lease } = acquired
            const ended = yield* Effect.either(
              Effect.gen(function* () {
                const { state } = yield* host.promote(lease)
                const from = Math.max(state.manifest.contextFrom, state.manifest.tailFrom)
                assert.deepStrictEqual(
                  state.tail.map(({ seq }) => seq),
                  Array.from({ length: state.lastSeq - from + 1 }, (_, i) => from + i),
                  "memory shows what is stored, whoever wrote it"
                )
                for (const k of [0, 1, 2]) {
                  const text = `answer ${k} of ${h}: ${n}`
                  yield* host.append(lease, [assistant(text)])
                  note(id, text)
                }
              })
            )
            if (Either.isLeft(ended)) {
              assert.strictEqual(ended.left._tag, "TurnLost")
              told.lost++
            }
            if (n % 2 === 0) yield* host.release(lease)
          }
        })

      const compressSome = (host: Store, h: number) =>
        Effect.gen(function* () {
          for (let n = 0; n < ROUNDS; n++) {
            const id = idOf(n)
            const acquired = yield* host.acquire(id, { name: "operation", holder: `operation ${h}.${n}`, ttl: 2 })
            if (acquired._tag === "Held") continue
            const { generation, lastSeq } = yield* host.state(id)
            if (lastSeq < 3) continue
            const segmentId = `${id}/${generation} by ${h}.${n}`
            const made = yield* Effect.either(
              host.commit(acquired.lease, {
                operationId: segmentId,
                base: generation,
                manifest: { ...wholeLog, headTo: 1, tailFrom: lastSeq, segments: [segmentId] },
                segments: [segment(segmentId, 2, lastSeq - 1)],
                ledger: "a ledger"
              })
            )
            if (Either.isRight(made)) told.committed++
            else {
              assert.strictEqual(made.left._tag, "LeaseLost")
              told.refused++
            }
          }
        })

      yield* Effect.all(
        hosts.flatMap((host, h) => [deliverSome(host, h), answerSome(host, h), compressSome(host, h)]),
        { concurrency: "unbounded" }
      )

      for (const id of ids) {
        const log = yield* readAll(hosts[1] ?? assert.fail(), id)
        assert.sameMembers(
          log.map(({ message }) => String(message.content)),
          acknowledged.get(id) ?? []
        )
        const arrivals = log.flatMap(({ arrival }) => arrival ?? [])
        assert.deepStrictEqual(
          arrivals,
          arrivals.map((_, i) => i + 1)
        )
        const seqs = log.flatMap(({ seq }) => seq ?? [])
        assert.deepStrictEqual(
          seqs,
          seqs.map((_, i) => i + 1)
        )
        for (let h = 0; h < HOSTS; h++) {
          const own = log.flatMap(
            ({ message }) => /^delivered by (\d+): (\d+)$/.exec(String(message.content))?.slice(1) ?? []
          )
          const numbers = own.flatMap((text, i) => (i % 2 === 1 && own[i - 1] === `${h}` ? [Number(text)] : []))
          assert.deepStrictEqual(
            numbers,
            numbers.toSorted((a, b) => a - b)
          )
        }
      }
      assert.isAbove(Math.min(told.lost, told.committed), 0, JSON.stringify(told))
      assert.strictEqual(yield* countDeadlocks(url), 0)
    })
  )

  it.scopedLive("give their leases back before they close, though nobody waits for it", () =>
    Effect.gen(function* () {
      const url = yield* database
      const watcher = yield* openHost(url)
      for (let n = 0; n < 5; n++) {
        const id = SessionId.make(`session ${n}`)
        yield* watcher.deliver(id, user("hello"), { kind: "request" })
        yield* Effect.scoped(
          Effect.gen(function* () {
            const host = yield* openHost(url)
            yield* host.release(yield* acquired(host, id, "first"))
          })
        )
        yield* acquired(watcher, id, "second")
      }
    })
  )

  it.scopedLive("warn of a lease that could not be given back, and go on when it has expired", () =>
    Effect.gen(function* () {
      const url = yield* database
      const id = SessionId.make("s")
      const warnings: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === LogLevel.Warning) warnings.push(String(message))
      })
      const host = yield* openHost(url)
      yield* host.deliver(id, user("hello"), { kind: "request" })
      const lease = yield* acquired(host, id, "first", 300)
      yield* query(url, "ALTER TABLE throughline.session RENAME TO away")
      yield* Effect.provide(host.release(lease), Logger.replace(Logger.defaultLogger, logger))
      yield* Effect.repeat(yieldToLoop, { until: () => warnings.length > 0 })
      yield* query(url, "ALTER TABLE throughline.away RENAME TO session")
      assert.match(warnings.join(), /a lease was not given back, and holds its session until it ends: .*release turn/)
      const next = host.acquire(id, { name: "turn", holder: "second", ttl: 60_000 })
      yield* Effect.repeat(next, { until: ({ _tag }) => _tag === "Granted" })
    })
  )

  it.scopedLive("use a schema of the name that is asked for, beside others in one database", () =>
    Effect.gen(function* () {
      const url = yield* database
      const id = SessionId.make("s")
      for (const schema of ["throughline", `odd "name"`]) {
        const store = yield* openHost(url, { schema })
        yield* store.deliver(id, user(`in ${schema}`), { kind: "request" })
        yield* store.promote(yield* acquired(store, id))
        assert.deepStrictEqual(yield* readTexts(store, id), [`in ${schema}`])
      }
    })
  )
})

const acquired = (store: Store, sessionId: SessionId, holder = "me", ttl = 60_000) =>
  Effect.flatMap(store.acquire(sessionId, { name: "turn", holder, ttl }), (answer) =>
    answer._tag === "Granted" ? Effect.succeed(answer.lease) : Effect.dieMessage("it is held")
  )

const query = (url: string, statement: string) =>
  Effect.promise(async () => {
    const client = new Client(url)
    await client.connect()
    const { rows } = await client.query<{ deadlocks: number }>(statement)
    await client.end()
    return rows
  })

const countDeadlocks = (url: string) =>
  Effect.map(
    query(url, "SELECT deadlocks::int AS deadlocks FROM pg_stat_database WHERE datname = current_database()"),
    ([row]) => row?.deadlocks
  )
