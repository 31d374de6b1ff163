/**
 * Time grows in proportion to the text, whoever wrote it. Here each text once stopped the process for minutes: such a test
 * ends by its timeout, not by a measured time. A thorough run looks for more, and measures.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { KNOWN_TEXTS } from "./support/fragments.ts"
import { fill } from "./support/pump.ts"
import { READERS } from "./support/readers.ts"
import { isThorough } from "./support/repetitions.ts"

describe("time in proportion to the text", () => {
  it.each(KNOWN_TEXTS)("%s: %o", (name, found) => {
    READERS[name]?.(fill(found, 524_288))
  })
})

/** Measures in a process of its own. */
const measure = async (what: "expressions" | "readers") => {
  const script = join(import.meta.dirname, "support/growthProcess.ts")
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", script, what])
  const [count, ...steep] = stdout.trim().split("\n")
  return { count: Number(count), steep: steep.join("\n") }
}

describe.runIf(isThorough)("time in proportion to the text, whatever the text", { timeout: 1_800_000 }, () => {
  it.concurrent("each expression of src, with its own alphabet", async () => {
    const { count, steep } = await measure("expressions")
    assert.isAbove(count, 250)
    assert.strictEqual(steep, "")
  })

  it.concurrent("each reader of foreign text", async () => {
    const { count, steep } = await measure("readers")
    assert.isAbove(count, 10)
    assert.strictEqual(steep, "")
  })
})
