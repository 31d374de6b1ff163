import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import Database from "better-sqlite3"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { CompressionResult } from "../../src/session/CompressionResult.ts"
import manifest from "../../package.json" with { type: "json" }
import * as Cli from "../support/cli.ts"
import * as Hermes from "../support/hermes.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { summary } from "../support/world.ts"
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

const { expectSuccess, runForJson } = Cli.makeExpectations(Cli.run)

const runForResult = (args: ReadonlyArray<string>, surroundings?: Cli.Surroundings) =>
  Effect.flatMap(runForJson(args, surroundings), Schema.decodeUnknown(CompressionResult))

const expectFailure = (args: ReadonlyArray<string>, surroundings?: Cli.Surroundings) =>
  Effect.map(Cli.run(args, surroundings), (end) => Cli.assertFailure(end))

const Expanded = Schema.Struct({
  sessionId: Schema.String,
  segment: Schema.Struct({ fromSeq: Schema.Int, toSeq: Schema.Int }),
  messages: Schema.Array(Schema.Struct({ seq: Schema.Int, at: Schema.Int, message: Schema.Unknown }))
})

const PI_HEADER = (id: string) => ({ type: "session", id, version: 3 })
const PI_MESSAGE = { type: "message", message: { role: "user", content: "hello" } }

/** Reads every file of a folder, byte for byte. */
const readFolder = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .toSorted()
      .map((name) => [name, readFileSync(join(folder, name), "base64")])
  )

