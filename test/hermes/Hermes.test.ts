import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Either, FastCheck as fc, Fiber, Layer, Stream, TestClock } from "effect"
import Database from "better-sqlite3"
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import * as Gateway from "../../src/gateway/Gateway.ts"
import { isHandoffContent } from "../../src/hermes/marks.ts"
import { COLUMNS, type HermesRow, messageOfRow } from "../../src/hermes/rows.ts"
import * as Doctor from "../../src/hermes/Doctor.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { type Manifest, SessionId, type State } from "../../src/session/Session.ts"
import { type Services, SessionIndex, SessionStore } from "../../src/store/SessionStore.ts"
import * as Hermes from "../../src/hermes/Hermes.ts"
import * as Files from "../support/hermes.ts"
import { assertSearchable, assertSound, inDatabase, type Row, rowsOf } from "../support/hermes.ts"
import { openai } from "../support/providerShapes.ts"
import { propertyRuns, repetitions } from "../support/repetitions.ts"
import { assistant, acquireLease, segment, user } from "../support/stores.ts"
import { conversation, route, summary } from "../support/world.ts"

const id = SessionId.make("chat-42")

const on = <A, E>(filename: string, effect: Effect.Effect<A, E, Services>) =>
  Effect.provide(effect, Hermes.layer({ filename, durability: "process" }))

const textOf = (row: HermesRow): string => JSON.stringify(COLUMNS.map((name) => row[name] ?? null))

const liveOf = (filename: string, sessionId: string): ReadonlyArray<Row> =>
  rowsOf(filename).filter((row) => row.session_id === sessionId && row.active === 1)

/** Leaves out handoffs that are no longer shown, because the messages they stand for are there. */
const messageTexts = (rows: ReadonlyArray<Row>): ReadonlyArray<string> =>
  rows
    .filter(({ content }) => !isHandoffContent(content))
    .map(textOf)
    .toSorted()

/** Fails if a row is gone. */
const assertKept = (before: ReadonlyArray<Row>, after: ReadonlyArray<Row>) => {
  const left = after.map(textOf)
  for (const text of before.map(textOf)) {
    const at = left.indexOf(text)
    assert.isAtLeast(at, 0, `still there: ${text}`)
    left.splice(at, 1)
  }
}

/** Fails unless Hermes reads the view: the same messages in the same order, one handoff in the place of the rest. */
const assertShown = (filename: string, state: State) => {
  const live = liveOf(filename, state.sessionId)
  const expected = [...state.system, ...state.head, ...state.live, ...state.tail].map(({ message }) => message.content)
  const own = live.filter(({ content }) => !isHandoffContent(content))
  const read = own.map((row) => Either.getOrThrow(messageOfRow(row)).content)
  assert.deepStrictEqual(read, expected)
  const handoffs = live.flatMap(({ content }, at) => (isHandoffContent(content) ? [at] : []))
  assert.deepStrictEqual(handoffs, state.segments.length === 0 ? [] : [state.system.length + state.head.length])
}

const assertCounted = (filename: string, sessionId: string) => {
  const count = inDatabase(filename, (db) =>
    db.prepare<[string], number>("SELECT message_count FROM sessions WHERE id = ?").pluck().get(sessionId)
  )
  assert.strictEqual(count, liveOf(filename, sessionId).length)
}

/** The head's message, the last three, and a handoff for what is between. */
const commit = (sessionId: SessionId) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const { generation, lastSeq, manifest: known } = yield* store.state(sessionId)
    const tailFrom = lastSeq - 2
    if (tailFrom <= Math.max(known.tailFrom, known.contextFrom + 1)) return
    const segmentId = `${sessionId}/${generation}`
    const manifest: Manifest = {
      ...known,
      headTo: known.contextFrom,
      tailFrom,
      segments: [...known.segments, segmentId]
    }
    const segments = [segment(segmentId, known.tailFrom, tailFrom - 1)]
    const lease = yield* acquireLease(sessionId, "operation", "me", 0)
    yield* store.commit(lease, {
      operationId: segmentId,
      base: generation,
      manifest,
      segments,
      ledger: null
    })
  })

const append = (sessionId: SessionId, messages: ReadonlyArray<Message>) =>
  Effect.flatMap(SessionStore, (store) =>
    Effect.flatMap(acquireLease(sessionId, "turn", "me", 0), (lease) => store.append(lease, messages))
  )

const rewindBy = (sessionId: SessionId, back: number) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const { generation, lastSeq } = yield* store.state(sessionId)
    const seq = Math.max(0, lastSeq - back)
    const { manifest } = yield* store.stateAt(sessionId, seq)
    yield* store.rewind(sessionId, { base: generation, seq, manifest, ledger: null })
  })

