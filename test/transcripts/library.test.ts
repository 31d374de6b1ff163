import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Effect, Stream } from "effect"
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { Session, SessionStore, Transcripts } from "../../src/index.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"

/** Uses the module as a program of its own does: by its public names, on files. */
describe("Transcripts, as a library", () => {
  const folder = mkdtempSync(join(tmpdir(), "transcripts-"))
  afterAll(() => rmSync(folder, { recursive: true }))

  const writeFile = (name: string, content: string | Uint8Array) => {
    const file = join(folder, name)
    writeFileSync(file, content)
    return file
  }

  const claudeCode = [
    { type: "summary", summary: "Invoices", leafUuid: "b" },
    { type: "user", sessionId: "cc", uuid: "a", parentUuid: null, message: { role: "user", content: "Is it paid?" } },
    {
      type: "assistant",
      sessionId: "cc",
      uuid: "b",
      parentUuid: "a",
      message: { id: "r", role: "assistant", content: [{ type: "text", text: "Yes." }] }
    }
  ]
    .map((line) => JSON.stringify(line))
    .join("\n")

  it.effect("a session file is read, imported and there", () =>
    Effect.gen(function* () {
      const { format, sessions, skipped } = yield* Transcripts.readFile(writeFile("cc.jsonl", claudeCode))
      assert.strictEqual(format, "claude-code")
      assert.deepStrictEqual(skipped, { summary: 1 })
      const store = yield* SessionStore.SessionStore
      const sessionId = Session.SessionId.make(sessions[0]?.sessionId ?? "none")
      yield* store.importAll(sessions.map(({ messages }) => ({ sessionId, messages })))
      const log = yield* Stream.runCollect(store.log(sessionId))
      assert.deepStrictEqual(
        Array.from(log, ({ message }) => message),
        [
          { role: "user", content: "Is it paid?" },
          { role: "assistant", content: "Yes." }
        ]
      )
    }).pipe(Effect.provide(Sqlite.layer({ filename: join(folder, "sessions.db") })))
  )

  it.effect("each way to fail has an error of its own", () =>
    Effect.gen(function* () {
      const secret = "sk-very-secret"
      const broken = writeFile(
        "broken.jsonl",
        `{"role":"user","content":"hello"}\n{"role":"user","content":{"${secret}":1}}\n`
      )
      const imported = yield* Effect.flip(Transcripts.readFile(broken))
      assert(imported instanceof Transcripts.ImportError)
      assert.strictEqual(imported.line, 2)
      assert.notInclude(imported.message, secret)

      const missing = yield* Effect.flip(Transcripts.readFile(join(folder, "gone.jsonl")))
      assert(missing instanceof Transcripts.UnreadableTranscript)
      assert.match(missing.message, /^cannot read .*gone\.jsonl: no such file or directory$/)

      const latin1 = yield* Effect.flip(Transcripts.readFile(writeFile("latin1.jsonl", Buffer.from("h\xe9", "latin1"))))
      assert.strictEqual(latin1.message, `${join(folder, "latin1.jsonl")}: expected text in UTF-8`)

      const large = writeFile("large.jsonl", "")
      truncateSync(large, 3 * 2 ** 30)
      for (const options of [{}, { salvage: true }]) {
        const refused = yield* Effect.flip(Transcripts.readFile(large, options))
        assert.match(refused.message, /^.*large\.jsonl: expected at most 536870888 bytes of text, found 3221225472$/)
      }

      const database = join(folder, "other.db")
      new Database(database).exec("CREATE TABLE t (a)").close()
      assert.strictEqual((yield* Effect.flip(Transcripts.readFile(database)))._tag, "StoreError")
    })
  )
})
