import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Client } from "pg"
import { assertFailure, makeExpectations, run } from "../support/cli.ts"
import { createDatabase } from "../support/postgres.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const { expectSuccess, runForJson } = makeExpectations(run)

describe("the command line on a PostgreSQL", () => {
  it.scopedLive("imports, lists, finds, counts, exports and checks sessions", () =>
    Effect.gen(function* () {
      const db = yield* Effect.promise(() => createDatabase())
      const folder = yield* makeTemporaryFolder()
      const file = join(folder, "chat.json")
      const messages = [
        { role: "user", content: "Which port does billing listen on?" },
        { role: "assistant", content: "On port 8123." }
      ]
      writeFileSync(file, JSON.stringify(messages))
      yield* expectSuccess(["import", file, "--db", db, "--session", "chat-1"])
      yield* expectSuccess(["deliver", "chat-1", "--db", db], { stdin: "And where is its log?" })
      const sessions = yield* runForJson(["sessions", "--db", db])
      assert.deepStrictEqual(sessions, [{ sessionId: "chat-1", messages: 2, waiting: 1, generation: 0, tokens: 21 }])
      assert.include(yield* expectSuccess(["recall", "chat-1", "billing port", "--db", db]), "8123")
      assert.include(JSON.stringify(yield* runForJson(["stats", "chat-1", "--db", db])), "chat-1")
      assert.deepInclude(yield* runForJson(["doctor", db]), { sessions: 1, messages: 2, findings: [] })

      const client = new Client(db)
      yield* Effect.promise(async () => {
        await client.connect()
        await client.query("UPDATE throughline.message SET body = replace(body, '8123', '8124') WHERE seq = 2")
        await client.end()
      })
      const damaged = yield* run(["doctor", db])
      assert.strictEqual(damaged.code, 1)
      assert.include(damaged.stdout, "message 2")
      yield* expectSuccess(["forget", "chat-1", "--db", db])
      assert.deepStrictEqual(yield* runForJson(["sessions", "--db", db]), [])
    })
  )

  it.scopedLive("says in one line that no server is there, without the password", () =>
    Effect.gen(function* () {
      const said = assertFailure(yield* run(["sessions", "--db", "postgres://me:s3cret@127.0.0.1:1/db"]))
      assert.include(said, "ECONNREFUSED")
      assert.notInclude(said, "s3cret")
    })
  )
})
