import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Effect, Either, Fiber, TestClock } from "effect"
import { inUse } from "../../src/message/Tokens.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as Transaction from "../../src/sqlite/transaction.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"

/** Another application whose file was written meanwhile, so that nothing can be told from it. */
const foreign: Transaction.ForeignWriter = { ...Transaction.noForeignWriter, isOwnFileCommitted: () => undefined }

const openFile = (filename: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new Database(filename, { timeout: 0 })),
    (db) => Effect.sync(() => db.close())
  )

describe("a commit that has to wait for a reader of another process", () => {
  it.scoped(
    "is busy, not of unknown outcome, whatever others write meanwhile, and passes once the reader is done",
    () =>
      Effect.gen(function* () {
        const filename = yield* temporaryDatabase
        yield* Effect.provide(SessionStore, Sqlite.layer({ filename }))
        const reader = yield* openFile(filename)
        reader.pragma("journal_mode = delete")
        const db = yield* openFile(filename)
        const { commitDurably } = Transaction.make(db, yield* inUse, { foreign })
        const write = commitDurably("write", filename, () => {
          db.exec("CREATE TABLE written (a)")
          return Either.right(() => "written")
        })

        reader.exec("BEGIN")
        reader.prepare("SELECT count(*) FROM sqlite_schema").get()
        const fiber = yield* Effect.fork(Effect.flip(write))
        yield* TestClock.adjust("1 minute")
        const refused = yield* Fiber.join(fiber)
        assert.deepInclude(refused, { _tag: "StoreError", reason: "busy" })

        reader.exec("COMMIT")
        assert.strictEqual(yield* write, "written")
      })
  )
})
