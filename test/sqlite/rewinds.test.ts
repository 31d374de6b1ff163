/** What rewinds cost: bytes in the file, and rows of the log that are read again. */
import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Context, Effect, Layer, Struct } from "effect"
import { estimate } from "../../src/message/Tokens.ts"
import { isUndone, SessionId, type State } from "../../src/session/Session.ts"
import { diagnoseFile } from "../../src/sqlite/doctor.ts"
import * as MakeStore from "../../src/sqlite/makeStore.ts"
import { migrateInMemory } from "../../src/sqlite/migrations.ts"
import { salvageFile } from "../../src/sqlite/salvage.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { prepareStatements, type Query } from "../../src/sqlite/statements.ts"
import * as Transaction from "../../src/sqlite/transaction.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { takeBackSchema } from "../support/olderSchema.ts"
import { acquireLease, assistant, user } from "../support/stores.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"

const id = SessionId.make("chat-42")
const ROUNDS = 40

/** A store whose bytes can be counted, and the rows of the log that it reads. */
const makeCounted = () => {
  const db = new Database(":memory:")
  migrateInMemory(db)
  const statements = prepareStatements(db)
  let rows = 0
  const counted = <P extends Array<unknown>, R>(query: Query<P, R>): Query<P, R> => ({
    ...query,
    run: (...given) => query.run(...given),
    get: (...given) => query.get(...given),
    iterate: (...given) => query.iterate(...given),
    all: (...given) => {
      const all = query.all(...given)
      rows += all.length
      return all
    }
  })
  const sql = { ...statements, between: counted(statements.between), page: counted(statements.page) }
  const store = Context.get(MakeStore.make(db, Transaction.make(db, estimate, { sql })), SessionStore)
  return {
    store,
    countBytes: () => db.prepare<[], number>("SELECT sum(payload) FROM dbstat").pluck().get() ?? 0,
    countRows: () => rows
  }
}

/** What the store says of the session, now and at each generation before. */
const readStates = Effect.gen(function* () {
  const store = yield* SessionStore
  const before = yield* Effect.forEach(yield* store.snapshots(id), ({ snapshotId }) => store.snapshot(snapshotId))
  return [yield* store.state(id), ...before].map(Struct.omit("base"))
})

/** Writes manifests as versions before 0009 did, which listed in each what is undone. */
const listUndone = (db: Database.Database, after: number) => {
  db.exec(`UPDATE generation AS g SET checksum = NULL, manifest = json_set(manifest, '$.undone', (
    SELECT json_group_array(json_object('fromSeq', from_seq, 'toSeq', to_seq)) FROM (
      SELECT from_seq, to_seq FROM undone WHERE since <= g.generation AND until > g.generation ORDER BY from_seq)))
    WHERE generation > ${after}`)
  db.exec(
    `DELETE FROM undone WHERE since > ${after}; UPDATE undone SET until = ${Number.MAX_SAFE_INTEGER} WHERE until > ${after}`
  )
}

const changeFile = (filename: string, change: (db: Database.Database) => void) => {
  const db = new Database(filename)
  change(db)
  db.close()
}

const ask = Effect.gen(function* () {
  const store = yield* SessionStore
  yield* store.deliver(id, user("question"), { kind: "request" })
  yield* store.promote(yield* acquireLease(id, "turn", "me", 0))
})

const answer = Effect.gen(function* () {
  const store = yield* SessionStore
  yield* store.append(yield* acquireLease(id, "turn", "me", 0), [assistant("answer")])
})

const rewindTo = (find: (state: State) => number) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const state = yield* store.state(id)
    const seq = find(state)
    const { manifest } = yield* store.stateAt(id, seq)
    assert.isNotNull(yield* store.rewind(id, { base: state.generation, seq, manifest, ledger: null }))
  })

const rounds = {
  "an answer taken back": Effect.all([ask, answer, rewindTo(({ lastSeq }) => lastSeq - 1), answer], { discard: true }),
  "everything taken back": Effect.all([ask, answer, rewindTo(() => 1)], { discard: true }),
  "a rewind further back each time": Effect.all(
    [ask, answer, rewindTo(({ tail }) => tail.at(-2)?.seq ?? 0), ask, answer, answer],
    { discard: true }
  ),
  "a rewind and a reset": Effect.all(
    [
      ask,
      answer,
      rewindTo(({ lastSeq }) => lastSeq - 1),
      answer,
      Effect.flatMap(SessionStore, ({ reset }) => reset(id))
    ],
    { discard: true }
  )
} as const