/** As the gateway does it: the manifest of a snapshot, in a new generation. */
const restore = (sessionId: SessionId, newest: number) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const snapshot = (yield* store.snapshots(sessionId)).at(-newest)
    if (snapshot === undefined) return
    const { manifest } = yield* store.snapshot(snapshot.snapshotId)
    const { generation } = yield* store.state(sessionId)
    const lease = yield* acquireLease(sessionId, "operation", "me", 0)
    yield* store.commit(lease, { operationId: "restore", base: generation, manifest, segments: [], ledger: null })
  })

type Action = readonly ["deliver" | "append" | "commit" | "rewind" | "reset" | "restore", number]
const action: fc.Arbitrary<Action> = fc.tuple(
  fc.constantFrom<Array<Action[0]>>("deliver", "append", "append", "commit", "commit", "rewind", "reset", "restore"),
  fc.integer({ min: 1, max: 9 })
)

let words = 0
const run = ([what, n]: Action) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    if (what === "reset") yield* store.reset(id)
    else if (what === "restore") yield* restore(id, n)
    else if (what === "rewind") yield* rewindBy(id, n)
    else if (what === "commit") yield* commit(id)
    else {
      const messages = Array.from({ length: n }, () => `word ${++words}`)
      if (what === "append") return void (yield* append(id, messages.map(assistant)))
      for (const word of messages) yield* store.deliver(id, user(word), { kind: "request" })
      yield* store.promote(yield* acquireLease(id, "turn", "me", 0))
    }
  })

const everything = Effect.flatMap(SessionStore, (store) =>
  Effect.all({
    state: store.state(id),
    log: Effect.map(Stream.runCollect(store.log(id)), (log) => Chunk.toReadonlyArray(log))
  })
)

