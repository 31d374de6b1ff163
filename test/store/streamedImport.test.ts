/** Imports of messages that come from a stream: all of them or nothing, whatever ends the import. */
import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Chunk, Context, Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { copyFileSync, existsSync, rmSync } from "node:fs"
import { Client } from "pg"
import type { Message } from "../../src/message/Message.ts"
import type { SessionId } from "../../src/session/Session.ts"
import { type Histories, SessionStore } from "../../src/store/SessionStore.ts"
import * as Postgres from "../../src/postgres/Postgres.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { createDatabase } from "../support/postgres.ts"
import { backends, freshSession, user } from "../support/stores.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"

const MESSAGES: ReadonlyArray<Message> = Array.from({ length: 100 }, (_, index) => user(`message ${index}`))

const listIds = Effect.flatMap(SessionStore, (store) => store.sessions).pipe(
  Effect.map((all) => all.map(({ sessionId }) => sessionId))
)

const readLog = (sessionId: SessionId) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(sessionId))).pipe(
    Effect.map((log) => Chunk.toReadonlyArray(log).map(({ kind, message }) => ({ kind, message })))
  )

/** Imports a session before and one after a stream. */
const importAround = <E>(messages: Stream.Stream<Message, E>, ids = [freshSession(), freshSession(), freshSession()]) =>
  Effect.flatMap(SessionStore, (store) =>
    store.importAll(
      ids.map((sessionId, index) => ({
        sessionId,
        messages: index === 1 ? messages : MESSAGES.slice(0, 2),
        notices: [1]
      }))
    )
  )

for (const [name, layer] of backends) {
  it.layer(layer)(`An import of a stream, on ${name},`, (it) => {
    it.effect("is what an import of the same array is", () =>
      Effect.gen(function* () {
        const ids = [freshSession(), freshSession(), freshSession()] as const
        yield* importAround(Stream.fromIterable(MESSAGES).pipe(Stream.rechunk(7)), [...ids])
        const other = freshSession()
        const store = yield* SessionStore
        yield* store.importAll([{ sessionId: other, messages: MESSAGES, notices: [1] }])
        assert.deepStrictEqual(yield* readLog(ids[1]), yield* readLog(other))
        assert.strictEqual((yield* readLog(ids[2])).length, 2)
        assert.strictEqual((yield* store.state(ids[1])).lastSeq, MESSAGES.length)
      })
    )

    it.effect("leaves nothing if the stream fails, holds what is no message, or the session is there", () =>
      Effect.gen(function* () {
        const before = yield* listIds
        const some = Stream.fromIterable(MESSAGES.slice(0, 60))
        const failed = yield* Effect.flip(importAround(Stream.concat(some, Stream.fail("the file is gone" as const))))
        assert.strictEqual(failed, "the file is gone")
        const odd: Stream.Stream<Message> = Stream.make(JSON.parse('{"role":"nobody"}'))
        assert.propertyVal(yield* Effect.flip(importAround(Stream.concat(some, odd))), "_tag", "InvalidMessage")
        const twice = freshSession()
        const again = yield* Effect.flip(importAround(some, [twice, freshSession(), twice]))
        assert.deepNestedInclude(again, { _tag: "SessionExists", sessionId: twice })
        assert.deepStrictEqual(yield* listIds, before)
      })
    )

    it.effect("fails with an error, and no defect, where something beside it is no history", () =>
      Effect.gen(function* () {
        const store = yield* SessionStore
        const streamed = { sessionId: freshSession(), messages: Stream.fromIterable(MESSAGES) }
        for (const odd of [null, 5, {}, { sessionId: freshSession() }]) {
          const histories: Histories = JSON.parse(JSON.stringify([odd]))
          const error = yield* Effect.flip(store.importAll([...histories, streamed]))
          assert.strictEqual(error._tag, "StoreError")
        }
      })
    )

    it.effect("leaves nothing if it is interrupted, and the next one can begin", () =>
      Effect.gen(function* () {
        const before = yield* listIds
        const ids = [freshSession(), freshSession(), freshSession()]
        const isUnderWay = yield* Deferred.make<void>()
        const endless = Stream.fromIterable(MESSAGES).pipe(
          Stream.concat(Stream.fromEffect(Effect.zipRight(Deferred.succeed(isUnderWay, undefined), Effect.never)))
        )
        const fiber = yield* Effect.fork(importAround(endless, ids))
        yield* Deferred.await(isUnderWay)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(yield* listIds, before)
        yield* importAround(Stream.fromIterable(MESSAGES), ids)
      })
    )
  })
}

