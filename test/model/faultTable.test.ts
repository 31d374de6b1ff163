/** All failures of a model server, met by the real client: its calls, connections, outcome, pause, and what is stored. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Effect, TestClock } from "effect"
import type { ModelError } from "../../src/model/ModelError.ts"
import type { CompressionResult } from "../../src/session/CompressionResult.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { label, type ResolvedRoute } from "../../src/model/Provider.ts"
import * as Recovery from "../../src/model/Recovery.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { isThorough } from "../support/repetitions.ts"
import { conversation, real, summary } from "../support/world.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const { html, raw, refuse } = ModelServer

const APIS: ReadonlyArray<ResolvedRoute["api"]> = ["responses", "chat"]

/** Occurs in every rejected answer. It must never reach the store. */
const REJECTED = "marzipan"
const REJECTED_TEXT = summary(REJECTED)
const TEXT = summary("what counts")

type Tag = ModelError["_tag"]

interface Row {
  readonly what: string
  readonly answer: ModelServer.Answer
  /** The errors of the calls on the first route. */
  readonly errors: ReadonlyArray<Tag>
  /** Matches the detail of the last of them in `attempts`. */
  readonly detail?: RegExp
  /** Connections the first server accepts in one compression. */
  readonly connections: number
  /** The scope of the pause: it begins after two failed compressions in a row, after the first one, or never. */
  readonly pauses: "task" | "route" | "nothing"
  readonly route?: ModelServer.RouteOptions
  /** Calls on the second route; 1 unless the range was cut. */
  readonly second?: number
  /** The most of them at the same time, each over a connection of its own. */
  readonly together?: number
}

const twice = (tag: Tag): ReadonlyArray<Tag> => [tag, tag]
const times = (n: number, tag: Tag): ReadonlyArray<Tag> => Array.from({ length: n }, () => tag)

/** A whole answer that the gate rejects. The second call goes over the same connection. */
const rejected = (what: string, answer: ModelServer.Answer, reason: string): Row => ({
  what,
  answer,
  errors: twice("InvalidSummary"),
  detail: new RegExp(`rejected \\(${reason}\\)`),
  connections: 1,
  pauses: "nothing"
})

const broken = (what: string, answer: ModelServer.Answer): Row => ({
  what,
  answer,
  errors: twice("ConnectionError"),
  connections: 2,
  pauses: "task"
})

const late = (what: string, answer: ModelServer.Answer, detail: RegExp, route: ModelServer.RouteOptions): Row => ({
  what,
  answer,
  errors: twice("Timeout"),
  detail,
  connections: 2,
  pauses: "task",
  route
})

const refused = (
  what: string,
  answer: ModelServer.Answer,
  errors: ReadonlyArray<Tag>,
  pauses: Row["pauses"] = "nothing"
): Row => ({ what, answer, errors, connections: 1, pauses })

/** The first piece is cut until no smaller window has room beside the prompt. The others go to the second route at once. */
const tooLong = (what: string, answer: ModelServer.Answer): Row => ({
  ...refused(what, answer, times(3, "ContextOverflow")),
  second: 4,
  together: 2
})

