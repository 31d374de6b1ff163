import { assert, describe, layer } from "@effect/vitest"
import { Deferred, Effect, Schema } from "effect"
import { closeSync, openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import manifest from "../../package.json" with { type: "json" }
import { CompressionResult } from "../../src/session/CompressionResult.ts"
import { SessionStats } from "../../src/session/SessionStats.ts"
import { SIX } from "../support/auditLog.ts"
import * as Cli from "../support/cli.ts"
import {
  COMPRESSED,
  decodeMessages,
  formatJsonl,
  history,
  historyCounts,
  importHistory,
  makeServerSettings,
  makeWorkplace,
  OFFLINE_CONFIG
} from "../support/cliWorkplace.ts"
import * as Hermes from "../support/hermes.ts"
import { build } from "../support/hermesLineages.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { isThorough, repetitions } from "../support/repetitions.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"
import { conversation, summary } from "../support/world.ts"

const Demo = Schema.parseJson(
  Schema.Struct({
    result: CompressionResult,
    checks: Schema.Array(Schema.Struct({ name: Schema.String, holds: Schema.Boolean }))
  })
)

/** Makes a folder with a database that holds the session `chat`. */
const deliverHello = Effect.gen(function* () {
  const cwd = yield* makeTemporaryFolder()
  Cli.assertSuccess(yield* Cli.run(["deliver", "chat", "--db", "sessions.db"], { cwd, stdin: "hello" }))
  return cwd
})

const latin1 = Buffer.from("caf\u00E9", "latin1")

const { expectSuccess, runForJson } = Cli.makeExpectations(Cli.runProcess)

/** Runs what other tests run within this process: as a process in a thorough run only, since each takes half a second. */
const runLess = isThorough ? Cli.runProcess : Cli.run
const less = Cli.makeExpectations(runLess)

layer(Cli.layerBundle, { excludeTestServices: true })("the command line as a process", (it) => {
  it.scoped("import, compress, view: the way of a session, without a network", () =>
    Effect.gen(function* () {
      const { db, history: file, write } = yield* makeWorkplace
      const config = write("config.yaml", OFFLINE_CONFIG)
      assert.deepStrictEqual(yield* runForJson(["import", file, "--db", db, "--session", "chat"]), {
        format: "jsonl",
        table: {
          lines: 80,
          ...historyCounts,
          subagents: 0,
          branches: 0,
          ofOtherBranches: 0,
          compactions: 0,
          leftOut: {}
        },
        sessions: [{ sessionId: "chat", ...historyCounts }],
        skipped: {},
        numbersAsText: [],
        left: []
      })
      const before = yield* expectSuccess(["view", "chat", "--db", db, "--json"])
      assert.deepStrictEqual(JSON.parse(before), history)

      const compressed = yield* Cli.runProcess(["compress", "chat", "--db", db, "--config", config, "--json"])
      const { generation, messagesAfter, messagesBefore, modelCalls, outcome, sessionId, snapshotId } =
        yield* Schema.decode(Schema.parseJson(CompressionResult))(compressed.stdout)
      assert.deepStrictEqual(
        [sessionId, outcome, generation, messagesBefore, modelCalls],
        ["chat", "committed", 1, history.length, 0]
      )
      assert.match(compressed.stderr, /^throughline: .*works offline.*\n$/)
      const key = yield* runLess(["compress", "chat", "--db", db], { env: { OPENAI_API_KEY: "sk-unused" } })
      assert.strictEqual(key.code, 0, key.stderr)
      assert.match(key.stderr, /^throughline: OPENAI_API_KEY is set .+ THROUGHLINE_MODEL .+ \(works offline\)\n$/)

      const view = yield* decodeMessages(yield* less.runForJson(["view", "chat", "--db", db]))
      assert.strictEqual(view.length, messagesAfter)
      assert.deepStrictEqual(view.at(-1), { ...history.at(-1) })
      const { compressions, tokensSaved } = yield* Schema.decodeUnknown(SessionStats)(
        yield* less.runForJson(["stats", "chat", "--db", db])
      )
      assert.deepStrictEqual([compressions.committed, tokensSaved > 0], [1, true])
      assert.deepStrictEqual(yield* less.runForJson(["log", "chat", "--db", db]), history)
      assert.strictEqual(yield* less.expectSuccess(["snapshot", snapshotId ?? "", "--db", db, "--json"]), before)
    })
  )

  it.scoped("other commands end with the code and the lines that they have without a process", () =>
    Effect.gen(function* () {
      const { db, folder, write } = yield* importHistory
      const damaged = build("new", [{ type: "childless split" }])
      const log = write("agent.log", SIX.join("\n"))
      const calls: ReadonlyArray<readonly [code: number, args: ReadonlyArray<string>]> = [
        [2, ["compres"]],
        [0, ["--help"]],
        [0, ["recall", "chat", "src/6.ts", "--db", db]],
        [1, ["doctor", damaged]],
        [1, ["audit", log]],
        [0, ["sessions", "--db", Hermes.fresh("old")]],
        [0, ["config", "check", write("config.yaml", OFFLINE_CONFIG)]]
      ]
      for (const [code, args] of calls.filter((_, i) => i % repetitions(3, 1) === 0)) {
        const end = yield* Cli.runProcess(args, { cwd: folder })
        assert.strictEqual(end.code, code, args.join(" "))
        assert.deepStrictEqual(end, yield* Cli.run(args, { cwd: folder }), args.join(" "))
      }
      assert.strictEqual((yield* expectSuccess(["--version"])).trim(), manifest.version)
      const delivered = yield* less.expectSuccess(["deliver", "chat", "--db", db], { stdin: "hello" })
      assert.strictEqual(delivered, "delivered to chat as arrival 1\n")
      const state = Hermes.fresh("new", join(folder, "state.db"))
      const exported = yield* less.expectSuccess(["export", "chat", "--db", db, "--to", state])
      assert.strictEqual(exported, `exported chat: ${history.length + 1} messages\n`)
      assert.match(
        yield* less.expectSuccess(["rewind", "chat", "7", "--db", db]),
        /^rewound: session chat, generation 1\n/
      )
    })
  )

  it.scoped("an answer that cannot be written is a failure", () =>
    Effect.gen(function* () {
      const cwd = yield* deliverHello
      const stdout = openSync(join(cwd, "sessions.db"), "r")
      const { code, stderr } = yield* Cli.runProcess(["log", "chat", "--db", "sessions.db"], { cwd, stdout })
      closeSync(stdout)
      assert.deepStrictEqual([code, stderr], [1, "throughline: cannot write the answer: bad file descriptor\n"])
    })
  )

  it.scoped("text in another encoding is not stored with holes in it", () =>
    Effect.gen(function* () {
      const cwd = yield* deliverHello
      writeFileSync(
        join(cwd, "latin1.jsonl"),
        Buffer.concat([Buffer.from('{"role":"user","content":"'), latin1, Buffer.from('"}')])
      )
      const delivered = yield* Cli.runProcess(["deliver", "chat", "--db", "sessions.db"], { cwd, stdin: latin1 })
      assert.deepStrictEqual([delivered.code, delivered.stderr], [1, "throughline: stdin: expected text in UTF-8\n"])
      const imported = yield* Cli.runProcess(["import", "latin1.jsonl", "--db", "sessions.db"], { cwd })
      assert.deepStrictEqual(
        [imported.code, imported.stderr],
        [1, "throughline: latin1.jsonl: expected text in UTF-8\n"]
      )
      const { stdout } = yield* Cli.run(["log", "chat", "--db", "sessions.db", "--json"], { cwd })
      assert.deepStrictEqual(JSON.parse(stdout), [{ role: "user", content: "hello" }])
    })
  )

  it.scoped("the environment alone, with a line while the model writes, and log lines for who asks", () =>
    Effect.gen(function* () {
      const { db, write } = yield* makeWorkplace
      const file = write("long.jsonl", formatJsonl(conversation(120)))
      Cli.assertSuccess(yield* Cli.run(["import", file, "--db", db]))
      const server = yield* ModelServer.make([ModelServer.ok(summary("the report"))])
      const env = { OPENAI_API_KEY: "k-2", OPENAI_BASE_URL: server.url, THROUGHLINE_MODEL: "env-model" }
      const { code, stderr, stdout } = yield* Cli.runProcess(["compress", "long", "--db", db, "--log-level", "info"], {
        env
      })
      assert.strictEqual(code, 0, stderr)
      assert.match(stdout, COMPRESSED)
      assert.match(stderr, /^compressing long with env-model …$/m)
      assert.match(stderr, /^\d+ messages, ~[\d,]+ tokens$/m)
      assert.match(stderr, /^100 % written/m)
      assert.match(stderr, /message="compression started: session=long /)
      assert.notInclude(stderr, "k-2")
      assert.strictEqual(server.requests[0]?.headers.authorization, "Bearer k-2")
    })
  )

  const interruptCompression = Effect.gen(function* () {
    const { db, write } = yield* importHistory
    const gate = yield* Deferred.make<void>()
    const server = yield* ModelServer.make([ModelServer.answerAfter(gate, ModelServer.ok(summary("the report")))])
    const config = write("config.json", JSON.stringify(makeServerSettings(server, "responses")))
    const running = yield* Cli.start(["compress", "chat", "--db", db, "--config", config])
    yield* server.arrived(1)
    yield* running.interrupt("SIGHUP")
    yield* running.says("throughline: interrupted, waiting up to 10 seconds for the compression under way\n")
    return { running, gate, generation: Effect.map(Cli.run(["sessions", "--db", db]), generationOf) }
  })
  const generationOf = (sessions: Cli.CommandEnd) => /generation (\d)/.exec(Cli.assertSuccess(sessions))?.[1]

  it.scoped("a hangup waits for the summary that streams, and it is committed", () =>
    Effect.gen(function* () {
      const { gate, generation, running } = yield* interruptCompression
      yield* Deferred.succeed(gate, undefined)
      const { code, stderr, stdout } = yield* running.ended
      assert.deepStrictEqual([code, stdout], [130, ""])
      assert.notInclude(stderr, "\u001B")
      assert.match(
        stderr,
        /^compressing chat with .+ …\n\d+ messages, ~[\d,]+ tokens\nthroughline: interrupted, .+\n(?:\d+ % written.*\n)*$/
      )
      assert.strictEqual(yield* generation, "1")
    })
  )

  it.scoped("a second signal ends it at once, and the session is as before", () =>
    Effect.gen(function* () {
      const { generation, running } = yield* interruptCompression
      yield* running.interrupt("SIGINT")
      assert.isNull((yield* running.ended).code)
      assert.strictEqual(yield* generation, "0")
    })
  )

  describe("demo", () => {
    it.effect(
      "shows the window of each turn, who summarizes, before and after, and what was checked, on one screen",
      () =>
        Effect.map(Cli.runProcess(["demo"]), ({ code, stderr, stdout }) => {
          assert.strictEqual(code, 0, stderr)
          assert.lengthOf(stderr.match(/^turn +\d+ \[.+\] +\d+ messages {2}~[\d,]+ tokens$/gm) ?? [], 16)
          assert.match(stdout, /^before \[.+\] +[\d,]+ tokens\nafter {2}\[.+\] +[\d,]+ tokens$/m)
          assert.match(stdout, / tokens \(-\d\d\.\d%\)$/m)
          assert.match(stderr, /^ +turn \d+ took [\d,]+ ms beside the compression$/m)
          assert.lengthOf(stdout.match(/^✓ /gm) ?? [], 6)
          assert.notInclude(stdout + stderr, "\u001B")

          const told = stderr.replaceAll(/\s+/g, " ")
          assert.include(told, "No model is called: the replies are written in advance")
          assert.include(told, "by the embedded summarizer, which pretends to take 2 seconds")
          const lines = stdout.trimEnd().split("\n")
          assert.isAtMost(lines.length, 23)
          // The last line names the path of this program, which may be long.
          for (const line of [...lines.slice(0, -1), ...stderr.split("\n")]) assert.isAtMost(line.length, 80)
          const sums = stdout.matchAll(/^([\d,]+) \w+ - ([\d,]+)[a-z ]* \+ ([\d,]+)[a-z ]* = ([\d,]+) /gm)
          const numbers = Array.from(sums, ([, ...found]) => found.map((n) => Number(n.replaceAll(",", ""))))
          assert.lengthOf(numbers, 2)
          for (const [before = 0, summarized = 0, handoff = 0, after] of numbers) {
            assert.strictEqual(before - summarized + handoff, after)
          }
          assert.include(stdout, "  The user's rules, word for word:\n  - ")
          assert.match(lines.at(-1) ?? "", /^ {2}node \S+main\.js import CHAT\.jsonl --db sessions\.db$/)
        })
    )

    it.effect.runIf(isThorough)("says it as one JSON value, and nothing else", () =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* Cli.runProcess(["demo", "--json"])
        assert.deepStrictEqual([code, stderr], [0, ""])
        const { checks, result } = yield* Schema.decode(Demo)(stdout)
        assert.strictEqual(result.sessionId, "demo")
        assert.isTrue(checks.length > 0 && checks.every(({ holds }) => holds))
      })
    )
  })
})