describe("SessionStore/Hermes", () => {
  it.effect.prop(
    "whatever is done to a session, Hermes reads its view, and nothing that was there is gone",
    [fc.array(action, { minLength: 1, maxLength: 12 })],
    ([actions]) =>
      Effect.gen(function* () {
        const filename = Files.fresh("new")
        let before: ReadonlyArray<Row> = []
        yield* on(
          filename,
          Effect.gen(function* () {
            const store = yield* SessionStore
            yield* store.importAll([{ sessionId: id, messages: ["a", "b", "c"].map(user) }])
            for (const action of actions) {
              yield* run(action)
              const after = rowsOf(filename)
              assertKept(before, after)
              before = after
              assertShown(filename, yield* store.state(id))
              assertCounted(filename, id)
            }
          })
        )
        assertSound(filename)
        assert.deepStrictEqual((yield* Doctor.diagnose(filename)).findings, [])
      }),
    propertyRuns(7, 25)
  )

  it.effect.prop(
    "a crash between the commits of the two files loses nothing and doubles nothing",
    [fc.array(action, { maxLength: 6 }), action, fc.constantFrom<Array<Files.Age>>("new", "old")],
    ([actions, last, age]) =>
      Effect.gen(function* () {
        const filename = Files.fresh(age)
        const begun = Effect.flatMap(SessionStore, (store) =>
          store.importAll([{ sessionId: id, messages: ["a", "b", "c"].map(user) }])
        )
        yield* on(filename, Effect.zipRight(begun, Effect.forEach(actions, run)))
        copyFileSync(filename, `${filename}.before`)
        const side = Hermes.sideFile(filename)
        const known = yield* on(
          filename,
          Effect.tap(Effect.zipRight(run(last), everything), () => {
            for (const part of [side, `${side}-wal`]) copyFileSync(part, `${part}.crashed`)
          })
        )
        const rows = rowsOf(filename)
        // As if neither the second commit had ever come nor what follows it.
        copyFileSync(`${filename}.before`, filename)
        for (const part of [side, `${side}-wal`]) copyFileSync(`${part}.crashed`, part)
        const now = yield* on(filename, everything)
        assert.deepStrictEqual(now, known)
        assert.deepStrictEqual(messageTexts(rowsOf(filename)), messageTexts(rows))
        if (age === "new") assertShown(filename, now.state)
        assertSound(filename)
      }),
    {
      fastCheck: {
        numRuns: repetitions(7, 25),
        examples: [
          [
            [
              ["deliver", 2],
              ["commit", 1]
            ],
            ["restore", 1],
            "new"
          ],
          [
            [
              ["deliver", 2],
              ["rewind", 3],
              ["commit", 1]
            ],
            ["rewind", 3],
            "new"
          ],
          [
            [
              ["rewind", 3],
              ["deliver", 3],
              ["rewind", 3],
              ["commit", 1]
            ],
            ["rewind", 6],
            "new"
          ]
        ]
      }
    }
  )

  it.scoped.prop(
    "two stores on one file see each other's messages, each once",
    [fc.array(fc.tuple(fc.boolean(), action), { minLength: 1, maxLength: 12 })],
    ([steps]) =>
      Effect.gen(function* () {
        const filename = Files.fresh("new")
        const layer = Hermes.layer({ filename, durability: "process" })
        const one = yield* Layer.build(Layer.fresh(layer))
        const other = yield* Layer.build(Layer.fresh(layer))
        const begun = Effect.flatMap(SessionStore, (store) =>
          store.importAll([{ sessionId: id, messages: ["a", "b", "c"].map(user) }])
        )
        yield* Effect.provide(begun, one)
        for (const [isOther, action] of steps) {
          yield* Effect.provide(run(action), isOther ? other : one)
          const seen = yield* Effect.provide(everything, one)
          assert.deepStrictEqual(yield* Effect.provide(everything, other), seen)
          assertShown(filename, seen.state)
        }
        const contents = rowsOf(filename).flatMap(({ content }) => (isHandoffContent(content) ? [] : [content]))
        assert.strictEqual(new Set(contents).size, contents.length)
        assertSound(filename)
      }),
    propertyRuns(5, 20)
  )

  const compressing = (filename: string) =>
    Gateway.layer({ policy: { contextLength: 8_000, mode: "manual" }, routes: [route] }).pipe(
      Layer.provideMerge(Hermes.layer({ filename, durability: "process" })),
      Layer.provide(Scripted.make([{ text: summary("the report") }]).layer)
    )

  it("data that Hermes wrote is at hand, or these databases are not tested", () => {
    assert.isTrue(Files.given.length === 0 || Files.given.length >= 4)
  })

  for (const file of [Files.fresh("new"), Files.fresh("old"), ...Files.given]) {
    it.effect(`compressions on ${basename(file)} keep what was there, show the view, and store no tail again`, () =>
      Effect.gen(function* () {
        const filename = Files.copyOf(file)
        const schema = schemaOf(filename)
        const canArchive = schema.some((sql) => /compacted/.test(sql))
        const known = inDatabase(filename, (db) => db.prepare<[], string>("SELECT id FROM sessions").pluck().all())
        const begun = rowsOf(filename)
        for (const sessionId of ["a new one", ...known].map((name) => SessionId.make(name))) {
          yield* Effect.gen(function* () {
            const store = yield* SessionStore
            const gateway = yield* Gateway.Gateway
            yield* gateway.deliver(sessionId, user("go on"))
            yield* store.promote(yield* acquireLease(sessionId, "turn", "me", 0))
            for (const round of [0, 1]) {
              yield* append(sessionId, conversation(20, round * 20))
              const before = rowsOf(filename)
              const { outcome } = yield* gateway.compress(sessionId)
              assert.strictEqual(outcome, "committed")
              const after = rowsOf(filename)
              assertKept(before, after)
              // The handoff, in the place of a message that is stored once more.
              assert.strictEqual(after.length - before.length, canArchive ? 1 : 0)
              if (!canArchive) continue
              assertShown(filename, yield* store.state(sessionId))
              assertCounted(filename, sessionId)
              const live = liveOf(filename, sessionId).map((row) => Either.getOrThrow(messageOfRow(row)))
              assert.deepStrictEqual(openai(live), [])
            }
          }).pipe(Effect.provide(compressing(filename)))
        }
        assertKept(begun, rowsOf(filename))
        assert.deepStrictEqual(schemaOf(filename), schema)
        assertSearchable(filename)
      })
    )
  }

  it.effect("what is pinned is shown to Hermes too, through compressions and restarts", () =>
    Effect.gen(function* () {
      const filename = Files.fresh("new")
      const sessionId = SessionId.make("a new one")
      const compressOn = Effect.gen(function* () {
        const store = yield* SessionStore
        const { compress, view } = yield* Gateway.Gateway
        yield* append(sessionId, conversation(20))
        assert.strictEqual((yield* compress(sessionId)).outcome, "committed")
        assertShown(filename, yield* store.state(sessionId))
        assert.include(JSON.stringify((yield* view(sessionId)).messages), "- plan: 1. go on")
      })
      yield* Effect.gen(function* () {
        const { deliver, pin } = yield* Gateway.Gateway
        const store = yield* SessionStore
        yield* deliver(sessionId, user("go on"))
        yield* store.promote(yield* acquireLease(sessionId, "turn", "me", 0))
        yield* pin(sessionId, { as: "plan", text: "1. go on" })
        assertShown(filename, yield* store.state(sessionId))
        yield* compressOn
      }).pipe(Effect.provide(compressing(filename)))
      yield* compressOn.pipe(Effect.provide(compressing(filename)))
      assertSearchable(filename)
    })
  )

  it.effect("rows that Hermes adds, undoes or compacts are taken in; those that go leave the view, not the log", () =>
    Effect.gen(function* () {
      const filename = Files.fresh("new")
      yield* on(
        filename,
        Effect.gen(function* () {
          const store = yield* SessionStore
          const index = yield* SessionIndex
          yield* store.importAll([{ sessionId: id, messages: ["a", "b", "c", "d"].map(user) }])
          const turn = yield* acquireLease(id)
          hermesAdds(filename, ["by Hermes", "[CONTEXT SUMMARY]: so far"])
          const { state } = yield* store.promote(turn)
          assert.deepStrictEqual(contentsInView(state), ["a", "b", "c", "d", "by Hermes", "[CONTEXT SUMMARY]: so far"])
          assert.deepStrictEqual(
            state.tail.slice(-2).map(({ kind }) => kind),
            ["request", null]
          )
          const [ours] = yield* store.append(turn, [assistant("e")])
          assert.strictEqual(ours?.seq, 7)

          inDatabase(filename, (db) => db.exec("UPDATE messages SET active = 0, compacted = 0 WHERE id IN (5, 6)"))
          assert.deepStrictEqual(contentsInView(yield* store.state(id)), ["a", "b", "c", "d", "e"])
          const lost = yield* Effect.flip(store.append(turn, [assistant("late")]))
          assert.strictEqual(lost._tag, "Superseded")
          assert.lengthOf((yield* everything).log, 7)

          yield* commit(id)
          inDatabase(filename, (db) => db.exec("UPDATE messages SET active = 0, compacted = 1 WHERE active = 1"))
          hermesAdds(filename, ["a", "[CONTEXT COMPACTION] all of it", "e"])
          const now = yield* store.state(id)
          assert.deepStrictEqual(contentsInView(now), ["a", "[CONTEXT COMPACTION] all of it", "e"])
          assert.deepStrictEqual(now.segments, [])
          const scope = { fromSeq: 1, toSeq: 99, except: [], also: [] }
          const found = yield* index.search(id, "d", { limit: 1, scope })
          assert.deepStrictEqual(
            found.map(({ message }) => message.content),
            ["d"]
          )
          assert.lengthOf(yield* store.snapshots(id), 3)
        })
      )
    })
  )

  it.effect("a session that Hermes has is not forgotten; once Hermes has deleted it, what is left of it is", () =>
    Effect.gen(function* () {
      const filename = Files.fresh("new")
      const before = yield* on(
        filename,
        Effect.gen(function* () {
          const store = yield* SessionStore
          yield* store.importAll([{ sessionId: id, messages: conversation(4) }])
          yield* commit(id)
          yield* store.deliver(id, user("the patient's question"), { kind: "request" })
          const rows = rowsOf(filename)
          const refused = yield* Effect.flip(store.forget(id))
          assert.deepInclude(refused, { _tag: "ForeignSession", application: "Hermes Agent", isRetryable: false })
          assert.match(refused.message, /Delete it there first/)
          assert.deepStrictEqual(rowsOf(filename), rows)
          return yield* Stream.runCollect(store.log(id))
        })
      )
      // As a process that had the store open leaves it: nothing is pending.
      inDatabase(filename, (db) => {
        db.prepare("DELETE FROM messages WHERE session_id = ?").run(id)
        db.prepare("DELETE FROM sessions WHERE id = ?").run(id)
      })
      yield* on(
        filename,
        Effect.gen(function* () {
          const store = yield* SessionStore
          assert.deepInclude(yield* store.forget(id), { messages: Chunk.size(before) - 1, waiting: 1 })
          assert.deepInclude(yield* Effect.flip(store.state(id)), { _tag: "UnknownSession" })
          assert.deepStrictEqual(yield* store.sessions, [])
          yield* store.deliver(id, user("a new one"), { kind: "request" })
          const { promoted } = yield* store.promote(yield* acquireLease(id))
          assert.deepStrictEqual(
            promoted.map(({ message, seq }) => [seq, message.content]),
            [[1, "a new one"]]
          )
        })
      )
      assert.notInclude(readFileSync(Hermes.sideFile(filename), "latin1"), "the patient's question")
      assert.deepStrictEqual(
        rowsOf(filename).map(({ content }) => content),
        ["a new one"]
      )
      assertSound(filename)
    })
  )

  it.effect("what an older Hermes deletes leaves the view", () =>
    Effect.gen(function* () {
      const filename = Files.fresh("old")
      const begun = Effect.flatMap(SessionStore, (store) =>
        store.importAll([{ sessionId: id, messages: ["a", "b", "c"].map(user) }])
      )
      yield* on(filename, begun)
      yield* on(
        filename,
        Effect.gen(function* () {
          inDatabase(filename, (db) => db.exec("DELETE FROM messages WHERE content = 'b'"))
          hermesAdds(filename, ["d"])
          const { log, state } = yield* everything
          assert.deepStrictEqual(contentsInView(state), ["a", "c", "d"])
          assert.deepStrictEqual(
            log.map(({ message, undone }) => [message.content, undone]),
            [
              ["a", false],
              ["[deleted in Hermes]", true],
              ["c", false],
              ["d", false]
            ]
          )
        })
      )
    })
  )

  it.effect("without its side file a session is what Hermes shows; arrivals that no step had taken up are gone", () =>
    Effect.gen(function* () {
      const filename = Files.fresh("new")
      yield* on(
        filename,
        Effect.gen(function* () {
          const store = yield* SessionStore
          yield* store.importAll([{ sessionId: id, messages: Array.from("abcdefgh", (word) => user(word)) }])
          yield* commit(id)
          yield* store.deliver(id, user("waits"), { kind: "request" })
        })
      )
      const live = liveOf(filename, id).map(({ content }) => content)
      rmSync(Hermes.sideFile(filename))
      const { log, state } = yield* on(filename, everything)
      assert.deepStrictEqual(contentsInView(state), live)
      assert.lengthOf(log, live.length)
    })
  )

  const refused: ReadonlyArray<readonly [string, (filename: string) => void]> = [
    ["a foreign database", (filename) => inDatabase(filename, (db) => db.exec("CREATE TABLE t (a)"))],
    ["no database", (filename) => writeFileSync(filename, "just some notes, longer than a header".repeat(9))],
    [
      "one whose session a living process holds",
      (filename) => {
        Files.fresh("old", filename)
        const holder = `pid=${process.pid}:tid=1:agent=a:nonce=1`
        inDatabase(filename, (db) =>
          db.prepare("INSERT INTO compression_locks VALUES ('s', ?, 0, 99999999999)").run(holder)
        )
      }
    ]
  ]
  for (const [what, prepare] of refused) {
    it.live(`${what} is refused and left as it is`, () =>
      Effect.gen(function* () {
        const filename = join(mkdtempSync(join(tmpdir(), "hermes-")), "state.db")
        prepare(filename)
        const bytes = readFileSync(filename)
        const error = yield* Effect.flip(on(filename, SessionStore))
        assert.include(["not-a-database", "busy"], error.reason)
        assert.isTrue(bytes.equals(readFileSync(filename)))
        assert.isFalse(existsSync(Hermes.sideFile(filename)))
      })
    )
  }
})

