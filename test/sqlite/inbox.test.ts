import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Chunk, Effect, Either, FastCheck as fc, Fiber, Layer, Runtime, Stream, TestClock } from "effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { yieldToLoop } from "../../src/concurrency/eventLoopBudget.ts"
import type { InvalidMessage } from "../../src/message/Message.ts"
import { estimate, Tokens } from "../../src/message/Tokens.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import type { DeliveryKind, Receipt, SessionId } from "../../src/session/Session.ts"
import type { IdempotencyConflict, InvalidKey, StoreError } from "../../src/session/SessionError.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { trailOf } from "../support/auditTrail.ts"
import { repetitions } from "../support/repetitions.ts"
import { freshSession, user } from "../support/stores.ts"
import { recordLogLines, scripted, summary } from "../support/world.ts"

/** One of some that come together; its text is null if it cannot be written. */
interface Arriving {
  readonly session: number
  readonly text: string | null
  readonly kind: DeliveryKind
  readonly key: string | undefined
}

const arriving: fc.Arbitrary<Arriving> = fc.record({
  session: fc.nat(2),
  text: fc.oneof({ weight: 9, arbitrary: fc.constantFrom("one", "two", "three") }, fc.constant(null)),
  kind: fc.constantFrom("request", "notification"),
  key: fc.option(fc.constantFrom("a", "b"), { nil: undefined })
})

const unwritable = user("unwritable")

/** Counts more tokens than a column can hold. */
const failing = Layer.succeed(Tokens, {
  text: estimate.text,
  message: (message) => (message.content === unwritable.content ? 1e300 : estimate.message(message))
})

/** What each of them is to be told, and what is to be in each session, when they are taken one after the other. */
const oneByOne = (all: ReadonlyArray<Arriving>) => {
  const first = new Map<string, Arriving>()
  const logs = new Map<number, ReadonlyArray<string>>()
  const told = all.map((one) => {
    const key = one.key && `${one.session} ${one.key}`
    const earlier = key === undefined ? undefined : first.get(key)
    if (earlier !== undefined) {
      return earlier.text === one.text && earlier.kind === one.kind ? "duplicate" : "IdempotencyConflict"
    }
    if (one.text === null) return "StoreError"
    if (key !== undefined) first.set(key, one)
    logs.set(one.session, [...(logs.get(one.session) ?? []), one.text])
    return "taken"
  })
  return { told, logs }
}

const toldOf = Either.match({
  onLeft: (error: StoreError | InvalidMessage | IdempotencyConflict | InvalidKey) => error._tag,
  onRight: ({ duplicate }: Receipt): string => (duplicate ? "duplicate" : "taken")
})

const logOf = (id: SessionId) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(id))).pipe(
    Effect.map((log) => Chunk.toReadonlyArray(log)),
    Effect.catchTag("UnknownSession", () => Effect.succeed([]))
  )

const deliverTo = (id: SessionId, text: string | null, kind: DeliveryKind = "request", key?: string) =>
  Effect.flatMap(SessionStore, (store) => store.deliver(id, text === null ? unwritable : user(text), { kind, key }))

const hundred = Array.from({ length: 100 }, (_, n) => `${n}`)
const deliverAll = (id: SessionId, texts = hundred) =>
  Effect.forEach(texts, (text) => deliverTo(id, text), { concurrency: "unbounded" })

/** Commits of this process while `effect` ran. */
const commitsDuring = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let commits = 0
    const db = new Database(":memory:")
    const statements: Database.Statement = Object.getPrototypeOf(db.prepare("SELECT 1"))
    const run = statements.run
    statements.run = function (this: Database.Statement, ...parameters) {
      if (this.source === "COMMIT") commits += 1
      return run.apply(this, parameters)
    }
    return Effect.ensuring(
      Effect.map(effect, (value) => ({ value, commits })),
      Effect.sync(() => {
        statements.run = run
        db.close()
      })
    )
  })

