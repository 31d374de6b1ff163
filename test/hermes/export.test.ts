/** Exports sessions of the native store to a Hermes database and imports them again. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck as fc, Runtime, Stream, TestClock } from "effect"
import { readFileSync } from "node:fs"
import { readHermes } from "../../src/transcripts/hermes.ts"
import * as HermesExport from "../../src/hermes/export.ts"
import { isHandoffContent } from "../../src/hermes/marks.ts"
import { columnsOfMessage, messageOfRow } from "../../src/hermes/rows.ts"
import type { Message } from "../../src/message/Message.ts"
import { type Manifest, type SessionId, wholeLog } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as HermesStore from "../../src/hermes/Hermes.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as Fixture from "../support/hermes.ts"
import * as Histories from "../support/histories.ts"
import { repetitions } from "../support/repetitions.ts"
import { freshSession, acquireLease, segment, user } from "../support/stores.ts"

const readForExport = (sessionId: SessionId) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(sessionId)))
    return { sessionId, log, state: yield* store.state(sessionId) }
  })

const exportSessions = (filename: string, ...ids: ReadonlyArray<SessionId>) =>
  Effect.gen(function* () {
    const sessions = yield* Effect.forEach(ids, readForExport)
    return yield* HermesExport.writeExport(filename, sessions)
  })

/** The messages of a session after an import, and those that were undone in it. */
const importBack = (filename: string, id: string) =>
  Effect.map(readHermes(filename), ({ sessions }) => {
    const of = (name: string) => sessions.find(({ sessionId }) => sessionId === name)?.messages ?? []
    return { messages: of(id), undone: of(`${id}.undone`) }
  })

/** The message without the fields for which the fixture has no column. */
const keepHeldFields = (message: Message): unknown => {
  const read = messageOfRow({ ...columnsOfMessage(message), reasoning_content: null })
  return read._tag === "Right" ? read.right : assert.fail("it was written by us")
}

/** Compresses everything between the first message and `tailFrom`, and shows the messages `live` behind the handoff. */
const compressTo = (sessionId: SessionId, tailFrom: number, live: ReadonlyArray<number> = []) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const id = `${sessionId}/0`
    const manifest: Manifest = { ...wholeLog, headTo: 1, tailFrom, live, segments: [id] }
    const segments = [segment(id, 2, tailFrom - 1)]
    const lease = yield* acquireLease(sessionId, "operation")
    yield* store.commit(lease, { operationId: `op ${id}`, base: 0, manifest, segments, ledger: null })
  })

/** Conversations with repetitions, which only their place tells apart. */
const history = fc.oneof(
  Histories.any.map((entries) => entries.map(({ message }) => message)),
  fc.array(fc.constantFrom(user("ok"), user("go on"), user("[CONTEXT SUMMARY]: quoted")), { maxLength: 12 })
)

