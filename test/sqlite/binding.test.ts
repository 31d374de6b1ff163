import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { afterAll } from "vitest"

const folder = mkdtempSync(join(tmpdir(), "throughline-binding-"))

/** Opens a store where the addon cannot be loaded: it was not built, or for another version, or the runtime is Bun. */
const program = `
  import Module from "node:module"
  import * as Effect from "effect/Effect"
  import * as Layer from "effect/Layer"
  const failures = [
    Object.assign(new Error("Cannot find module"), { code: "MODULE_NOT_FOUND" }),
    Object.assign(new Error("compiled against a different\\nNode.js version"), { code: "ERR_DLOPEN_FAILED" }),
    new Error("'better-sqlite3' is not yet supported in Bun.\\nTrack the status in an issue")
  ]
  const { layer } = await import(${JSON.stringify(pathToFileURL("src/sqlite/Sqlite.ts").href)})
  for (const failure of failures) {
    Module._extensions[".node"] = () => { throw failure }
    const open = Effect.scoped(Layer.build(layer({ filename: ${JSON.stringify(join(folder, "sessions.db"))} })))
    const { _tag, message } = await Effect.runPromise(Effect.flip(open))
    console.log(JSON.stringify({ _tag, message }))
  }`

describe("without the native part of better-sqlite3", () => {
  afterAll(() => rmSync(folder, { recursive: true }))

  it("opening a store fails with one line that says what to run, and leaves no file", async () => {
    const options = ["--import", "tsx", "--input-type=module", "--eval", program]
    const { stderr, stdout } = await promisify(execFile)(process.execPath, options)
    const errors = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
    assert.lengthOf(errors, 3)
    for (const { _tag, message } of errors) {
      assert.strictEqual(_tag, "StoreError")
      assert.match(message, /^could not open the database: .*better-sqlite3.*Run `npm rebuild better-sqlite3`/)
      assert.include(message, "pnpm approve-builds")
      assert.include(message, "Bun is not supported")
      assert.notInclude(message, "\n")
    }
    assert.strictEqual(stderr, "")
    assert.deepStrictEqual(readdirSync(folder), [])
  })
})
