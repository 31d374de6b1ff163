import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Either, FastCheck as fc, Stream } from "effect"
import { copyFileSync } from "node:fs"
import { COLUMNS, type HermesRow, isHandoff, messageOf } from "../../src/internal/hermesRows.ts"
import * as Doctor from "../../src/Doctor.ts"
import * as Ledger from "../../src/Ledger.ts"
import type { Message } from "../../src/Message.ts"
import { type Manifest, SessionId, type State } from "../../src/Session.ts"
import { SessionStore } from "../../src/SessionStore.ts"
import * as Hermes from "../../src/SessionStore/Hermes.ts"
import * as Files from "../support/hermes.ts"
import { assertSound, inDatabase, type Row, rowsOf } from "../support/hermes.ts"
import { assistant, granted, segment, user } from "../support/stores.ts"

const id = SessionId.make("chat-42")

const on = <A, E>(filename: string, effect: Effect.Effect<A, E, SessionStore>) =>
  Effect.provide(effect, Hermes.layer({ filename, durability: "process" }))

const textOf = (row: HermesRow): string => JSON.stringify(COLUMNS.map((name) => row[name] ?? null))

const liveOf = (filename: string, sessionId: string): ReadonlyArray<Row> =>
  rowsOf(filename).filter((row) => row.session_id === sessionId && row.active === 1)

/** Nothing of what is there may be gone. */
const assertKept = (before: ReadonlyArray<Row>, after: ReadonlyArray<Row>) => {
  const left = after.map(textOf)
  for (const text of before.map(textOf)) {
    const at = left.indexOf(text)
    assert.isAtLeast(at, 0, `still there: ${text}`)
    left.splice(at, 1)
  }
}

/** What Hermes reads is the view: the same messages in the same order, one handoff in the place of the rest. */
const assertShown = (filename: string, state: State) => {
  const live = liveOf(filename, state.sessionId)
  const expected = [...state.system, ...state.head, ...state.live, ...state.tail].map(({ message }) => message.content)
  const own = live.filter(({ content }) => !isHandoff(content))
  const read = own.map((row) => Either.getOrThrow(messageOf(row)).content)
  assert.deepStrictEqual(read, expected)
  const handoffs = live.flatMap(({ content }, at) => (isHandoff(content) ? [at] : []))
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
    const lease = yield* granted(sessionId, "operation", "me", 0)
    yield* store.commit(lease, {
      operationId: segmentId,
      base: generation,
      manifest,
      segments,
      ledger: Ledger.empty
    })
  })

const append = (sessionId: SessionId, messages: ReadonlyArray<Message>) =>
  Effect.flatMap(SessionStore, (store) =>
    Effect.flatMap(granted(sessionId, "turn", "me", 0), (lease) => store.append(lease, messages))
  )

const rewindBy = (sessionId: SessionId, back: number) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const { generation, lastSeq } = yield* store.state(sessionId)
    const seq = Math.max(0, lastSeq - back)
    const { manifest } = yield* store.stateAt(sessionId, seq)
    yield* store.rewind(sessionId, { base: generation, seq, manifest, ledger: Ledger.empty })
  })

type Action = readonly ["deliver" | "append" | "commit" | "rewind" | "reset", number]
const action: fc.Arbitrary<Action> = fc.tuple(
  fc.constantFrom<Array<Action[0]>>("deliver", "append", "append", "commit", "commit", "rewind", "reset"),
  fc.integer({ min: 1, max: 9 })
)

let words = 0
const run = ([what, n]: Action) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    if (what === "reset") yield* store.reset(id)
    else if (what === "rewind") yield* rewindBy(id, n)
    else if (what === "commit") yield* commit(id)
    else {
      const messages = Array.from({ length: n }, () => `word ${++words}`)
      if (what === "append") return void (yield* append(id, messages.map(assistant)))
      for (const word of messages) yield* store.deliver(id, user(word), { kind: "request" })
      yield* store.promote(yield* granted(id, "turn", "me", 0))
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
    { fastCheck: { numRuns: 40 } }
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
        const known = yield* on(filename, Effect.zipRight(run(last), everything))
        const rows = rowsOf(filename)
        // As if the second commit had never come.
        copyFileSync(`${filename}.before`, filename)
        const now = yield* on(filename, everything)
        assert.deepStrictEqual(now, known)
        assert.deepStrictEqual(rowsOf(filename).map(textOf).toSorted(), rows.map(textOf).toSorted())
        if (age === "new") assertShown(filename, now.state)
        assertSound(filename)
      }),
    { fastCheck: { numRuns: 40 } }
  )
})
