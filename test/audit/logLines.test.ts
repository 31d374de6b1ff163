import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as LogLines from "../../src/audit/logLines.ts"
import { id, recordLogLines } from "../support/world.ts"

describe("log lines", () => {
  it.effect("have a colon only before fields, and quotes around a field that is empty", () => {
    const { layer, lines } = recordLogLines()
    return Effect.gen(function* () {
      yield* LogLines.logOpened
      yield* LogLines.logDeferred(id, "op_1", "")
      yield* LogLines.logReset(id, 2)
      assert.deepStrictEqual(lines, [
        "compressor opened",
        `compression deferred: session=${id} operation=op_1 reason=""`,
        `reset: session=${id} generation=2`
      ])
    }).pipe(Effect.provide(layer))
  })
})
