import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Fiber, Layer } from "effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { yieldToLoop } from "../../src/concurrency/eventLoopBudget.ts"
import { SessionId, wholeLog } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Hermes from "../../src/hermes/Hermes.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as Files from "../support/hermes.ts"
import { assistant, acquireLease, segment, user } from "../support/stores.ts"

const MESSAGES = 550
const id = SessionId.make("long")
const messages = Array.from({ length: MESSAGES }, (_, n) => (n % 2 === 0 ? user(`part ${n}`) : assistant(`read ${n}`)))

/** On this clock each piece takes as long as one may. */
const slowly = (() => {
  let now = 0n
  return Effect.withClock(Object.assign(Clock.make(), { unsafeCurrentTimeNanos: () => (now += 2_000_000n) }))
})()

/** One who wrote a long session, and one who has not read it yet. */
const two = Effect.gen(function* () {
  const layer = Sqlite.layer({ filename: join(mkdtempSync(join(tmpdir(), "ahead-")), "s.db") })
  const [writer, reader] = yield* Effect.all([Layer.build(layer), Layer.build(layer)])
  const store = Context.get(writer, SessionStore)
  yield* store.importAll([{ sessionId: id, messages }])
  return { writer, store, reader: Context.get(reader, SessionStore) }
})

const appended = Effect.gen(function* () {
  const store = yield* SessionStore
  yield* store.append(yield* acquireLease(id), [assistant("one more")])
})

const compressed = Effect.gen(function* () {
  const store = yield* SessionStore
  const { lastSeq } = yield* store.state(id)
  const tailFrom = lastSeq - 20
  const manifest = { ...wholeLog, headTo: 2, tailFrom, segments: ["seg_1"], live: [3] }
  const segments = [segment("seg_1", 3, tailFrom - 1)]
  const made = { operationId: "op_1", base: 0, manifest, segments, ledger: null }
  yield* store.commit(yield* acquireLease(id, "operation"), made)
})

const rewound = Effect.gen(function* () {
  const store = yield* SessionStore
  const { generation, manifest } = yield* store.state(id)
  yield* store.rewind(id, { base: generation, seq: 120, manifest, ledger: null })
})

const changes: ReadonlyArray<readonly [string, Effect.Effect<void, unknown, SessionStore>]> = [
  ["left alone", Effect.void],
  ["appended to", appended],
  ["compressed", compressed],
  ["rewound", rewound]
]

describe("a long session that is not in memory", () => {
  for (const [change, made] of changes) {
    it.scoped(`is read as it is on disk, whenever it was ${change} meanwhile`, () =>
      Effect.gen(function* () {
        for (let pieces = 0; pieces < 8; pieces++) {
          const { reader, store, writer } = yield* two
          const reading = yield* Effect.fork(slowly(reader.state(id)))
          for (let n = 0; n < pieces; n++) yield* yieldToLoop
          const before = yield* store.state(id)
          yield* Effect.provide(made, writer)
          const after = yield* store.state(id)
          const { lastSeq, manifest, tail } = yield* Fiber.join(reading)
          assert.deepInclude(
            [before, after].map((state) => [state.lastSeq, state.manifest, state.tail]),
            [lastSeq, manifest, tail]
          )
          assert.deepStrictEqual(yield* reader.state(id), after)
        }
      })
    )
  }

  it.scoped("is read in pieces, between which others get their turn, and then not again", () =>
    Effect.gen(function* () {
      const { reader } = yield* two
      const [{ tail }, turns] = yield* watched(slowly(reader.state(id)))
      assert.lengthOf(tail, MESSAGES)
      assert.isAtLeast(turns, Math.floor(MESSAGES / 100), "between each two pieces")
      assert.strictEqual((yield* watched(slowly(reader.state(id))))[1], 0)
    })
  )

  it.scoped("is taken over from Hermes in pieces, wherever there are rows that are no messages", () =>
    Effect.gen(function* () {
      const isMessage = (n: number) => n > 120 && n % 7 !== 0
      const filename = Files.fresh("new")
      Files.inDatabase(filename, (db) => {
        db.exec(`INSERT INTO sessions (id, source, started_at) VALUES ('${id}', 'cli', 1)`)
        const insert = db.prepare("INSERT INTO messages (session_id, role, content, timestamp) VALUES (?, ?, ?, ?)")
        for (const [n, { content, role }] of messages.entries()) {
          insert.run(id, isMessage(n) ? role : "no role", String(content), n)
        }
      })
      const store = Context.get(yield* Layer.build(Hermes.layer({ filename, durability: "process" })), SessionStore)
      const [{ tail }, turns] = yield* watched(slowly(store.state(id)))
      assert.deepStrictEqual(
        tail.map(({ message }) => message),
        messages.filter((_, n) => isMessage(n))
      )
      assert.isAtLeast(turns, tail.length / 100)
    })
  )

  it.scoped("is whole after it was taken over, whoever else looked and whatever Hermes wrote meanwhile", () =>
    Effect.gen(function* () {
      for (const [before, between] of [1, 2, 3, 4].flatMap((n) => [1, 2, 3].map((m) => [n, m] as const))) {
        const filename = Files.fresh("new")
        const write = (count: number) =>
          Files.inDatabase(filename, (db) => {
            const insert = db.prepare("INSERT INTO messages (session_id, role, content, timestamp) VALUES (?, ?, ?, 1)")
            for (let n = 0; n < count; n++) insert.run(id, n % 2 === 0 ? "user" : "assistant", `part ${n}`)
          })
        Files.inDatabase(filename, (db) => {
          db.exec(`INSERT INTO sessions (id, source, started_at) VALUES ('${id}', 'cli', 1)`)
        })
        write(450)
        const store = Context.get(yield* Layer.build(Hermes.layer({ filename, durability: "process" })), SessionStore)
        const reading = yield* Effect.fork(slowly(store.state(id)))
        yield* Effect.replicateEffect(yieldToLoop, before)
        yield* store.ledger(id)
        write(130)
        yield* Effect.replicateEffect(yieldToLoop, between)
        yield* store.ledger(id)
        yield* Fiber.join(reading)
        const { lastSeq, tail } = yield* store.state(id)
        assert.deepStrictEqual([before, between, lastSeq, tail.length], [before, between, 580, 580])
      }
    })
  )
})

/** How often others had their turn meanwhile. */
const watched = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    let turns = 0
    const turn = Effect.tap(yieldToLoop, () => {
      turns += 1
    })
    const others = yield* Effect.fork(Effect.forever(turn))
    const result = yield* effect
    yield* Fiber.interrupt(others)
    return [result, turns] as const
  })
