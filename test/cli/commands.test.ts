import { assert, describe, layer } from "@effect/vitest"
import { Deferred, Effect, Schema } from "effect"
import Database from "better-sqlite3"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { CompressionResult } from "../../src/session/CompressionResult.ts"
import type { Route } from "../../src/model/Provider.ts"
import manifest from "../../package.json" with { type: "json" }
import { SessionStats } from "../../src/session/SessionStats.ts"
import * as Cli from "../support/cli.ts"
import * as Hermes from "../support/hermes.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { conversation, summary } from "../support/world.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const history = conversation(20)
const formatJsonl = (messages: ReadonlyArray<unknown>) => messages.map((message) => JSON.stringify(message)).join("\n")
const offline = "model: { provider: embedded, context_length: 8000 }"

/** Makes a folder with a history to import and the path of a database that does not exist yet. */
const makeWorkplace = Effect.gen(function* () {
  const folder = yield* makeTemporaryFolder()
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  return { folder, write, db: join(folder, "sessions.db"), history: write("history.jsonl", formatJsonl(history)) }
})

/** Makes such a folder and imports the history as session `chat`. */
const importHistory = Effect.tap(makeWorkplace, ({ db, history }) =>
  expectSuccess(["import", history, "--db", db, "--session", "chat"])
)

const expectSuccess = (args: ReadonlyArray<string>, surroundings?: Cli.Surroundings) =>
  Effect.map(Cli.run(args, surroundings), ({ code, stderr, stdout }) => {
    assert.strictEqual(code, 0, stderr)
    return stdout
  })

/** Runs a command with `--json` and parses the one value on stdout. */
const runForJson = (args: ReadonlyArray<string>, surroundings?: Cli.Surroundings) =>
  Effect.map(expectSuccess([...args, "--json"], surroundings), (stdout): unknown => JSON.parse(stdout))

const runForResult = (args: ReadonlyArray<string>, surroundings?: Cli.Surroundings) =>
  Effect.flatMap(runForJson(args, surroundings), Schema.decodeUnknown(CompressionResult))

/** Expects one line on stderr, nothing on stdout and exit 1. Returns the line. */
const expectFailure = (args: ReadonlyArray<string>, surroundings?: Cli.Surroundings) =>
  Effect.map(Cli.run(args, surroundings), ({ code, stderr, stdout }) => {
    assert.deepStrictEqual([code, stdout], [1, ""], `${args.join(" ")}\n${stderr}`)
    assert.match(stderr, /^throughline: .+\n$/)
    return stderr.slice("throughline: ".length, -1)
  })

const COMPRESSED = new RegExp(
  [
    "^committed: session \\S+, generation 1",
    "messages [\\d,]+ → \\d+, tokens ~[\\d,]+ → ~[\\d,]+",
    "\\d+ model calls? in \\d+\\.\\d s(?:, ~[\\d,]+ tokens)?",
    "summary by \\S+",
    "the view before: \\S+\\.snapshot\\.\\S+Z\n$"
  ].join("\n")
)

const Demo = Schema.parseJson(
  Schema.Struct({
    result: CompressionResult,
    checks: Schema.Array(Schema.Struct({ name: Schema.String, holds: Schema.Boolean }))
  })
)

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

const decodeMessages = Schema.decodeUnknown(Schema.Array(Schema.Record({ key: Schema.String, value: Schema.Unknown })))

