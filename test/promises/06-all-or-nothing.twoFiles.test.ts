/**
 * Hermes' database and the side file beside it are two files, and either can fail at a commit while the other does not.
 * Whatever fails, and however often in a row: what was acknowledged is there once, and what failed is not there.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, FastCheck, Layer, Stream, TestClock } from "effect"
import { join } from "node:path"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Hermes from "../../src/hermes/Hermes.ts"
import { isHandoffContent } from "../../src/hermes/marks.ts"
import * as Message from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { StoreError } from "../../src/session/SessionError.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { type Fault, type Faults, watchCommits } from "../support/commitFaults.ts"
import * as HermesFiles from "../support/hermes.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"
import { conversation, manual, recordLogLines, route, summary } from "../support/world.ts"

const a = SessionId.make("a")
const b = SessionId.make("b")
const ids = [a, b]
const ages: ReadonlyArray<HermesFiles.Age> = ["old", "new"]

interface File {
  readonly age: HermesFiles.Age
  readonly journal: "wal" | "delete"
}

const FILES: ReadonlyArray<File> = ages.flatMap((age) => [
  { age, journal: "wal" },
  { age, journal: "delete" }
])

const makeFile = ({ age, journal }: File) =>
  Effect.map(makeTemporaryFolder(), (folder) => {
    const filename = HermesFiles.fresh(age, join(folder, "state.db"))
    HermesFiles.inDatabase(filename, (db) => db.pragma(`journal_mode = ${journal}`))
    return filename
  })

/** A gateway on the file, as one process has it. */
const inProcess = <A, E>(filename: string, use: Effect.Effect<A, E, Gateway.Gateway | SessionStore>) => {
  const store = Hermes.layer({ filename, durability: "process" })
  const gateway = Gateway.layer({ policy: manual, routes: [route] })
  return use.pipe(
    Effect.provide(
      gateway.pipe(
        Layer.provide(Scripted.layer([() => summary("the invoices")])),
        Layer.provideMerge(store),
        Layer.provideMerge(recordLogLines().layer)
      )
    )
  )
}

type Verb = "deliver" | "turn" | "compress" | "reset" | "rewind" | "restart"

interface Action {
  readonly verb: Verb
  readonly id: SessionId
  readonly fault: Fault | undefined
}

/** Texts by what their caller was told. Those of a process that ended are in none of the lists. */
interface Told {
  readonly acknowledged: Array<string>
  readonly failed: Array<string>
  tried: number
  crashes: number
}

const isUnknown = (error: unknown) => error instanceof StoreError && error.reason === "unknown"

const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isSuccess(exit) ? undefined : Cause.squash(exit.cause)

const perform = Effect.fnUntraced(function* (verb: Verb, id: SessionId, told: Told, faults: Faults) {
  const { compress, deliver, reset, rewind, turn } = yield* Gateway.Gateway
  const store = yield* SessionStore

  const say = <E, R>(text: string, write: Effect.Effect<unknown, E, R>) =>
    Effect.tap(Effect.exit(write), (exit) => {
      // A process that has ended tells nobody anything.
      if (faults.wreck() !== undefined) return
      if (Exit.isSuccess(exit)) told.acknowledged.push(text)
      else if (!isUnknown(failureOf(exit))) told.failed.push(text)
    })
  const next = () => `${id}: message ${(told.tried += 1)}`

  switch (verb) {
    case "deliver": {
      const content = next()
      return failureOf(yield* say(content, deliver(id, { role: "user", content })))
    }
    case "turn": {
      const content = next()
      const agent = turn(id, (turn) =>
        Effect.gen(function* () {
          yield* turn.view()
          const exit = yield* say(content, turn.append({ role: "assistant", content }))
          return yield* exit
        })
      )
      return failureOf(yield* Effect.exit(agent))
    }
    case "compress":
      return failureOf(yield* Effect.exit(compress(id)))
    case "reset":
      return failureOf(yield* Effect.exit(reset(id)))
    case "rewind":
      return failureOf(
        yield* Effect.exit(Effect.flatMap(store.state(id), ({ lastSeq }) => rewind(id, Math.max(0, lastSeq - 2))))
      )
    case "restart":
      return undefined
  }
})

const readLog = (id: SessionId) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(id))).pipe(
    Effect.map(Chunk.toReadonlyArray),
    Effect.catchTag("UnknownSession", () => Effect.succeed([]))
  )

const readLogs = Effect.map(Effect.forEach(ids, readLog), (logs) =>
  logs.flat().map(({ message, seq }) => ({ text: Message.text(message), isWaiting: seq === null }))
)

const isSaid = (text: string) => text.includes(": message ")

const countTexts = (texts: ReadonlyArray<string>, text: string) => texts.filter((other) => other === text).length

const assertTold = Effect.fnUntraced(function* ({ acknowledged, failed }: Told) {
  const texts = (yield* readLogs).map(({ text }) => text)
  for (const text of acknowledged) assert.strictEqual(countTexts(texts, text), 1, `acknowledged: ${text}`)
  for (const text of failed) assert.strictEqual(countTexts(texts, text), 0, `failed: ${text}`)
  const said = texts.filter(isSaid)
  assert.strictEqual(new Set(said).size, said.length, "no message is there twice")
})

