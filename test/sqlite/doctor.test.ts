import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Effect, FastCheck as fc } from "effect"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import * as Ledger from "../../src/ledger/Ledger.ts"
import { type Manifest, SessionId, wholeLog } from "../../src/session/Session.ts"
import { StoreError } from "../../src/session/SessionError.ts"
import { diagnoseFile, repairFile } from "../../src/sqlite/doctor.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionIndex, SessionStore } from "../../src/store/SessionStore.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { acquireLease, segment, user } from "../support/stores.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"

const PAGE = 4_096
const id = SessionId.make("s")

const search = Effect.flatMap(SessionIndex, (index) =>
  index.search(id, "lorem", { limit: 5, scope: { fromSeq: 1, toSeq: 1_000, also: [], except: [] } })
)

/** A session with a compression, a message that waits, and an index. */
const fill = Effect.gen(function* () {
  const store = yield* SessionStore
  const messages = Array.from({ length: 300 }, (_, n) => user(`message ${n} ${"lorem ipsum ".repeat(n % 40)}`))
  yield* store.importAll([{ sessionId: id, messages }])
  yield* store.deliver(id, user("promoted"), { kind: "request" })
  yield* store.promote(yield* acquireLease(id))
  const lease = yield* acquireLease(id, "operation")
  const manifest: Manifest = { ...wholeLog, headTo: 1, tailFrom: 101, segments: ["s/1"] }
  const ledger = Ledger.encode(Ledger.empty)
  yield* store.commit(lease, { operationId: "op", base: 0, manifest, segments: [segment("s/1", 2, 100)], ledger })
  yield* store.deliver(id, user("waits"), { kind: "notification" })
  yield* search
})

const open = (filename: string) => Sqlite.layer({ filename, durability: "process" })

const makeFile = Effect.tap(temporaryDatabase, (filename) => Effect.provide(fill, open(filename)))

const runSql = (filename: string, sql: string) => {
  const db = new Database(filename)
  db.pragma("foreign_keys = OFF")
  db.exec(sql)
  db.close()
}

/** Zeroes the first leaf of a table. */
const damageLeaf = (filename: string, table: string) => {
  const db = new Database(filename)
  const page = db
    .prepare<[string], number>("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path LIMIT 1")
    .pluck()
    .get(table)
  db.close()
  assert.isDefined(page)
  const bytes = readFileSync(filename)
  bytes.fill(0, (page - 1) * PAGE, page * PAGE)
  writeFileSync(filename, bytes)
}

const readFolder = (filename: string) =>
  readdirSync(dirname(filename)).map((name) => [name, readFileSync(`${dirname(filename)}/${name}`, "base64")])

