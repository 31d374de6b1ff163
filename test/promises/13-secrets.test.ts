/**
 * Promise 13, secrets stay: planted wherever words come from, they are looked for wherever words go. Only the log keeps
 * them, as the user wrote them, and what of it the agent's own model is shown.
 */
import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Cause, Effect, Exit, Layer, Logger, LogLevel, Stream, Tracer } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import type { Route } from "../../src/model/Provider.ts"
import * as Recovery from "../../src/model/Recovery.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { conversation, id, policy, readMessages, real, summary } from "../support/world.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"
import { passForMessage } from "../support/untyped.ts"

/** Put together here, so that no scanner takes this file for a leak. */
const of = (...parts: ReadonlyArray<string>): string => parts.join("")
const RANDOM = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xYzAbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
const BASE64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"

/** How a secret is written, and the part of it that must not be seen again. */
const SECRETS: ReadonlyArray<readonly [text: string, secret: string]> = [
  [of("the key is sk-", "proj-", RANDOM.slice(0, 44)), RANDOM.slice(0, 44)],
  [of("use gh", "p_", RANDOM.slice(1, 37), " to push"), RANDOM.slice(1, 37)],
  [of("AWS_ACCESS_KEY_ID=AK", "IA", "IOSFODNN7QWERTYU"), "IOSFODNN7QWERTYU"],
  [of("Authorization: Bearer ", RANDOM.slice(5, 45)), RANDOM.slice(5, 45)],
  [of("postgres://app:", "Tr0ub4dor", "3xy", "@db1:5432/app"), of("Tr0ub4dor", "3xy")],
  [of("https://bob:", "c0rrect", "h0rse", "@git.example.com/x.git"), of("c0rrect", "h0rse")],
  [of("password", "=", "batt3ry", "Stap1e"), of("batt3ry", "Stap1e")],
  [of("-----BEGIN ", "RSA PRIVATE KEY-----\n", BASE64, "\n-----END ", "RSA PRIVATE KEY-----"), BASE64]
]

/** What looks like one and is none. */
const INNOCENT: ReadonlyArray<string> = [
  "commit 0f3a9b8c7d6e5f4a3b2c1d0e9f8a7b6c0f3a9b8c",
  "sha256:0f3a9b8c7d6e5f4a3b2c1d0e9f8a7b6c0f3a9b8c7d6e5f4a3b2c1d0e9f8a7b6c",
  "550e8400-e29b-41d4-a716-446655440000",
  "integrity sha512-q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k==",
  "toolu_017qEkVzz8Wq3mYfR5sT2uXv",
  "req_aB3dE5fG7hJ9kL1mN2pQ4rS6",
  "invoice W4817420, payment credit_card_9513926",
  "/usr/local/lib/python3.12/site-packages/secrets/token.py",
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
]

const all = SECRETS.map(([text]) => text).join("\n")
const inOneLine = all.replaceAll("\n", " ")

const clean = (where: string, said: unknown) => {
  const text = typeof said === "string" ? said : JSON.stringify(said)
  for (const [, secret] of SECRETS)
    assert.isFalse(text.includes(secret), `${secret} in ${where}: ${around(text, secret)}`)
}
const around = (text: string, secret: string): string => {
  const at = text.indexOf(secret)
  return text.slice(Math.max(0, at - 80), at + 80)
}

const call = (name: string, args: unknown) =>
  ({ id: `call_${name}`, type: "function", function: { name, arguments: JSON.stringify(args) } }) as const

/** Secrets in what the head, the middle, the tail and the live request hold. */
const planted: ReadonlyArray<Message> = [
  { role: "user", content: `Deploy it. You must never lose this: ${inOneLine}` },
  { role: "assistant", content: "I deploy it." },
  ...conversation(3),
  ...SECRETS.flatMap(([text]): ReadonlyArray<Message> => [
    { role: "user", content: `Remember: ${text}` },
    { role: "assistant", content: `I remember ${text}.` }
  ]),
  { role: "user", content: [{ type: "text", text: all }] },
  {
    role: "assistant",
    content: "I run it.",
    tool_calls: [call("bash", { command: `deploy '${all}'`, env: SECRETS.map(([text]) => text) })]
  },
  { role: "tool", tool_call_id: "call_bash", content: `Error: could not deploy with\n${all}` },
  { role: "assistant", content: null, tool_calls: [call("write_file", { path: "deploy.env", content: all })] },
  { role: "tool", tool_call_id: "call_write_file", content: JSON.stringify({ ok: true, said: all }) },
  { role: "assistant", content: `It is deployed. ${INNOCENT.join("\n")}` },
  ...INNOCENT.map((content): Message => ({ role: "user", content })),
  { role: "assistant", content: "I see." },
  ...conversation(10, 20),
  { role: "assistant", content: `The last word: ${inOneLine}` },
  { role: "user", content: `And now ${inOneLine}` }
]

