import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { appendFileSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import * as Random from "../../src/cli/random.ts"
import { yieldToLoop } from "../../src/concurrency/eventLoopBudget.ts"
import * as Cli from "../support/cli.ts"
import { decodeMessages, formatJsonl, importHistory, makeWorkplace, OFFLINE_CONFIG } from "../support/cliWorkplace.ts"
import { connect, connectWith } from "../support/mcpClient.ts"
import { isThorough, repetitions } from "../support/repetitions.ts"
import { claudeLine } from "../support/sessionFiles.ts"

const RULE = "Never push to main."

/** The lines of a client that waits for nothing. */
const lines = (...messages: ReadonlyArray<object | string>): string =>
  messages.map((one) => `${typeof one === "string" ? one : JSON.stringify({ jsonrpc: "2.0", ...one })}\n`).join("")

layer(Cli.layerBundle, { excludeTestServices: true })("throughline mcp, with the official client", (it) => {
  it.scoped("lists every tool, with a session unless it serves one alone", () =>
    Effect.gen(function* () {
      const { db } = yield* importHistory
      const { client, faults } = yield* connect("--db", db)
      const { tools } = yield* Effect.promise(() => client.listTools())
      assert.deepStrictEqual(
        tools.map(({ inputSchema, name }) => [name, Object.keys(inputSchema.properties ?? {}), inputSchema.required]),
        [
          ["recall", ["query", "session"], ["query"]],
          ["expand", ["segment", "from_seq", "session"], ["segment"]],
          ["rules", ["session"], []],
          ["pin", ["text", "as", "session"], ["text"]],
          ["unpin", ["name", "session"], ["name"]],
          ["budget", ["session"], []]
        ]
      )
      assert.strictEqual(client.getServerVersion()?.name, "throughline")
      const alone = yield* connect("--db", db, "--session", "chat")
      const listed = yield* Effect.promise(() => alone.client.listTools())
      assert.isTrue(listed.tools.every(({ inputSchema }) => inputSchema.properties?.session === undefined))
      assert.deepStrictEqual([...faults, ...alone.faults], [])
    })
  )

  it.scoped("answers every tool on a session that was compressed", () =>
    Effect.gen(function* () {
      const { db, write } = yield* importHistory
      const config = write("config.yaml", OFFLINE_CONFIG)
      Cli.assertSuccess(yield* Cli.run(["compress", "chat", "--db", db, "--config", config]))
      const { call, faults } = yield* connect("--db", db, "--config", config)
      const found = yield* call("recall", { query: "src/6.ts" })
      assert.match(found, /^\[throughline recall\] \d+ of the earlier messages/)
      const [, segment = ""] = /, segment (\S+):/.exec(found) ?? []
      assert.match(yield* call("expand", { segment }), /stands for the messages #\d+ to #\d+\./)
      assert.strictEqual(yield* call("pin", { text: RULE, as: "rule" }), "Pinned as rule.")
      assert.include(yield* call("rules"), `rule: ${RULE}`)
      assert.strictEqual(yield* call("unpin", { name: "rule" }), "Unpinned.")
      assert.notInclude(yield* call("rules"), RULE)
      assert.match(yield* call("budget"), /^About [\d,]+ tokens of 7,000 tokens are used/)
      assert.deepStrictEqual(faults, [])
    })
  )

  it.scoped("lists the rules of a session that was never compressed", () =>
    Effect.gen(function* () {
      const { db, write } = yield* makeWorkplace
      const file = write("rules.jsonl", formatJsonl([{ role: "user", content: `Fix the parser. ${RULE}` }]))
      Cli.assertSuccess(yield* Cli.run(["import", file, "--db", db]))
      const { call } = yield* connect("--db", db)
      assert.strictEqual(yield* call("rules"), `The user's rules, word for word:\n- ${RULE} (#1)`)
    })
  )

  it.scoped("tells a call for no session, for one that is not there, and of no tool what is wrong", () =>
    Effect.gen(function* () {
      const { db, history } = yield* importHistory
      Cli.assertSuccess(yield* Cli.run(["import", history, "--db", db, "--session", "other"]))
      const { call } = yield* connect("--db", db)
      assert.strictEqual(
        yield* call("rules"),
        "error: No conversation was found for this call. Call again with the id of one as `session`."
      )
      assert.include(yield* call("recall", { query: "src/6.ts", session: "other" }), "src/6.ts")
      assert.match(yield* call("recall", { query: "x", session: "third" }), /^error: .*third/)
      assert.match(yield* call("recall", { query: "x", session: "" }), /^error: A `session` is an id/)
      assert.include(yield* call("recall", { session: "other" }), "The arguments were not understood")
      assert.strictEqual(yield* call("forget", { session: "other" }), 'error: There is no tool "forget" here.')
    })
  )

  it.scoped("answers what it was asked before stdin ended, and lines that are no message with nothing", () =>
    Effect.gen(function* () {
      const { db } = yield* importHistory
      const params = { name: "pin", arguments: { text: RULE, as: "rule" } }
      const stdin = lines("no JSON", { id: "a", method: "ping" }, { id: 1, method: "tools/call", params })
      const { code, stderr, stdout } = yield* Cli.runProcess(["mcp", "--db", db], { stdin })
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.deepStrictEqual(
        stdout
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line)),
        [
          { jsonrpc: "2.0", id: "a", result: {} },
          {
            jsonrpc: "2.0",
            id: 1,
            result: { content: [{ type: "text", text: "Pinned as rule." }], isError: false }
          }
        ]
      )
    })
  )

  it.scoped("follows a session file across kills of its process, each message once", () =>
    Effect.gen(function* () {
      const { db, folder } = yield* makeWorkplace
      const file = join(folder, "claude.jsonl")
      const write = (from: number, to: number) =>
        Array.from({ length: to - from }, (_, i) =>
          appendFileSync(file, claudeLine("followed", from + i, `word${from + i} ${"and so on ".repeat(200)}`))
        )
      const random = Random.make(7)
      let count = 0
      for (let life = 0; life < repetitions(4, 40); life++) {
        const { client, pid } = yield* connect("--db", db, "--follow", folder)
        write(count, (count += random.between(1, 150)))
        // What it does in answer to this is cut somewhere.
        const asked = client.callTool({ name: "rules", arguments: {} }).catch(() => undefined)
        for (let turns = random.between(0, 60); turns > 0; turns--) yield* yieldToLoop
        process.kill(pid, "SIGKILL")
        write(count, (count += random.between(0, 20)))
        yield* Effect.promise(() => asked)
      }
      const { call, faults } = yield* connect("--db", db, "--follow", folder)
      const last = `word${count - 1}`
      const found = yield* Effect.repeat(call("recall", { query: last }), {
        until: (text) => text.includes(`: ${last}`)
      })
      assert.include(found, `#${count} `)
      assert.include(yield* call("recall", { query: "#1" }), "#1 user: word0")
      const log = yield* Cli.run(["log", "followed", "--db", db, "--json"])
      const stored = yield* decodeMessages(JSON.parse(Cli.assertSuccess(log)))
      assert.deepStrictEqual(
        stored.map(({ content }) => /word\d+/.exec(JSON.stringify(content))?.[0]),
        Array.from({ length: count }, (_, i) => `word${i}`)
      )
      assert.deepStrictEqual(faults, [])
    })
  )

  it.scoped.skipIf(!isThorough)(
    "follows a file of 100 MB in a heap of 160 MB",
    () =>
      Effect.gen(function* () {
        const { db, folder } = yield* makeWorkplace
        const file = join(folder, "large.jsonl")
        const words = "the build went through and the tests were run again ".repeat(80)
        let n = 0
        for (let size = 0; size < 100_000_000;) {
          const lines = Array.from({ length: 200 }, () => claudeLine("large", n, `word${n++} ${words}`)).join("")
          appendFileSync(file, lines)
          size += lines.length
        }
        const { call, pid } = yield* connectWith(["--max-old-space-size=160"], "--db", db, "--follow", folder)
        const last = `word${n - 1}`
        yield* Effect.repeat(call("recall", { query: last }), { until: (text) => text.includes(`: ${last}`) })
        const sessions = Cli.assertSuccess(yield* Cli.run(["sessions", "--db", db, "--json"]))
        assert.deepInclude(JSON.parse(sessions)[0], { sessionId: "large", messages: n, waiting: 0 })
        const [, peak = "0"] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? []
        yield* Effect.log(`${n} messages, at most ${Math.round(Number(peak) / 1_000)} MB in memory`)
      }),
    { timeout: 900_000 }
  )
})
