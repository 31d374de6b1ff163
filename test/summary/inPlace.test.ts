/** Summaries in place: the request continues the agent's own last one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as Handoff from "../../src/handoff/Handoff.ts"
import type { Compressor } from "../../src/compression/Compressor.ts"
import type { Gateway } from "../../src/gateway/Gateway.ts"
import type { StepOptions } from "../../src/gateway/Turn.ts"
import * as MessageFormat from "../../src/format/MessageFormat.ts"
import { type Message, text, withContent } from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import type { Continued, Route } from "../../src/model/Provider.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { redact } from "../../src/message/secrets.ts"
import { estimate } from "../../src/message/Tokens.ts"
import { continueSent } from "../../src/summary/inPlace.ts"
import * as View from "../../src/view/View.ts"
import { isLeaked, SECRETS } from "../secrets/corpus.ts"
import { anyMessages, anyPolicy, logOf, request, stateOf } from "../support/histories.ts"
import { propertyRuns } from "../support/repetitions.ts"
import {
  compressSession,
  conversation,
  importMessages,
  manual,
  readState,
  real,
  route,
  runTurn,
  scripted,
  summary
} from "../support/world.ts"

const SYSTEM = "You are a coding agent. Answer in short sentences."
const TOOLS = [{ type: "function", function: { name: "read_file", parameters: { type: "object", properties: {} } } }]
const SECRET = "sk-proj-Zq8vT3nW6yB1cR4mK7pL0xJd"

/** The agent's body as it goes over the wire, without its end: what follows the last message. */
const bodyOf = ({ messages, tools }: Continued): string => JSON.stringify({ model: "test-model", messages, tools })

/** Makes a step of the agent and returns the messages that it sent. */
const makeStep = (options: StepOptions = { system: SYSTEM, tools: TOOLS }) =>
  runTurn(({ step }) => step(({ messages }) => Effect.succeed(messages), options))

/** Imports a session, makes one step on it, and compresses it. */
const compressAfterStep = (own: Route, messages = conversation(12), options?: StepOptions) =>
  Effect.gen(function* () {
    yield* importMessages(messages)
    const sent = yield* makeStep(options)
    return { sent, result: yield* compressSession() }
  }).pipe(Effect.provide(real({ policy: manual, routes: [own] })))

const serve = (script: ModelServer.Script, inPlace: Route["inPlace"] = true, api: Route["api"] = "chat") =>
  Effect.map(ModelServer.make(script), (server) => ({ server, own: { ...server.route({ api }), inPlace } }))

const isUsual = ({ prompt }: ModelServer.Received): boolean =>
  prompt.some(({ content }) => content.startsWith("<transcript>"))

const callTool: ModelServer.Answer = ModelServer.raw(
  200,
  "text/event-stream",
  [
    { tool_calls: [{ index: 0, id: "c1", type: "function", function: { name: "read_file", arguments: "{}" } }] },
    undefined
  ]
    .map((delta) => ({ choices: [{ index: 0, delta: delta ?? {}, finish_reason: delta ? null : "tool_calls" }] }))
    .map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
    .join("")
)