const ROWS: ReadonlyArray<Row> = [
  late("a hang before the headers", ModelServer.hang, /no complete answer/, { timeout: "400 millis" }),
  late("a hang in the middle of the stream", ModelServer.hangAfter(REJECTED_TEXT), /no sign of life/, {
    idleTimeout: "400 millis"
  }),
  late("a trickle that is never silent", ModelServer.trickle(`${REJECTED} `, 10), /no complete answer/, {
    timeout: "400 millis"
  }),
  broken("a reset", ModelServer.reset),
  broken("a connection closed early", ModelServer.cut(REJECTED_TEXT)),
  broken("a stream without its end mark", ModelServer.endless(REJECTED_TEXT)),
  broken("an incomplete chunked body", ModelServer.incompleteChunk(REJECTED_TEXT)),
  tooLong("400 context length exceeded", refuse(400, { code: "context_length_exceeded" })),
  tooLong("413", refuse(413)),
  tooLong("500 in the words of an overflow", refuse(500, { message: "exceeds the available context size" })),
  tooLong("429 that no wait can help", refuse(429, { message: "Request too large for x on tokens per min (TPM)" })),
  tooLong("400 without a word", raw(400, "text/plain", "")),
  // Cut in two once. The second half goes to the second route, too, once the first half has failed.
  { ...refused("422 of an unknown kind", refuse(422, { message: "no" }), times(3, "ProviderError")), second: 2 },
  refused("401", refuse(401), ["Unauthorized"], "route"),
  refused("402", refuse(402), ["QuotaExceeded"], "route"),
  refused("403", refuse(403), ["Unauthorized"], "route"),
  refused("404", refuse(404, { code: "model_not_found" }), ["ModelUnavailable"]),
  refused("408", refuse(408), twice("ProviderError")),
  refused("429", refuse(429), times(3, "RateLimited")),
  refused("429 with seconds", refuse(429, {}, { "retry-after": "0.01" }), times(3, "RateLimited")),
  refused(
    "429 with a date",
    refuse(429, {}, { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }),
    times(3, "RateLimited")
  ),
  refused("429 with a wait beyond the budget", refuse(429, {}, { "retry-after": "3600" }), ["RateLimited"]),
  refused("500", refuse(500), twice("ProviderError")),
  refused("502 with HTML", html(502), twice("ProviderError")),
  refused("503", refuse(503), twice("ProviderError")),
  refused(
    "200 with an error object",
    raw(200, "application/json", `{"error":{"message":"no"}}`),
    twice("ProviderError")
  ),
  tooLong(
    "a stream with an overflow for an error",
    raw(200, "text/event-stream", `data: {"object":"error","message":"prompt is too long","code":400}\n\n`)
  ),
  refused(
    "a stream with the frame of a rate limit",
    raw(200, "text/event-stream", `event: error\ndata: {"type":"error","error":{"type":"rate_limit_error"}}\n\n`),
    times(3, "RateLimited")
  ),
  refused(
    "a stream whose choice is overloaded",
    raw(200, "text/event-stream", `data: {"choices":[{"delta":{"content":"${REJECTED}"},"error":{"code":529}}]}\n\n`),
    twice("ProviderError")
  ),
  refused("a stream for a body in words", raw(200, "text/event-stream", `{"detail":"busy"}`), twice("ProviderError")),
  refused("invalid JSON", ModelServer.invalidJson, twice("ProviderError")),
  rejected("200 with empty content", ModelServer.ok(""), "empty"),
  rejected("a summary cut off by length", ModelServer.length(REJECTED_TEXT), "cut-off"),
  rejected("a summary cut off by the network", ModelServer.brokenOff(REJECTED_TEXT), "cut-off"),
  rejected("reasoning only", ModelServer.reasoningOnly(REJECTED_TEXT), "reasoning-only"),
  rejected("a refusal", ModelServer.refusal(`I cannot speak of ${REJECTED}.`), "refusal"),
  rejected("an error for a text", ModelServer.ok(`Error: 500 ${REJECTED}`), "error-text"),
  rejected("a summary larger than its input", ModelServer.ok(summary(`${REJECTED} `.repeat(300))), "not-smaller")
]

const SESSIONS = ["one", "two", "three"].map((name) => SessionId.make(name))

/** The delays are short here. `Recovery.test.ts` checks the real ones on the test clock. */
const recovery: Recovery.Policy = {
  ...Recovery.defaults,
  RateLimited: { ...Recovery.defaults.RateLimited, delay: 5 },
  ProviderError: { ...Recovery.defaults.ProviderError, delay: 5 }
}

interface Remembered {
  readonly failures: number
  readonly level: number
}

interface World {
  readonly compress: (session: number) => Effect.Effect<CompressionResult, unknown>
  readonly segments: (session: number) => Effect.Effect<ReadonlyArray<Stored>, unknown>
  /** Reads the table of pauses as another process would. */
  readonly remembered: Effect.Effect<ReadonlyArray<Remembered>>
  /** Searches the word in the files of the store. */
  readonly isStored: (word: string) => Effect.Effect<boolean>
}

interface Stored {
  readonly text: string
  readonly model: string | null
  readonly degraded: string | null
}

/** Runs a test on three sessions in one file, with these routes. */
const on = <E>(routes: ReadonlyArray<ResolvedRoute>, test: (world: World) => Effect.Effect<void, E>) =>
  Effect.gen(function* () {
    const folder = yield* makeTemporaryFolder()
    const filename = join(folder, "sessions.db")
    yield* Effect.gen(function* () {
      const store = yield* SessionStore
      const { compress } = yield* Gateway
      yield* store.importAll(SESSIONS.map((sessionId) => ({ sessionId, messages: conversation(16) })))
      const session = (n: number) => Effect.orDie(Effect.fromNullable(SESSIONS[n - 1]))
      yield* test({
        compress: (n) => Effect.flatMap(session(n), (sessionId) => compress(sessionId)),
        segments: (n) => Effect.flatMap(session(n), store.state).pipe(Effect.map(({ segments }) => segments)),
        remembered: Effect.sync(() => pausesIn(filename)),
        isStored: (word) =>
          Effect.sync(() => readdirSync(folder).some((name) => readFileSync(join(folder, name)).includes(word)))
      })
    }).pipe(
      Effect.provide(
        real({ routes, recovery, totalTimeout: "20 seconds" }, Sqlite.layer({ filename, durability: "process" }))
      )
    )
  })

