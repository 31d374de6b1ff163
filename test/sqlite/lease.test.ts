import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Effect } from "effect"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { acquireLease, freshSession, user } from "../support/stores.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"

describe("a lease that the disk kept its process from giving back", () => {
  it.effect("is free for the same process once the disk writes again, and held for others till then", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const id = freshSession()
      const broken = "CREATE TRIGGER broken BEFORE UPDATE ON lease BEGIN SELECT RAISE(ABORT, 'broken'); END"
      const change = (sql: string) => {
        const db = new Database(filename)
        db.exec(sql)
        db.close()
      }
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.deliver(id, user("hello"), { kind: "request" })
        const lease = yield* acquireLease(id)
        change(broken)
        assert.strictEqual((yield* Effect.flip(store.release(lease)))._tag, "StoreError")
        change("DROP TRIGGER broken")
        const other = yield* Effect.provide(
          Effect.flatMap(SessionStore, ({ acquire }) => acquire(id, { name: "turn", holder: "other", ttl: 10_000 })),
          Sqlite.layer({ filename })
        )
        assert.strictEqual(other._tag, "Held")
        const next = yield* acquireLease(id, "turn", "next")
        assert.isAbove(next.token, lease.token)
      }).pipe(Effect.provide(Sqlite.layer({ filename })))
    }).pipe(Effect.scoped)
  )
})