describe("a summary in place", () => {
  it.scopedLive("continues the agent's last request byte for byte, with its tools", () =>
    Effect.gen(function* () {
      const { own, server } = yield* serve([ModelServer.ok(summary("the report"))])
      const { result, sent } = yield* compressAfterStep(own)
      assert.strictEqual(result.outcome, "committed")
      assert.deepStrictEqual(result.attempts, [{ route: result.model ?? "", error: null, detail: null, inPlace: true }])
      const [{ body, prompt, raw } = { body: {}, prompt: [], raw: "" }, ...others] = server.requests
      assert.strictEqual(others.length, 0)
      const agents = bodyOf({ messages: sent, tools: TOOLS })
      const upToInstruction = agents.slice(0, agents.indexOf(`],"tools":`))
      assert.isTrue(raw.startsWith(`${upToInstruction},{"role":"user","content":"[throughline] `))
      assert.include(raw, agents.slice(agents.indexOf(`],"tools":`), -1))
      assert.strictEqual(prompt.length, sent.length + 1)
      assert.hasAllKeys(body, ["model", "messages", "tools", "stream", "stream_options", "max_completion_tokens"])
    })
  )

  it.scopedLive("makes its body as the agent's function does, also for the Responses API", () =>
    Effect.gen(function* () {
      const makeBody = ({ messages, tools }: Continued) => ({
        temperature: 0.2,
        input: MessageFormat.encode("responses", messages),
        tools,
        max_output_tokens: 64_000,
        model: "test-model"
      })
      const { own, server } = yield* serve([ModelServer.ok(summary("the report"))], makeBody, "responses")
      const { result, sent } = yield* compressAfterStep(own)
      assert.strictEqual(result.outcome, "committed")
      const agents = JSON.stringify(makeBody({ messages: sent, tools: TOOLS }))
      assert.isTrue(server.requests[0]?.raw.startsWith(agents.slice(0, agents.indexOf(`],"tools":`))))
      assert.notInclude(server.requests[0]?.raw, "64000")
    })
  )

  const secrets = [
    ["by their shape", `use ${SECRET}`, SECRET, `the key ${SECRET}`],
    [
      "by what stands before them in the conversation alone",
      "the password is Tr0ub4dor_x9",
      "Tr0ub4dor_x9",
      "the door opens to Tr0ub4dor_x9"
    ],
    ["in arguments of calls", "go on", "q7Wd-ppL2-zz81", "q7Wd-ppL2-zz81 goes with it"]
  ] as const
  for (const [how, asked, secret, answer] of secrets) {
    it.scopedLive(`keeps no secret of its answer, known ${how}`, () =>
      Effect.gen(function* () {
        const { own } = yield* serve([ModelServer.ok(summary(answer))])
        const login = { name: "login", arguments: JSON.stringify({ user: "me", password: "q7Wd-ppL2-zz81" }) }
        const texts = Effect.gen(function* () {
          yield* importMessages([
            { role: "user", content: asked },
            { role: "assistant", content: null, tool_calls: [{ id: "c", type: "function", function: login }] },
            { role: "tool", tool_call_id: "c", content: "welcome" },
            ...conversation(12)
          ])
          yield* makeStep()
          const { attempts } = yield* compressSession()
          assert.deepStrictEqual(attempts[0]?.inPlace, true)
          return (yield* readState()).segments.map(({ text }) => Handoff.omitUser(text))
        })
        const [text] = yield* Effect.provide(texts, real({ policy: manual, routes: [own] }))
        assert.include(text, "[redacted")
        assert.notInclude(text, secret)
      })
    )
  }

  it.scopedLive("shows in full what the agent was shown as an excerpt", () =>
    Effect.gen(function* () {
      const { own, server } = yield* serve([ModelServer.ok(summary("the report"))])
      const compressed = importMessages(withOutput(1_000)).pipe(
        Effect.zipRight(growAfterExcerpt),
        Effect.zipRight(compressSession())
      )
      const { attempts } = yield* Effect.provide(compressed, real({ policy: manual, routes: [own] }))
      assert.deepStrictEqual(attempts, [{ route: attempts[0]?.route ?? "", error: null, detail: null, inPlace: true }])
      const words = (server.requests[0]?.prompt ?? []).map(({ content }) => content.split("one line").length - 1)
      assert.strictEqual(words.at(-1), 1_000)
      assert.isBelow(Math.max(...words.slice(0, -1)), 1_000)
    })
  )

  const refusals: ReadonlyArray<readonly [string, ModelServer.Answer, string]> = [
    ["a tool call", callTool, "InvalidSummary"],
    ["an answer without sections", ModelServer.ok("Part 3 is fine."), "InvalidSummary"],
    ["a refusal of the request", ModelServer.refuse(400, { message: "tools are not allowed" }), "ProviderError"],
    ["an overflow", ModelServer.refuse(400, { code: "context_length_exceeded" }), "ContextOverflow"]
  ]
  for (const [what, answer, error] of refusals) {
    it.scopedLive(`gives way to the usual request after ${what}`, () =>
      Effect.gen(function* () {
        const { own, server } = yield* serve([answer, ModelServer.ok(summary("the report"))])
        const { result } = yield* compressAfterStep(own)
        assert.strictEqual(result.outcome, "committed")
        const [first] = result.attempts
        assert.deepStrictEqual([first?.error, first?.inPlace], [error, true])
        // After an overflow the usual request is cut into chunks.
        assert.deepStrictEqual(server.requests.map(isUsual), [false, true, ...server.requests.slice(2).map(() => true)])
        assert.deepStrictEqual(result.attempts.at(-1), { route: result.model ?? "", error: null, detail: null })
      })
    )
  }

  it.scopedLive("gives way to the usual request if the agent's function throws", () =>
    Effect.gen(function* () {
      const makeBody = () => {
        throw new Error("no body")
      }
      const { own, server } = yield* serve([ModelServer.ok(summary("the report"))], makeBody)
      const { result } = yield* compressAfterStep(own)
      assert.strictEqual(result.outcome, "committed")
      assert.deepStrictEqual(server.requests.map(isUsual), [true])
      assert.deepStrictEqual(
        result.attempts.map(({ error }) => error),
        ["ConnectionError", null]
      )
    })
  )

  it.scopedLive("is not tried again after a failure of the route, which counts as of any request", () =>
    Effect.gen(function* () {
      const { own, server } = yield* serve([ModelServer.reset, ModelServer.reset, ModelServer.reset])
      const { result } = yield* compressAfterStep(own)
      assert.strictEqual(result.outcome, "degraded")
      assert.deepStrictEqual(server.requests.map(isUsual), [false, true])
      assert.deepStrictEqual(
        result.attempts.map(({ error }) => error),
        ["ConnectionError", "ConnectionError"]
      )
    })
  )
})

