import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Effect, Schema } from "effect"
import * as Doctor from "../../src/hermes/Doctor.ts"
import * as Cli from "../support/cli.ts"
import { importHistory } from "../support/cliWorkplace.ts"
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

  it.scopedLive("says of a native database what is wrong and what to do, a finding a line, and mends the index", () =>
    Effect.gen(function* () {
      const { db } = yield* importHistory
      Cli.assertSuccess(yield* Cli.run(["recall", "chat", "part", "--db", db]))
      const whole = yield* Cli.run(["doctor", db])
      assert.deepStrictEqual([whole.code, whole.stdout], [0, `${db}: 1 session, 80 messages\nno damage\n`])
      const harm = new Database(db)
      harm.exec("UPDATE recall_session SET seq = 99; UPDATE message SET body = '{' WHERE seq = 2")
      harm.close()
      const index = "damaged-index  chat  it has messages up to #99, and 0 more; the log has 80"
      const message = "unreadable-messages  chat  #2 (its text is not JSON)"
      const salvage = `\`throughline salvage ${db} --out NEW\` brings out what can be read`
      const found = yield* Cli.run(["doctor", db])
      assert.deepStrictEqual(found, {
        code: 1,
        stdout: [
          `${db}: 1 session, 80 messages`,
          `${message}; ${salvage}`,
          `${index}; \`throughline doctor ${db} --repair\` mends it`,
          ""
        ].join("\n"),
        stderr: `throughline: ${db} has 2 problems\n`
      })
      const dry = yield* Cli.run(["doctor", db, "--repair", "--dry-run"])
      assert.deepStrictEqual([dry.code, dry.stdout], [1, `would be mended: ${index}\n${message}; ${salvage}\n`])
      const mended = yield* Cli.run(["doctor", db, "--repair"])
      assert.deepStrictEqual([mended.code, mended.stdout], [1, `mended: ${index}\n${message}; ${salvage}\n`])
      const left = yield* Cli.run(["doctor", db, "--json"])
      assert.deepStrictEqual(JSON.parse(left.stdout).findings, [
        { damage: "unreadable-messages", sessionId: "chat", detail: "#2 (its text is not JSON)" }
      ])
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