/** Hermes has every message of the log as one row, and its file is whole. */
const assertRows = Effect.fnUntraced(function* (filename: string) {
  const rows = HermesFiles.rowsOf(filename).flatMap(({ content }) => (isHandoffContent(content) ? [] : [content ?? ""]))
  const log = (yield* readLogs).flatMap(({ isWaiting, text }) => (isWaiting ? [] : [text]))
  assert.deepStrictEqual(rows.filter(isSaid).toSorted(), log.filter(isSaid).toSorted(), "Hermes has the log")
  HermesFiles.assertSound(filename)
})

/** Runs the actions, each process until it ends, and looks after each at what the next one finds. */
const run = Effect.fnUntraced(function* (file: File, actions: ReadonlyArray<Action>) {
  const faults = yield* watchCommits
  const told: Told = { acknowledged: [], failed: [], tried: 0, crashes: 0 }
  let filename = yield* makeFile(file)
  const importAll = Effect.flatMap(SessionStore, (store) =>
    store.importAll([{ sessionId: a, messages: conversation(12) }])
  )
  yield* inProcess(filename, importAll)

  const left = actions.slice()
  /** Performs the actions up to the end of the process. */
  const live = Effect.gen(function* () {
    faults.arm(undefined)
    for (let action = left[0]; action !== undefined && action.verb !== "restart"; action = left[0]) {
      left.shift()
      faults.arm(action.fault)
      const error = yield* perform(action.verb, action.id, told, faults)
      if (faults.wreck() !== undefined) return
      const failed = `nothing failed, but ${action.verb} did: ${String(error)}`
      if (faults.met() === 0) assert.isFalse(error instanceof StoreError, failed)
      faults.arm(undefined)
      yield* assertTold(told)
    }
  })
  while (left.length > 0) {
    // A start may fail, too.
    faults.arm(left[0]?.verb === "restart" ? left.shift()?.fault : undefined)
    const isUp = Effect.sync(() => faults.wreck() === undefined)
    const ended = yield* Effect.exit(
      inProcess(filename, Effect.if(isUp, { onTrue: () => live, onFalse: () => Effect.void }))
    )
    if (Exit.isFailure(ended) && faults.met() === 0) return yield* Effect.failCause(ended.cause)
    if (faults.wreck() !== undefined) told.crashes += 1
    filename = faults.wreck() ?? filename
    faults.arm(undefined)
    // Leases of the process that ended expire.
    yield* TestClock.adjust("1 minute")
    // To look would be a start without a fault.
    if (left[0]?.verb !== "restart") yield* inProcess(filename, assertTold(told))
  }
  yield* inProcess(filename, Effect.zipRight(assertTold(told), assertRows(filename)))
  return told
})

const error = (phase: Fault["phase"], times = 1, after = 0): Fault => ({
  how: "error",
  phase,
  code: "SQLITE_FULL",
  after,
  times
})
const crash = (phase: Fault["phase"], after = 0): Fault => ({ ...error(phase, 1, after), how: "crash" })
const act = (verb: Verb, fault?: Fault, id = a): Action => ({ verb, id, fault })

describe("between the commits of Hermes' two files", () => {
  for (const file of FILES) {
    it.effect(
      `a process that ends there five times in a row loses and doubles nothing (${file.age}, ${file.journal})`,
      () =>
        Effect.gen(function* () {
          const restarts = Array.from({ length: 4 }, () => act("restart", crash("between")))
          const told = yield* run(file, [
            act("deliver"),
            act("turn"),
            act("deliver"),
            act("turn", crash("between")),
            ...restarts,
            act("compress", crash("between")),
            ...restarts,
            act("rewind", crash("between")),
            ...restarts,
            act("deliver"),
            act("turn")
          ])
          assert.deepStrictEqual([told.acknowledged.length, told.crashes], [5, 15])
        }).pipe(Effect.scoped)
    )
  }

  for (const age of ages) {
    it.effect(`a disk that is full there for any time loses nothing, and what failed is not there (${age})`, () =>
      Effect.gen(function* () {
        const told = yield* run({ age, journal: "wal" }, [
          act("deliver"),
          act("turn"),
          act("deliver"),
          act("turn", error("between", 5)),
          act("deliver", error("between", 5)),
          act("compress", error("between", 5)),
          act("deliver", error("between", 1)),
          act("turn", error("between", 2, 1)),
          act("rewind", error("between", 1)),
          act("reset", error("between", 3)),
          act("turn")
        ])
        assert.isAbove(told.failed.length, 0)
      }).pipe(Effect.scoped)
    )
  }
})

const fault: FastCheck.Arbitrary<Fault> = FastCheck.record({
  how: FastCheck.constantFrom<Fault["how"]>("error", "error", "crash"),
  phase: FastCheck.constantFrom<Fault["phase"]>("before", "between", "between", "after"),
  code: FastCheck.constantFrom<Fault["code"]>("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC"),
  after: FastCheck.nat(3),
  times: FastCheck.integer({ min: 1, max: 4 })
})

const actions = FastCheck.array(
  FastCheck.record({
    verb: FastCheck.constantFrom<Verb>("deliver", "deliver", "turn", "turn", "compress", "reset", "rewind", "restart"),
    id: FastCheck.constantFrom(a, a, b),
    fault: FastCheck.option(fault, { nil: undefined, freq: 2 })
  }),
  { minLength: 3, maxLength: 14, size: "max" }
)

describe("whatever fails at the commits of Hermes' two files", () => {
  it.effect.prop(
    "what was acknowledged is there once, and what failed is not there unless its outcome is unknown",
    { file: FastCheck.constantFrom(...FILES), actions },
    ({ actions, file }) => Effect.scoped(Effect.asVoid(run(file, actions))),
    propertyRuns(12, 300)
  )
})