/** A turn under way that waits for an answer to an output of so many lines. */
const withOutput = (lines: number) =>
  conversation(1)
    .slice(0, 3)
    .map((message) => (message.role === "tool" ? { ...message, content: "one line\n".repeat(lines) } : message))

/** A compression that can but show the output as an excerpt, then many messages and a step. */
const growAfterExcerpt = Effect.gen(function* () {
  yield* compressSession()
  yield* runTurn(({ append }) => append(...conversation(12, 12)))
  return yield* makeStep()
})

describe("whatever the history", () => {
  let tried = 0

  it.effect.prop(
    "a summary in place continues the view as it was sent, and its instruction quotes no secret",
    [anyMessages, anyPolicy],
    ([history, policy]) => {
      const model = Scripted.make(["no summary at all"])
      const messages = history.map((message) =>
        message.role === "user" ? withContent(message, `${text(message)} with ${SECRET}`) : message
      )
      return Effect.gen(function* () {
        yield* importMessages(messages)
        const sent = yield* makeStep()
        yield* compressSession()
        const [request] = model.requests.filter(({ continues }) => continues !== undefined)
        if (request === undefined) return
        tried++
        assert.strictEqual(JSON.stringify(request.messages.slice(0, -1)), JSON.stringify(sent))
        assert.deepStrictEqual(request.continues, { tools: TOOLS })
        const instruction = request.messages.at(-1)
        assert.isTrue(instruction !== undefined && !text(instruction).includes(SECRET))
      }).pipe(Effect.provide(scripted(model.layer, { policy, routes: [{ ...route, api: "chat", inPlace: true }] })))
    },
    propertyRuns(20, 300)
  )

  it("most histories lead to one", () => assert.isAbove(tried, 3))
})

describe("of the secrets of the corpus that no summarizer gets to see", () => {
  it("an answer in place keeps hardly any, though nothing in it tells what they are", () => {
    const kept = SECRETS.filter(({ secret, text }) => !isLeaked(redact(text), secret))
    const missed = kept.filter(({ secret, text }) => {
      const log = logOf([request(text)])
      const view = View.assemble(stateOf(log), estimate)
      const sent = { view, lastSeq: 1, tokens: view.tokens, tools: undefined, model: undefined }
      const input = { entries: log, focus: null, instructions: null, requests: [], maxTokens: 500, rejected: null }
      const { conceal } = Either.getOrThrow(continueSent(sent, route, input, estimate))
      return isLeaked(redact(conceal(`they agreed on ${secret} for it`)), secret)
    })
    assert.isAtMost(missed.length / kept.length, 0.05, missed.map(({ text }) => text).join("\n"))
  })
})

describe("a summary is not asked for in place", () => {
  /** The reason in the report, and that the one request was the usual one. */
  const expectUsual = (
    reason: string | undefined,
    prepare: Effect.Effect<unknown, unknown, Gateway | Compressor>,
    inPlace: Route["inPlace"] = true,
    messages: ReadonlyArray<Message> = conversation(12)
  ) =>
    Effect.gen(function* () {
      const { own, server } = yield* serve([ModelServer.ok(summary("the report"))], inPlace)
      const compressed = Effect.gen(function* () {
        yield* importMessages(messages)
        yield* prepare
        return yield* compressSession()
      })
      const result = yield* Effect.provide(compressed, real({ policy: manual, routes: [own] }))
      assert.strictEqual(result.outcome, "committed")
      assert.deepStrictEqual(server.requests.map(isUsual), [true])
      assert.notProperty(server.requests[0]?.body, "tools")
      const label = result.model ?? ""
      const notInPlace = { route: label, error: "NotInPlace", detail: reason ?? "", inPlace: true }
      const used = { route: label, error: null, detail: null }
      assert.deepStrictEqual(result.attempts, reason === undefined ? [used] : [notInPlace, used])
    })

  it.scopedLive("on a route that is not the agent's", () => expectUsual(undefined, makeStep(), false))

  it.scopedLive("before the first step", () =>
    expectUsual("the view has changed since the agent's last request in this process", Effect.void)
  )

  it.scopedLive("after a step whose call failed", () =>
    expectUsual(
      "the view has changed since the agent's last request in this process",
      Effect.exit(runTurn(({ step }) => step(() => Effect.fail("no answer"))))
    )
  )

  it.scopedLive("after a step of another model", () =>
    expectUsual("the agent's last request was to small-model", makeStep({ system: SYSTEM, model: "small-model" }))
  )

  it.scopedLive("if the range has messages that came after the step", () =>
    expectUsual(
      "the agent's last request is older than the range",
      Effect.zipRight(
        makeStep(),
        runTurn(({ append }) => append(...conversation(8, 12)))
      )
    )
  )

  it.scopedLive("if the view shows most of the range in excerpts", () =>
    expectUsual(
      "the agent's last request shows most of the range in excerpts",
      growAfterExcerpt,
      true,
      withOutput(5_000)
    )
  )
})
