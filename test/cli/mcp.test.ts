import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../support/cli.ts"
import { formatJsonl, importHistory, makeWorkplace, OFFLINE_CONFIG } from "../support/cliWorkplace.ts"
import { connect } from "../support/mcpClient.ts"

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
})
