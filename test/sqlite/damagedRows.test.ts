/** Damaged rows: each costs its own message alone, and is never served silently. */
import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Chunk, Effect, FastCheck as fc, Logger, LogLevel, Stream } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Hermes from "../../src/hermes/Hermes.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId, wholeLog } from "../../src/session/Session.ts"
import { StoreError } from "../../src/session/SessionError.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { type Acknowledged, SessionIndex, SessionStore } from "../../src/store/SessionStore.ts"
import { propertyRuns } from "../support/repetitions.ts"
import * as HermesFiles from "../support/hermes.ts"
import { acquireLease, assistant, segment, user } from "../support/stores.ts"
import { makeTemporaryFolder, temporaryDatabase } from "../support/temporaryFolder.ts"
import { compressSession, conversation, id, importRounds, runTurn, scripted, summary } from "../support/world.ts"

const UNREADABLE = "[This message cannot be read: what is stored of it is damaged.]"

const open = (filename: string) => Sqlite.layer({ filename, durability: "process" })

const silent = Logger.minimumLogLevel(LogLevel.None)

const readLog = (sessionId = id) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(sessionId))).pipe(
    Effect.map(Chunk.toReadonlyArray)
  )

/** Changes a file behind the store's back. */
const alter = (filename: string, sql: string) => Effect.sync(() => void new Database(filename).exec(sql).close())

const unreadable = (entries: ReadonlyArray<Acknowledged>) =>
  entries.flatMap(({ seq, unreadable }) => (unreadable === undefined ? [] : [seq]))

const damages: ReadonlyArray<readonly [what: string, sql: string]> = [
  ["is empty", "body = ''"],
  ["is torn", "body = substr(body, 1, 20)"],
  ["is no message", `body = '{"role":"nobody","content":"x"}'`],
  ["is another message", `body = '{"role":"user","content":"changed"}'`],
  ["is another one's", "body = (SELECT body FROM message WHERE seq = 1)"],
  ["is of another time", "at = at + 1"],
  ["has an impossible time", "at = 9e18, body = ''"],
  ["is of another kind", "kind = 'notification'"],
  ["is not found", "seq = -7"]
]

