import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as LogLines from "../../src/audit/logLines.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Cli from "../support/cli.ts"
import { importHistory, OFFLINE_CONFIG } from "../support/cliWorkplace.ts"

const { expectSuccess, runForJson } = Cli.makeExpectations(Cli.run)

describe("throughline picture", () => {
  it.scoped("draws the window with its compressions, and the waits that a log tells of", () =>
    Effect.gen(function* () {
      const { db, folder, write } = yield* importHistory
      const config = write("config.yaml", OFFLINE_CONFIG)
      yield* expectSuccess(["compress", "chat", "--db", db, "--config", config])
      const lines: Array<string> = []
      yield* Effect.all([
        LogLines.logWaited(SessionId.make("chat"), 1_500),
        LogLines.logWaited(SessionId.make("other"), 9_000)
      ]).pipe(
        Effect.provide(
          Logger.replace(
            Logger.defaultLogger,
            Logger.map(Logger.logfmtLogger, (line) => void lines.push(line))
          )
        )
      )
      const log = write("throughline.log", lines.join("\n"))
      const file = join(folder, "window.svg")
      const args = ["picture", "chat", log, "--db", db, "--svg", file, "--config", config]
      assert.match(
        yield* expectSuccess(args),
        /Session chat, 80 messages of \S+ tokens: 1 compression, never above \S+, 1 wait\n$/
      )
      const svg = readFileSync(file, "utf8")
      assert.strictEqual(svg.match(/<circle class="mark"/g)?.length, 1)
      assert.strictEqual(svg.match(/<rect class="wait"/g)?.length, 1)
      assert.include(svg, "waited 1.5 s until")
      assert.include(svg, "the model&#39;s window, 8k tokens".replace("&#39;", "'"))
      // A picture may be drawn again.
      const drawn = (yield* runForJson(args)) as { readonly points: ReadonlyArray<unknown> }
      assert.lengthOf(drawn.points, 80)
    })
  )

  it.scoped("leaves a file that is no picture as it is, and knows only sessions that are there", () =>
    Effect.gen(function* () {
      const { db, folder } = yield* importHistory
      const before = readFileSync(db)
      const refused = yield* Cli.run(["picture", "chat", "--db", db, "--svg", db])
      assert.include(Cli.assertFailure(refused), "is no SVG: it stays as it is")
      assert.isTrue(readFileSync(db).equals(before))
      const unknown = yield* Cli.run(["picture", "nobody", "--db", db, "--svg", join(folder, "x.svg")])
      assert.include(Cli.assertFailure(unknown), "nobody")
    })
  )
})