layer(Cli.layer, { excludeTestServices: true })("the command line", (it) => {
  describe("usage", () => {
    it.effect("help names every command, in plain text", () =>
      Effect.gen(function* () {
        const help = yield* expectSuccess([])
        const names =
          "demo import export compress view log recall expand snapshots snapshot sessions stats deliver rewind reset config"
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
    it.effect("what is wrong with a call is said on stderr, exit 2", () =>
      Effect.forEach(wrong, ([args, expected]) =>
        Effect.map(Cli.run(args), ({ code, stderr, stdout }) => {
          assert.deepStrictEqual([code, stdout], [2, ""], args.join(" "))
          assert.match(stderr, expected)
          assert.match(stderr, /^throughline: .+\n$/)
        })
      )
    )
  })

  it.scoped("rewind takes messages back, which the log keeps and marks; reset ends the context", () =>
    Effect.gen(function* () {
      const { db } = yield* importHistory
      const config = yield* Effect.map(makeWorkplace, ({ write }) => write("config.yaml", offline))
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

  it.scoped("import, compress, view: the way of a session, without a network", () =>
    Effect.gen(function* () {
      const { db, history: file, write } = yield* makeWorkplace
      const config = write("config.yaml", offline)
      assert.deepStrictEqual(yield* runForJson(["import", file, "--db", db, "--session", "chat"]), {
        format: "jsonl",
        sessions: [{ sessionId: "chat", messages: history.length }],
        skipped: {}
      })
      const before = yield* expectSuccess(["view", "chat", "--db", db, "--json"])
      assert.deepStrictEqual(JSON.parse(before), history)

      const compressed = yield* Cli.run(["compress", "chat", "--db", db, "--config", config, "--json"])
      const { generation, messagesAfter, messagesBefore, modelCalls, outcome, sessionId, snapshotId } =
        yield* Schema.decode(Schema.parseJson(CompressionResult))(compressed.stdout)
      assert.deepStrictEqual(
        [sessionId, outcome, generation, messagesBefore, modelCalls],
        ["chat", "committed", 1, history.length, 0]
      )
      assert.match(compressed.stderr, /^throughline: .*works offline.*\n$/)
      const key = yield* Cli.run(["compress", "chat", "--db", db], { env: { OPENAI_API_KEY: "sk-unused" } })
      assert.strictEqual(key.code, 0, key.stderr)
      assert.match(key.stderr, /^throughline: OPENAI_API_KEY is set .+ THROUGHLINE_MODEL .+ \(works offline\)\n$/)

      const view = yield* decodeMessages(yield* runForJson(["view", "chat", "--db", db]))
      assert.strictEqual(view.length, messagesAfter)
      assert.deepStrictEqual(view.at(-1), { ...history.at(-1) })
      const { compressions, tokensSaved } = yield* Schema.decodeUnknown(SessionStats)(
        yield* runForJson(["stats", "chat", "--db", db])
      )
      assert.deepStrictEqual([compressions.committed, tokensSaved > 0], [1, true])
      assert.deepStrictEqual(yield* runForJson(["log", "chat", "--db", db]), history)
      assert.strictEqual(yield* expectSuccess(["snapshot", snapshotId ?? "", "--db", db, "--json"]), before)
    })
  )

  it.scoped("what a person reads", () =>
    Effect.gen(function* () {
      const { db, write } = yield* importHistory
      const config = write("config.yaml", offline)
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

  it.scoped("recall finds what left the view, expand shows what is around it", () =>
    Effect.gen(function* () {
      const { db, write } = yield* importHistory
      const config = write("config.yaml", offline)
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

  it.scoped("control characters of a message do not reach the terminal", () =>
    Effect.gen(function* () {
      const { db, write } = yield* makeWorkplace
      const file = write("tricky.json", JSON.stringify([{ role: "user", content: "a\u001b[2Jb\r\nc" }]))
      yield* expectSuccess(["import", file, "--db", db])
      assert.strictEqual(yield* expectSuccess(["view", "tricky", "--db", db]), "── user ──\na␛[2Jb\nc\n\n")
    })
  )

  it.scoped("a file of several sessions is imported whole, under the ids it names", () =>
    Effect.gen(function* () {
      const { db, write } = yield* makeWorkplace
      const rows = history.map((message, index) => ({ session: index % 2 === 0 ? "even" : "odd", message }))
      const file = write("sessions.jsonl", formatJsonl(rows))
      const half = history.length / 2
      assert.strictEqual(
        yield* expectSuccess(["import", file, "--db", db, "--format", "sessions"]),
        `imported even: ${half} messages\nimported odd: ${half} messages\n`
      )
      assert.deepStrictEqual(
        yield* runForJson(["log", "odd", "--db", db]),
        history.filter((_, index) => index % 2 === 1)
      )
    })
  )

  it.scoped("deliver takes JSON or plain text, and takes a key once", () =>
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
    const configOf = ({ url }: ModelServer.ModelServer, api: Route["api"]) => ({
      model: { default: "test-model", provider: "openai", base_url: url, api_key: "k-1", context_length: 8_000, api },
      compression: { instructions: "Keep invoice numbers." }
    })
    const lines = (settings: object) =>
      Object.entries(settings).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`)
    const yaml = ({ compression, model }: ReturnType<typeof configOf>) =>
      ["model:", ...lines(model), "compression:", ...lines(compression)].join("\n")

    for (const [api, render, name] of [
      ["responses", yaml, "config.yaml"],
      ["chat", JSON.stringify, "config.json"]
    ] as const) {
      it.scoped(`the ${api} API, set up in ${name}`, () =>
        Effect.gen(function* () {
          const { db, write } = yield* importHistory
          const server = yield* ModelServer.make([ModelServer.ok(summary("the report"))])
          const config = write(name, render(configOf(server, api)))
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

    it.scoped("the environment alone, with a line while the model writes, and log lines for who asks", () =>
      Effect.gen(function* () {
        const { db, write } = yield* makeWorkplace
        const file = write("long.jsonl", formatJsonl(conversation(120)))
        yield* expectSuccess(["import", file, "--db", db])
        const server = yield* ModelServer.make([ModelServer.ok(summary("the report"))])
        const env = { OPENAI_API_KEY: "k-2", OPENAI_BASE_URL: server.url, THROUGHLINE_MODEL: "env-model" }
        const { code, stderr, stdout } = yield* Cli.run(["compress", "long", "--db", db, "--log-level", "info"], {
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

    it.scoped("a model that fails leaves a degraded handoff, and says why", () =>
      Effect.gen(function* () {
        const { db, write } = yield* importHistory
        const server = yield* ModelServer.make([ModelServer.refuse(404, { message: "no such model" })])
        const config = write("config.json", JSON.stringify(configOf(server, "chat")))
        const { outcome, reason } = yield* runForResult(["compress", "chat", "--db", db, "--config", config])
        assert.strictEqual(outcome, "degraded")
        assert.include(reason, "no such model")
      })
    )

    const interruptCompression = Effect.gen(function* () {
      const { db, write } = yield* importHistory
      const gate = yield* Deferred.make<void>()
      const server = yield* ModelServer.make([ModelServer.held(gate, ModelServer.ok(summary("the report")))])
      const config = write("config.json", JSON.stringify(configOf(server, "responses")))
      const { start } = yield* Cli.Cli
      const running = yield* start(["compress", "chat", "--db", db, "--config", config])
      yield* server.arrived(1)
      yield* running.interrupt
      yield* running.says("throughline: interrupted, waiting up to 10 seconds for the compression under way\n")
      return { running, gate, generation: Effect.map(expectSuccess(["sessions", "--db", db]), generationOf) }
    })
    const generationOf = (sessions: string) => /generation (\d)/.exec(sessions)?.[1]

    it.scoped("an interrupt waits for the summary that streams, and it is committed", () =>
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

    it.scoped("a second interrupt ends it at once, and the session is as before", () =>
      Effect.gen(function* () {
        const { generation, running } = yield* interruptCompression
        yield* running.interrupt
        assert.isNull((yield* running.ended).code)
        assert.strictEqual(yield* generation, "0")
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
      ["compress chat --db sessions.db --config typed.yaml", "typed.yaml: compression.threshold: expected a ratio"],
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
      ["deliver chat --db new.db", "stdin: expected a chat message, found text that is not JSON", `{"role":"user",`]
    ]

    it.scoped(`${cases.length} ways to be wrong`, () =>
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
    it.scoped("adds sessions to a Hermes database, from which import takes them again", () =>
      Effect.gen(function* () {
        const { db, folder } = yield* importHistory
        const state = Hermes.fresh("new", join(folder, "state.db"))
        const out = yield* expectSuccess(["export", "--db", db, "--to", state])
        assert.strictEqual(out, `exported chat: ${history.length} messages\n`)
        const other = join(folder, "other.db")
        assert.strictEqual(
          yield* expectSuccess(["import", state, "--db", other]),
          `imported chat: ${history.length} messages\n`
        )
        assert.deepStrictEqual(
          yield* runForJson(["log", "chat", "--db", other]),
          yield* runForJson(["log", "chat", "--db", db])
        )
        assert.match(yield* expectFailure(["export", "chat", "--db", db, "--to", state]), /chat/)
        assert.match(yield* expectFailure(["export", "--db", db, "--to", join(folder, "none.db")]), /there is no file/)
      })
    )
  })

  describe("config check", () => {
    it.scoped("prints the problems, a line each, and ends with 1", () =>
      Effect.gen(function* () {
        const { write } = yield* makeWorkplace
        const file = write(
          "config.yaml",
          `${offline}\ncolour: red\nauxiliary: { vision: { timeout: 5, provider: auto } }`
        )
        const fine = yield* Cli.run(["config", "check", file])
        assert.deepStrictEqual(
          [fine.code, fine.stderr],
          [0, `throughline: ${file}: colour is not a setting and is ignored\n`]
        )
        assert.match(fine.stdout, /: no problems\nmain model: extractive, a window of 8,000 tokens\n/)
        const wrong = write("wrong.yaml", `${offline}\ncompression: { threshold: 0.9, hard_threshold: 0.95 }`)
        const { code, stderr, stdout } = yield* Cli.run(["config", "check", wrong])
        assert.deepStrictEqual([code, stderr], [1, `throughline: ${wrong}: 1 problem\n`])
        assert.match(stdout, /^compression\.threshold: .+; set it to 0\.787 or less\n$/)
        const json = yield* Cli.run(["config", "check", wrong, "--json"])
        assert.lengthOf(JSON.parse(json.stdout).findings, 1)
      })
    )
  })

  describe("demo", () => {
    it.effect("shows the window of each turn, then before and after, and what was checked", () =>
      Effect.map(Cli.run(["demo"]), ({ code, stderr, stdout }) => {
        assert.strictEqual(code, 0, stderr)
        assert.lengthOf(stderr.match(/^turn +\d+ \[.+\] +\d+ messages {2}~[\d,]+ tokens$/gm) ?? [], 16)
        assert.match(stdout, /^before \[.+\] +[\d,]+ tokens\nafter {2}\[.+\] +[\d,]+ tokens$/m)
        assert.match(stdout, / tokens \(-\d\d\.\d%\)$/m)
        assert.match(stderr, /^ +turn \d+ took [\d,]+ ms beside the compression$/m)
        assert.lengthOf(stdout.match(/^✓ /gm) ?? [], 6)
        assert.notInclude(stdout + stderr, "\u001B")
      })
    )

    it.effect("says who summarizes, and its result fits one screen and adds up", () =>
      Effect.map(Cli.run(["demo"]), ({ stderr, stdout }) => {
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

    it.effect("says it as one JSON value, and nothing else", () =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* Cli.run(["demo", "--json"])
        assert.deepStrictEqual([code, stderr], [0, ""])
        const { checks, result } = yield* Schema.decode(Demo)(stdout)
        assert.strictEqual(result.sessionId, "demo")
        assert.isTrue(checks.length > 0 && checks.every(({ holds }) => holds))
      })
    )
  })
})
