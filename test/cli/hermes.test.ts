import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Doctor from "../../src/hermes/Doctor.ts"
import * as Cli from "../support/cli.ts"
import * as Files from "../support/hermes.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const Sent = Schema.parseJson(Schema.Array(Schema.Struct({ role: Schema.String, content: Schema.String })))

const work = "Never touch the staging database. ".repeat(40)
const messages = Array.from({ length: 60 }, (_, n) => ({
  role: n % 2 === 0 ? "user" : "assistant",
  content: `${n}: ${work}`
}))

/** The embedded summarizer and a small window. */
const settings = "model: { provider: embedded, context_length: 16000 }"

describe("the commands on a Hermes database", () => {
  for (const age of ["new", "old"] as const) {
    it.scoped(`import, compress and view work on one of an ${age} schema, where it is`, () =>
      Effect.gen(function* () {
        const folder = yield* makeTemporaryFolder()
        const [session, config] = [join(folder, "session.jsonl"), join(folder, "config.yaml")]
        writeFileSync(session, messages.map((message) => JSON.stringify(message)).join("\n"))
        writeFileSync(config, settings)
        const db = Files.fresh(age)
        const imported = yield* Cli.run(["import", session, "--db", db, "--session", "chat"])
        assert.deepStrictEqual([imported.code, imported.stderr], [0, ""])
        const compressed = yield* Cli.run(["compress", "chat", "--db", db, "--config", config, "--json"])
        assert.strictEqual(compressed.code, 0, compressed.stderr)
        const view = yield* Schema.decode(Sent)((yield* Cli.run(["view", "chat", "--db", db, "--json"])).stdout)
        assert.isBelow(view.length, messages.length)
        assert.deepStrictEqual(view.at(-1), messages.at(-1))
        const live = Files.rowsOf(db).filter(({ active }) => active !== 0)
        assert.strictEqual(live.length, age === "new" ? view.length : messages.length)
        assert.deepStrictEqual((yield* Doctor.diagnose(db)).findings, [])
      })
    )
  }

  it.scoped("what is neither Hermes' nor ours is refused, and left as it is", () =>
    Effect.gen(function* () {
      const file = join(yield* makeTemporaryFolder(), "notes.db")
      writeFileSync(file, "no database")
      const { code, stderr } = yield* Cli.run(["sessions", "--db", file])
      assert.strictEqual(code, 1)
      assert.include(stderr, "is not a SQLite database")
      assert.strictEqual(readFileSync(file, "utf8"), "no database")
    })
  )

  it.scoped("what is cut off is called damaged, and left as it is", () =>
    Effect.gen(function* () {
      const file = join(yield* makeTemporaryFolder(), "state.db")
      writeFileSync(file, readFileSync(Files.fresh("old")).subarray(0, 5_000))
      const before = readFileSync(file)
      const { code, stderr } = yield* Cli.run(["sessions", "--db", file])
      assert.strictEqual(code, 1)
      assert.include(stderr, "malformed")
      assert.deepStrictEqual(readFileSync(file), before)
    })
  )
})
