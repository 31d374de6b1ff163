import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, LogLevel, Option, Schema, TestClock } from "effect"
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Follower from "../../src/cli/follow/follower.ts"
import * as Positions from "../../src/cli/follow/positions.ts"
import { layerRecord } from "../../src/cli/hook/recordSession.ts"
import { spareAgent } from "../../src/cli/hook/spareAgent.ts"
import { readTranscriptEnd } from "../../src/cli/hook/transcriptEnd.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import { type EventName, makeEvents, makeTranscript, readAnswer, readSettings } from "../support/claudeCode.ts"
import * as Cli from "../support/cli.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const { expectSuccess, runForJson } = Cli.makeExpectations(Cli.run)

const SECRET = "sk-proj-8f3KqLmZ2xVbN7tYwR4uHs9dGjP1cEaX"

/** A session in which everything occurs that the facts are about. */
const makeSession = () => {
  const transcript = makeTranscript()
  transcript.user("Add CSV export to the billing page. Never touch the files under legacy/.")
  transcript.write("src/billing/exportCsv.ts")
  transcript.bash("npm test", "FAIL test/exportCsv.test.ts\nError: expected 3 columns, found 4\nexit code 1")
  transcript.bash("cat .env", `API_KEY=${SECRET}`)
  transcript.user("We decided to use semicolons as separators. The customer id is CUST-48213.")
  return transcript
}

const makeWorkplace = Effect.gen(function* () {
  const folder = yield* makeTemporaryFolder()
  const file = join(folder, "session.jsonl")
  const db = join(folder, "throughline.db")
  const save = (transcript: { readonly text: () => string }) => writeFileSync(file, transcript.text())
  const run = (stdin: string, ...options: ReadonlyArray<string>) =>
    Cli.run(["hook", "--db", db, ...options], { stdin, env: { HOME: folder } })
  /** Gives the hook an event as it is documented, and reads the answer as it is documented. */
  const fire = (name: EventName, more: object = {}, ...options: ReadonlyArray<string>) =>
    Effect.map(run(JSON.stringify({ ...makeEvents(file)[name], ...more }), ...options), (end) => {
      assert.strictEqual(end.stderr, "")
      return readAnswer(name, Cli.assertSuccess(end))
    })
  const readContext = Effect.map(fire("SessionStart"), (answer) => answer.hookSpecificOutput?.additionalContext ?? "")
  return { folder, file, db, save, run, fire, readContext }
})