describe("a damaged row", () => {
  for (const [what, sql] of damages) {
    it.scopedLive(`of a log that ${what} costs that message alone, and is told by log, view and search`, () =>
      Effect.gen(function* () {
        const filename = yield* temporaryDatabase
        const layer = scripted(Scripted.layer([() => summary("x")]), {}, open(filename))
        yield* Effect.provide(importRounds(12), layer)
        const whole = yield* Effect.provide(readLog(), open(filename))
        yield* alter(filename, `UPDATE message SET ${sql} WHERE seq = 7`)
        yield* Effect.gen(function* () {
          const log = yield* readLog()
          assert.deepStrictEqual(unreadable(log), [7])
          assert.strictEqual(log[6]?.message.content, UNREADABLE)
          assert.deepStrictEqual(log.toSpliced(6, 1), whole.toSpliced(6, 1))
          const view = yield* Effect.flatMap(Gateway.Gateway, ({ view }) => view(id))
          assert.deepInclude(view.repairs, { kind: "unreadable", seq: 7 })
          assert.strictEqual(view.messages.filter(({ content }) => content === UNREADABLE).length, 1)
          const { search } = yield* SessionIndex
          const scope = { fromSeq: 1, toSeq: 99, also: [], except: [] }
          assert.notInclude(
            (yield* search(id, "part 1 damaged", { limit: 99, scope })).map(({ seq }) => seq),
            7
          )
          yield* runTurn(({ append }) => append(assistant("and on it goes")))
          assert.strictEqual((yield* compressSession(id)).outcome, "committed")
          assert.deepStrictEqual(unreadable(yield* readLog()), [7])
        }).pipe(Effect.provide(layer))
      }).pipe(Effect.provide(silent))
    )

    if (!sql.includes("seq"))
      it.scopedLive(`of the inbox that ${what} does not stand in front of the others`, () =>
        Effect.gen(function* () {
          const filename = yield* temporaryDatabase
          const layer = open(filename)
          const deliver = (content: string) =>
            Effect.flatMap(SessionStore, ({ deliver }) => deliver(id, user(content), { kind: "request" }))
          yield* Effect.provide(Effect.forEach(["a", "b", "c"], deliver), layer)
          yield* alter(filename, `UPDATE inbox SET ${sql} WHERE arrival = 2`)
          const inbox = yield* Effect.provide(readLog(), layer)
          assert.deepStrictEqual(unreadable(inbox), [null])
          const promoted = yield* Effect.gen(function* () {
            const { promote, range } = yield* SessionStore
            const { promoted } = yield* promote(yield* acquireLease(id))
            assert.deepStrictEqual(promoted, yield* range(id, 1, 3))
            return yield* readLog()
          }).pipe(Effect.provide(layer))
          assert.deepStrictEqual(unreadable(promoted), [2])
          assert.deepStrictEqual(
            promoted.map(({ message }) => message.content),
            ["a", UNREADABLE, "c"]
          )
          assert.deepStrictEqual(yield* Effect.provide(readLog(), layer), promoted)
        })
      )
  }

  it.scopedLive("keeps its role and its calls, so that results and turns stay what they are", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const [request, call, result, answer] = conversation(1)
      yield* Effect.provide(importRounds(1), open(filename))
      yield* alter(filename, "UPDATE message SET checksum = 1")
      const log = yield* Effect.provide(readLog(), open(filename))
      const kept: ReadonlyArray<Message | undefined> = [request, call, result, answer]
      assert.deepStrictEqual(
        log.map(({ message }) => message.role),
        kept.map((message) => message?.role)
      )
      assert.deepStrictEqual(log[1]?.message, {
        role: "assistant",
        content: UNREADABLE,
        tool_calls: [{ id: "call_0", type: "function", function: { name: "read_file", arguments: "{}" } }]
      })
      assert.deepStrictEqual(log[2]?.message, { role: "tool", tool_call_id: "call_0", content: UNREADABLE })
    })
  )

  it.scopedLive("written by an earlier version has no checksum, and is read as it is", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      yield* Effect.provide(importRounds(1), open(filename))
      const whole = yield* Effect.provide(readLog(), open(filename))
      yield* alter(filename, "UPDATE message SET checksum = NULL")
      assert.deepStrictEqual(yield* Effect.provide(readLog(), open(filename)), whole)
    })
  )

  it.scopedLive("of Hermes costs that message alone", () =>
    Effect.gen(function* () {
      const filename = HermesFiles.fresh("new")
      const layer = Hermes.layer({ filename, durability: "process" })
      yield* Effect.provide(importRounds(3), layer)
      const whole = yield* Effect.provide(readLog(), layer)
      yield* alter(filename, `UPDATE messages SET tool_calls = '[{"id":' WHERE id = 2`)
      yield* Effect.gen(function* () {
        const log = yield* readLog()
        assert.deepStrictEqual(unreadable(log), [2])
        assert.deepStrictEqual(log.toSpliced(1, 1), whole.toSpliced(1, 1))
        const { append, promote, state } = yield* SessionStore
        assert.deepStrictEqual(unreadable((yield* state(id)).tail.map((entry) => ({ ...entry, undone: false }))), [2])
        const lease = yield* acquireLease(id)
        yield* promote(lease)
        yield* append(lease, [assistant("on")])
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(unreadable(yield* Effect.provide(readLog(), layer)), [2])
    })
  )

  it.scopedLive.each([
    "DELETE FROM segment",
    "UPDATE segment SET body = replace(body, 'x', 'y')",
    "UPDATE segment SET to_seq = to_seq - 1",
    "UPDATE segment SET model = 'another'",
    "UPDATE segment SET children = '['"
  ])("of a segment is told by the view, keeps the handoff, and is healed from the log: %s", (damage) =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const layer = scripted(Scripted.layer([() => summary("x")]), {}, open(filename))
      yield* Effect.provide(Effect.zipRight(importRounds(12), compressSession(id)), layer)
      yield* alter(filename, damage)
      yield* Effect.gen(function* () {
        const { heal, view } = yield* Gateway.Gateway
        const broken = yield* view(id)
        const [repair, ...others] = broken.repairs
        assert.strictEqual(repair?.kind, "lost-segment")
        const [segment] = (yield* Effect.flatMap(SessionStore, ({ state }) => state(id))).segments
        assert.deepStrictEqual(
          [segment?.fromSeq, segment?.toSeq],
          [repair?.seq, repair && "toSeq" in repair && repair.toSeq]
        )
        assert.include(JSON.stringify(broken.messages), "The summary of these messages is lost.")
        assert.lengthOf(yield* heal(id), 1)
        const healed = yield* view(id)
        assert.deepStrictEqual(healed.repairs, others)
        assert.include(JSON.stringify(healed.messages), "go on with x")
      }).pipe(Effect.provide(layer))
      assert.lengthOf(yield* Effect.provide(readLog(), layer), 48)
    }).pipe(Effect.provide(silent))
  )

  it.scopedLive.each([
    "UPDATE generation SET manifest = json_set(manifest, '$.headTo', 2)",
    "UPDATE generation SET left_seq = left_seq - 1",
    "UPDATE generation SET at = at + 1"
  ])("of a generation is refused, never shown otherwise: %s", (damage) =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const layer = scripted(Scripted.layer([() => summary("x")]), {}, open(filename))
      yield* Effect.provide(Effect.zipRight(importRounds(12), compressSession(id)), layer)
      yield* alter(filename, damage)
      const error = yield* Effect.flip(
        Effect.provide(
          Effect.flatMap(SessionStore, ({ state }) => state(id)),
          layer
        )
      )
      assert.strictEqual(error._tag === "StoreError" ? error.reason : error._tag, "corrupt")
      assert.include(error.message, "generation 1: it is not what was written")
    }).pipe(Effect.provide(silent))
  )

  it.scopedLive("of a manifest with a wording of the future is refused with its number", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const layer = scripted(Scripted.layer([() => summary("x")]), {}, open(filename))
      yield* Effect.provide(Effect.zipRight(importRounds(12), compressSession(id)), layer)
      yield* alter(filename, "UPDATE generation SET checksum = NULL, manifest = json_set(manifest, '$.renderer', 9)")
      const state = Effect.flatMap(SessionStore, ({ state }) => state(id))
      const error = yield* Effect.flip(Effect.provide(state, layer))
      assert.strictEqual(error._tag === "StoreError" ? error.reason : error._tag, "newer")
      assert.include(error.message, "wording 9")
    }).pipe(Effect.provide(silent))
  )

  it.scopedLive("that says which migrations were made is a typed error where one of them fails", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      yield* Effect.provide(importRounds(1), scripted(Scripted.layer([]), {}, open(filename)))
      yield* alter(filename, "DELETE FROM effect_sql_migrations")
      const error = yield* Effect.flip(Effect.provide(SessionStore, open(filename)))
      assert.instanceOf(error, StoreError)
      assert.strictEqual(error.operation, "prepare the database")
      assert.include(error.message, "already exists")
    }).pipe(Effect.provide(silent))
  )

  const sessions = ["a", "b"].map((name) => SessionId.make(name))

  /** Two sessions with a generation each, and a message that waits. */
  const fill = Effect.forEach(sessions, (sessionId) =>
    Effect.gen(function* () {
      const store = yield* SessionStore
      yield* store.importAll([{ sessionId, messages: conversation(8) }])
      const manifest = { ...wholeLog, headTo: 1, tailFrom: 9, segments: [`${sessionId}/1`] }
      const made = { operationId: "op", base: 0, manifest, segments: [segment(`${sessionId}/1`, 2, 8)], ledger: null }
      yield* store.commit(yield* acquireLease(sessionId, "operation"), made)
      yield* store.deliver(sessionId, user("waits"), { kind: "request" })
    })
  )

  const makeFile = Effect.gen(function* () {
    const filename = join(yield* makeTemporaryFolder(), "whole.db")
    yield* Effect.provide(fill, open(filename))
    return { filename, logs: yield* Effect.provide(Effect.forEach(sessions, readLog), open(filename)) }
  })

  it.scopedLive("of the index of the inbox hides no message that waits", () =>
    Effect.gen(function* () {
      const { filename, logs } = yield* makeFile
      const db = new Database(filename)
      const page = db.prepare<[], number>("SELECT rootpage FROM sqlite_schema WHERE name = 'inbox_session'").pluck()
      const begin = ((page.get() ?? 0) - 1) * 4_096
      db.close()
      const bytes = readFileSync(filename)
      const place = bytes.subarray(begin, begin + 4_096).lastIndexOf("a")
      assert.isAbove(place, 0)
      bytes.writeUInt8(bytes.readUInt8(begin + place) ^ 1, begin + place)
      writeFileSync(filename, bytes)
      assert.deepStrictEqual(yield* Effect.provide(Effect.forEach(sessions, readLog), open(filename)), logs)
    })
  )

  it.scopedLive("of the table of sessions is told, and takes no session for one that never was", () =>
    Effect.gen(function* () {
      const { filename } = yield* makeFile
      const db = new Database(filename)
      const page = db.prepare<[], number>("SELECT rootpage FROM sqlite_schema WHERE name = 'session'").pluck().get()
      db.close()
      const bytes = readFileSync(filename)
      // The high byte of the number of rows: a search by halves looks where there are none.
      bytes.writeUInt8(1, ((page ?? 0) - 1) * 4_096 + 3)
      writeFileSync(filename, bytes)
      for (const sessionId of sessions) {
        const error = yield* Effect.flip(Effect.provide(readLog(sessionId), open(filename)))
        assert.propertyVal(error, "reason", "corrupt")
      }
    })
  )

  it.scopedLive.prop(
    "a bit that flips anywhere in the file changes no message silently",
    {
      files: fc.array(fc.array(fc.record({ at: fc.nat(), bit: fc.nat(7) }), { minLength: 1, maxLength: 3 }), {
        minLength: 10,
        maxLength: 10
      })
    },
    ({ files }) =>
      Effect.gen(function* () {
        const { filename, logs } = yield* makeFile
        for (const flips of files) {
          const bytes = readFileSync(filename)
          for (const { at, bit } of flips) {
            const place = at % bytes.length
            bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << bit), place)
          }
          const flipped = join(dirname(filename), `flipped-${basename(filename)}`)
          writeFileSync(flipped, bytes)
          const read = Effect.forEach(sessions, (sessionId) => Effect.either(readLog(sessionId)))
          const opened = yield* Effect.either(Effect.provide(read, open(flipped)))
          if (opened._tag === "Left") {
            assert.instanceOf(opened.left, StoreError)
            continue
          }
          for (const [i, result] of opened.right.entries()) {
            if (result._tag === "Left") {
              assert.strictEqual(result.left._tag === "StoreError" ? result.left.reason : result.left._tag, "corrupt")
              continue
            }
            assert.lengthOf(result.right, logs[i]?.length ?? 0)
            for (const [n, entry] of result.right.entries())
              if (entry.unreadable === undefined) assert.deepStrictEqual(entry, logs[i]?.[n])
          }
        }
      }),
    propertyRuns(2, 60)
  )
})