/** What is no message is told so, without its words. */
const unreadable: ReadonlyArray<unknown> = [
  all,
  { role: all, content: "hello" },
  { role: "user", content: { said: all } },
  { role: "assistant", content: null, tool_calls: [{ id: 7, type: all, function: { name: "bash", arguments: [all] } }] }
]

/** Its own words are no better than what it was given. */
const leaky = summary("the deployment").replace("port 8123", `port 8123, ${inOneLine}`)

/** A tracer that keeps what it is told, and a logger of whole lines. */
const overheard = () => {
  const heard: Array<unknown> = []
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const span: Tracer.Span = {
        _tag: "Span",
        name,
        parent,
        context,
        links,
        kind,
        attributes,
        spanId: "span",
        traceId: "trace",
        sampled: true,
        status: { _tag: "Started", startTime },
        addLinks: () => {},
        end: (_, exit) => void heard.push(name, Exit.isFailure(exit) ? [Cause.pretty(exit.cause), exit.cause] : ""),
        attribute: (key, value) => void heard.push(key, value),
        event: (event, _, attributes) => void heard.push(event, attributes)
      }
      return span
    },
    context: (f) => f()
  })
  const logger = Logger.map(Logger.stringLogger, (line) => void heard.push(line))
  return {
    heard,
    tracer,
    layer: Layer.merge(Logger.replace(Logger.defaultLogger, logger), Logger.minimumLogLevel(LogLevel.All))
  }
}

/** Every row of every table but the log and the inbox. The index of stems has no rows of its own, only those beside it. */
const stored = (filename: string): ReadonlyArray<readonly [table: string, rows: unknown]> => {
  const db = new Database(filename, { readonly: true })
  try {
    const tables = db.prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all()
    return tables
      .filter((table) => !["message", "inbox", "recall_stem"].includes(table))
      .map((table) => [table, db.prepare(`SELECT * FROM ${table}`).all()] as const)
  } finally {
    db.close()
  }
}

/** Every rule without its wait. */
const atOnce: Recovery.Policy = {
  ...Recovery.defaults,
  ProviderError: { action: "back-off", times: 2, delay: 0 },
  InvalidSummary: { action: "explain", times: 4, delay: 0 }
}

const compressOptions = { focus: `the deployment with ${inOneLine}` }

/** The whole of what a deployment sees of a compression; `routes` decides who summarizes. */
const seen = Effect.fnUntraced(function* (routes: ReadonlyArray<Route>, onExhausted: "extract" | "fail") {
  const filename = yield* temporaryDatabase
  const { heard, layer, tracer } = overheard()
  const options: Gateway.GatewayOptions = {
    policy: { ...policy, contextLength: 16_000, mode: "manual", onExhausted },
    routes,
    recovery: atOnce,
    instructions: `Mind the deployment: ${inOneLine}`
  }
  return yield* Effect.gen(function* () {
    const store = yield* SessionStore
    const { auxiliary, compress, deliver, events, turn, view } = yield* Gateway.Gateway
    yield* Effect.forkScoped(Stream.runForEach(events, (event) => Effect.sync(() => heard.push(event))))
    yield* Effect.yieldNow()
    const [last] = planted.slice(-1)
    yield* store.importAll([{ sessionId: id, messages: planted.slice(0, -1) }])
    if (last !== undefined) yield* deliver(id, last)
    for (const message of unreadable) {
      const error = yield* Effect.flip(deliver(id, passForMessage(message)))
      heard.push(error, String(error))
    }
    yield* turn(id, (turn) => turn.view())
    const result = yield* Effect.either(compress(id, compressOptions))
    heard.push(result, result._tag === "Left" ? String(result.left) : "")
    const task = { task: "flush_memories", messages: planted, maxOutputTokens: 500 }
    if (routes.length > 0) yield* Effect.either(auxiliary(id, task))
    yield* Effect.yieldNow()
    const state = yield* store.state(id)
    const left = yield* store.snapshots(id)
    const ledger = yield* store.ledger(id)
    const { messages, repairs } = yield* view(id)
    assert.deepStrictEqual(yield* readMessages(), planted)
    const verbatim = [...state.head, ...state.live, ...state.tail]
    for (const { message, seq } of verbatim) {
      assert.deepStrictEqual(message, planted[seq - 1])
      if (!repairs.some((repair) => repair.seq === seq)) assert.deepInclude(messages, planted[seq - 1])
    }
    assert.deepInclude(messages, planted.at(-1))
    clean("the segments", state.segments)
    clean("the ledger", ledger)
    clean("the snapshots", left)
    for (const [table, rows] of stored(filename)) clean(`the table ${table}`, rows)
    for (const word of heard) clean("what is logged, traced, emitted or returned", word ?? "")
    return { result, state, heard }
  }).pipe(
    Effect.provide([real(options, Sqlite.layer({ filename, durability: "process" })), layer]),
    Effect.withTracer(tracer)
  )
})

