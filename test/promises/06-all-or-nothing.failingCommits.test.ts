/**
 * Every commit step failing in turn: the caller gets the typed error, memory, file and the next start agree that
 * nothing happened, and once the cause is gone the session works again.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import { Chunk, Effect, Either, Layer, Stream } from "effect"
import Database from "better-sqlite3"
import { join } from "node:path"
import { ModelUnavailable, QuotaExceeded } from "../../src/model/ModelError.ts"
import { yieldToLoop } from "../../src/concurrency/eventLoopBudget.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import type { Provider } from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import type { StoreError } from "../../src/session/SessionError.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import type { Turn } from "../../src/gateway/Turn.ts"
import { isThorough } from "../support/repetitions.ts"
import { conversation, policy, recordLogLines, route, summary } from "../support/world.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

type Services = Gateway.Gateway | SessionStore

interface Step {
  readonly what: string
  readonly ready: (id: SessionId) => Effect.Effect<unknown, unknown, Services>
  readonly perform: (id: SessionId) => Effect.Effect<unknown, unknown, Services>
  /** The tables it cannot do without. */
  readonly tables: ReadonlyArray<string>
}

const says = (role: "user" | "assistant", content: string): Message => ({ role, content })
const HUGE = says("user", "The invoice is attached. ".repeat(4_000))
const ANSWER = says("assistant", "It is fine.")

let turns = 0
let sessions = 0
const newSession = () => SessionId.make(`session-${++sessions}`)

const imported = (id: SessionId) =>
  Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: id, messages: conversation(12) }]))

/** Without it a compression ends degraded. */
const model = { isDown: false, whenAsked: () => {} }
const down = new ModelUnavailable({ route: "scripted", detail: "gone" })
const scripted = Scripted.layer([
  () => {
    model.whenAsked()
    return model.isDown ? down : summary("what counts")
  }
])

const withoutModel = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => void (model.isDown = true)),
    () => effect,
    () => Effect.sync(() => void (model.isDown = false))
  )

const compressed = (id: SessionId) => Effect.flatMap(Gateway.Gateway, ({ compress }) => compress(id))
const healed = (id: SessionId) => Effect.flatMap(Gateway.Gateway, ({ heal }) => heal(id))
const degraded = (id: SessionId) => Effect.zipRight(imported(id), withoutModel(compressed(id)))

/** A session in whose inbox nothing waits. */
const takenUp = (id: SessionId, message: Message) =>
  Effect.flatMap(Gateway.Gateway, ({ deliver, turn }) =>
    Effect.zipRight(
      deliver(id, message),
      turn(id, ({ view }) => view())
    )
  )

const STEPS: ReadonlyArray<Step> = [
  {
    what: "deliver",
    ready: () => Effect.void,
    perform: (id) => Effect.flatMap(Gateway.Gateway, ({ deliver }) => deliver(id, HUGE, { key: "k" })),
    tables: ["session", "inbox", "delivery_key"]
  },
  {
    what: "promote",
    ready: (id) => Effect.flatMap(Gateway.Gateway, ({ deliver }) => Effect.replicateEffect(deliver(id, HUGE), 2)),
    perform: (id) => Effect.flatMap(SessionStore, ({ begin }) => begin(id, { holder: `turn ${++turns}`, ttl: 0 })),
    tables: ["lease", "message"]
  },
  {
    what: "append",
    ready: (id) => takenUp(id, says("user", "hello")),
    perform: (id) => Effect.flatMap(Gateway.Gateway, ({ turn }) => turn(id, ({ append }) => append(HUGE, ANSWER))),
    tables: ["message"]
  },
  { what: "commit", ready: imported, perform: compressed, tables: ["lease", "segment", "generation"] },
  {
    what: "reset",
    ready: imported,
    perform: (id) => Effect.flatMap(Gateway.Gateway, ({ reset }) => reset(id)),
    tables: ["generation"]
  },
  {
    what: "heal",
    ready: degraded,
    perform: healed,
    tables: ["segment", "generation"]
  }
]

/** Everything a session is: the log with the inbox, the base of its view, and what was left behind. */
const all = (id: SessionId) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    if (!(yield* store.sessions).some(({ sessionId }) => sessionId === id)) return undefined
    const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(id)))
    return { log, state: yield* store.state(id), ledger: yield* store.ledger(id), left: yield* store.snapshots(id) }
  })

interface File {
  readonly filename: string
  /** A connection of somebody else. */
  readonly other: Database.Database
  /** The store's own. */
  readonly own: Database.Database
}