describe("export and import", () => {
  it.layer(Sqlite.layerTemporary)((it) => {
    for (const age of ["new", "old"] as const) {
      it.effect(`native, Hermes of an ${age} schema, native: each message once and in order`, () =>
        Effect.gen(function* () {
          const filename = Fixture.fresh(age)
          const runtime = yield* Effect.runtime<SessionStore>()
          const check = (messages: ReadonlyArray<Message>, cut: number, open: number) =>
            Effect.gen(function* () {
              const store = yield* SessionStore
              const id = freshSession()
              yield* store.importAll([{ sessionId: id, messages }])
              const tailFrom = 3 + Math.floor(cut * messages.length)
              // An open request may be of the head too, or the first after it.
              const live = open > 0 && open < tailFrom ? [open] : []
              if (tailFrom <= messages.length) yield* compressTo(id, tailFrom, live)
              yield* store.deliver(id, user("and in the inbox"), { kind: "request" })
              const [told] = yield* exportSessions(filename, id)
              assert.strictEqual(told?.messages, messages.length + 1)
              assert.deepStrictEqual(
                (yield* importBack(filename, id)).messages.map((message): unknown => message),
                [...messages, user("and in the inbox")].map(keepHeldFields)
              )
            })
          yield* Effect.promise(() =>
            fc.assert(
              fc.asyncProperty(history, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(3), (messages, cut, open) =>
                messages.length === 0 ? Promise.resolve() : Runtime.runPromise(runtime)(check(messages, cut, open))
              ),
              {
                numRuns: repetitions(10, 40),
                examples: [
                  // A handoff that stands for a message the view shows.
                  [
                    [
                      { role: "system", content: "be brief" },
                      { role: "system", content: "be kind" },
                      { role: "assistant", content: "hello" }
                    ],
                    0,
                    0
                  ],
                  ...[1, 2].map((open): [ReadonlyArray<Message>, number, number] => [
                    ["a", "b", "c", "d", "e", "f"].map(user),
                    0.5,
                    open
                  ])
                ]
              }
            )
          )
        })
      )
    }

    it.effect("Hermes sees what the view has, with the handoff in its place, and keeps the rest archived", () =>
      Effect.gen(function* () {
        const store = yield* SessionStore
        const filename = Fixture.fresh("new")
        const id = freshSession()
        yield* store.importAll([{ sessionId: id, messages: ["a", "b", "c", "d", "e"].map(user) }])
        yield* compressTo(id, 4)
        yield* exportSessions(filename, id)
        const rows = Fixture.inDatabase(filename, (db) =>
          db.prepare<[], Fixture.Row>("SELECT * FROM messages ORDER BY id").all()
        )
        assert.deepStrictEqual(
          rows.map(({ active, compacted, content }) => [
            isHandoffContent(content) ? "handoff" : content,
            active,
            compacted
          ]),
          [
            ["a", 1, 0],
            ["b", 0, 1],
            ["c", 0, 1],
            ["handoff", 1, 0],
            ["d", 1, 0],
            ["e", 1, 0]
          ]
        )
        const counters = Fixture.inDatabase(filename, (db) =>
          db.prepare("SELECT source, message_count, tool_call_count FROM sessions WHERE id = ?").get(id)
        )
        assert.deepStrictEqual(counters, { source: "throughline", message_count: 4, tool_call_count: 0 })
      })
    )

    it.effect("a session that is there already is refused, and none is written", () =>
      Effect.gen(function* () {
        const store = yield* SessionStore
        const filename = Fixture.fresh("new")
        const [first, second] = [freshSession(), freshSession()]
        yield* store.importAll([first, second].map((sessionId) => ({ sessionId, messages: [user("hello")] })))
        yield* exportSessions(filename, second)
        const error = yield* Effect.flip(exportSessions(filename, first, second))
        assert.strictEqual(error._tag, "SessionExists")
        assert.deepStrictEqual((yield* importBack(filename, first)).messages, [])
      })
    )

    it.effect("what was undone stays apart, and out of a schema that cannot hide it", () =>
      Effect.gen(function* () {
        const store = yield* SessionStore
        const id = freshSession()
        yield* store.importAll([{ sessionId: id, messages: ["a", "b"].map(user) }])
        yield* store.rewind(id, { base: 0, seq: 1, manifest: wholeLog, ledger: null })
        const [recent, old] = [Fixture.fresh("new"), Fixture.fresh("old")]
        assert.strictEqual((yield* exportSessions(recent, id))[0]?.undone, 0)
        assert.deepStrictEqual(yield* importBack(recent, id), { messages: [user("a")], undone: [user("b")] })
        assert.strictEqual((yield* exportSessions(old, id))[0]?.undone, 1)
        assert.deepStrictEqual(yield* importBack(old, id), { messages: [user("a")], undone: [] })
      })
    )
  })

  it.scoped("a session that was compressed where it is gives its messages once and in order", () => {
    const filename = Fixture.fresh("new")
    return Effect.gen(function* () {
      const store = yield* SessionStore
      const id = freshSession()
      const texts = ["a", "b", "c", "d", "e", "f"]
      yield* store.deliver(id, user("a"), { kind: "request" })
      const lease = yield* acquireLease(id)
      yield* store.promote(lease)
      for (const text of texts.slice(1)) {
        yield* TestClock.adjust("1 second")
        yield* store.append(lease, [user(text)])
      }
      yield* compressTo(id, 5)
      assert.deepStrictEqual((yield* importBack(filename, id)).messages, texts.map(user))
    }).pipe(Effect.provide(HermesStore.layer({ filename })))
  })

  it.effect("what was undone is imported beside a session that has its name", () =>
    Effect.gen(function* () {
      const filename = Fixture.fresh("new")
      Fixture.inDatabase(filename, (db) =>
        db.exec(`INSERT INTO sessions (id, source, started_at) VALUES ('a', 'cli', 1), ('a.undone', 'cli', 1);
          INSERT INTO messages (session_id, role, content, timestamp, active)
          VALUES ('a', 'user', 'shown', 1, 1), ('a', 'user', 'undone', 1, 0), ('a.undone', 'user', 'another talk', 1, 1)`)
      )
      const { sessions } = yield* readHermes(filename)
      assert.deepStrictEqual(sessions, [
        { sessionId: "a", messages: [user("shown")] },
        { sessionId: "a.undone.2", messages: [user("undone")] },
        { sessionId: "a.undone", messages: [user("another talk")] }
      ])
    })
  )

  for (const filename of Fixture.given) {
    it.effect(`every content of ${filename} is imported, and its bytes stay as they are`, () =>
      Effect.gen(function* () {
        const copy = Fixture.copyOf(filename)
        const before = readFileSync(copy)
        const { sessions, skipped } = yield* readHermes(copy)
        assert.isTrue(before.equals(readFileSync(copy)))
        assert.isUndefined(skipped.unreadable)
        const imported = new Set(
          sessions.flatMap(({ messages }) => messages.map(({ content }) => JSON.stringify(content)))
        )
        const rows = Fixture.inDatabase(copy, (db) =>
          db.prepare<[], Fixture.Row>("SELECT * FROM messages WHERE content IS NOT NULL").all()
        )
        const missing = rows.filter((row) => {
          const read = messageOfRow({ ...row, tool_calls: row.tool_calls ?? null })
          return (
            read._tag === "Right" && !imported.has(JSON.stringify(read.right.content)) && !isHandoffContent(row.content)
          )
        })
        assert.deepStrictEqual(missing, [])
      })
    )
  }

  const inplace = Fixture.given.find((name) => name.endsWith("state_inplace.db"))
  it.effect.skipIf(inplace === undefined)("rows that Hermes stored twice are imported once", () =>
    Effect.gen(function* () {
      const { sessions, skipped } = yield* readHermes(Fixture.copyOf(inplace ?? ""))
      assert.deepStrictEqual(
        sessions.map(({ messages }) => messages.length),
        [17]
      )
      assert.deepStrictEqual(skipped, { handoffs: 1, copies: 4 })
    })
  )
})
