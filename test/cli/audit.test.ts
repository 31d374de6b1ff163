import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, LogLevel } from "effect"
import * as Audit from "../../src/audit/Audit.ts"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as LogLines from "../../src/audit/logLines.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Cli from "../support/cli.ts"
import { SIX } from "../support/auditLog.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const makeWorkplace = Effect.map(makeTemporaryFolder(), (folder) => {
  const path = (name: string) => join(folder, name)
  const write = (name: string, bytes: string | Uint8Array) => {
    writeFileSync(path(name), bytes)
    return path(name)
  }
  return { path, write }
})

describe("throughline audit", () => {
  it.scoped("prints each violation with its lines, a timeline and a verdict, and exits 1", () =>
    Effect.gen(function* () {
      const { write } = yield* makeWorkplace
      const log = write("agent.log", SIX.join("\n"))
      const { code, stderr, stdout } = yield* Cli.run(["audit", log])
      assert.strictEqual(code, 1)
      assert.strictEqual(stderr, "throughline: 2 violations\n")
      const lines = stdout.split("\n")
      assert.deepStrictEqual(
        lines.filter((line) => line.startsWith(`  ${log}:`)),
        [3, 4, 5, 6].map((n) => `  ${log}:${n}: ${SIX[n - 1]}`)
      )
      const rows = lines.filter((line) => /[█!]+$/.test(line))
      assert.match(rows.join("\n"), /^20260528_155201_68dc5996 +█+ +!+\n20260528_093510_66bfaec7 +!+$/)
      assert.include(stdout, "2 violations: 6 lines, 6 of operations, 0 of messages, 0 others")
    })
  )

  it.scoped("--json is one value, --svg the timeline with the violations in red", () =>
    Effect.gen(function* () {
      const { path, write } = yield* makeWorkplace
      const log = write("agent.log.gz", gzipSync(SIX.join("\n").replaceAll("20260528_155201_68dc5996", "a<b>&c")))
      const { code, stdout } = yield* Cli.run(["audit", log, "--json", "--svg", path("timeline.svg")])
      assert.strictEqual(code, 1)
      const { findings, verdict } = JSON.parse(stdout)
      assert.strictEqual(verdict, "violated")
      assert.deepStrictEqual(
        findings.map(({ fault }: { readonly fault: string }) => fault),
        ["another-session", "changed-id"]
      )
      const svg = readFileSync(path("timeline.svg"), "utf8")
      assert.strictEqual((yield* Cli.run(["audit", log, "--svg", path("timeline.svg")])).code, code)
      const before = readFileSync(log)
      assert.include((yield* Cli.run(["audit", log, "--svg", log])).stderr, "is no SVG")
      assert.isTrue(readFileSync(log).equals(before))
      assert.strictEqual(svg.match(/<rect [^>]*fill="#d22"/g)?.length, 2)
      assert.strictEqual(svg.match(/<rect [^>]*fill="#36c"/g)?.length, 1)
      assert.include(svg, "a&lt;b&gt;&amp;c")
      assert.notInclude(svg, "a<b>")
    })
  )

  it.scoped("passes a log without a violation, and one still being written only if told that it is", () =>
    Effect.gen(function* () {
      const { write } = yield* makeWorkplace
      const lines: Array<string> = []
      const sessionId = SessionId.make("chat-42")
      yield* LogLines.logBuffered({ sessionId, arrival: 1, duplicate: false }, "request").pipe(
        Effect.provide(
          Layer.merge(
            Logger.replace(
              Logger.defaultLogger,
              Logger.map(Logger.logfmtLogger, (line) => void lines.push(line))
            ),
            Audit.messageLevel(LogLevel.Info)
          )
        )
      )
      const log = write("throughline.log", lines.join("\n"))
      assert.strictEqual((yield* Cli.run(["audit", log])).code, 1)
      assert.strictEqual((yield* Cli.run(["audit", log, "--running"])).code, 0)
      const healthy = write("agent.log", SIX.slice(0, 2).join("\n"))
      const { code, stderr, stdout } = yield* Cli.run(["audit", healthy])
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.include(stdout, "no violation: 2 lines")
    })
  )

  it.scoped("what is no log, or not there, is no success", () =>
    Effect.gen(function* () {
      const { path, write } = yield* makeWorkplace
      const other = yield* Cli.run(["audit", write("notes.txt", "nothing of the kind\n")])
      assert.strictEqual(other.code, 1)
      assert.match(other.stderr, /nothing is proven/)
      const none = yield* Cli.run(["audit", path("none.log")])
      assert.deepStrictEqual([none.code, none.stdout], [1, ""])
      assert.match(none.stderr, /^throughline: cannot read .*none\.log: .+\n$/)
    })
  )

  it.scoped("what the command line delivers has its line", () =>
    Effect.gen(function* () {
      const cwd = yield* makeTemporaryFolder()
      const deliver = ["deliver", "chat", "--db", "sessions.db", "--key", "k", "--log-level", "info"]
      const first = yield* Cli.run(deliver, { cwd, stdin: "hello" })
      const again = yield* Cli.run(deliver, { cwd, stdin: "hello" })
      assert.match(first.stderr, /message="message buffered: session=chat arrival=1 kind=request"/)
      assert.deepStrictEqual([again.code, again.stderr], [0, ""])
    })
  )
})