const refused = ModelServer.refuse(500, { message: `the gateway answered: ${inOneLine}` })

for (const api of ["responses", "chat"] as const) {
  describe(`secrets with a model, ${api}`, () => {
    const apiKey = of("sk-", "proj-", RANDOM.slice(10, 60))
    const echo = `Incorrect API key provided: ${apiKey}`
    const KEYLESS = RANDOM.slice(10, 60)

    const against = (script: ModelServer.Script, onExhausted: "extract" | "fail" = "extract") =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(script)
        const end = yield* seen([server.route({ api, apiKey })], onExhausted)
        for (const { body, headers } of server.requests) {
          clean("a request", body)
          assert.isFalse(JSON.stringify(body).includes(KEYLESS))
          assert.strictEqual(headers.authorization, `Bearer ${apiKey}`)
          assert.isFalse(JSON.stringify({ ...headers, authorization: "" }).includes(KEYLESS))
        }
        for (const word of end.heard) assert.isFalse(JSON.stringify(word ?? "").includes(KEYLESS), "the route's key")
        return { ...end, server }
      })

    it.scoped("they reach no request, segment, ledger, log line, span or result, and the log keeps them", () =>
      Effect.gen(function* () {
        const { result, server } = yield* against([
          refused,
          ModelServer.errorInStream({ code: "server_error", message: inOneLine }),
          ModelServer.ok(`Error: 500 ${inOneLine}`),
          ModelServer.ok(JSON.stringify({ error: all })),
          ModelServer.refusal(`I'm sorry, but I can't help with ${inOneLine}.`),
          ModelServer.ok(leaky)
        ])
        assert.strictEqual(result._tag === "Right" ? result.right.outcome : result.left, "committed")
        const material = server.requests[0]?.prompt.map(({ content }) => content).join("\n") ?? ""
        for (const innocent of INNOCENT) assert.include(material, innocent)
        assert.include(material, "[redacted private key]")
      })
    )

    it.scoped("nor do those of a provider that only fails, where the embedded summarizer answers", () =>
      Effect.gen(function* () {
        const { result } = yield* against([refused, ModelServer.raw(502, "text/html", `<html>${all}</html>`), refused])
        assert.strictEqual(result._tag === "Right" ? result.right.outcome : result.left, "degraded")
      })
    )

    it.scoped("nor does the key a provider echoes, also where the failure is the caller's", () =>
      Effect.gen(function* () {
        const { result } = yield* against([ModelServer.refuse(401, { message: `${echo} ${inOneLine}` })], "fail")
        assert.strictEqual(result._tag === "Left" ? result.left._tag : result.right.outcome, "CompressionFailed")
      })
    )
  })
}

describe("secrets with the embedded summarizer", () => {
  it.scoped("they reach no segment, ledger, log line, span or result, and the log keeps them", () =>
    Effect.gen(function* () {
      const { result, state } = yield* seen([], "extract")
      assert.strictEqual(result._tag === "Right" ? result.right.outcome : result.left, "committed")
      assert.isNotEmpty(state.segments)
    })
  )
})
