/**
 * A session replay beside its floor: 300 turns of 10 messages through the gateway, against bare better-sqlite3 writing
 * the same rows in three commits a turn, same pragmas. Run: `npx tsx scratch/bench/replay.ts [folder]`
 */
import Database from "better-sqlite3"
import { Effect, Layer, Logger, LogLevel } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Gateway from "../../src/Gateway.ts"
import type { Message } from "../../src/Message.ts"
import * as Scripted from "../../src/Provider/Scripted.ts"
import { SessionId } from "../../src/Session.ts"
import * as Sqlite from "../../src/SessionStore/Sqlite.ts"

const TURNS = 300
const ROUNDS = 5
const id = SessionId.make("replay")
const request = (n: number): Message => ({ role: "user", content: `Please look at part ${n} of the report.` })
const replies = (n: number): ReadonlyArray<Message> =>
  Array.from({ length: ROUNDS - 1 }, (_, k): ReadonlyArray<Message> => {
    const callId = `call_${n}_${k}`
    const call = {
      id: callId,
      type: "function",
      function: { name: "read", arguments: `{"path":"src/${n}/${k}.ts"}` }
    } as const
    return [
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: callId, content: `line ${n} ${k} of the file that was read\n`.repeat(40) }
    ]
  })
    .flat()
    .concat([{ role: "assistant", content: `Part ${n} is fine.` }])

const floor = (file: string): number => {
  const db = new Database(file)
  for (const pragma of ["journal_mode = WAL", "synchronous = FULL", "busy_timeout = 0"]) db.pragma(pragma)
  db.exec("CREATE TABLE inbox (a INTEGER PRIMARY KEY AUTOINCREMENT, s TEXT, t INTEGER, b TEXT, at INTEGER) STRICT")
  db.exec(
    "CREATE TABLE message (s TEXT, q INTEGER, a INTEGER, t INTEGER, x INTEGER, b TEXT, at INTEGER, PRIMARY KEY (s, q)) STRICT"
  )
  const deliver = db.prepare("INSERT INTO inbox (s, t, b, at) VALUES (?, ?, ?, ?)")
  const append = db.prepare("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?)")
  const clear = db.prepare("DELETE FROM inbox WHERE s = ? AND a <= ?")
  const atomic = (body: () => void) => {
    db.exec("BEGIN IMMEDIATE")
    body()
    db.exec("COMMIT")
  }
  let seq = 0
  const begin = performance.now()
  for (let n = 0; n < TURNS; n++) {
    const body = JSON.stringify(request(n))
    atomic(() => deliver.run(id, 10, body, n))
    atomic(() => {
      append.run(id, ++seq, n + 1, 10, seq * 10, body, n)
      clear.run(id, n + 1)
    })
    atomic(() => replies(n).forEach((reply) => append.run(id, ++seq, null, 10, seq * 10, JSON.stringify(reply), n)))
  }
  const took = performance.now() - begin
  db.close()
  return took
}

const replay = (file: string) =>
  Effect.gen(function* () {
    const gateway = yield* Gateway.Gateway
    const begin = performance.now()
    for (let n = 0; n < TURNS; n++) {
      yield* gateway.deliver(id, request(n))
      yield* gateway.turn(id, (turn) => turn.step(() => turn.append(...replies(n))))
    }
    return performance.now() - begin
  }).pipe(
    Effect.provide(
      Gateway.layer({ policy: { contextLength: 128_000 }, routes: [] }).pipe(
        Layer.provide([Sqlite.layer({ filename: file }), Scripted.layer([])]),
        Layer.merge(Logger.minimumLogLevel(LogLevel.Error))
      )
    ),
    Effect.runPromise
  )

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), "replay-"))
for (let round = 0; round < 5; round++) {
  const least = floor(join(folder, `floor-${round}.db`))
  const took = await replay(join(folder, `replay-${round}.db`))
  console.log(`floor ${least.toFixed(0)} ms, replay ${took.toFixed(0)} ms, ratio ${(took / least).toFixed(2)}`)
}
rmSync(folder, { recursive: true })