describe("throughline hook", () => {
  it.scopedLive.each(["SessionStart", "PreCompact", "PostCompact", "PostToolUse"] as const)(
    "%s, as documented, is answered as documented",
    (name) =>
      Effect.gen(function* () {
        const { fire, save } = yield* makeWorkplace
        save(makeSession())
        yield* fire(name)
        yield* fire(name, { prompt_id: "550e8400-e29b-41d4-a716-446655440000", permission_mode: "plan" })
      })
  )

  it.scopedLive("after a compaction the model is told rules, open work, files, failures, decisions and pins", () =>
    Effect.gen(function* () {
      const { db, fire, readContext, save } = yield* makeWorkplace
      const session = makeSession()
      save(session)
      assert.deepStrictEqual(yield* fire("PreCompact"), {})
      yield* expectSuccess(["pin", "abc123", "--text", "Deploy on Thursday", "--as", "plan", "--db", db])
      const context = yield* readContext
      for (const fact of [
        "Never touch the files under legacy/.",
        "open: We decided to use semicolons",
        "src/billing/exportCsv.ts",
        "npm test → exit 1: FAIL test/exportCsv.test.ts",
        "CUST-48213",
        "plan: Deploy on Thursday",
        "throughline mcp",
        `throughline recall abc123 "words or #number" --db ${db} --whole`
      ]) {
        assert.include(context, fact)
      }
      assert.notInclude(context, SECRET)
      assert.deepStrictEqual(yield* fire("SessionStart", { source: "startup" }), {})
    })
  )

  it.scopedLive("the model is told at most what Claude Code passes on, however much there is", () =>
    Effect.gen(function* () {
      const { readContext, save } = yield* makeWorkplace
      const session = makeSession()
      for (let n = 0; n < 400; n++)
        session.user(`Step ${n}: never rename the module of area ${n}, and always log ${n}.`)
      save(session)
      const { length } = yield* readContext
      assert.isAbove(length, 8_000)
      assert.isAtMost(length, 10_000)
    })
  )

  it.scopedLive("compactions keep each message once, and recall finds what they dropped", () =>
    Effect.gen(function* () {
      const { db, file, fire, save } = yield* makeWorkplace
      const session = makeSession()
      const checkLog = Effect.gen(function* () {
        const { sessions } = yield* Transcripts.readFile(file)
        assert.deepStrictEqual(yield* runForJson(["log", "abc123", "--db", db]), sessions[0]?.messages)
      })
      save(session)
      yield* fire("PreCompact")
      yield* checkLog
      session.compact("Export was added.")
      save(session)
      yield* fire("SessionStart")
      yield* fire("PostCompact")
      yield* checkLog
      session.user("Now add a PDF export.")
      for (let n = 0; n < 300; n++) session.bash(`grep -n total${n} src`, `src/totals.ts:${n}: total${n}`.repeat(40))
      session.say("The PDF export is there.")
      save(session)
      yield* fire("PreCompact")
      yield* fire("PostCompact")
      yield* checkLog
      const snapshots = yield* expectSuccess(["snapshots", "abc123", "--db", db])
      assert.include(snapshots, "generation 0")
      assert.include(yield* expectSuccess(["recall", "abc123", "total17", "--db", db]), "total17")
      assert.include(yield* expectSuccess(["recall", "abc123", "#1", "--db", db, "--whole"]), "under legacy/.")
      assert.match(yield* expectSuccess(["doctor", db]), /no damage/)
    })
  )

  it.scopedLive("beside a server that follows the same transcripts, each message is stored once", () =>
    Effect.gen(function* () {
      const { db, file, fire, folder, save } = yield* makeWorkplace
      const follow = Effect.flatMap(Follower.make([folder], Positions.make(db)), ({ readAll }) => readAll).pipe(
        Effect.provide(layerRecord(db)),
        Logger.withMinimumLogLevel(LogLevel.None)
      )
      const session = makeSession()
      save(session)
      yield* fire("PreCompact")
      yield* follow
      session.compact("Export was added.")
      session.user("Now add a PDF export.")
      save(session)
      yield* follow
      yield* fire("SessionStart")
      session.say("The PDF export is there.")
      save(session)
      // Both have forgotten how far they had read.
      rmSync(`${db}.follow`, { recursive: true })
      yield* fire("PreCompact")
      yield* follow
      const { sessions } = yield* Transcripts.readFile(file)
      assert.deepStrictEqual(yield* runForJson(["log", "abc123", "--db", db]), sessions[0]?.messages)
    })
  )

  it.scopedLive("what a summary leaves out is said to the user, and first of all to the model after the next one", () =>
    Effect.gen(function* () {
      const { fire, readContext, save } = yield* makeWorkplace
      const session = makeSession()
      save(session)
      const poor =
        "The user wants billing data as CSV, separated by semicolons, for customer CUST-48213. npm test fails."
      const { systemMessage } = yield* fire("PostCompact", { compact_summary: poor })
      assert.match(systemMessage ?? "", /^throughline: the summary leaves out 1 rule, .*1 written file/)
      assert.include(systemMessage, "legacy/")
      session.compact(poor)
      save(session)
      const told = yield* fire("SessionStart")
      assert.match(told.systemMessage ?? "", /^throughline: told Claude again what a summary left out: 1 rule/)
      const context = yield* readContext
      const [missing = "", others = ""] = context.split("## All other facts")
      assert.include(missing, "## Not in the last summary that the transcript holds\n")
      assert.include(missing, "Never touch the files under legacy/.")
      assert.notInclude(missing, "CUST-48213")
      assert.include(others, "CUST-48213")
    })
  )

  it.scopedLive("a faithful summary in its own words is not found fault with; a refusal is", () =>
    Effect.gen(function* () {
      const { fire, save } = yield* makeWorkplace
      save(makeSession())
      const faithful = `1. Request: the billing page gets a CSV export that is being added.
        2. Constraint: files in legacy/ must never be touched.
        3. Decisions: it was decided that separators are semicolons; customer id CUST-48213.
        4. Files: src/billing/exportCsv.ts was written.
        5. Pending: npm test fails since 3 columns are expected and 4 found.`
      assert.deepStrictEqual(yield* fire("PostCompact", { compact_summary: faithful }), {})
      const { systemMessage } = yield* fire("PostCompact", {
        compact_summary: "I'm sorry, but I can't help with summarizing this conversation."
      })
      assert.match(systemMessage ?? "", /^throughline: the summary of this compaction is none \(refusal: /)
    })
  )

  it.scopedLive("a long tool output is shortened only when asked, in its own shape, and is found whole", () =>
    Effect.gen(function* () {
      const { db, fire } = yield* makeWorkplace
      const line = (n: number) => `row ${n}: amount ${n * 37} for client-${n}`
      const stdout = Array.from({ length: 2_000 }, (_, n) => (n === 1 ? `key=${SECRET}` : line(n))).join("\n")
      const output = { stdout, stderr: "", interrupted: false, isImage: false, persistedOutputPath: "/tmp/out.txt" }
      const bash = { tool_name: "Bash", tool_input: { command: "cat rows" }, tool_response: output }
      assert.deepStrictEqual(yield* fire("PostToolUse", bash), {})
      assert.deepStrictEqual(yield* fire("PostToolUse", bash, "--shorten", "50000"), {})
      const { hookSpecificOutput } = yield* fire("PostToolUse", bash, "--shorten", "400")
      const { stdout: shortened, ...rest } = yield* decodeBash(hookSpecificOutput?.updatedToolOutput)
      assert.deepStrictEqual(rest, { stderr: "", interrupted: false, isImage: false })
      assert.isAtMost(shortened.length, 1_700)
      assert.match(shortened, /^row 0: amount 0 /)
      assert.match(shortened, /client-1999$/)
      assert.notInclude(shortened, SECRET)
      const [, ...call] = /throughline (recall) (\S+) "(#\d+)"/.exec(shortened) ?? []
      assert.include(yield* expectSuccess([...call, "--db", db, "--whole"]), stdout)
      assert.include(yield* expectSuccess(["recall", "abc123", "client-1234", "--db", db]), line(1_234))
      const image = [{ type: "image", data: "A".repeat(40_000), mimeType: "image/png" }]
      const mcp = { tool_name: "mcp__shop__list", tool_response: [...image, { type: "text", text: stdout }] }
      const answer = yield* fire("PostToolUse", { ...mcp, tool_use_id: "toolu_2" }, "--shorten", "400")
      assert.deepStrictEqual(yield* decodeBlocks(answer.hookSpecificOutput?.updatedToolOutput), image)
    })
  )

  it.scopedLive("a hook that fails leaves the agent alone, and says why in one line", () =>
    Effect.gen(function* () {
      const { db, fire, folder, run, save } = yield* makeWorkplace
      const missing = JSON.stringify(makeEvents(join(folder, "none.jsonl")).PreCompact)
      for (const [stdin, line] of [
        ["", /^throughline hook: expected an event of Claude Code on stdin\n$/],
        ["{", /^throughline hook: expected an event/],
        [JSON.stringify({ hook_event_name: "PreCompact" }), /^throughline hook: expected an event/],
        [missing, /^throughline hook: cannot read .*none\.jsonl: no such file or directory\n$/]
      ] as const) {
        const { code, stderr, stdout } = yield* run(stdin)
        assert.deepStrictEqual([code, stdout], [0, ""])
        assert.match(stderr, line)
      }
      assert.deepStrictEqual(
        yield* Effect.map(run(JSON.stringify({ hook_event_name: "Stop" })), Cli.assertSuccess),
        "{}\n"
      )
      // Claude Code takes an exit code of 2 for the order to stop what it is about to do.
      const { code, stderr } = yield* run("{}", "--shorten", "few")
      assert.strictEqual(code, 1)
      assert.match(stderr, /^throughline: .*--shorten/)
      save(makeSession())
      mkdirSync(db)
      const end = yield* run(JSON.stringify(makeEvents(join(folder, "session.jsonl")).SessionStart))
      assert.match(end.stderr, /^throughline hook: nothing was recorded: /)
      const { hookSpecificOutput } = readAnswer("SessionStart", Cli.assertSuccess({ ...end, stderr: "" }))
      assert.include(hookSpecificOutput?.additionalContext, "Never touch the files under legacy/.")
      assert.deepStrictEqual(yield* fire("PreCompact", { agent_id: "a1" }), {})
    })
  )

  it.scopedLive("install prints settings as documented and changes nothing", () =>
    Effect.gen(function* () {
      const { folder } = yield* makeWorkplace
      const install = (...options: ReadonlyArray<string>) =>
        Effect.map(Cli.run(["hook", "install", ...options], { cwd: folder, env: { HOME: folder } }), ({ stdout }) =>
          readSettings(JSON.parse(stdout))
        )
      const { hooks } = yield* install()
      assert.deepStrictEqual(Object.keys(hooks), ["SessionStart", "PreCompact", "PostCompact"])
      assert.strictEqual(hooks.SessionStart?.[0]?.matcher, "compact")
      assert.strictEqual(hooks.PreCompact?.[0]?.hooks[0]?.command, "throughline hook")
      const shortened = yield* install("--project", "--shorten", "2000", "--db", "/tmp/my sessions.db")
      assert.strictEqual(
        shortened.hooks.PostToolUse?.[0]?.hooks[0]?.command,
        `"$CLAUDE_PROJECT_DIR"/node_modules/.bin/throughline hook --db '/tmp/my sessions.db' --shorten 2000`
      )
      assert.deepStrictEqual(readdirSync(folder), [])
    })
  )
})

const Bash = Schema.Struct({
  stdout: Schema.String,
  stderr: Schema.String,
  interrupted: Schema.Boolean,
  isImage: Schema.Boolean
})
const decodeBash = Schema.decodeUnknown(Bash, { onExcessProperty: "error" })
/** The blocks of an MCP tool, of which the last is a text that was shortened. */
const decodeBlocks = (output: unknown) =>
  Effect.map(Schema.decodeUnknown(Schema.Array(Schema.Unknown))(output), (blocks) => {
    assert.isBelow(JSON.stringify(blocks.at(-1)).length, 2_000)
    return blocks.slice(0, -1)
  })

describe("a hook that takes too long", () => {
  it.effect("is given up after 20 seconds, whether or not it can be interrupted", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const writer = yield* Effect.console
      const spare = (work: Effect.Effect<void>) =>
        Effect.withConsole(spareAgent(work), { ...writer, error: (line) => Effect.sync(() => void lines.push(line)) })
      const hangs = yield* Effect.fork(spare(Effect.never))
      const refuses = yield* Effect.fork(spare(Effect.uninterruptible(Effect.sleep("1 hour"))))
      yield* TestClock.adjust("19 seconds")
      assert.deepStrictEqual([yield* hangs.poll, yield* refuses.poll], [Option.none(), Option.none()])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(Fiber.zip(hangs, refuses))
      yield* spare(Effect.die(new Error("out of memory")))
      const gaveUp = "throughline hook: gave up after 20 seconds"
      assert.deepStrictEqual(lines, [gaveUp, gaveUp, "throughline hook: out of memory"])
    })
  )
})

describe("the end of a transcript", () => {
  it.scopedLive("is read from a whole line on, and without a line that is being written", () =>
    Effect.gen(function* () {
      const { file } = yield* makeWorkplace
      const session = makeTranscript()
      for (let n = 0; n < 50; n++) session.user(`message ${n}`)
      writeFileSync(file, `${session.text()}{"type":"user","message":{"role":"us`)
      const whole = yield* readTranscriptEnd(file, "abc123")
      const end = yield* readTranscriptEnd(file, "abc123", 1_000)
      assert.strictEqual(whole.messages.length, 50)
      assert.isAbove(end.messages.length, 2)
      assert.deepStrictEqual(end.messages, whole.messages.slice(-end.messages.length))
    })
  )
})