describe("a Hermes database that another process writes to", () => {
  it.scoped("is opened once the other is done, waited for as long as with any write", () =>
    Effect.gen(function* () {
      const filename = join(mkdtempSync(join(tmpdir(), "hermes-")), "state.db")
      Files.fresh("new", filename)
      const open = Layer.build(Hermes.layer({ filename, durability: "process" }))
      const other = new Database(filename)
      other.exec("BEGIN IMMEDIATE")
      const refused = yield* Effect.fork(Effect.flip(open))
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual((yield* Fiber.join(refused)).reason, "busy")
      const opened = yield* Effect.fork(open)
      yield* TestClock.adjust("5 seconds")
      other.close()
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(opened)
    })
  )
})

const contentsInView = ({ head, live, system, tail }: State) =>
  [...system, ...head, ...live, ...tail].map(({ message }) => message.content)

const schemaOf = (filename: string) =>
  inDatabase(filename, (db) => db.prepare<[], string>("SELECT ifnull(sql, name) FROM sqlite_master").pluck().all())

const hermesAdds = (filename: string, contents: ReadonlyArray<string>) =>
  inDatabase(filename, (db) => {
    const add = db.prepare("INSERT INTO messages (session_id, role, content, timestamp) VALUES (?, 'user', ?, 5)")
    for (const content of contents) add.run(id, content)
  })