describe("deliveries", () => {
  it.layer(Layer.provide(Sqlite.layerTemporary, failing))((it) => {
    it.effect("whatever comes together, each is acknowledged once and in order, and what is wrong fails alone", () =>
      Effect.gen(function* () {
        const runtime = yield* Effect.runtime<SessionStore>()
        const check = (all: ReadonlyArray<Arriving>) =>
          Effect.gen(function* () {
            const ids = [freshSession(), freshSession(), freshSession()] as const
            const idOf = ({ session }: Arriving) => ids[session] ?? assert.fail("there are three")
            const outcomes = yield* Effect.forEach(
              all,
              (one) => Effect.either(deliverTo(idOf(one), one.text, one.kind, one.key)),
              { concurrency: "unbounded" }
            )
            const { logs, told } = oneByOne(all)
            assert.deepStrictEqual(outcomes.map(toldOf), told)
            for (const [session, id] of ids.entries()) {
              const log = yield* logOf(id)
              assert.deepStrictEqual(
                log.map(({ message }) => message.content),
                [...(logs.get(session) ?? [])]
              )
              const receipts = outcomes.flatMap((outcome) =>
                Either.isRight(outcome) && outcome.right.sessionId === id ? [outcome.right] : []
              )
              assert.deepStrictEqual(
                receipts.filter(({ duplicate }) => !duplicate).map(({ arrival }) => arrival),
                log.map(({ arrival }) => arrival)
              )
              const arrivals = new Set(log.map(({ arrival }) => arrival))
              assert.isTrue(receipts.every(({ arrival }) => arrivals.has(arrival)))
            }
          })
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(fc.array(arriving, { maxLength: 12 }), (all) => Runtime.runPromise(runtime)(check(all))),
            { numRuns: repetitions(50, 200) }
          )
        )
      })
    )

    it.effect("one that comes alone does not wait, and those that come with it share one commit", () =>
      Effect.gen(function* () {
        const id = freshSession()
        const runtime = yield* Effect.runtime<SessionStore>()
        yield* yieldToLoop
        const alone = yield* commitsDuring(Effect.sync(() => Runtime.runSync(runtime)(deliverTo(id, "alone"))))
        assert.isFalse(alone.value.duplicate)
        assert.strictEqual(alone.commits, 1)
        const together = yield* commitsDuring(deliverAll(id))
        assert.strictEqual(together.commits, 1)
        assert.deepStrictEqual(
          (yield* logOf(id)).map(({ message }) => message.content),
          ["alone", ...hundred]
        )
      })
    )

    it.effect("who delivers one after the other within a turn of the loop does not wait either", () =>
      Effect.gen(function* () {
        const id = freshSession()
        const runtime = yield* Effect.runtime<SessionStore>()
        const inARow = Effect.forEach(["one", "two", "three"], (text) => deliverTo(id, text))
        yield* yieldToLoop
        const { commits } = yield* commitsDuring(Effect.sync(() => Runtime.runSync(runtime)(inARow)))
        assert.strictEqual(commits, 3)
      })
    )

    it.effect("a commit takes so many at once that it does not hold the event loop", () =>
      Effect.gen(function* () {
        const id = freshSession()
        const texts = [hundred, hundred, hundred].flat()
        const { commits } = yield* commitsDuring(deliverAll(id, texts))
        assert.isAtLeast(commits, 3)
        assert.isAtMost(commits, 4)
        assert.deepStrictEqual(
          (yield* logOf(id)).map(({ message }) => message.content),
          texts
        )
      })
    )
  })

  it.scoped("those that come while the file is busy are in order once it is free, and a late one is behind them", () =>
    Effect.gen(function* () {
      const filename = join(mkdtempSync(join(tmpdir(), "deliveries-")), "x.db")
      const context = yield* Layer.build(Sqlite.layer({ filename }))
      const other = new Database(filename)
      other.exec("BEGIN IMMEDIATE")
      const id = freshSession()
      const first = yield* Effect.fork(deliverAll(id, ["one", "two"]).pipe(Effect.provide(context)))
      yield* TestClock.adjust("1 second")
      const second = yield* Effect.fork(deliverAll(id, ["three", "four"]).pipe(Effect.provide(context)))
      yield* TestClock.adjust("1 second")
      other.exec("COMMIT")
      other.close()
      yield* TestClock.adjust("1 second")
      const receipts = [...(yield* Fiber.join(first)), ...(yield* Fiber.join(second))]
      const log = yield* Effect.provide(logOf(id), context)
      assert.deepStrictEqual(
        log.map(({ arrival, message }) => [arrival, message.content]),
        ["one", "two", "three", "four"].map((text, n) => [receipts[n]?.arrival ?? null, text])
      )
    })
  )

  it.effect("where the file stays busy, all are told, and the next one is taken", () =>
    Effect.gen(function* () {
      const filename = join(mkdtempSync(join(tmpdir(), "deliveries-")), "x.db")
      const context = yield* Layer.build(Sqlite.layer({ filename }))
      const other = new Database(filename)
      other.exec("BEGIN IMMEDIATE")
      const id = freshSession()
      const waiting = yield* Effect.fork(
        Effect.forEach(["one", "two", "three"], (text) => Effect.flip(deliverTo(id, text)), {
          concurrency: "unbounded"
        }).pipe(Effect.provide(context))
      )
      yield* TestClock.adjust("1 minute")
      for (const error of yield* Fiber.join(waiting)) {
        assert.strictEqual(error._tag === "StoreError" ? error.reason : error._tag, "busy")
      }
      other.exec("ROLLBACK")
      other.close()
      assert.isFalse((yield* Effect.provide(deliverTo(id, "four"), context)).duplicate)
    }).pipe(Effect.scoped)
  )

  it.effect("of those that one commit took, all have their log line before a turn promotes one", () => {
    const { layer, lines } = recordLogLines()
    const id = freshSession()
    return Effect.gen(function* () {
      const { deliver, turn } = yield* Gateway
      const answered = (text: string) =>
        Effect.zipRight(
          deliver(id, user(text)),
          turn(id, ({ view }) => view())
        )
      yield* deliver(freshSession(), user("takes the turn of the loop"))
      yield* Effect.forEach(["one", "two", "three"], answered, { concurrency: "unbounded" })
      const events = trailOf(lines).map(({ event }) => event._tag)
      assert.deepStrictEqual(
        events,
        [..."bbbbppp"].map((letter) => (letter === "b" ? "Buffered" : "Promoted"))
      )
    }).pipe(Effect.provide(Layer.merge(scripted(Scripted.layer([summary("it")]), {}, Sqlite.layerTemporary), layer)))
  })
})
