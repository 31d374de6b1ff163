/**
 * The cost of taking answers back, round after round: `tsx scratch/bench/rewinds.ts [ROUNDS]`. A round asks, answers, takes
 * the answer back and answers again, without any compression. Prints milliseconds a round, and the bytes of the manifests,
 * at each quarter.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import Database from "better-sqlite3"
import { Effect, Layer } from "effect"
import { Gateway, layer } from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"

const rounds = Number(process.argv[2] ?? 1_000)
const folder = mkdtempSync(join(tmpdir(), "throughline-rewinds-"))
const filename = join(folder, "sessions.db")
const id = SessionId.make("chat-42")

const answer = (content: string) =>
  Effect.flatMap(Gateway, ({ turn }) =>
    turn(id, ({ append, view }) => Effect.zipRight(view(), append({ role: "assistant", content })))
  )

const playRound = (n: number) =>
  Effect.gen(function* () {
    const { deliver, rewind } = yield* Gateway
    const store = yield* SessionStore
    yield* deliver(id, { role: "user", content: `question ${n}` })
    yield* answer("bad")
    const { lastSeq } = yield* store.state(id)
    yield* rewind(id, lastSeq - 1)
    yield* answer("good")
  })

const countBytes = (): number => {
  const db = new Database(filename, { readonly: true })
  const bytes = db.prepare<[], number>("SELECT sum(length(manifest)) FROM generation").pluck().get() ?? 0
  db.close()
  return bytes
}

const program = Effect.gen(function* () {
  const quarter = Math.ceil(rounds / 4)
  let began = performance.now()
  for (let n = 1; n <= rounds; n++) {
    yield* playRound(n)
    if (n % quarter !== 0) continue
    const milliseconds = (performance.now() - began) / quarter
    process.stdout.write(`${n} rounds: ${milliseconds.toFixed(1)} ms a round, ${countBytes()} bytes of manifests\n`)
    began = performance.now()
  }
})

const world = layer({ policy: { contextLength: 1_000_000, mode: "manual" }, routes: [] }).pipe(
  Layer.provideMerge(Sqlite.layer({ filename })),
  Layer.provide(Scripted.layer([]))
)

await Effect.runPromise(program.pipe(Effect.provide(world), Effect.scoped)).finally(() =>
  rmSync(folder, { recursive: true, force: true })
)