describe("a long import into PostgreSQL", () => {
  it.scopedLive("sends messages as they come, and lets others write meanwhile", () =>
    Effect.gen(function* () {
      const url = yield* Effect.promise(() => createDatabase())
      const services = yield* Layer.build(Postgres.layer({ url, connections: 1 }))
      const store = Context.get(services, SessionStore)
      const client = new Client(url)
      yield* Effect.acquireRelease(
        Effect.promise(() => client.connect()),
        () => Effect.promise(() => client.end())
      )
      const readSize = Effect.map(
        Effect.promise(() =>
          client.query<{ readonly size: string }>("SELECT pg_total_relation_size('throughline.message') AS size")
        ),
        ({ rows }) => rows[0]?.size
      )
      const [sizes, other] = [new Set<unknown>(), freshSession()]
      const long = Stream.range(1, 40).pipe(
        Stream.map((index) => user(`${index} ${"x".repeat(200_000)}`)),
        Stream.rechunk(1),
        Stream.tap(() => Effect.map(readSize, (size) => sizes.add(size))),
        Stream.tap((message) => Effect.orDie(store.deliver(other, message, { kind: "request" })))
      )
      const ids = [freshSession(), freshSession(), freshSession()] as const
      yield* Effect.provide(importAround(long, [...ids]), services)
      assert.isAbove(sizes.size, 3)
      assert.strictEqual((yield* store.state(ids[1])).lastSeq, 40)
      assert.include(yield* Effect.provide(listIds, services), other)
    })
  )
})

describe("a long import into a file", () => {
  it.scopedLive("leaves nothing in the file if the process is killed, wherever it is", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      let copies = 0
      // What another process finds if this one ends here: the file and the log beside it.
      const copy = Effect.sync(() => {
        copies += 1
        for (const end of ["", "-wal"]) {
          if (existsSync(filename + end)) copyFileSync(filename + end, `${filename}.${copies}${end}`)
        }
      })
      const long = Stream.range(1, 40).pipe(
        Stream.map((index) => user(`${index} ${"x".repeat(200_000)}`)),
        Stream.rechunk(1),
        Stream.tap(() => copy)
      )
      yield* Effect.provide(importAround(long), Sqlite.layer({ filename }))
      assert.strictEqual(copies, 40)
      for (let at = 1; at <= copies; at += 13) {
        const found = Effect.provide(listIds, Sqlite.layer({ filename: `${filename}.${at}`, create: false }))
        assert.deepStrictEqual(yield* found, [])
      }
      assert.strictEqual((yield* Effect.provide(listIds, Sqlite.layer({ filename }))).length, 3)
    })
  )

  it.scopedLive("fails if the file was deleted meanwhile, where nobody would find it", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const messages = Stream.fromIterable(MESSAGES).pipe(
        Stream.concat(Stream.fromEffect(Effect.sync(() => rmSync(filename))).pipe(Stream.drain))
      )
      const error = yield* Effect.flip(importAround(messages)).pipe(Effect.provide(Sqlite.layer({ filename })))
      assert.deepNestedInclude(error, { _tag: "StoreError", operation: "write to the database", reason: "gone" })
    })
  )

  it.scopedLive("leaves nothing on a full disk, and says so", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      yield* Effect.gen(function* () {
        const restore = failAppends(50)
        const error = yield* Effect.flip(
          Effect.ensuring(importAround(Stream.fromIterable(MESSAGES)), Effect.sync(restore))
        )
        assert.deepNestedInclude(error, { _tag: "StoreError", operation: "import", reason: "full" })
        assert.deepStrictEqual(yield* listIds, [])
        yield* importAround(Stream.fromIterable(MESSAGES))
      }).pipe(Effect.provide(Sqlite.layer({ filename })))
    })
  )
})

/** Lets SQLite find the disk full when so many messages have been written. Returns what restores it. */
const failAppends = (after: number): (() => void) => {
  const any = new Database(":memory:")
  const statements: { run: Database.Statement["run"] } = Object.getPrototypeOf(any.prepare("SELECT 1"))
  any.close()
  const { run } = statements
  let appends = 0
  statements.run = function (this: Database.Statement, ...parameters) {
    if (this.source.startsWith("INSERT INTO message") && ++appends > after) {
      throw Object.assign(new Error("database or disk is full"), { code: "SQLITE_FULL" })
    }
    return run.apply(this, parameters)
  }
  return () => void (statements.run = run)
}
