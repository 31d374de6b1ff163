import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Doctor from "../../src/hermes/Doctor.ts"
import { SessionId, type State } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Hermes from "../../src/hermes/Hermes.ts"
import { type Age, fresh, inDatabase, rowsOf } from "../support/hermes.ts"
import { assistant, acquireLease, segment, user } from "../support/stores.ts"

const id = SessionId.make("chat-42")
const ages: ReadonlyArray<Age> = ["old", "new"]

const on = <A, E>(filename: string, use: (store: SessionStore["Type"]) => Effect.Effect<A, E, SessionStore>) =>
  Effect.provide(Effect.flatMap(SessionStore, use), Hermes.layer({ filename, durability: "process" }))

const hermes = (filename: string, sql: string) => inDatabase(filename, (db) => db.exec(sql))

const shown = ({ head, live, system, tail }: State) =>
  [system, head, live, tail].flat().map(({ message }) => message.content)

const began = (age: Age) => {
  const filename = fresh(age)
  const messages = ["a", "b", "c", "d", "e", "f"].map(user)
  return Effect.as(
    on(filename, (store) => store.importAll([{ sessionId: id, messages }])),
    filename
  )
}

/** Of six messages the first stays, and the last three. */
const compress = (store: SessionStore["Type"]) =>
  Effect.gen(function* () {
    const { manifest } = yield* store.state(id)
    const lease = yield* acquireLease(id, "operation", "me", 0)
    const segments = [segment("s1", 2, 3)]
    const now = { ...manifest, headTo: 1, tailFrom: 4, segments: ["s1"] }
    yield* store.commit(lease, { operationId: "s1", base: 0, manifest: now, segments, ledger: null })
  })