/** A gateway on a file, to which the test has a connection, and the store's own. */
const onFile = <A, E>(
  test: (file: File) => Effect.Effect<A, E, Services>,
  provider: Layer.Layer<Provider> = scripted
) =>
  Effect.gen(function* () {
    const folder = yield* makeTemporaryFolder()
    const filename = join(folder, "sessions.db")
    const pragma = vi.spyOn(Database.prototype, "pragma")
    const store = yield* Layer.build(Sqlite.layer({ filename, durability: "process" }))
    const own = pragma.mock.contexts[0]
    pragma.mockRestore()
    if (!(own instanceof Database)) return assert.fail("the store has opened no connection")
    const other = yield* Effect.acquireRelease(
      Effect.sync(() => new Database(filename)),
      (db) => Effect.sync(() => db.close())
    )
    const options = { policy: { ...policy, mode: "manual" }, routes: [route], leaseTtl: "300 millis" } as const
    const gateway = yield* Layer.build(
      Gateway.layer(options).pipe(Layer.provide([provider, Layer.succeedContext(store)]))
    )
    return yield* test({ filename, other, own }).pipe(Effect.provide(gateway), Effect.provide(store))
  }).pipe(Effect.scoped, Effect.provide(recordLogLines().layer))

/** What the next start would find. */
const nextStart = ({ filename }: File, id: SessionId) => Effect.provide(all(id), Sqlite.layer({ filename }))

const agreed = Effect.fnUntraced(function* (file: File, id: SessionId) {
  const now = yield* all(id)
  assert.deepStrictEqual(yield* nextStart(file, id), now)
  return now
})

const isStoreError = (error: unknown): error is StoreError =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "StoreError"

/** It failed with `reason` and left everything as it was, and goes through once the cause is gone. */
const fails = Effect.fnUntraced(function* (
  file: File,
  { perform }: Step,
  id: SessionId,
  reason: StoreError["reason"],
  cause: { readonly begin: () => void; readonly end: () => void }
) {
  const before = yield* all(id)
  const error = yield* Effect.flip(
    Effect.acquireUseRelease(
      Effect.sync(cause.begin),
      () => perform(id),
      () => Effect.sync(cause.end)
    )
  )
  assert.isTrue(isStoreError(error), String(error))
  assert.strictEqual(isStoreError(error) ? error.reason : undefined, reason)
  assert.deepStrictEqual(yield* agreed(file, id), before)
  yield* perform(id)
  assert.notDeepEqual(yield* agreed(file, id), before)
})

const broken = (table: string, event = "INSERT"): string =>
  `CREATE TRIGGER broken BEFORE ${event} ON ${table} BEGIN SELECT RAISE(ABORT, 'broken'); END`

const trigger = ({ other }: File, table: string) => ({
  begin: () => void other.exec(broken(table)),
  end: () => void other.exec("DROP TRIGGER broken")
})

describe("a constraint", () => {
  for (const step of STEPS) {
    for (const table of step.tables) {
      it.live(`on ${table} fails ${step.what}, of which nothing stays`, () =>
        onFile((file) =>
          Effect.gen(function* () {
            const id = newSession()
            yield* step.ready(id)
            yield* fails(file, step, id, "failed", trigger(file, table))
          })
        )
      )
    }
  }

  it.live("on what is told to other processes takes no committed compression back", () =>
    onFile((file) =>
      Effect.gen(function* () {
        const id = newSession()
        yield* imported(id)
        trigger(file, "operation").begin()
        const result = yield* compressed(id)
        assert.deepStrictEqual([result.outcome, result.generation], ["committed", 1])
        assert.strictEqual((yield* agreed(file, id))?.state.generation, 1)
      })
    )
  )

  it.live("on what is remembered of failing routes stops no compression", () =>
    onFile(
      (file) =>
        Effect.gen(function* () {
          const id = newSession()
          yield* imported(id)
          trigger(file, "route_pause").begin()
          assert.strictEqual((yield* compressed(id)).outcome, "degraded")
          assert.strictEqual((yield* agreed(file, id))?.state.generation, 1)
          trigger(file, "route_pause").end()
        }),
      Scripted.layer([new QuotaExceeded({ route: "scripted", detail: "spent" })])
    )
  )
})

describe("a full disk", () => {
  const full = ({ own }: File) => ({
    begin: () => void own.pragma(`max_page_count = ${own.pragma("page_count", { simple: true })}`),
    end: () => void own.pragma("max_page_count = 1000000")
  })
  for (const step of STEPS.filter(({ what }) => ["deliver", "promote", "append"].includes(what))) {
    it.live(`fails ${step.what}, of which nothing stays`, () =>
      onFile((file) =>
        Effect.gen(function* () {
          const id = newSession()
          yield* step.ready(id)
          yield* fails(file, step, id, "full", full(file))
        })
      )
    )
  }
})

