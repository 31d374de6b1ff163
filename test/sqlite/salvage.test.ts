import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Chunk, Effect, FastCheck as fc, Stream } from "effect"
import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import * as Ledger from "../../src/ledger/Ledger.ts"
import { type Manifest, SessionId, wholeLog } from "../../src/session/Session.ts"
import { StoreError } from "../../src/session/SessionError.ts"
import { salvageFile } from "../../src/sqlite/salvage.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionCounters, SessionIndex, SessionStore } from "../../src/store/SessionStore.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { acquireLease, segment, user } from "../support/stores.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const PAGE = 4_096
const ids = ["one", "two"].map((name) => SessionId.make(name))
const LEDGER = Ledger.encode(Ledger.empty)
const LOST = "[This message was lost when the database was damaged.]"

/** Fills a database with two sessions, each with a compression, a rewind, a key and a message that waits. */
const fill = Effect.gen(function* () {
  const store = yield* SessionStore
  const counters = yield* SessionCounters
  const text = (n: number) => `message ${n} ${"lorem ipsum ".repeat(n % 40)}`
  for (const id of ids) {
    const messages = Array.from({ length: 300 }, (_, n) => user(text(n)))
    yield* store.importAll([{ sessionId: id, messages }])
    yield* store.deliver(id, user("keyed"), { kind: "request", key: "k" })
    yield* store.promote(yield* acquireLease(id))
    const lease = yield* acquireLease(id, "operation")
    const manifest: Manifest = { ...wholeLog, headTo: 1, tailFrom: 101, segments: [`${id}/1`], ledger: "facts" }
    const segments = [segment(`${id}/1`, 2, 100)]
    yield* store.commit(lease, { operationId: `${id} op`, base: 0, manifest, segments, ledger: LEDGER })
    yield* store.rewind(id, { base: 1, seq: 290, manifest, ledger: LEDGER })
    yield* store.deliver(id, user("waits"), { kind: "notification", key: "w" })
    yield* store.learnWindow(id, "m", 8_000)
    yield* counters.count(id, { modelCalls: 3 })
  }
})

/** Everything that can be asked of a store. */
const readAll = Effect.gen(function* () {
  const store = yield* SessionStore
  const counters = yield* SessionCounters
  const index = yield* SessionIndex
  const sessions = yield* store.sessions
  return yield* Effect.forEach(sessions, (summary) =>
    Effect.gen(function* () {
      const id = SessionId.make(summary.sessionId)
      const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(id)))
      const { base: _, ...state } = yield* store.state(id)
      const snapshots = yield* store.snapshots(id)
      const found = yield* index.search(id, "lorem", {
        limit: 5,
        scope: { fromSeq: 1, toSeq: 1_000, also: [], except: [] }
      })
      return {
        summary,
        log,
        state,
        snapshots,
        found,
        ledger: yield* store.ledger(id),
        stats: yield* counters.stats(id)
      }
    })
  )
})

const open = (filename: string) => Sqlite.layer({ filename, durability: "process" })

/** Makes such a database, as its only process left it. */
const makeFile = Effect.gen(function* () {
  const filename = join(yield* makeTemporaryFolder(), "x.db")
  yield* Effect.provide(fill, open(filename))
  return { filename, out: join(dirname(filename), "new.db") }
})

/** Asserts what holds of a salvaged file whatever the damage was. Returns how many messages are lost. */
const assertSound = (out: string, original: Effect.Effect.Success<typeof readAll>) =>
  Effect.gen(function* () {
    const db = new Database(out)
    assert.strictEqual(db.pragma("integrity_check", { simple: true }), "ok")
    assert.deepStrictEqual(db.pragma("foreign_key_check"), [])
    db.close()
    let lost = 0
    for (const { log, summary } of yield* Effect.provide(readAll, open(out))) {
      const before = original.find((other) => other.summary.sessionId === summary.sessionId)?.log ?? []
      for (const entry of log) {
        if (entry.message.content === LOST) lost += 1
        else {
          const same = before.find(
            ({ arrival, seq }) => seq === entry.seq && (seq !== null || arrival === entry.arrival)
          )
          assert.deepStrictEqual([entry.message, entry.kind, entry.at], [same?.message, same?.kind, same?.at])
        }
      }
      const seqs = log.flatMap(({ seq }) => (seq === null ? [] : [seq]))
      assert.deepStrictEqual(
        seqs,
        seqs.map((_, index) => index + 1)
      )
    }
    return lost
  })