const pausesIn = (filename: string): ReadonlyArray<Remembered> => {
  const db = new Database(filename, { readonly: true })
  const rows = db.prepare<[], Remembered>("SELECT failures, level FROM route_pause").all()
  db.close()
  return rows
}

const errorsOf = ({ attempts }: CompressionResult, route: ResolvedRoute): ReadonlyArray<string | null> =>
  attempts.filter((attempt) => attempt.route === label(route)).map(({ error }) => error)

/** The memory of the store once `compressions` have failed on the route. */
const memory = (pauses: Row["pauses"], compressions: number): ReadonlyArray<Remembered> => {
  if (pauses === "nothing") return []
  return [{ failures: compressions, level: pauses === "route" ? 1 : compressions - 1 }]
}

// Each row runs with a second route and without one, over both APIs: in a thorough run all four, else one of the four,
// and rows beside each other run differently.
const WAYS = APIS.flatMap((api) => [`${api}, second route`, `${api}, no second route`])
const runsAs = (way: string, row: number): boolean => isThorough || WAYS[row % WAYS.length] === way

for (const api of APIS) {
  describe.concurrent(`the fault table, ${api}`, () => {
    for (const [i, row] of ROWS.entries()) {
      const { answer, connections, detail = /./, errors, pauses, second = 1, together = 1, what } = row
      /** The number of compressions that fail on the route before it is paused. */
      const untilPaused = { task: 2, route: 1, nothing: Infinity }[pauses]

      it.scopedLive.runIf(runsAs(`${api}, second route`, i))(`${what}: the second route answers`, () =>
        Effect.gen(function* () {
          const bad = yield* ModelServer.make([answer])
          const good = yield* ModelServer.make([ModelServer.ok(TEXT)])
          const routes = [bad.route({ api, ...row.route }), good.route({ api })] as const
          yield* on(routes, ({ compress, isStored, remembered, segments }) =>
            Effect.gen(function* () {
              const result = yield* compress(1)
              assert.deepStrictEqual<ReadonlyArray<string | null>>(errorsOf(result, routes[0]), errors)
              const last = result.attempts.findLast(({ route }) => route === label(routes[0]))
              assert.match(last?.detail ?? "", detail)
              assert.deepStrictEqual(
                errorsOf(result, routes[1]),
                Array.from({ length: second }, () => null)
              )
              assert.deepInclude(result, { outcome: "committed", reason: null, generation: 1, model: label(routes[1]) })
              assert.strictEqual(result.modelCalls, errors.length + second)
              assert.deepStrictEqual([bad.requests.length, good.requests.length], [errors.length, second])
              assert.strictEqual(bad.counts().opened, connections)
              assert.isAtMost(good.counts().opened, together)

              const stored = yield* segments(1)
              assert.deepStrictEqual(
                stored.map(({ degraded, model }) => ({ degraded, model })),
                [{ degraded: null, model: label(routes[1]) }]
              )
              assert.include(stored[0]?.text, "go on with what counts")
              assert.isFalse(yield* isStored(REJECTED), "a word of a rejected answer is in the store")
              assert.isTrue(yield* isStored("what counts"))
              assert.deepStrictEqual(yield* remembered, memory(pauses, 1))

              assert.strictEqual((yield* compress(2)).outcome, "committed")
              assert.deepStrictEqual(yield* remembered, memory(pauses, Math.min(2, untilPaused)))
              const before = bad.requests.length
              const third = yield* compress(3)
              assert.strictEqual(third.outcome, "committed")
              assert.deepStrictEqual<ReadonlyArray<string | null>>(
                errorsOf(third, routes[0]),
                untilPaused < 3 ? [] : errors
              )
              assert.strictEqual(bad.requests.length - before, untilPaused < 3 ? 0 : errors.length)
            })
          )
        })
      )

      it.scopedLive.runIf(runsAs(`${api}, no second route`, i))(
        `${what}: without a second route the extract stands in, and says why`,
        () =>
          Effect.gen(function* () {
            const bad = yield* ModelServer.make([answer])
            const route = bad.route({ api, ...row.route })
            yield* on([route], ({ compress, isStored, remembered, segments }) =>
              Effect.gen(function* () {
                const result = yield* compress(1)
                assert.deepStrictEqual<ReadonlyArray<string | null>>(errorsOf(result, route), errors)
                assert.deepInclude(result, { outcome: "degraded", generation: 1, model: "embedded" })
                assert.strictEqual(bad.requests.length, errors.length)
                assert.strictEqual(bad.counts().opened, connections)
                assert.include(result.reason ?? "", label(route))
                assert.match(result.reason ?? "", detail)

                const stored = yield* segments(1)
                assert.deepStrictEqual(
                  stored.map(({ degraded, model }) => ({ degraded, model })),
                  [{ degraded: result.reason, model: "embedded" }]
                )
                assert.include(stored[0]?.text, "Please look at part")
                assert.isFalse(yield* isStored(REJECTED), "a word of a rejected answer is in the store")
                assert.deepStrictEqual(yield* remembered, memory(pauses, 1))

                yield* compress(2)
                const before = bad.requests.length
                const last = yield* compress(3)
                assert.strictEqual(last.outcome, "degraded")
                assert.strictEqual(bad.requests.length - before, untilPaused < 3 ? 0 : errors.length)
                if (untilPaused < 3) assert.strictEqual(last.reason, `paused after failures: ${label(route)}`)
              })
            )
          })
      )
    }

    it.scopedLive("400 context length exceeded, but not for half of it: the same route answers in two pieces", () =>
      Effect.gen(function* () {
        const sizes: Array<number> = []
        const server = yield* ModelServer.make(({ prompt }) => {
          const size = prompt.reduce((sum, { content }) => sum + content.length, 0)
          sizes.push(size)
          return size === sizes[0] ? refuse(400, { code: "context_length_exceeded" }) : ModelServer.ok(TEXT)
        })
        const other = yield* ModelServer.make([ModelServer.ok(TEXT)])
        const route = server.route({ api })
        yield* on([route, other.route({ api })], ({ compress, remembered, segments }) =>
          Effect.gen(function* () {
            const result = yield* compress(1)
            assert.deepInclude(result, { outcome: "committed", reason: null, model: label(route), modelCalls: 3 })
            assert.deepStrictEqual(errorsOf(result, route), ["ContextOverflow", null, null])
            assert.deepStrictEqual([server.requests.length, other.requests.length], [3, 0])
            assert.deepStrictEqual(
              (yield* segments(1)).map(({ degraded }) => degraded),
              [null]
            )
            assert.deepStrictEqual(yield* remembered, [])
          })
        )
      })
    )

    it.scopedLive(
      "422 that names a parameter: the same route answers the same call without it, and the next at once",
      () =>
        Effect.gen(function* () {
          const [name] = api === "chat" ? ["max_completion_tokens"] : ["store"]
          const server = yield* ModelServer.make(({ body }) =>
            name !== undefined && name in Object(body)
              ? refuse(422, { message: { detail: [{ type: "extra_forbidden", loc: ["body", name] }] } })
              : ModelServer.ok(TEXT)
          )
          const route = server.route({ api })
          yield* on([route], ({ compress }) =>
            Effect.gen(function* () {
              for (const requests of [2, 3]) {
                const result = yield* compress(requests - 1)
                assert.deepInclude(result, { outcome: "committed", reason: null, model: label(route), modelCalls: 1 })
                assert.deepStrictEqual(errorsOf(result, route), [null])
                assert.strictEqual(server.requests.length, requests)
              }
            })
          )
        })
    )

    it.scoped("during a pause no call is made; after it one probe reopens the route", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make([refuse(402), ModelServer.ok(TEXT)])
        const route = server.route({ api })
        const world = real({ routes: [route] })
        yield* Effect.gen(function* () {
          const store = yield* SessionStore
          const { compress } = yield* Gateway
          yield* store.importAll(SESSIONS.map((sessionId) => ({ sessionId, messages: conversation(16) })))
          const outcomes: Array<string> = []
          for (const sessionId of SESSIONS) {
            if (outcomes.length === 2) yield* TestClock.adjust("30 seconds")
            outcomes.push((yield* compress(sessionId)).outcome)
          }
          assert.deepStrictEqual(outcomes, ["degraded", "degraded", "committed"])
          assert.strictEqual(server.requests.length, 2)
        }).pipe(Effect.provide(world))
      })
    )
  })
}