describe("what Hermes does while no store of ours looks", () => {
  for (const age of ages) {
    it.effect(`a message it deleted does not come back (${age})`, () =>
      Effect.gen(function* () {
        const filename = yield* began(age)
        hermes(filename, "DELETE FROM messages WHERE content = 'f'")
        yield* on(filename, (store) =>
          Effect.gen(function* () {
            assert.deepStrictEqual(shown(yield* store.state(id)), ["a", "b", "c", "d", "e"])
            yield* store.append(yield* acquireLease(id), [assistant("g")])
            assert.deepStrictEqual(shown(yield* store.state(id)), ["a", "b", "c", "d", "e", "g"])
          })
        )
        assert.notInclude(
          rowsOf(filename).map(({ content }) => content),
          "f"
        )
      })
    )

    it.effect(`what it moved to another session is there (${age})`, () =>
      Effect.gen(function* () {
        const filename = yield* began(age)
        hermes(filename, "INSERT INTO sessions (id, source, started_at) VALUES ('home', 'cli', 1)")
        hermes(filename, "UPDATE messages SET session_id = 'home' WHERE content > 'b'")
        yield* on(filename, (store) =>
          Effect.gen(function* () {
            assert.deepStrictEqual(shown(yield* store.state(id)), ["a", "b"])
            assert.deepStrictEqual(shown(yield* store.state(SessionId.make("home"))), ["c", "d", "e", "f"])
          })
        )
      })
    )

    it.effect(`a turn that begins later is not superseded by it (${age})`, () =>
      Effect.gen(function* () {
        const filename = yield* began(age)
        hermes(filename, "DELETE FROM messages WHERE content = 'f'")
        yield* on(filename, (store) =>
          Effect.gen(function* () {
            yield* store.deliver(id, user("g"), { kind: "request" })
            const turn = yield* acquireLease(id)
            const { state } = yield* store.promote(turn)
            yield* store.release(turn)
            assert.deepStrictEqual(shown(state), ["a", "b", "c", "d", "e", "g"])
            hermes(filename, "DELETE FROM messages WHERE content = 'e'")
            yield* store.deliver(id, user("h"), { kind: "request" })
            const next = yield* store.promote(yield* acquireLease(id, "turn", "next", 0))
            assert.deepStrictEqual(shown(next.state), ["a", "b", "c", "d", "g", "h"])
          })
        )
      })
    )

    it.effect(`a message it deleted during a turn does not come back when the turn fails (${age})`, () =>
      Effect.gen(function* () {
        const filename = yield* began(age)
        yield* on(filename, (store) =>
          Effect.gen(function* () {
            const turn = yield* acquireLease(id)
            yield* store.append(turn, [assistant("g")])
            hermes(filename, "DELETE FROM messages WHERE content = 'g'")
            const lost = yield* Effect.flip(store.append(turn, [assistant("late")]))
            assert.strictEqual(lost._tag, "Superseded")
            yield* store.release(turn)
            yield* store.append(yield* acquireLease(id, "turn", "next", 0), [assistant("h")])
            assert.deepStrictEqual(shown(yield* store.state(id)), ["a", "b", "c", "d", "e", "f", "h"])
          })
        )
      })
    )

    it.effect(`what is no id, no time or no text keeps nobody from the rest (${age})`, () =>
      Effect.gen(function* () {
        const filename = yield* began(age)
        const odd = "INSERT INTO messages (session_id, role, content, timestamp) VALUES ('chat-42', 'user', "
        hermes(filename, `INSERT INTO sessions (id, source, started_at) VALUES ('${"x".repeat(600)}', 'cli', 1)`)
        for (const values of ["'g', 'yesterday'", "'h', 1e300", "'i', 9e999", "x'00ff', 1"]) {
          hermes(filename, `${odd} ${values})`)
        }
        yield* on(filename, (store) =>
          Effect.gen(function* () {
            const known = yield* store.sessions
            assert.deepStrictEqual(
              known.map(({ sessionId }) => String(sessionId)),
              [String(id)]
            )
            hermes(filename, "DELETE FROM messages WHERE content = 'a'")
            assert.deepStrictEqual(shown(yield* store.state(id)), ["b", "c", "d", "e", "f", "g", "h", "i"])
          })
        )
        assert.deepStrictEqual((yield* Doctor.diagnose(filename)).findings, [])
      })
    )
  }

  it.effect("a message it undid after a compression does not come back", () =>
    Effect.gen(function* () {
      const filename = yield* began("new")
      yield* on(filename, compress)
      hermes(filename, "UPDATE messages SET active = 0 WHERE content = 'f'")
      yield* on(filename, (store) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(shown(yield* store.state(id)), ["a", "d", "e"])
          yield* store.append(yield* acquireLease(id), [assistant("g")])
          assert.deepStrictEqual(shown(yield* store.state(id)), ["a", "d", "e", "g"])
        })
      )
      const undone = rowsOf(filename).filter(({ content }) => content === "f")
      assert.deepStrictEqual(
        undone.map(({ active, compacted }) => [active, compacted]),
        [[0, 0]]
      )
    })
  )

  it.effect("where it undid all but the handoff, the summary is in the view still", () =>
    Effect.gen(function* () {
      const filename = yield* began("new")
      yield* on(filename, (store) =>
        Effect.gen(function* () {
          yield* compress(store)
          hermes(filename, "UPDATE messages SET active = 0 WHERE content IN ('a', 'd', 'e', 'f')")
          const state = yield* store.state(id)
          assert.deepStrictEqual(shown(state), [])
          assert.lengthOf(state.segments, 1)
          yield* store.append(yield* acquireLease(id), [assistant("g")])
          assert.deepStrictEqual(shown(yield* store.state(id)), ["g"])
        })
      )
    })
  )

  it.effect("a message it undid and brings back is in the view again, in its place", () =>
    Effect.gen(function* () {
      const filename = yield* began("new")
      yield* on(filename, (store) =>
        Effect.gen(function* () {
          yield* compress(store)
          hermes(filename, "UPDATE messages SET active = 0 WHERE content IN ('a', 'e', 'f')")
          const turn = yield* acquireLease(id)
          assert.deepStrictEqual(shown(yield* store.state(id)), ["d"])
          hermes(filename, "UPDATE messages SET active = 1 WHERE content IN ('a', 'f')")
          assert.deepStrictEqual(shown(yield* store.state(id)), ["a", "d", "f"])
          const lost = yield* Effect.flip(store.append(turn, [assistant("late")]))
          assert.strictEqual(lost._tag, "Superseded")
          hermes(filename, "UPDATE messages SET active = 1 WHERE content = 'e'")
          assert.deepStrictEqual(shown(yield* store.state(id)), ["a", "d", "e", "f"])
        })
      )
    })
  )
})

describe("a schema with additions of somebody else", () => {
  it.effect("columns of any name keep their values where a message gets another row", () =>
    Effect.gen(function* () {
      const filename = fresh("new")
      for (const name of ['"order"', '"my note"', '"x\'; DROP TABLE sessions; --"', '"a""b"']) {
        hermes(filename, `ALTER TABLE messages ADD COLUMN ${name} TEXT DEFAULT 'kept'`)
      }
      yield* on(filename, (store) =>
        Effect.gen(function* () {
          yield* store.importAll([{ sessionId: id, messages: ["a", "b", "c", "d", "e", "f"].map(user) }])
          yield* compress(store)
          assert.deepStrictEqual(shown(yield* store.state(id)), ["a", "d", "e", "f"])
        })
      )
      const values = rowsOf(filename).map((row) => Object.values(row).filter((value) => value === "kept").length)
      assert.deepStrictEqual(values, Array(7).fill(4))
    })
  )

  it.effect("where a trigger needs a table that is gone, opening fails and names it", () =>
    Effect.gen(function* () {
      const filename = fresh("new")
      hermes(filename, "DROP TABLE messages_fts")
      const error = yield* Effect.flip(Effect.scoped(Hermes.make({ filename })))
      assert.include(error.message, "messages_fts")
    })
  )
})