describe("salvage", () => {
  it.scopedLive("of a file that is whole loses nothing, and numbers new arrivals after the old ones", () =>
    Effect.gen(function* () {
      const { filename, out } = yield* makeFile
      const report = yield* salvageFile(filename, out)
      assert.deepStrictEqual(report, {
        sessions: 2,
        messages: 602,
        waiting: 2,
        segments: 2,
        generations: 4,
        lost: []
      })
      assert.deepStrictEqual(yield* Effect.provide(readAll, open(out)), yield* Effect.provide(readAll, open(filename)))
      yield* Effect.gen(function* () {
        const { deliver } = yield* SessionStore
        for (const [key, content] of [
          ["k", "keyed"],
          ["w", "waits"]
        ] as const) {
          const kind = key === "k" ? "request" : "notification"
          assert.isTrue((yield* deliver(SessionId.make("one"), user(content), { kind, key })).duplicate)
        }
        const { arrival } = yield* deliver(SessionId.make("one"), user("more"), { kind: "request" })
        assert.strictEqual(arrival, 5)
      }).pipe(Effect.provide(open(out)))
    })
  )

  it.scopedLive("takes what only the log beside the file has", () =>
    Effect.gen(function* () {
      const { filename, out } = yield* makeFile
      const report = yield* Effect.gen(function* () {
        const { deliver } = yield* SessionStore
        yield* deliver(SessionId.make("three"), user("new"), { kind: "request" })
        const names = readdirSync(dirname(filename))
        const report = yield* salvageFile(filename, out)
        assert.deepStrictEqual(
          readdirSync(dirname(filename)).filter((name) => !name.startsWith(basename(out))),
          names
        )
        return report
      }).pipe(Effect.provide(open(filename)))
      assert.deepStrictEqual([report.sessions, report.waiting, report.lost], [3, 3, []])
    })
  )

  it.scopedLive("names each message that is lost, and stands something in its place", () =>
    Effect.gen(function* () {
      const { filename, out } = yield* makeFile
      const original = yield* Effect.provide(readAll, open(filename))
      const db = new Database(filename)
      const page = db
        .prepare<[], number>(
          "SELECT pageno FROM dbstat WHERE name = 'message' AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET 3"
        )
        .pluck()
        .get()
      db.close()
      assert.isDefined(page)
      const bytes = readFileSync(filename)
      bytes.fill(0, (page - 1) * PAGE, page * PAGE)
      writeFileSync(filename, bytes)
      const report = yield* salvageFile(filename, out)
      assert.isTrue(bytes.equals(readFileSync(filename)))
      const lost = yield* assertSound(out, original)
      assert.isAtLeast(lost, 1)
      assert.strictEqual(report.messages + lost, 602)
      const ofOne = report.lost.filter(({ sessionId }) => sessionId === "one")
      assert.match(ofOne[0]?.what ?? "", new RegExp(`^messages #\\d+ to #\\d+$`))
      assert.deepStrictEqual([report.segments, report.generations, report.waiting], [2, 4, 2])
    })
  )

  it.scopedLive("without its segment a view shows the log, of which what was taken back stays so", () =>
    Effect.gen(function* () {
      const { filename, out } = yield* makeFile
      const db = new Database(filename)
      db.exec("UPDATE segment SET children = '[' WHERE session_id = 'one'; DELETE FROM delivery_key WHERE key = 'w'")
      db.exec(
        "UPDATE message SET body = '{' WHERE session_id = 'two' AND seq = 301; UPDATE ledger SET body = '{' WHERE session_id = 'two'"
      )
      db.close()
      const { lost } = yield* salvageFile(filename, out)
      assert.deepStrictEqual(
        lost.map(({ sessionId, what }) => `${sessionId}: ${what}`),
        [
          "two: message #301: its text is not JSON",
          "one: segment one/1: its columns are damaged",
          "one: the view of generation #1, which shows the whole log",
          "one: the view of generation #2, which shows the whole log",
          "two: the ledger: its text is damaged"
        ]
      )
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        const { head, tail } = yield* store.state(SessionId.make("one"))
        assert.strictEqual(head.length + tail.length, 290)
        assert.strictEqual((yield* store.state(SessionId.make("two"))).segments.length, 1)
        // Its message is lost, so that it can come again.
        const again = yield* store.deliver(SessionId.make("two"), user("keyed"), { kind: "request", key: "k" })
        assert.isFalse(again.duplicate)
      }).pipe(Effect.provide(open(out)))
    })
  )

  it.scopedLive("has no session whose id is damaged, which nobody could ask for, and tells of it", () =>
    Effect.gen(function* () {
      const { filename, out } = yield* makeFile
      const db = new Database(filename)
      db.pragma("foreign_keys = OFF")
      db.exec("UPDATE session SET id = 'o' || char(0) || 'e' WHERE id = 'one'")
      db.exec("UPDATE inbox SET session_id = char(0) WHERE session_id = 'two'")
      db.close()
      const { lost, sessions } = yield* salvageFile(filename, out)
      assert.strictEqual(sessions, 2)
      assert.deepStrictEqual(
        lost.map(({ what }) => what),
        ["a session whose id is damaged, unless its messages name it", "arrival 4 of the inbox: its session is damaged"]
      )
      const all = yield* Effect.provide(readAll, open(out))
      assert.deepStrictEqual(
        all.map(({ log, summary }) => [summary.sessionId, log.length]),
        [
          ["one", 302],
          ["two", 301]
        ]
      )
    })
  )

  const numbers = [
    ["the number of a message", "UPDATE message SET seq = 431 WHERE session_id = 'one' AND seq = 200", 601],
    ["the last number of a log", "UPDATE message SET seq = 431 WHERE session_id = 'one' AND seq = 301", 601],
    ["the session of a message", "UPDATE message SET session_id = 'onf' WHERE session_id = 'one' AND seq = 131", 601],
    ["the number of a generation", "UPDATE generation SET left_seq = 431 WHERE session_id = 'one'", 602]
  ] as const
  it.scopedLive.each(numbers)("makes up no message where %s is damaged", ([, change, whole]) =>
    Effect.gen(function* () {
      const { filename, out } = yield* makeFile
      const original = yield* Effect.provide(readAll, open(filename))
      const db = new Database(filename)
      db.pragma("foreign_keys = OFF")
      db.exec(change)
      db.close()
      const { messages, sessions } = yield* salvageFile(filename, out)
      assert.deepStrictEqual([sessions, messages], [2, whole])
      assert.isAtMost(messages + (yield* assertSound(out, original)), 602)
    })
  )

  it.scopedLive("refuses a new file that is there already, and leaves none if there is nothing to bring over", () =>
    Effect.gen(function* () {
      const { filename, out } = yield* makeFile
      writeFileSync(out, "mine")
      assert.include((yield* Effect.flip(salvageFile(filename, out))).message, `${out} exists already`)
      assert.strictEqual(readFileSync(out, "utf8"), "mine")
      const bytes = readFileSync(filename)
      bytes.fill(0, 100)
      writeFileSync(filename, bytes)
      const error = yield* Effect.flip(salvageFile(filename, `${out}2`))
      assert.strictEqual(error.reason, "corrupt")
      assert.isFalse(existsSync(`${out}2`))
      assert.deepStrictEqual(readdirSync(dirname(filename)).sort(), ["new.db", "x.db"])
    })
  )

  const damage = fc.oneof(
    fc.record({
      how: fc.constant("zero" as const),
      pages: fc.array(fc.nat(), { minLength: 1, maxLength: 6 })
    }),
    fc.record({ how: fc.constant("cut" as const), at: fc.nat() }),
    fc.record({
      how: fc.constant("scribble" as const),
      places: fc.array(fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 200 })), {
        minLength: 1,
        maxLength: 6
      })
    }),
    fc.record({
      how: fc.constant("number" as const),
      column: fc.constantFrom("message.seq", "message.arrival", "generation.left_seq", "generation.generation"),
      row: fc.nat(),
      value: fc.nat(1_000)
    })
  )
  it.scopedLive.prop(
    "whatever bytes are damaged, the new file is sound, the old one untouched, and what is zeroed is told",
    { damage },
    ({ damage }) =>
      Effect.gen(function* () {
        const whole = yield* makeFile
        const original = yield* Effect.provide(readAll, open(whole.filename))
        const filename = join(dirname(whole.filename), "damaged.db")
        copyFileSync(whole.filename, filename)
        if (damage.how === "number") {
          const [table, column] = damage.column.split(".")
          const db = new Database(filename)
          const change = `UPDATE OR IGNORE ${table} SET ${column} = ? WHERE rowid = 1 + ? % (SELECT max(rowid) FROM ${table})`
          db.prepare(change).run(damage.value, damage.row)
          db.close()
        }
        const bytes = readFileSync(filename)
        const pages = bytes.length / PAGE
        if (damage.how === "zero") {
          // The first page has the header: without it nobody knows what the file is.
          for (const page of damage.pages) {
            const start = (1 + (page % (pages - 1))) * PAGE
            bytes.fill(0, start, start + PAGE)
          }
        } else if (damage.how === "scribble") {
          for (const [place, scribble] of damage.places)
            bytes.set(scribble, PAGE + (place % (bytes.length - PAGE - 200)))
        }
        writeFileSync(filename, bytes)
        if (damage.how === "cut") truncateSync(filename, PAGE + (damage.at % (bytes.length - PAGE)))
        const before = readFileSync(filename)
        const result = yield* Effect.either(salvageFile(filename, whole.out))
        assert.isTrue(before.equals(readFileSync(filename)))
        if (result._tag === "Left") {
          assert.instanceOf(result.left, StoreError)
          assert.isFalse(existsSync(whole.out))
          return
        }
        const lost = yield* assertSound(whole.out, original)
        if (result.right.messages < 602) assert.isNotEmpty(result.right.lost)
        assert.isAtMost(result.right.messages + lost, 602)
      }),
    propertyRuns(10, 60)
  )
})
