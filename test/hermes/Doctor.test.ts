import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, FastCheck, Schema, TestClock } from "effect"
import Database from "better-sqlite3"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { dirname, join } from "node:path"
import process from "node:process"
import * as Doctor from "../../src/hermes/Doctor.ts"
import type { StoreError } from "../../src/session/SessionError.ts"
import {
  build,
  contents,
  dump,
  event,
  folder,
  inUse,
  NOW,
  query,
  readRoutedSessions
} from "../support/hermesLineages.ts"
import { propertyRuns } from "../support/repetitions.ts"

const atNow = TestClock.setTime(NOW * 1_000)
const ages = FastCheck.constantFrom("new" as const, "old" as const)
const COLUMNS = ["model_config", "title", "message_count", "tool_call_count", "source", "end_reason"].map(
  (name) => `sessions.${name}`
)
const events = FastCheck.array(event, { maxLength: 14 })

const endReason = Schema.decodeUnknownSync(Schema.Struct({ end_reason: Schema.NullOr(Schema.String) }))

describe("Doctor", () => {
  it.effect.prop(
    "a repair keeps every message, and leaves nothing to find and nothing to do",
    [ages, events],
    ([age, events]) =>
      Effect.gen(function* () {
        yield* atNow
        const file = build(age, events)
        const before = contents(file)
        const damage = (yield* Doctor.diagnose(file)).findings
        const report = yield* Doctor.repair(file)
        assert.deepStrictEqual(report.remaining, [])
        assert.strictEqual(report.backup === null, damage.length === 0)
        const after = contents(file)
        for (const [said, times] of before) assert.isAtLeast(after.get(said) ?? 0, times, said)
        assert.deepStrictEqual((yield* Doctor.diagnose(file)).findings, [])
        query(file, "INSERT INTO messages_fts(messages_fts) VALUES ('integrity-check')")
        const repaired = dump(file)
        assert.strictEqual((yield* Doctor.repair(file)).backup, null)
        assert.strictEqual(dump(file), repaired)
      }),
    propertyRuns(8, 30)
  )

  it.effect.prop(
    "after a repair every message in use is in use once, and those that came too late are",
    [
      ages,
      FastCheck.array(
        event.filter(({ type }) => type !== "double"),
        { maxLength: 14 }
      )
    ],
    ([age, events]) =>
      Effect.gen(function* () {
        yield* atNow
        const file = build(age, events)
        yield* Doctor.repair(file)
        const used = inUse(file)
        assert.strictEqual(new Set(used.map((row) => JSON.stringify(row))).size, used.length, JSON.stringify(used))
        const late = Array.from(contents(file).keys()).filter((said) => said.includes('"user","content":"late'))
        for (const said of late) {
          assert.isTrue(
            used.some((row) => said.includes(row.said.slice("user ".length).trimEnd())),
            said
          )
        }
        for (const chat of readRoutedSessions(file))
          assert.notMatch(String(endReason(chat).end_reason), /compression|merged/)
      }),
    propertyRuns(8, 30)
  )

  it.effect.prop(
    "a schema without some columns is mended without them, or refused and left as it is",
    [events, FastCheck.subarray(["messages.active", "messages.compacted", "messages.tool_name", ...COLUMNS])],
    ([events, columns]) =>
      Effect.gen(function* () {
        yield* atNow
        const file = build("new", [...events, { type: "childless split" }])
        query(file, "DROP INDEX titles")
        for (const name of columns) query(file, `ALTER TABLE ${name.replace(".", " DROP COLUMN ")}`)
        const [before, bytes] = [contents(file), readFileSync(file)]
        const repaired = yield* Effect.either(Doctor.repair(file))
        for (const [said, times] of before) assert.isAtLeast(contents(file).get(said) ?? 0, times, said)
        if (Either.isRight(repaired)) assert.deepStrictEqual((yield* Doctor.diagnose(file)).findings, [])
        else {
          assert.strictEqual(repaired.left.reason, "not-a-database", repaired.left.message)
          assert.isTrue(columns.some((column) => repaired.left.message.includes(column)))
          assert.isTrue(readFileSync(file).equals(bytes))
        }
      }),
    propertyRuns(7, 25)
  )

  const given = ["inplace", "rotated", "broken", "old_2026-05-15"].map((name) => `../shared/hermes/state_${name}.db`)
  const isAtHand = given.every((file) => existsSync(file))
  const copied = (file = "") => {
    const copy = join(folder(), "state.db")
    copyFileSync(file, copy)
    return copy
  }
  const [inplace, rotated, broken, old] = given
  // When the given databases were made, seconds after which the cooldown of one still runs.
  const atThatTime = TestClock.setTime(1_795_244_700_000)
  const named = ({ findings }: Doctor.Report) => findings.map(({ damage, sessionIds }) => [damage, ...sessionIds])

  it.effect(`${isAtHand ? "" : "(the data is not at hand) "}finds what is broken in the databases Hermes wrote`, () =>
    Effect.gen(function* () {
      if (!isAtHand) return
      yield* atThatTime
      assert.deepStrictEqual(named(yield* Doctor.diagnose(copied(inplace))), [])
      assert.deepStrictEqual(named(yield* Doctor.diagnose(copied(rotated))), [])
      assert.deepStrictEqual(named(yield* Doctor.diagnose(copied(broken))), [
        ["closed-without-child", "a_parent"],
        ["forked", "b_parent", "b_child1", "b_child2"],
        ["stale-lock", "b_child1"],
        ["stale-lock", "b_child2"],
        ["late-messages", "c_parent"],
        ["routing-to-closed", "c_parent"],
        ["empty-child", "d_parent", "d_child"],
        ["doubled-rows", "e_dup"],
        ["missing-parent", "g_orphan"],
        ["degraded-handoff", "h_fallback"],
        ["cooldown", "h_fallback"]
      ])
      assert.deepStrictEqual(named(yield* Doctor.diagnose(copied(old))), [
        ["forked", "20260530_101500_aaaaaa", "20260530_111500_bbbbbb", "20260530_111501_cccccc"],
        ["late-messages", "20260530_101500_aaaaaa"]
      ])
    })
  )

  it.effect(`${isAtHand ? "" : "(the data is not at hand) "}mends the databases Hermes wrote`, () =>
    Effect.gen(function* () {
      if (!isAtHand) return
      yield* atThatTime
      for (const original of given) {
        const file = copied(original)
        const before = contents(file)
        const report = yield* Doctor.repair(file)
        for (const [said, times] of before) assert.isAtLeast(contents(file).get(said) ?? 0, times, said)
        assert.deepStrictEqual((yield* Doctor.diagnose(file)).findings, [])
        query(file, "INSERT INTO messages_fts(messages_fts) VALUES ('integrity-check')")
        const repaired = readFileSync(file)
        yield* Doctor.repair(file)
        assert.isTrue(readFileSync(file).equals(repaired), original)
        if (report.backup === null) assert.isTrue(readFileSync(original).equals(repaired), original)
        else assert.strictEqual(dump(report.backup), dump(copied(original)))
      }
    })
  )

  it.effect("brings a fork and what came too late under the id the chat is routed to, and keeps the other branch", () =>
    Effect.gen(function* () {
      yield* atNow
      const file = build("new", [
        { type: "split", tail: 0, summary: "made" },
        { type: "turn", rounds: 2 },
        { type: "fork", at: 2 },
        { type: "late message", at: 0 },
        { type: "route", at: 2 }
      ])
      const report = yield* Doctor.repair(file)
      assert.deepStrictEqual(
        report.mended.map(({ branches, merged, sessionId }) => ({ branches, merged, sessionId })),
        [{ sessionId: "s2", merged: ["s0", "s1"], branches: ["s2.branch"] }]
      )
      assert.deepStrictEqual(
        inUse(file).map(({ said, session }) => `${session}: ${said.slice(0, 20).trim()}`),
        [
          "s2: user request 1",
          "s2: user request 5",
          "s2: assistant answer 6",
          "s2: user request 7",
          's2: assistant  [{"id":"c',
          "s2: tool output of call_",
          's2: assistant  [{"id":"c',
          "s2: tool output of call_",
          "s2: assistant answer 10",
          "s2.branch: user request 12",
          's2.branch: assistant  [{"id":"c',
          "s2.branch: tool output of call_",
          's2.branch: assistant  [{"id":"c',
          "s2.branch: tool output of call_",
          "s2.branch: assistant answer 15",
          "s2: user late 16"
        ]
      )
      assert.deepStrictEqual(
        query(file, "SELECT parent_session_id AS p, model_config AS m, title FROM sessions WHERE id = 's2.branch'"),
        [{ p: "s2", m: '{"_branched_from":"s2"}', title: "s2 (branch 1)" }]
      )
    })
  )

  it.effect("a dry run says what a repair does, and writes nothing", () =>
    Effect.gen(function* () {
      yield* atNow
      const file = build("old", [{ type: "childless split" }])
      const before = readFileSync(file)
      const dry = yield* Doctor.repair(file, { dryRun: true })
      assert.isTrue(readFileSync(file).equals(before))
      assert.deepStrictEqual(readdirSync(dirname(file)), ["state.db"])
      const wet = yield* Doctor.repair(file)
      assert.deepStrictEqual(dry.mended, wet.mended)
      assert.deepStrictEqual(readdirSync(dirname(file)).length, 2)
    })
  )

  it.effect("a degraded handoff makes room for the messages it stands for", () =>
    Effect.gen(function* () {
      yield* atNow
      const file = build("new", [
        { type: "turn", rounds: 1 },
        { type: "compress in place", tail: 1, summary: "degraded" }
      ])
      const before = inUse(file).length
      yield* Doctor.repair(file)
      assert.isAbove(inUse(file).length, before)
      assert.deepStrictEqual(query(file, "SELECT 1 FROM messages WHERE active = 1 AND content LIKE '[CONTEXT%'"), [])
    })
  )

  const refusals: ReadonlyArray<readonly [string, StoreError["reason"], (file: string) => void]> = [
    ["a foreign database", "not-a-database", (file) => void query(file, "ALTER TABLE sessions DROP COLUMN end_reason")],
    ["one without messages", "not-a-database", (file) => void query(file, "ALTER TABLE messages RENAME TO letters")],
    ["a text file", "not-a-database", (file) => writeFileSync(file, "notes ".repeat(99))],
    ["a truncated file", "corrupt", (file) => truncateSync(file, 8_192)],
    ["a folder", "unreadable", (file) => (rmSync(file), mkdirSync(file))],
    ["no file", "unreadable", (file) => rmSync(file)]
  ]
  for (const [what, reason, prepare] of refusals) {
    it.effect(`${what} is refused and left as it is`, () =>
      Effect.gen(function* () {
        const file = build("old", [{ type: "childless split" }])
        prepare(file)
        const bytes = () => (existsSync(file) && statSync(file).isFile() ? readFileSync(file, "hex") : "")
        const before = bytes()
        const beside = readdirSync(dirname(file))
        for (const attempt of [Effect.asVoid(Doctor.diagnose(file)), Effect.asVoid(Doctor.repair(file))]) {
          const error = yield* Effect.flip(attempt)
          assert.strictEqual(error.reason, reason, error.message)
          assert.include(error.message, file)
        }
        assert.strictEqual(bytes(), before)
        assert.deepStrictEqual(readdirSync(dirname(file)), beside)
      })
    )
  }

  const holders: ReadonlyArray<readonly [string, (file: string) => () => void]> = [
    [
      "whose session a living process holds",
      (file) => {
        query(
          file,
          `INSERT INTO compression_locks VALUES ('s0', 'pid=${process.pid}:tid=1:agent=a:nonce=n', 0, ${NOW + 60})`
        )
        return () => {}
      }
    ],
    [
      "that another process writes",
      (file) => {
        const db = new Database(file)
        db.exec("BEGIN IMMEDIATE")
        return () => db.close()
      }
    ]
  ]
  for (const age of ["old", "new"] as const) {
    for (const mode of ["DELETE", "WAL"]) {
      for (const [what, hold] of holders) {
        it.effect(`a database (${age}, ${mode}) ${what} is read and not repaired`, () =>
          Effect.gen(function* () {
            yield* atNow
            const file = build(age, [{ type: "childless split" }])
            query(file, `PRAGMA journal_mode = ${mode}`)
            const release = hold(file)
            const before = readFileSync(file)
            const error = yield* Effect.flip(Doctor.repair(file))
            assert.strictEqual(error.reason, "busy", error.message)
            assert.strictEqual((yield* Doctor.diagnose(file)).findings.length, 1)
            assert.isTrue(readFileSync(file).equals(before))
            release()
            assert.deepStrictEqual(readdirSync(dirname(file)), ["state.db"])
          })
        )
      }
    }
  }

  it.effect("a log that a crash has left behind is read, not folded into the file", () =>
    Effect.gen(function* () {
      const file = build("new", [{ type: "turn", rounds: 1 }])
      const db = new Database(file)
      db.pragma("journal_mode = WAL")
      db.pragma("wal_autocheckpoint = 0")
      db.exec("UPDATE sessions SET ended_at = 1, end_reason = 'compression'")
      const left = join(folder(), "state.db")
      for (const end of ["", "-wal"]) copyFileSync(file + end, left + end)
      db.close()
      const before = readFileSync(left)
      assert.strictEqual((yield* Doctor.diagnose(left)).findings.length, 1)
      assert.isTrue(readFileSync(left).equals(before))
    })
  )
})