/** Damages a file, and what is found then: the damage, the session, and what the detail says. */
const cases: ReadonlyArray<readonly [string, string | null, RegExp, (filename: string) => void]> = [
  ["damaged-pages", null, /^table message: Tree \d+ page \d+/, (file) => damageLeaf(file, "message")],
  ["damaged-pages", null, /^table inbox: /, (file) => damageLeaf(file, "inbox_session")],
  ["damaged-index", null, /page \d+|recall/, (file) => damageLeaf(file, "recall_data")],
  ["damaged-index", null, /page \d+|recall/, (file) => damageLeaf(file, "recall_config")],
  ["damaged-index", null, /page \d+|recall/, (file) => damageLeaf(file, "recall_session")],
  ["damaged-index", "s", /^it has messages up to #999/, (file) => runSql(file, "UPDATE recall_session SET seq = 999")],
  [
    "damaged-index",
    "s",
    /^it has messages up to #999/,
    (file) => runSql(file, "INSERT OR REPLACE INTO recall_stem_session SELECT number, 999 FROM recall_session")
  ],
  [
    "damaged-index",
    "s",
    /^it has messages up to #9, and /,
    (file) => runSql(file, "UPDATE recall_session SET seq = 9")
  ],
  [
    "broken-references",
    null,
    /^1 rows of ledger name a session that is not there$/,
    (file) => runSql(file, `INSERT INTO ledger (session_id, body) VALUES ('gone', '${Ledger.encode(Ledger.empty)}')`)
  ],
  [
    "missing-migrations",
    null,
    /^no record of migration 2$/,
    (file) => runSql(file, "DELETE FROM effect_sql_migrations WHERE migration_id = 2")
  ],
  ["damaged-session", "s", /windows/, (file) => runSql(file, "UPDATE session SET windows = '['")],
  ["missing-messages", "s", /^#3, #7 to #9$/, (file) => runSql(file, "DELETE FROM message WHERE seq IN (3, 7, 8, 9)")],
  ["unreadable-messages", "s", /^#4 \(/, (file) => runSql(file, "UPDATE message SET body = '{' WHERE seq = 4")],
  [
    "unreadable-messages",
    "s",
    /^#1 \(.*, #5 \(.*, and 296 more$/,
    (file) => runSql(file, "UPDATE message SET body = substr(body, 2)")
  ],
  ["unreadable-messages", "s", /^arrival 2 of the inbox \(/, (file) => runSql(file, "UPDATE inbox SET body = '{'")],
  [
    "unreadable-messages",
    "s",
    /^#4 \(.*its checksum is another\)$/,
    (file) => runSql(file, "UPDATE message SET body = replace(body, 'lorem', 'lorex') WHERE seq = 4")
  ],
  ["unreadable-messages", "s", /^arrival 2 .*checksum/, (file) => runSql(file, "UPDATE inbox SET at = at + 1")],
  [
    "doubled-arrivals",
    "s",
    /^2 are in the log and in the inbox$/,
    (file) => runSql(file, "UPDATE message SET arrival = 2 WHERE seq = 301")
  ],
  ["damaged-segment", "s", /^s\/1: its text is damaged$/, (file) => runSql(file, "UPDATE segment SET children = '['")],
  [
    "damaged-segment",
    "s",
    /^s\/1: it stands for messages beyond the log$/,
    (file) => runSql(file, "UPDATE segment SET to_seq = 302")
  ],
  [
    "damaged-segment",
    "s",
    /^s\/1: .*its checksum is another$/,
    (file) => runSql(file, "UPDATE segment SET body = body || '.'")
  ],
  [
    "damaged-view",
    "s",
    /^generation 1: .*its checksum is another$/,
    (file) => runSql(file, "UPDATE generation SET at = at + 1")
  ],
  [
    "damaged-ledger",
    "s",
    /^it is not what was written: its checksum is another$/,
    (file) => runSql(file, `UPDATE ledger SET body = replace(body, '[]', '[ ]')`)
  ],
  ["damaged-view", "s", /^generation 1: there is no segment s\/1$/, (file) => runSql(file, "DELETE FROM segment")],
  [
    "damaged-view",
    "s",
    /^generation 1: it shows messages beyond the log$/,
    (file) => runSql(file, "UPDATE generation SET manifest = json_set(manifest, '$.tailFrom', 400)")
  ],
  [
    "damaged-view",
    "s",
    /^generation 1: other messages are undone than it says$/,
    (file) => runSql(file, "INSERT INTO undone (session_id, from_seq, to_seq, since) VALUES ('s', 101, 102, 1)")
  ],
  ["damaged-ledger", "s", /^its text is damaged$/, (file) => runSql(file, "UPDATE ledger SET body = '{'")]
]

describe("the doctor of native databases", () => {
  it.scopedLive("finds nothing in a file that is whole, also while a process has it open", () =>
    Effect.gen(function* () {
      const filename = yield* makeFile
      const report = yield* diagnoseFile(filename)
      assert.deepStrictEqual([report.sessions, report.messages, report.findings], [1, 301, []])
      yield* Effect.gen(function* () {
        yield* Effect.flatMap(SessionStore, (store) => store.deliver(id, user("more"), { kind: "request" }))
        assert.deepStrictEqual((yield* diagnoseFile(filename)).findings, [])
      }).pipe(Effect.provide(open(filename)))
      const before = readFolder(filename)
      assert.deepStrictEqual(yield* repairFile(filename, false), { filename, dryRun: false, mended: [], remaining: [] })
      assert.deepStrictEqual(readFolder(filename), before)
    })
  )

  for (const [damage, sessionId, detail, harm] of cases) {
    it.scopedLive(`finds ${damage}, which says ${detail}, and mends the index alone`, () =>
      Effect.gen(function* () {
        const filename = yield* makeFile
        harm(filename)
        const before = readFolder(filename)
        const { findings } = yield* diagnoseFile(filename)
        const found = findings.find((finding) => finding.damage === damage && detail.test(finding.detail))
        assert.strictEqual(found?.sessionId, sessionId, JSON.stringify(findings))
        yield* repairFile(filename, true)
        assert.deepStrictEqual(readFolder(filename), before)
        const { remaining } = yield* repairFile(filename, false)
        if (damage !== "damaged-index") return assert.isNotEmpty(remaining)
        assert.deepStrictEqual(remaining, [])
        assert.deepStrictEqual((yield* diagnoseFile(filename)).findings, [])
        assert.lengthOf(yield* Effect.provide(search, open(filename)), 5)
      })
    )
  }

  it.scopedLive.prop(
    "answers or fails with a reason, whatever bytes are damaged",
    {
      places: fc.array(fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 300 })), {
        minLength: 1,
        maxLength: 6
      })
    },
    ({ places }) =>
      Effect.gen(function* () {
        const filename = yield* makeFile
        const bytes = readFileSync(filename)
        for (const [place, damage] of places) bytes.set(damage, 100 + (place % (bytes.length - 400)))
        writeFileSync(filename, bytes)
        const result = yield* Effect.either(diagnoseFile(filename))
        if (result._tag === "Left") assert.instanceOf(result.left, StoreError)
        assert.isTrue(bytes.equals(readFileSync(filename)))
      }),
    propertyRuns(10, 200)
  )

  it.scopedLive("gives back what a search left unused that made the index anew", () =>
    Effect.gen(function* () {
      const filename = yield* makeFile
      damageLeaf(filename, "recall_config")
      assert.lengthOf(yield* Effect.provide(search, open(filename)), 5)
      const { findings } = yield* diagnoseFile(filename)
      assert.deepStrictEqual(
        findings.map(({ damage }) => damage),
        ["unused-pages"]
      )
      assert.deepStrictEqual((yield* repairFile(filename, false)).remaining, [])
      assert.lengthOf(yield* Effect.provide(search, open(filename)), 5)
    })
  )
})
