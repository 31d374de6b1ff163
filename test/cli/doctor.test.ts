import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Doctor from "../../src/hermes/Doctor.ts"
import * as Cli from "../support/cli.ts"
import { build, dump } from "../support/hermesLineages.ts"

const report = Schema.decodeUnknown(Schema.parseJson(Doctor.Report))
const repaired = Schema.decodeUnknown(Schema.parseJson(Doctor.RepairReport))

describe("throughline doctor", () => {
  it.effect("says what is broken and ends with 1, mends it and ends with 0", () =>
    Effect.gen(function* () {
      const file = build("new", [{ type: "childless split" }])
      const before = dump(file)
      const found = yield* Cli.run(["doctor", file])
      assert.strictEqual(found.code, 1)
      assert.include(found.stdout, "closed-without-child  s0\n")
      assert.include(found.stdout, "  repair:  opens the session again")
      assert.strictEqual(found.stderr, `throughline: ${file} has 1 problem\n`)
      const dry = yield* Cli.run(["doctor", file, "--repair", "--dry-run"])
      assert.deepStrictEqual([dry.code, dump(file)], [1, before])
      const mended = yield* Cli.run(["doctor", file, "--repair"])
      assert.deepStrictEqual([mended.code, mended.stderr], [0, ""])
      assert.match(mended.stdout, /^s0: mended\n {2}closed-without-child: .+\nthe database as it was: \S+\.bak\n$/)
      const after = yield* Cli.run(["doctor", file])
      assert.deepStrictEqual([after.code, after.stderr], [0, ""])
      assert.include(after.stdout, "no damage\n")
    })
  )

  it.effect("answers with one JSON value", () =>
    Effect.gen(function* () {
      const file = build("old", [{ type: "empty split" }])
      const found = yield* report((yield* Cli.run(["doctor", file, "--json"])).stdout)
      assert.deepStrictEqual(
        found.findings.map(({ damage, sessionIds }) => [damage, ...sessionIds]),
        [["empty-child", "s0", "s1"]]
      )
      const mended = yield* repaired((yield* Cli.run(["doctor", file, "--repair", "--json"])).stdout)
      assert.deepStrictEqual([mended.mended.length, mended.remaining], [1, []])
      assert.isNotNull(mended.backup)
    })
  )

  it.effect("refuses what it cannot read, and a dry run of nothing, in one line", () =>
    Effect.gen(function* () {
      const absent = yield* Cli.run(["doctor", "nowhere.db"])
      assert.deepStrictEqual(absent, {
        code: 1,
        stdout: "",
        stderr: "throughline: could not open the database: there is no file nowhere.db\n"
      })
      const dry = yield* Cli.run(["doctor", "nowhere.db", "--dry-run"])
      assert.deepStrictEqual(dry, { code: 1, stdout: "", stderr: "throughline: --dry-run needs --repair\n" })
    })
  )
})
