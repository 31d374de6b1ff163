import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { breath } from "../../src/internal/breath.ts"
import * as Ledger from "../../src/Ledger.ts"
import { SessionId, whole } from "../../src/Session.ts"
import { SessionStore } from "../../src/SessionStore.ts"
import * as Sqlite from "../../src/SessionStore/Sqlite.ts"
import { assistant, granted, segment, user } from "../support/stores.ts"

const MESSAGES = 550
const id = SessionId.make("long")
const messages = Array.from({ length: MESSAGES }, (_, n) => (n % 2 === 0 ? user(`part ${n}`) : assistant(`read ${n}`)))

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
  yield* store.append(yield* granted(id), [assistant("one more")])
})

const compressed = Effect.gen(function* () {
  const store = yield* SessionStore
  const { lastSeq } = yield* store.state(id)
  const tailFrom = lastSeq - 20
  const manifest = { ...whole, headTo: 2, tailFrom, segments: ["seg_1"], live: [3] }
  const segments = [segment("seg_1", 3, tailFrom - 1)]
  const made = { operationId: "op_1", base: 0, manifest, segments, ledger: Ledger.empty }
  yield* store.commit(yield* granted(id, "operation"), made)
})

const rewound = Effect.gen(function* () {
  const store = yield* SessionStore
  const { generation, manifest } = yield* store.state(id)
  yield* store.rewind(id, { base: generation, seq: 120, manifest, ledger: Ledger.empty })
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
          const reading = yield* Effect.fork(reader.state(id))
          for (let n = 0; n < pieces; n++) yield* breath
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

  it.scoped("is read in pieces, between which others get their turn", () =>
    Effect.gen(function* () {
      const { reader } = yield* two
      let turns = 0
      const others = yield* Effect.fork(
        Effect.forever(
          Effect.tap(breath, () => {
            turns++
          })
        )
      )
      assert.lengthOf((yield* reader.state(id)).tail, MESSAGES)
      assert.isAtLeast(turns, Math.floor(MESSAGES / 100))
      const before = turns
      yield* reader.state(id)
      assert.strictEqual(turns, before)
      yield* Fiber.interrupt(others)
    })
  )
})