describe("the command line", () => {
  describe("usage", () => {
    it.live("help names every command, in plain text", () =>
      Effect.gen(function* () {
        const help = yield* expectSuccess([])
        const names =
          "demo import export compress view handoff log recall expand snapshots snapshot receipt sessions stats deliver rewind restore reset forget pin unpin config salvage hook"
        for (const name of names.split(" ")) {
          assert.match(help, new RegExp(`^ {2}${name} +\\S`, "m"))
        }
        const page = yield* expectSuccess(["compress", "--help"])
        assert.include(page, "throughline compress --db file [--focus topic] [--config file] [--json] <session>")
        assert.match(page, /^ {2}--focus topic +the topic that the summary should keep in most detail$/m)
        assert.notInclude(help + page, "\u001B")
        assert.notInclude(yield* expectSuccess(["audit", "--help"]), "repeated")
        assert.strictEqual((yield* expectSuccess(["--version"])).trim(), manifest.version)
      })
    )

    const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
      [["compres"], /there is no command compres/],
      [["list", "--help"], /there is no command list/],
      [["sessions"], /--db/],
      [["sessions", "--db", "x", "--loud"], /--loud/],
      [["view", "", "--db", "x"], /expected a session id/],
      [["recall", "a", "b", "--db", "x", "--limit", "0"], /expected --limit to be 1 to 1000/],
      [["import", "x", "--db", "y", "--format", "word"], /Expected one of the following cases: auto, messages/]
    ]
    it.live("what is wrong with a call is said on stderr, exit 2", () =>
      Effect.forEach(wrong, ([args, expected]) =>
        Effect.map(Cli.run(args), ({ code, stderr, stdout }) => {
          assert.deepStrictEqual([code, stdout], [2, ""], args.join(" "))
          assert.match(stderr, expected)
          assert.match(stderr, /^throughline: .+\n$/)
        })
      )
    )
  })

  it.scopedLive("pin keeps messages and a plan in view through compressions; unpin lets them go", () =>
    Effect.gen(function* () {
      const { db } = yield* importHistory
      const config = yield* Effect.map(makeWorkplace, ({ write }) => write("config.yaml", OFFLINE_CONFIG))
      assert.strictEqual(yield* expectSuccess(["pin", "chat", "9", "--db", db]), "pinned: session chat, 9\n")
      assert.deepStrictEqual(
        yield* runForJson([
          "pin",
          "chat",
          "--text",
          "1. read the diary",
          "--as",
          "plan",
          "--db",
          db,
          "--config",
          config
        ]),
        { sessionId: "chat", name: "plan", text: "1. read the diary", fromSeq: null, toSeq: null }
      )
      yield* expectSuccess(["compress", "chat", "--db", db, "--config", config])
      const view = JSON.stringify(yield* runForJson(["view", "chat", "--db", db]))
      assert.include(view, "Pinned, word for word")
      assert.include(view, "- plan: 1. read the diary (#")
      assert.match(
        yield* expectFailure(["pin", "chat", "1", "80", "--db", db, "--config", config]),
        /there is room for \d+$/
      )
      assert.match(yield* expectFailure(["pin", "chat", "--db", db]), /expected the number of a message, or --text/)
      assert.match(yield* expectSuccess(["unpin", "chat", "9", "--db", db]), /leaves the view at the next compression/)
      assert.match(yield* expectSuccess(["unpin", "chat", "9", "--db", db]), /has no such pin/)
    })
  )

  it.scopedLive("rewind takes messages back, which the log keeps and marks; reset ends the context", () =>
    Effect.gen(function* () {
      const { db } = yield* importHistory
      const config = yield* Effect.map(makeWorkplace, ({ write }) => write("config.yaml", OFFLINE_CONFIG))
      yield* expectSuccess(["compress", "chat", "--db", db, "--config", config])
      assert.deepStrictEqual(yield* runForJson(["rewind", "chat", "8", "--db", db]), {
        sessionId: "chat",
        generation: 2,
        undone: 72
      })
      assert.deepStrictEqual(yield* runForJson(["view", "chat", "--db", db]), history.slice(0, 8))
      const log = yield* decodeMessages(yield* runForJson(["log", "chat", "--db", db, "--explain"]))
      assert.deepStrictEqual(
        log.map(({ undone }) => undone),
        history.map((_, index) => index >= 8)
      )
      assert.include(yield* expectSuccess(["log", "chat", "--db", db]), "#9 (undone) ")
      assert.strictEqual(
        yield* expectSuccess(["rewind", "chat", "7", "--db", db]),
        "rewound: session chat, generation 3\n1 message is undone\n"
      )
      assert.strictEqual(
        yield* expectSuccess(["rewind", "chat", "7", "--db", db]),
        "nothing to take back: session chat ends with #7\n"
      )
      assert.match(yield* expectFailure(["rewind", "chat", "81", "--db", db]), /^cannot rewind session chat to #81/)
      assert.match(
        yield* expectFailure(["rewind", "chat", "9", "--db", db]),
        /^cannot rewind .* it was taken back before$/
      )
      assert.match(yield* expectFailure(["rewind", "nobody", "0", "--db", db]), /^there is no session nobody$/)
      const { stderr } = yield* Cli.run(["reset", "chat", "--db", db, "--log-level", "info"])
      assert.include(stderr, "reset: session=chat generation=4")
      assert.deepStrictEqual(yield* runForJson(["view", "chat", "--db", db]), [])
      assert.match(yield* expectFailure(["reset", "nobody", "--db", db]), /^there is no session nobody$/)
    })
  )

  it.scopedLive("forget deletes a session, and its line lets an audit pass", () =>
    Effect.gen(function* () {
      const { write } = yield* makeWorkplace
      const { db } = yield* importHistory
      const deliver = (text: string) =>
        Cli.run(["deliver", "chat", "--db", db, "--log-level", "debug"], { stdin: text })
      const first = yield* deliver("and invoice 7?")
      const forgotten = yield* Cli.run(["forget", "chat", "--db", db, "--log-level", "info"])
      assert.strictEqual(forgotten.stdout, "forgotten: session chat, with 80 messages and 1 that waited\n")
      assert.match(yield* expectFailure(["view", "chat", "--db", db]), /^there is no session chat$/)
      assert.match(yield* expectFailure(["forget", "chat", "--db", db]), /^there is no session chat$/)
      const log = write("agent.log", `${first.stderr}${forgotten.stderr}`)
      assert.include(yield* expectSuccess(["audit", log]), "no violation")
      yield* deliver("hello again")
      assert.deepStrictEqual(yield* runForJson(["forget", "chat", "--db", db]), {
        sessionId: "chat",
        messages: 0,
        waiting: 1
      })
    })
  )

  it.scopedLive("handoff --edit takes a mended handoff from stdin or an editor, and says why it takes none", () =>
    Effect.gen(function* () {
      const { db, write } = yield* importHistory
      const config = write("config.yaml", OFFLINE_CONFIG)
      const edit = ["handoff", "chat", "--edit", "--db", db, "--config", config]
      assert.match(yield* expectFailure(edit, { stdin: "words" }), /the view shows every message itself/)
      yield* expectSuccess(["compress", "chat", "--db", db, "--config", config])
      const handoff = yield* expectSuccess(["handoff", "chat", "--db", db])
      assert.match(yield* expectSuccess(edit, { stdin: handoff }), /^nothing changed\n$/)
      assert.match(yield* expectFailure(edit, { stdin: "my own words" }), /must stay as they are/)
      const mended = handoff.replace("## ", "Mind the cat.\n\n## ")
      assert.match(
        yield* expectSuccess(edit, { stdin: mended }),
        /^mended: session chat, generation 2\nthe view before: /
      )
      assert.include(yield* expectSuccess(["handoff", "chat", "--db", db]), "Mind the cat.")
      const editor = { isTerminal: true, env: { EDITOR: "sed -i s/cat/dog/" } }
      assert.match(yield* expectSuccess(edit, editor), /^mended: session chat, generation 3\n/)
      assert.include(yield* expectSuccess(["handoff", "chat", "--db", db]), "Mind the dog.")
      const failing = { isTerminal: true, env: { VISUAL: "false" } }
      assert.match(yield* expectFailure(edit, failing), /^nothing was changed: false ended with 1$/)
    })
  )

  it.scopedLive("restore shows again what a snapshot showed, also what a reset ended and a rewind took back", () =>
    Effect.gen(function* () {
      const { db } = yield* importHistory
      const config = yield* Effect.map(makeWorkplace, ({ write }) => write("config.yaml", OFFLINE_CONFIG))
      yield* expectSuccess(["compress", "chat", "--db", db, "--config", config])
      const compressed = yield* runForJson(["view", "chat", "--db", db])
      const handoff = yield* expectSuccess(["handoff", "chat", "--db", db])
      assert.include(JSON.stringify(compressed), `"content":${JSON.stringify(handoff.trimEnd())}`)
      yield* expectSuccess(["rewind", "chat", "8", "--db", db])
      yield* expectSuccess(["reset", "chat", "--db", db])
      const ids = (yield* expectSuccess(["snapshots", "chat", "--db", db]))
        .split("\n")
        .flatMap((line) => /^\S+/.exec(line) ?? [])
      const [whole = "", beforeRewind = ""] = ids
      const text = yield* expectSuccess(["restore", beforeRewind, "--db", db])
      assert.match(text, /^restored: session chat, generation 4\nthe view before: chat\.snapshot\.\S+\n$/)
      assert.deepStrictEqual(yield* runForJson(["view", "chat", "--db", db]), compressed)
      assert.deepInclude(yield* runForJson(["restore", whole, "--db", db]), { sessionId: "chat", generation: 5 })
      assert.deepStrictEqual(yield* runForJson(["view", "chat", "--db", db]), history)
      assert.match(yield* expectSuccess(["handoff", "chat", "--db", db]), /^no handoff: /)
      assert.match(yield* expectSuccess(["doctor", db]), /no damage/)
      assert.match(yield* expectFailure(["restore", "none", "--db", db]), /^there is no snapshot none$/)
    })
  )

  it.scopedLive("receipt prints what a compression can show for itself, and audit --db checks it again", () =>
    Effect.gen(function* () {
      const { db } = yield* importHistory
      const config = yield* Effect.map(makeWorkplace, ({ write }) => write("config.yaml", OFFLINE_CONFIG))
      yield* expectSuccess(["compress", "chat", "--db", db, "--config", config])
      const [snapshot = ""] = /^\S+/.exec(yield* expectSuccess(["snapshots", "chat", "--db", db])) ?? []
      const text = yield* expectSuccess(["receipt", snapshot, "--db", db])
      assert.match(text, /^\d+ messages left the view, #\d+ to #\d+:\n {2}#\d+ to #\d+ +[0-9a-f]{32}\n/)
      assert.match(text, /\nthe view shows #1 to #\d+, the handoff of 1 segments?, and from #\d+ on\n/)
      const receipt = yield* runForJson(["receipt", snapshot, "--db", db])
      assert.deepInclude(receipt, { version: 1, sessionId: "chat" })
      assert.match(
        yield* expectSuccess(["audit", "--db", db]),
        /^no loss: 1 receipts? of 1 sessions?, with \d+ references?\n$/
      )
      const opened = new Database(db)
      opened.exec("DELETE FROM message WHERE seq = 9")
      opened.close()
      const { code, stdout, stderr } = yield* Cli.run(["audit", "--db", db, "--json"])
      assert.deepStrictEqual([code, stderr], [1, "throughline: 1 loss\n"])
      assert.deepStrictEqual(
        JSON.parse(stdout).receipts.findings.map(({ fault }: { readonly fault: string }) => fault),
        ["lost-message"]
      )
      assert.match(yield* expectFailure(["receipt", "none", "--db", db]), /^there is no snapshot none$/)
      assert.match(yield* expectFailure(["audit"]), /^expected log files, or --db for the receipts of a database$/)
    })
  )

  it.scopedLive("what a person reads", () =>
    Effect.gen(function* () {
      const { db, write } = yield* importHistory
      const config = write("config.yaml", OFFLINE_CONFIG)
      assert.match(yield* expectSuccess(["compress", "chat", "--db", db, "--config", config]), COMPRESSED)
      assert.match(
        yield* expectSuccess(["sessions", "--db", db]),
        /^chat  80 messages  ~[\d,]+ tokens  0 waiting  generation 1\n$/
      )
      assert.match(
        yield* expectSuccess(["snapshots", "chat", "--db", db]),
        /^chat\.snapshot\.\S+Z  generation 0  up to #80\n$/
      )
      assert.match(
        yield* expectSuccess(["stats", "chat", "--db", db]),
        /^compressions +1 committed\n[^]+^tokens saved +~[\d,]+\nturns that waited +none\n$/m
      )
      const view = yield* expectSuccess(["view", "chat", "--db", db, "--explain", "--config", config])
      assert.match(view, /^── assistant ──\nPart 19 is fine\.$/m)
      assert.match(view, /^\[.*·\]\n(?: {2}. \w+ +[\d,]+ +[\d.]+%\n)+segment seg_\S+: \d+ to \d+, /m)
      assert.notInclude(view, "\u001B")
      assert.match(
        yield* expectSuccess(["log", "chat", "--db", db]),
        /^── #2 assistant ──\n→ read_file \{"path":"src\/0\.ts"\}$/m
      )
    })
  )

  it.scopedLive("recall finds what left the view, expand shows what is around it", () =>
    Effect.gen(function* () {
      const { db, write } = yield* importHistory
      const config = write("config.yaml", OFFLINE_CONFIG)
      yield* expectSuccess(["compress", "chat", "--db", db, "--config", config])
      const found = yield* decodeMessages(yield* runForJson(["recall", "chat", "src/6.ts", "--db", db]))
      assert.deepStrictEqual(
        found.map(({ excerpt, role, seq }) => [seq, role, excerpt]),
        [[26, "assistant", 'read_file {"path":"src/6.ts"}']]
      )
      const segment = String(found[0]?.segment)
      assert.strictEqual(
        yield* expectSuccess(["recall", "chat", "src/6.ts", "--db", db]),
        `#26 assistant (${segment})  read_file {"path":"src/6.ts"}\n`
      )
      assert.lengthOf(
        yield* decodeMessages(yield* runForJson(["recall", "chat", "part", "--db", db, "--limit", "3"])),
        3
      )
      assert.strictEqual(yield* expectSuccess(["recall", "chat", "absent", "--db", db]), "nothing found\n")
      assert.deepStrictEqual(yield* runForJson(["recall", "chat", "absent", "--db", db]), [])
      const expanded = yield* Schema.decodeUnknown(Expanded)(yield* runForJson(["expand", segment, "--db", db]))
      const { fromSeq, toSeq } = expanded.segment
      assert.strictEqual(expanded.sessionId, "chat")
      assert.deepStrictEqual(
        expanded.messages.map(({ message }) => message),
        history.slice(fromSeq - 1, toSeq)
      )
      assert.match(
        yield* expectSuccess(["expand", segment, "--db", db]),
        /^── #26 assistant ──\n→ read_file \{"path":"src\/6\.ts"\}$/m
      )
    })
  )

  it.scopedLive("control characters of a message do not reach the terminal", () =>
    Effect.gen(function* () {
      const { db, write } = yield* makeWorkplace
      const file = write("tricky.json", JSON.stringify([{ role: "user", content: "a\u001b[2Jb\r\nc" }]))
      yield* expectSuccess(["import", file, "--db", db])
      assert.strictEqual(yield* expectSuccess(["view", "tricky", "--db", db]), "── user ──\na␛[2Jb\nc\n\n")
    })
  )

  it.scopedLive("a damaged file is refused with a hint, and --salvage imports what is whole of it", () =>
    Effect.gen(function* () {
      const { db, write } = yield* makeWorkplace
      const file = write("torn.jsonl", `${formatJsonl(history)}\n\0\0\0\n{"role":"user","content":"sk-secr`)
      assert.strictEqual(
        yield* expectFailure(["import", file, "--db", db, "--strict"]),
        `${file}:${history.length + 1}: expected a JSON object, found text that is not JSON; ` +
          `--salvage would import the ${history.length} messages that are whole`
      )
      const printed = yield* expectSuccess(["import", file, "--db", db, "--salvage"])
      assert.deepStrictEqual(printed.trimEnd().split("\n"), [
        "read as jsonl",
        `lines          ${history.length + 2}`,
        `messages       ${history.length}: 20 user, 40 assistant, 20 tool`,
        "calls          20, 20 with a result",
        "left out       2",
        "  1: expected a JSON object, found NUL bytes",
        "  1: expected a JSON object, found text that is not JSON",
        `imported torn: ${history.length} messages (20 user, 40 assistant, 20 tool)`,
        `left ${file}:${history.length + 1}: expected a JSON object, found NUL bytes`,
        `left ${file}:${history.length + 2}: expected a JSON object, found text that is not JSON`
      ])
      assert.deepStrictEqual(yield* runForJson(["log", "torn", "--db", db]), history)
      assert.deepStrictEqual(yield* runForJson(["import", file, "--db", db, "--session", "again", "--salvage"]), {
        format: "jsonl",
        table: {
          lines: history.length + 2,
          ...historyCounts,
          subagents: 0,
          branches: 0,
          ofOtherBranches: 0,
          compactions: 0,
          leftOut: {
            "expected a JSON object, found NUL bytes": 1,
            "expected a JSON object, found text that is not JSON": 1
          }
        },
        sessions: [{ sessionId: "again", ...historyCounts }],
        skipped: {},
        numbersAsText: [],
        left: [
          { line: history.length + 1, expected: "a JSON object", found: "NUL bytes" },
          { line: history.length + 2, expected: "a JSON object", found: "text that is not JSON" }
        ]
      })
    })
  )

  it.scopedLive("an import lists the numbers that it keeps as text", () =>
    Effect.gen(function* () {
      const { db, write } = yield* makeWorkplace
      const lines = Array.from({ length: 22 }, () => `{"role":"user","content":"hi","id":9007199254740993}\n`)
      const printed = yield* expectSuccess(["import", write("odd.jsonl", lines.join("")), "--db", db])
      const listed = Array.from({ length: 20 }, (_, n) => `kept as text line ${n + 1}: id, since no number holds it`)
      assert.deepStrictEqual(printed.trimEnd().split("\n"), [
        "read as jsonl",
        "lines          22",
        "messages       22: 22 user",
        "imported odd: 22 messages (22 user)",
        ...listed,
        "kept as text 2 more"
      ])
      assert.deepInclude((yield* decodeMessages(yield* runForJson(["log", "odd", "--db", db])))[0], {
        id: "9007199254740993"
      })
    })
  )

  it.scopedLive("salvage brings a damaged database into a new one, and lists what is lost", () =>
    Effect.gen(function* () {
      const { db, folder } = yield* importHistory
      const damaged = new Database(db)
      damaged.exec("UPDATE message SET body = '{sk-secret' WHERE seq = 3").close()
      const last = history.length - 1
      const out = join(folder, "new.db")
      assert.strictEqual(
        yield* expectSuccess(["salvage", db, "--out", out]),
        `${out}: 1 session, ${last} messages, 0 waiting, 0 segments, 0 generations\n` +
          "lost of chat: message #3: its text is not JSON\n"
      )
      const log = yield* decodeMessages(yield* runForJson(["log", "chat", "--db", out]))
      assert.deepStrictEqual([log.slice(0, 2), log.slice(3)], [history.slice(0, 2), history.slice(3)])
      assert.match(String(log[2]?.content), /was lost/)
      assert.strictEqual(
        yield* expectFailure(["salvage", db, "--out", out]),
        `could not open the database: ${out} exists already`
      )
      assert.deepStrictEqual(yield* runForJson(["salvage", db, "--out", `${out}2`]), {
        sessions: 1,
        messages: last,
        waiting: 0,
        segments: 0,
        generations: 0,
        lost: [{ sessionId: "chat", what: "message #3: its text is not JSON" }]
      })
    })
  )

  it.scopedLive("a file of several sessions is imported whole, under the ids it names", () =>
    Effect.gen(function* () {
      const { db, write } = yield* makeWorkplace
      const rows = history.map((message, index) => ({ session: index % 2 === 0 ? "even" : "odd", message }))
      const file = write("sessions.jsonl", formatJsonl(rows))
      const half = history.length / 2
      assert.strictEqual(
        yield* expectSuccess(["import", file, "--db", db, "--format", "sessions"]),
        [
          "read as sessions",
          "lines          80",
          "messages       80: 20 user, 20 tool, 40 assistant",
          "calls          20, 0 with a result",
          `imported even: ${half} messages (20 user, 20 tool)`,
          `imported odd: ${half} messages (40 assistant; 20 of 20 calls unanswered)\n`
        ].join("\n")
      )
      assert.deepStrictEqual(
        yield* runForJson(["log", "odd", "--db", db]),
        history.filter((_, index) => index % 2 === 1)
      )
    })
  )

  it.scopedLive("deliver takes JSON or plain text, and takes a key once", () =>
    Effect.gen(function* () {
      const { db } = yield* makeWorkplace
      const deliver = (stdin: string, ...options: ReadonlyArray<string>) =>
        runForJson(["deliver", "inbox", "--db", db, ...options], { stdin })
      const receipt = { sessionId: "inbox", arrival: 1, duplicate: false }
      assert.deepStrictEqual(yield* deliver("{not JSON} but text\n", "--key", "k1"), receipt)
      assert.deepStrictEqual(yield* deliver("{not JSON} but text\n", "--key", "k1"), { ...receipt, duplicate: true })
      assert.strictEqual(
        yield* expectFailure(["deliver", "inbox", "--db", db, "--key", "k1"], { stdin: "another" }),
        "session inbox has already taken another message under the key k1"
      )
      const named = { role: "user", content: [{ type: "text", text: "done" }], name: "ci" }
      yield* deliver(JSON.stringify(named), "--kind", "notification")
      const log = yield* runForJson(["log", "inbox", "--db", db])
      assert.deepStrictEqual(log, [{ role: "user", content: "{not JSON} but text" }, named])
      const explained = yield* decodeMessages(yield* runForJson(["log", "inbox", "--db", db, "--explain"]))
      assert.deepStrictEqual(
        explained.map(({ arrival, kind, seq }) => [arrival, kind, seq]),
        [
          [1, "request", null],
          [2, "notification", null]
        ]
      )
    })
  )

  describe("compress on a model", () => {
    const lines = (settings: object) =>
      Object.entries(settings).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`)
    const yaml = ({ compression, model }: ReturnType<typeof makeServerSettings>) =>
      ["model:", ...lines(model), "compression:", ...lines(compression)].join("\n")

    for (const [api, render, name] of [
      ["responses", yaml, "config.yaml"],
      ["chat", JSON.stringify, "config.json"]
    ] as const) {
      it.scopedLive(`the ${api} API, set up in ${name}`, () =>
        Effect.gen(function* () {
          const { db, write } = yield* importHistory
          const server = yield* ModelServer.make([ModelServer.ok(summary("the report"))])
          const config = write(name, render(makeServerSettings(server, api)))
          const order = ["compress", "chat", "--db", db, "--config", config]
          const { attempts, modelCalls, outcome } = yield* runForResult([...order, "--focus", "the invoices"])
          assert.deepStrictEqual([outcome, modelCalls], ["committed", server.requests.length])
          assert.isTrue(attempts.every(({ error }) => error === null))
          for (const { prompt } of server.requests) {
            assert.include(JSON.stringify(prompt), "the invoices")
            assert.include(JSON.stringify(prompt), "The application adds: Keep invoice numbers.")
          }
          assert.deepStrictEqual([...new Set(server.requests.map((request) => request.api))], [api])
          const view = yield* runForJson(["view", "chat", "--db", db])
          assert.include(JSON.stringify(view), "finish the report")
        })
      )
    }

    it.scopedLive("a model that fails leaves a degraded handoff, and says why", () =>
      Effect.gen(function* () {
        const { db, write } = yield* importHistory
        const server = yield* ModelServer.make([ModelServer.refuse(404, { message: "no such model" })])
        const config = write("config.json", JSON.stringify(makeServerSettings(server, "chat")))
        const { outcome, reason } = yield* runForResult(["compress", "chat", "--db", db, "--config", config])
        assert.strictEqual(outcome, "degraded")
        assert.include(reason, "no such model")
      })
    )
  })

  describe("bad input: one clear line, exit 1, nothing written", () => {
    const files: { readonly [name: string]: string } = {
      "notes.txt": "just some notes, longer than the header of a database".repeat(3),
      "empty.db": "",
      "header.db": "SQLite format 3\0",
      "cut.jsonl": `${formatJsonl(history.slice(0, 2))}\n{"role":"tool",`,
      "role.jsonl": formatJsonl([...history.slice(0, 3), { role: "wizard", content: "hm" }]),
      "array.json": JSON.stringify([history[0], { role: "tool", content: "no id" }]),
      "twice.jsonl": formatJsonl(["a", "a"].flatMap((id) => [PI_HEADER(id), PI_MESSAGE])),
      "typed.yaml": "compression:\n  threshold: high\n",
      "range.yaml": "compression:\n  threshold: 1.5\n",
      "keyless.yaml": "model: { default: m, base_url: 'http://127.0.0.1:9/v1' }\n",
      "broken.yaml": "model: { default: m\n",
      "disabled.yaml": "compression: { enabled: false }\n"
    }
    const other = (file: string) => void new Database(file).exec("CREATE TABLE t (a)").close()

    // `sessions.db` holds the session `chat`; `new.db` is not there, and must not be in the end.
    const cases: ReadonlyArray<readonly [call: string, expected: string, stdin?: string]> = [
      ["compress nobody --db sessions.db", "there is no session nobody"],
      ["view nobody --db sessions.db", "there is no session nobody"],
      ["log nobody --db sessions.db", "there is no session nobody"],
      ["snapshots nobody --db sessions.db", "there is no session nobody"],
      ["stats nobody --db sessions.db", "there is no session nobody"],
      ["recall nobody part --db sessions.db", "there is no session nobody"],
      ["recall chat  --db sessions.db", "expected words to look for, found none"],
      ["recall chat part --db new.db", "could not open the database: there is no file new.db"],
      ["expand seg_never --db sessions.db", "there is no segment seg_never"],
      ["expand seg_never --db new.db", "could not open the database: there is no file new.db"],
      ["snapshot chat.snapshot.never --db sessions.db", "there is no snapshot chat.snapshot.never"],
      ["compress chat --db new.db", "could not open the database: there is no file new.db"],
      ["sessions --db new.db", "could not open the database: there is no file new.db"],
      ["sessions --db none/s.db", "could not open the database: there is no file none/s.db"],
      ["deliver chat --db none/s.db", "could not open the database: none/s.db: ", "hello"],
      ["view chat --db .", "could not open the database: .: "],
      ["view chat --db notes.txt", "could not open the database: notes.txt is not a SQLite database"],
      ["deliver chat --db notes.txt", "could not open the database: notes.txt is not a SQLite database", "hello"],
      ["import history.jsonl --db notes.txt", "could not open the database: notes.txt is not a SQLite database"],
      ["compress chat --db empty.db", "could not open the database: empty.db is empty"],
      ["log chat --db header.db", "could not open the database: header.db is not a SQLite database"],
      ["deliver chat --db other.db", "could not open the database: other.db is another application's database", "hi"],
      ["import history.jsonl --db sessions.db --session chat", "session chat already holds messages"],
      ["import gone.jsonl --db new.db", "cannot read gone.jsonl: no such file or directory"],
      ["import . --db new.db", "cannot read .: illegal operation on a directory"],
      ["import cut.jsonl --db new.db", "cut.jsonl:3: expected a JSON object, found text that is not JSON"],
      [
        "import role.jsonl --db new.db",
        "role.jsonl:4: expected a chat message, found an object with a missing or wrong role"
      ],
      ["import array.json --db new.db", "array.json: expected element 2 of the array to be a chat message, found "],
      ["import empty.db --db new.db", "empty.db: expected at least one chat message, found an empty file"],
      ["import history.jsonl --db new.db --format pi", "history.jsonl:1: expected "],
      ["import twice.jsonl --db new.db", "twice.jsonl holds the session a twice"],
      ["import twice.jsonl --db new.db --session b", "twice.jsonl holds 2 sessions; --session names only one"],
      ["compress chat --db sessions.db --config gone.yaml", "cannot read gone.yaml: no such file or directory"],
      [
        "compress chat --db sessions.db --config typed.yaml",
        "typed.yaml: compression.threshold: expected cost, a ratio"
      ],
      [
        "compress chat --db sessions.db --config range.yaml",
        "range.yaml: compression.threshold: expected a ratio above "
      ],
      ["compress chat --db sessions.db --config keyless.yaml", "keyless.yaml: model.api_key: expected a key "],
      ["compress chat --db sessions.db --config broken.yaml", "broken.yaml: line 2: expected YAML or JSON: "],
      ["compress chat --db sessions.db --config disabled.yaml", "disabled.yaml: compression.enabled is false"],
      ["deliver chat --db new.db", "stdin: expected a message, found nothing", " \n"],
      [
        "deliver chat --db new.db",
        "stdin: expected a chat message, found an object with a missing or wrong role",
        `{"a":1}`
      ],
      ["deliver chat --db new.db", "stdin: expected a chat message, found text that is not JSON", `{"role":"user",`],
      [
        "deliver chat --db new.db",
        "not a chat message: meta.id: Expected a number that a double holds, or text",
        `{"role":"user","content":"x","meta":{"id":1e400}}`
      ],
      [
        "deliver chat --db new.db",
        "not a chat message: content: Expected each key of an object once",
        `{"role":"user","content":"x","content":"y"}`
      ]
    ]

    it.scopedLive(`${cases.length} ways to be wrong`, () =>
      Effect.gen(function* () {
        const { folder, write } = yield* importHistory
        for (const [name, text] of Object.entries(files)) write(name, text)
        other(join(folder, "other.db"))
        const before = readFolder(folder)
        yield* Effect.forEach(
          cases,
          ([call, expected, stdin = ""]) =>
            Effect.map(expectFailure(call.split(" "), { stdin, cwd: folder }), (line) =>
              assert.strictEqual(line.slice(0, expected.length), expected)
            ),
          { concurrency: 2 }
        )
        assert.deepStrictEqual(readFolder(folder), before)
      })
    )
  })

  describe("export", () => {
    it.scopedLive("adds sessions to a Hermes database, from which import takes them again", () =>
      Effect.gen(function* () {
        const { db, folder } = yield* importHistory
        const state = Hermes.fresh("new", join(folder, "state.db"))
        const out = yield* expectSuccess(["export", "--db", db, "--to", state])
        assert.strictEqual(out, `exported chat: ${history.length} messages\n`)
        const other = join(folder, "other.db")
        assert.strictEqual(
          yield* expectSuccess(["import", state, "--db", other]),
          [
            "read as hermes",
            `messages       ${history.length}: 20 user, 40 assistant, 20 tool`,
            "calls          20, 20 with a result",
            `imported chat: ${history.length} messages (20 user, 40 assistant, 20 tool)\n`
          ].join("\n")
        )
        assert.deepStrictEqual(
          yield* runForJson(["log", "chat", "--db", other]),
          yield* runForJson(["log", "chat", "--db", db])
        )
        assert.match(yield* expectFailure(["export", "chat", "--db", db, "--to", state]), /chat/)
        assert.match(yield* expectFailure(["export", "--db", db, "--to", join(folder, "none.db")]), /there is no file/)
      })
    )

    it.scopedLive("writes a session as a new file of another agent, from which import takes it again", () =>
      Effect.gen(function* () {
        const { db, folder } = yield* importHistory
        const file = join(folder, "session.jsonl")
        const asPi = ["export", "chat", "--db", db, "--as", "pi", "--out", file]
        const said = `exported chat: ${history.length} messages to ${file}\n`
        assert.strictEqual(yield* expectSuccess(asPi), said)
        const other = join(folder, "other.db")
        yield* expectSuccess(["import", file, "--db", other])
        assert.deepStrictEqual(
          yield* runForJson(["log", "chat", "--db", other]),
          yield* runForJson(["log", "chat", "--db", db])
        )
        assert.match(yield* expectFailure(asPi), /cannot write .*session\.jsonl/)
        assert.match(yield* expectFailure(["export", "chat", "--db", db]), /either --to STATE_DB, or --as FORMAT/)
        assert.match(yield* expectFailure(["export", "--db", db, "--as", "pi"]), /--out FILE and the id of one session/)
      })
    )
  })

  describe("config check", () => {
    it.scopedLive("prints the problems, a line each, and ends with 1", () =>
      Effect.gen(function* () {
        const { write } = yield* makeWorkplace
        const file = write(
          "config.yaml",
          `${OFFLINE_CONFIG}\ncolour: red\nauxiliary: { vision: { timeout: 5, provider: auto } }`
        )
        const fine = yield* Cli.run(["config", "check", file])
        assert.deepStrictEqual(
          [fine.code, fine.stderr],
          [0, `throughline: ${file}: colour is not a setting and is ignored\n`]
        )
        assert.match(fine.stdout, /: no problems\nmain model: extractive, a window of 8,000 tokens\n/)
        const wrong = write("wrong.yaml", `${OFFLINE_CONFIG}\ncompression: { threshold: 0.9, hard_threshold: 0.95 }`)
        const { code, stderr, stdout } = yield* Cli.run(["config", "check", wrong])
        assert.deepStrictEqual([code, stderr], [1, `throughline: ${wrong}: 1 problem\n`])
        assert.match(stdout, /^compression\.threshold: .+; set it to 0\.787 or less\n$/)
        const json = yield* Cli.run(["config", "check", wrong, "--json"])
        assert.lengthOf(JSON.parse(json.stdout).findings, 1)
      })
    )
  })
})