describe("rewinds", () => {
  it.effect.each(Object.entries(rounds))("%s: later rounds store no more bytes than earlier ones", ([, round]) =>
    Effect.gen(function* () {
      const { countBytes, store } = makeCounted()
      const play = Effect.replicateEffect(round, ROUNDS, { discard: true })
      const sizes = yield* Effect.replicateEffect(Effect.zipRight(play, Effect.sync(countBytes)), 3).pipe(
        Effect.provideService(SessionStore, store)
      )
      const [first = 0, second = 0, third = 0] = sizes
      assert.isAtMost((third - second) / (second - first), 1.1)
    })
  )

  it.effect("to a message after the last compression read no message of the log again", () =>
    Effect.gen(function* () {
      const { countRows, store } = makeCounted()
      const before = yield* Effect.gen(function* () {
        yield* ask
        yield* Effect.replicateEffect(rounds["an answer taken back"], ROUNDS)
        const before = countRows()
        yield* Effect.replicateEffect(rounds["an answer taken back"], ROUNDS)
        return before
      }).pipe(Effect.provideService(SessionStore, store))
      assert.strictEqual(countRows(), before)
    })
  )

  it.scopedLive.each([0, 3, 7])("that an earlier version stored after generation %i are read, and go on", (after) =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const backend = Sqlite.layer({ filename, durability: "process" })
      const written = yield* Effect.replicateEffect(rounds["a rewind further back each time"], 8).pipe(
        Effect.zipRight(readStates),
        Effect.provide(backend)
      )
      changeFile(filename, (db) => {
        listUndone(db, after)
        if (after === 0) takeBackSchema(db, 8)
      })
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* readStates, written)
        yield* rounds["an answer taken back"]
        yield* rounds["a rewind further back each time"]
      }).pipe(Effect.provide(backend))
      const goneOn = yield* Effect.provide(readStates, Layer.fresh(backend))
      assert.deepStrictEqual(goneOn.slice(1, 1 + 8), written.slice(1))
      const [now] = goneOn
      const shown = now?.tail.map(({ seq }) => seq) ?? []
      assert.deepStrictEqual(
        shown.filter((seq) => isUndone(now?.manifest.undone ?? [], seq)),
        []
      )
    })
  )

  const damages = [
    "DELETE FROM undone WHERE since = 5",
    "UPDATE undone SET to_seq = to_seq + 1000 WHERE since = 5",
    "UPDATE undone SET from_seq = from_seq - 1 WHERE since = 5",
    "UPDATE undone SET since = since + 64 WHERE since = 5",
    "UPDATE undone SET until = 6 WHERE since = 5",
    "UPDATE undone SET session_id = 'chat-43' WHERE since = 5"
  ]
  it.scopedLive.each(damages)("whose rows are damaged are told, not shown: %s", (damage) =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const backend = Sqlite.layer({ filename, durability: "process" })
      yield* Effect.replicateEffect(rounds["an answer taken back"], 8).pipe(Effect.provide(backend))
      changeFile(filename, (db) => {
        db.pragma("foreign_keys = OFF")
        db.exec(damage)
      })
      const error = yield* Effect.flip(Effect.provide(readStates, Layer.fresh(backend)))
      assert.strictEqual(error._tag === "StoreError" && error.reason, "corrupt")
      const { findings } = yield* diagnoseFile(filename)
      assert.include(
        findings.map(({ damage }) => damage),
        "damaged-view"
      )
      const out = `${filename}.new`
      const { lost } = yield* salvageFile(filename, out)
      assert.match(lost.map(({ what }) => what).join("\n"), /which 8 messages are undone in generation #8: \d+ are/)
      const [now] = yield* Effect.provide(readStates, Sqlite.layer({ filename: out, durability: "process" }))
      assert.strictEqual(now?.lastSeq, 24)
      // What is yet to come is shown, whatever the damage says.
      yield* Effect.gen(function* () {
        yield* ask
        const { lastSeq, tail } = yield* Effect.flatMap(SessionStore, ({ state }) => state(id))
        assert.strictEqual(tail.at(-1)?.seq, lastSeq)
      }).pipe(Effect.provide(Sqlite.layer({ filename: out, durability: "process" })))
    })
  )
})