describe("each statement that writes, failing in turn", () => {
  /** Lets the `at`-th writing statement of the store fail, and counts them. */
  const failing = (own: Database.Database, at: number, code: string) => {
    const statements: { run: Database.Statement["run"] } = Object.getPrototypeOf(own.prepare("SELECT 1"))
    const { run } = statements
    const seen = { writes: 0 }
    return {
      seen,
      begin: () => {
        statements.run = function (this: Database.Statement, ...parameters) {
          if (this.database === own && this.source !== "ROLLBACK" && ++seen.writes === at) {
            throw new Database.SqliteError("failed by the test", code)
          }
          return run.apply(this, parameters)
        }
      },
      end: () => void (statements.run = run)
    }
  }

  const FAULTS = [
    ["SQLITE_FULL", "full"],
    ["SQLITE_CONSTRAINT_PRIMARYKEY", "failed"],
    ["SQLITE_IOERR_WRITE", "unavailable"]
  ] as const

  // In a thorough run every write fails with every code. Else the codes take turns.
  for (const step of STEPS) {
    for (const faults of isThorough ? FAULTS.map((fault) => [fault]) : [FAULTS]) {
      const codes = faults.map(([code]) => code).join(", ")
      it.live(`${step.what} and ${codes}: all of it or nothing, and it works again`, () =>
        onFile((file) =>
          Effect.gen(function* () {
            let failures = 0
            for (let at = 1; ; at++) {
              const [code, reason] = yield* Effect.fromNullable(faults[at % faults.length])
              const id = newSession()
              yield* step.ready(id)
              const before = yield* all(id)
              const fault = failing(file.own, at, code)
              const result = yield* Effect.acquireUseRelease(
                Effect.sync(fault.begin),
                () => Effect.either(step.perform(id)),
                () => Effect.sync(fault.end)
              )
              const after = yield* agreed(file, id)
              if (Either.isLeft(result)) {
                failures += 1
                assert.strictEqual(isStoreError(result.left) ? result.left.reason : result.left, reason)
                assert.deepStrictEqual(after, before, `after write ${at}`)
                yield* step.perform(id)
                yield* agreed(file, id)
              } else assert.notDeepEqual(after, before)
              if (fault.seen.writes < at) break
            }
            assert.isAtLeast(failures, 3)
          })
        )
      )
    }
  }
})

describe("a lease that somebody took over", () => {
  const takeOver = ({ other }: File, id: SessionId, name: "turn" | "operation") =>
    void other.prepare("UPDATE lease SET token = token + 1 WHERE session_id = ? AND name = ?").run(id, name)

  for (const [what, go] of [
    ["promote", ({ view }) => view()],
    ["append", ({ append }) => append(ANSWER)]
  ] as ReadonlyArray<readonly [string, (turn: Turn) => Effect.Effect<unknown, unknown>]>) {
    it.live(`${what} fails with TurnLost and writes nothing`, () =>
      onFile((file) =>
        Effect.gen(function* () {
          const id = newSession()
          const { deliver, turn } = yield* Gateway.Gateway
          yield* takenUp(id, says("user", "hello"))
          const before = yield* all(id)
          const error = yield* Effect.flip(
            turn(id, (turn) => {
              takeOver(file, id, "turn")
              return Effect.zipRight(yieldToLoop, go(turn))
            })
          )
          assert.propertyVal(error, "_tag", "TurnLost")
          if (what === "append") assert.deepPropertyVal(error, "unstored", [ANSWER])
          assert.deepStrictEqual(yield* agreed(file, id), before)
          file.other.exec("UPDATE lease SET holder = NULL")
          yield* deliver(id, says("user", "again"))
          yield* turn(id, (turn) => go(turn))
          assert.notDeepEqual(yield* agreed(file, id), before)
        })
      )
    )
  }

  for (const [what, ready, go, end] of [
    ["compress", imported, (id: SessionId) => Effect.map(compressed(id), ({ outcome }) => outcome), "failed"],
    ["heal", degraded, (id: SessionId) => Effect.map(healed(id), ({ length }) => length), 0]
  ] as const) {
    it.live(`${what} writes nothing and says so`, () =>
      onFile((file) =>
        Effect.gen(function* () {
          const id = newSession()
          yield* ready(id)
          const before = yield* all(id)
          model.whenAsked = () => takeOver(file, id, "operation")
          assert.strictEqual(yield* go(id), end)
          model.whenAsked = () => {}
          assert.deepStrictEqual(yield* agreed(file, id), before)
          file.other.exec("UPDATE lease SET holder = NULL")
          assert.notStrictEqual(yield* go(id), end)
          assert.notDeepEqual(yield* agreed(file, id), before)
        })
      )
    )
  }
})
