/**
 * What a damaged file costs: one bit flipped, one page of zeros, or the end cut off, in copies of a database with two
 * sessions. Run: `npx tsx scratch/soak/bitFlips.ts [--copies N] [--seed S]`.
 */
import { Cause, Chunk, Effect, Exit, Layer, Option, Stream } from "effect"
import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { parseArgs } from "node:util"
import * as Random from "../../src/cli/random.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as HermesFiles from "../../test/support/hermes.ts"
import { makeTemporaryFolder } from "../../test/support/temporaryFolder.ts"
import { conversation, recordLogLines } from "../../test/support/world.ts"
import * as Report from "./report.ts"
import type { StoreKind } from "./telling.ts"
import * as Worker from "./worker.ts"

const { values } = parseArgs({
  options: { copies: { type: "string", default: "100" }, seed: { type: "string", default: "1" } }
})
const copies = Number(values.copies)
const random = Random.make(Number(values.seed))

const ids = ["one", "two"].map((name) => SessionId.make(name))

const open = (store: StoreKind, filename: string) =>
  Worker.layer(store, filename, []).pipe(Layer.provide(Scripted.layer([])), Layer.provideMerge(recordLogLines().layer))

/** Two sessions of some compressions, with a delivery that waits. */
const fill = Effect.gen(function* () {
  const [gateway, store] = [yield* Gateway, yield* SessionStore]
  for (const id of ids) {
    yield* store.importAll([{ sessionId: id, messages: conversation(40) }])
    yield* gateway.compress(id)
    yield* gateway.turn(id, ({ append, view }) => Effect.zipRight(view(), append(...conversation(10, 40))))
    yield* gateway.compress(id)
    yield* gateway.deliver(id, { role: "user", content: "the last one" })
  }
})

interface Message {
  readonly text: string
  /** True if the message says of itself that it could not be read. */
  readonly isTold: boolean
}

const readLog = (id: SessionId) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(id))).pipe(
    Effect.map((log): ReadonlyArray<Message> =>
      Chunk.toReadonlyArray(log).map((entry) => {
        const text = JSON.stringify(entry.message)
        return { text, isTold: "unreadable" in entry && entry.unreadable !== null && entry.unreadable !== undefined }
      })
    )
  )

const damages = ["a bit", "a page", "the end"] as const

const damageFile = (filename: string, damage: (typeof damages)[number]): void => {
  const bytes = readFileSync(filename)
  const at = random.between(0, bytes.length - 1)
  if (damage === "the end") return truncateSync(filename, at)
  if (damage === "a bit") bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.between(0, 7)), at)
  else bytes.fill(0, Math.floor(at / PAGE) * PAGE, (Math.floor(at / PAGE) + 1) * PAGE)
  writeFileSync(filename, bytes)
}

const PAGE = 4_096

/** What reading a log of a damaged file comes to. Messages may say of themselves that they cannot be read. */
const outcomes = ["as before", "told by message", "typed error", "silently different", "untyped error"] as const
type Outcome = (typeof outcomes)[number]

const outcomeOf = (before: ReadonlyArray<Message>, read: Exit.Exit<ReadonlyArray<Message>, unknown>): Outcome => {
  if (Exit.isFailure(read))
    return Option.exists(Cause.failureOption(read.cause), isTyped) ? "typed error" : "untyped error"
  const now = read.value
  const changed = now.filter(({ text }, i) => text !== before[i]?.text)
  if (now.length !== before.length || changed.some(({ isTold }) => !isTold)) return "silently different"
  return changed.length === 0 ? "as before" : "told by message"
}

const isTyped = (error: unknown): boolean => typeof error === "object" && error !== null && "_tag" in error

/** A session takes a message and answers. */
const goOn = (id: SessionId) =>
  Effect.flatMap(Gateway, ({ deliver, turn }) =>
    Effect.zipRight(
      deliver(id, { role: "user", content: "and now?" }),
      turn(id, ({ view }) => view())
    )
  )

const measure = Effect.fnUntraced(function* (store: StoreKind) {
  const folder = yield* makeTemporaryFolder()
  const whole = join(folder, "whole")
  mkdirSync(whole)
  const filename =
    store === "native"
      ? join(whole, "sessions.db")
      : HermesFiles.fresh(store === "hermes" ? "new" : "old", join(whole, "state.db"))
  yield* Effect.provide(fill, open(store, filename))
  const before = yield* Effect.provide(Effect.forEach(ids, readLog), open(store, filename))
  const look = Effect.forEach(ids, (id, i) =>
    Effect.gen(function* () {
      const outcome = outcomeOf(before[i] ?? [], yield* Effect.exit(readLog(id)))
      return { outcome, goesOn: Exit.isSuccess(yield* Effect.exit(goOn(id))) }
    })
  )
  const damaged = join(folder, "damaged", basename(filename))
  const lookAtDamaged = Effect.fnUntraced(function* (damage: (typeof damages)[number]) {
    rmSync(dirname(damaged), { recursive: true, force: true })
    cpSync(whole, dirname(damaged), { recursive: true })
    damageFile(damaged, damage)
    const looked = yield* Effect.exit(Effect.provide(look, open(store, damaged)))
    if (Exit.isSuccess(looked)) return looked.value
    return before.map((log) => ({ outcome: outcomeOf(log, Exit.failCause(looked.cause)), goesOn: false }))
  })
  return yield* Effect.forEach(damages, (damage) =>
    Effect.map(Effect.all(Array.from({ length: copies }, () => lookAtDamaged(damage))), (looked) => {
      const logs = looked.flat()
      const counts = outcomes.map((outcome) => logs.filter((log) => log.outcome === outcome).length)
      return [store, damage, logs.length, ...counts, logs.filter(({ goesOn }) => goesOn).length]
    })
  )
}, Effect.scoped)

const headings = ["store", "damage", "logs", ...outcomes, "session goes on"]

const main = Effect.map(Effect.forEach(["native", "hermes"] as const, measure), (rows) =>
  console.log(Report.table(headings, rows.flat()))
)

await Effect.runPromise(main)
