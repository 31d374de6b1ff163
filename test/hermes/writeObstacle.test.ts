/** Schemas that people and other programs have changed: they work, or the store and the doctor say the same of them. */
import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Effect } from "effect"
import { readFileSync, statSync } from "node:fs"
import * as Doctor from "../../src/hermes/Doctor.ts"
import * as Hermes from "../../src/hermes/Hermes.ts"
import { findWriteObstacle } from "../../src/hermes/writeObstacle.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { fresh, inDatabase } from "../support/hermes.ts"
import { build } from "../support/hermesLineages.ts"
import { acquireLease, assistant, user } from "../support/stores.ts"

const id = SessionId.make("chat")

/** Delivers, promotes and appends. Returns what is in the log. */
const live = Effect.gen(function* () {
  const store = yield* SessionStore
  yield* store.deliver(id, user("one"), { kind: "request" })
  const lease = yield* acquireLease(id)
  yield* store.promote(lease)
  yield* store.append(lease, [assistant("two")])
  return (yield* store.state(id)).tail.map(({ message }) => message.content)
})

const on = (filename: string) => Effect.provide(live, Hermes.layer({ filename, durability: "process" }))

const changed = (sql: string) => {
  const filename = fresh("new")
  inDatabase(filename, (db) => db.exec(sql))
  return filename
}

const harmless = [
  `ALTER TABLE messages ADD COLUMN "order" TEXT`,
  `ALTER TABLE messages ADD COLUMN "my note" TEXT`,
  `ALTER TABLE messages ADD COLUMN "x'; DROP TABLE sessions; --" TEXT`,
  `ALTER TABLE messages ADD COLUMN vital TEXT NOT NULL DEFAULT 'd'`,
  `ALTER TABLE messages ADD COLUMN g TEXT GENERATED ALWAYS AS (upper(role)) VIRTUAL`,
  `CREATE TRIGGER counted AFTER INSERT ON messages BEGIN UPDATE messages SET token_count = 1 WHERE id = new.id; END`,
  `CREATE VIEW "odd view" AS SELECT content FROM messages; CREATE INDEX "odd index" ON messages (upper(role))`
]

const obstacles: ReadonlyArray<readonly [string, RegExp]> = [
  ["DROP TABLE messages_fts", /no such table: main\.messages_fts; its triggers are messages_added, /],
  [
    "CREATE TRIGGER never AFTER INSERT ON messages BEGIN SELECT RAISE(ABORT, 'not here'); END",
    /takes no message: not here; its triggers are .*never/
  ],
  [
    "CREATE TRIGGER louder AFTER INSERT ON messages BEGIN UPDATE messages SET content = content || '!' WHERE id = new.id; END",
    /malformed; its triggers are louder, /
  ],
  ["CREATE UNIQUE INDEX once ON messages (session_id, timestamp)", /UNIQUE constraint failed: messages\.session_id/]
]

describe("a Hermes database that others have changed", () => {
  for (const sql of harmless) {
    it.effect(`works after ${sql}`, () =>
      Effect.gen(function* () {
        const filename = changed(sql)
        assert.deepStrictEqual(yield* on(filename), ["one", "two"])
        assert.deepStrictEqual((yield* Doctor.diagnose(filename)).findings, [])
      })
    )
  }

  for (const [sql, why] of obstacles) {
    it.effect(`is refused and left as it is after ${sql}, and the doctor says why`, () =>
      Effect.gen(function* () {
        const filename = changed(sql)
        const bytes = readFileSync(filename)
        const error = yield* Effect.flip(on(filename))
        assert.strictEqual(error._tag === "StoreError" ? error.reason : error._tag, "failed")
        assert.match(error.message, why)
        const { findings } = yield* Doctor.diagnose(filename)
        assert.deepStrictEqual(
          findings.map(({ damage }) => damage),
          ["unwritable-messages"]
        )
        for (const { detail } of findings) assert.include(error.message, detail)
        assert.deepStrictEqual((yield* Doctor.repair(filename)).remaining, findings)
        assert.isTrue(bytes.equals(readFileSync(filename)))
      })
    )
  }

  it("is not taken for one while another process writes to it", () => {
    const filename = fresh("old")
    const db = new Database(filename, { timeout: 0 })
    const writer = new Database(filename, { timeout: 0 })
    try {
      writer.exec("BEGIN EXCLUSIVE")
      assert.throws(() => findWriteObstacle(db), /database is locked/)
      writer.exec("ROLLBACK")
      assert.isUndefined(findWriteObstacle(db))
    } finally {
      writer.close()
      db.close()
    }
  })

  it.effect("is backed up before a repair for its user alone", () =>
    Effect.gen(function* () {
      const { backup } = yield* Doctor.repair(build("new", [{ type: "childless split" }]))
      assert.strictEqual(statSync(backup ?? assert.fail("nothing was repaired")).mode & 0o777, 0o600)
    })
  )
})
