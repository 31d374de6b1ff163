/** The door to the OpenAI Agents SDK, with its own runner and models, and a server on the loopback. */
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { Agent, type AgentInputItem, type Model, type protocol, Runner, RunState, tool } from "@openai/agents-core"
import { OpenAIProvider } from "@openai/agents-openai"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, vi } from "vitest"
import { makeSession } from "../../src/openAiAgents/OpenAiAgents.ts"
import { open, type Sessions } from "../../src/promise/Promise.ts"
import { type AgentServer, COUNTED, startAgentServer } from "../support/agentServer.ts"
import { makeExamples, showExample } from "../support/exampleProgram.ts"
import { isObject, listObjects } from "../support/foreignServers.ts"
import { noteReports } from "../support/notedReports.ts"

const WINDOW = 8_000
const examples = makeExamples(join("node_modules", ".openai-agents"), WINDOW)
const say = (n: number) => `Request ${n}: ${`the teapot of invoice ${n} is porcelain. `.repeat(90)}`

let server: AgentServer
beforeEach(async () => {
  server = await startAgentServer(WINDOW)
  vi.stubEnv("OPENAI_BASE_URL", server.url)
  vi.stubEnv("OPENAI_API_KEY", "sk-test")
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await server.close()
})
afterAll(() => examples.remove())

const openSessions = () => open({ contextLength: WINDOW, model: "summary" })

/** Runs an agent on the Responses API, or on Chat Completions. */
const makeRun = (sessions: Sessions, chat: string, { tools = [], useResponses = true }: Setup = {}) => {
  const runner = new Runner({ modelProvider: new OpenAIProvider({ useResponses }), tracingDisabled: true })
  const session = makeSession(sessions, chat, { imagesInToolResults: useResponses })
  const agent = new Agent({
    name: "assistant",
    instructions: "Be brief.",
    model: "agent",
    tools: [...session.tools, ...tools]
  })
  const { callModelInputFilter } = session
  const run = (input: string | Array<AgentInputItem>, signal = AbortSignal.timeout(60_000)) =>
    runner.run(agent, input, { session, callModelInputFilter, signal })
  return { run, session }
}

interface Setup {
  readonly tools?: ReadonlyArray<ReturnType<typeof tool>>
  readonly useResponses?: boolean
}

/** An item as a model answers with it. */
type Output = Extract<protocol.StreamEvent, { type: "response_done" }>["response"]["output"][number]

const user = (content: string): AgentInputItem => ({ type: "message", role: "user", content })
const assistant = (text: string): Extract<Output, { role: "assistant" }> => ({
  type: "message",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text }]
})

/** A model that gives these answers in streams, one after the other. */
const streamAnswers = (answers: ReadonlyArray<ReadonlyArray<Output>>): Model => {
  const left = answers.values()
  return {
    getResponse: () => Promise.reject(new Error("the answers are streams")),
    async *getStreamedResponse() {
      const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 }
      const output = [...(left.next().value ?? [])]
      yield { type: "response_done", response: { id: "r", usage, output } }
    }
  }
}

/** What the items say, in one word each. */
const outline = (items: ReadonlyArray<object>) =>
  items.map((item) => ("role" in item ? item.role : "type" in item ? item.type : undefined))

const textsOf = async (sessions: Sessions, chat: string) =>
  (await sessions.latest(chat, 1_000)).map(({ message }) => `${message.role}: ${JSON.stringify(message.content)}`)

describe("the example", () => {
  it("survives its window, a restart, and finds what left", async () => {
    const before = await examples.start("openai-agents", 1)
    for (let n = 0; n < 12; n++) assert.include(await before("chat-42", say(n)), `Request ${n}`)
    const after = await examples.start("openai-agents", 2)
    for (let n = 12; n < 24; n++) assert.include(await after("chat-42", say(n)), `Request ${n}`)
    assert.include(await after("chat-42", "recall: teapot of invoice 3"), "invoice 3 is porcelain")

    await using sessions = await open({ filename: examples.fileOf("openai-agents"), contextLength: WINDOW })
    assert.isAtLeast((await sessions.stats("chat-42")).compressions.committed, 3)
    assert.strictEqual(server.counts.refusals, 0)
  })

  it("stands in its document as it is, in at most 30 lines", () => {
    const code = showExample("openai-agents")
    assert.include(readFileSync("docs/openai-agents.md", "utf8"), code.join("\n"))
    assert.isAtMost(code.length, 30)
  })
})

for (const useResponses of [true, false]) {
  describe(useResponses ? "a run on the Responses API" : "a run on Chat Completions", () => {
    it("stores each item once, whatever the runner hands over", async () => {
      await using sessions = await openSessions()
      const { run } = makeRun(sessions, "chat-1", { useResponses })
      for (const words of ["hello", "hello", "recall: teapot", "hello"]) await run(words)
      const texts = await textsOf(sessions, "chat-1")
      assert.lengthOf(
        texts.filter((text) => text === `user: "hello"`),
        3
      )
      assert.lengthOf(
        texts.filter((text) => text.startsWith("assistant")),
        5
      )
      assert.lengthOf(
        texts.filter((text) => text.startsWith("tool")),
        1
      )
    })

    it("keeps within the window, however many tools it calls", async () => {
      await using sessions = await openSessions()
      const { run } = makeRun(sessions, "chat-1", { useResponses })
      for (let n = 0; n < 16; n++) await run(say(n))
      const { compressions } = await sessions.stats("chat-1")
      assert.isAtLeast(compressions.committed, 3)
      assert.strictEqual(server.counts.refusals, 0)
      const { finalOutput } = await run("recall: teapot of invoice 2")
      assert.include(finalOutput, "invoice 2 is porcelain")
    })

    it("is made again on a smaller view where the server takes less than it says", async () => {
      await using sessions = await open({ contextLength: 4 * WINDOW, model: "summary" })
      const session = makeSession(sessions, "chat-1")
      const { callModelInputFilter, modelProvider, tools } = session
      const provider = modelProvider(new OpenAIProvider({ useResponses }))
      const runner = new Runner({ modelProvider: provider, tracingDisabled: true })
      const agent = new Agent({ name: "assistant", instructions: "Be brief.", model: "agent", tools })
      for (let n = 0; n < 12; n++) {
        const { finalOutput } = await runner.run(agent, say(n), { session, callModelInputFilter })
        assert.include(finalOutput, `Request ${n}`)
      }
      assert.isAbove(server.counts.refusals, 0)
      const { finalOutput } = await runner.run(agent, "recall: teapot of invoice 2", { session, callModelInputFilter })
      assert.include(finalOutput, "invoice 2 is porcelain")
    })

    it("keeps what was asked when it is interrupted", async () => {
      await using sessions = await openSessions()
      const { run } = makeRun(sessions, "chat-1", { useResponses })
      await run("hello")
      const controller = new AbortController()
      const stopped = run("hang", controller.signal)
      await vi.waitUntil(() => server.calls.length === 2)
      controller.abort()
      assert.instanceOf(await stopped.catch((error) => error), Error)
      await run("go on")
      const said = (await textsOf(sessions, "chat-1")).filter((text) => text.startsWith("user"))
      assert.deepStrictEqual(said, [`user: "hello"`, `user: "hang"`, `user: "go on"`])
    })

    it("reports what the provider counted, cached tokens too", async () => {
      const { reports, sessions } = noteReports(await openSessions())
      const { callModelInputFilter, modelProvider } = makeSession(sessions, "chat-1")
      const runner = new Runner({
        modelProvider: modelProvider(new OpenAIProvider({ useResponses })),
        tracingDisabled: true
      })
      await runner.run(new Agent({ name: "assistant", model: "agent" }), "count this", { callModelInputFilter })
      assert.deepStrictEqual(reports, [COUNTED])
      await sessions.close()
    })

    it("sends pictures and fields of the provider as they came", async () => {
      await using sessions = await openSessions()
      const { run } = makeRun(sessions, "chat-1", { useResponses })
      const image = "data:image/png;base64,iVBORw0KGgo="
      await run([
        {
          role: "user",
          content: [
            { type: "input_text", text: "look" },
            { type: "input_image", image, detail: "high" }
          ],
          providerData: { custom: { of: "the provider" } }
        }
      ])
      await run("and now?")
      const sent = JSON.stringify(server.calls.filter(isObject).at(-1))
      assert.include(sent, image)
      assert.include(sent, `"detail":"high"`)
      assert.include(sent, "the provider")
    })
  })
}

describe("a session", () => {
  it("keeps the encrypted reasoning of the Responses API", async () => {
    await using sessions = await openSessions()
    const { run, session } = makeRun(sessions, "chat-1")
    await run("hello")
    await run("and again")
    const sent = server.calls.filter(isObject).at(-1)
    assert.deepInclude(listObjects(sent?.input), {
      type: "reasoning",
      id: "rs_1",
      summary: [],
      encrypted_content: "secret 1"
    })
    assert.deepStrictEqual(outline(await session.getItems()), [
      "user",
      "reasoning",
      "assistant",
      "user",
      "reasoning",
      "assistant"
    ])
  })

  it("sends the picture that a tool returned", async () => {
    await using sessions = await openSessions()
    const image = "data:image/png;base64,iVBORw0KGgo="
    const camera = tool({
      name: "recall",
      description: "takes a picture",
      parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
      strict: false,
      execute: async () => ({ type: "image", image })
    })
    const session = makeSession(sessions, "chat-1", { imagesInToolResults: true })
    const runner = new Runner({ modelProvider: new OpenAIProvider(), tracingDisabled: true })
    const agent = new Agent({ name: "assistant", model: "agent", tools: [camera] })
    const { callModelInputFilter } = session
    await runner.run(agent, "recall: x", { session, callModelInputFilter })
    const sent = server.calls.filter(isObject).at(-1)
    const output = listObjects(sent?.input).find(({ type }) => type === "function_call_output")?.output
    assert.deepStrictEqual(output, [{ type: "input_image", image_url: image }])
    const stored = (await session.getItems()).find(({ type }) => type === "function_call_result")
    assert.deepInclude(stored, { output: [{ type: "input_image", image }] })
  })

  it("stores each item of a stream once, with tools that read the session meanwhile", async () => {
    await using sessions = await openSessions()
    const session = makeSession(sessions, "chat-1")
    const { callModelInputFilter } = session
    const reader = tool({
      name: "read",
      description: "reads the session",
      parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
      strict: false,
      execute: async () => `${(await session.getItems()).length} items`
    })
    const call = { type: "function_call", id: "fc_1", callId: "c1", name: "read", arguments: "{}" } as const
    const model = streamAnswers([[call], [assistant("ok")], [assistant("ok")]])
    const agent = new Agent({ name: "assistant", model, tools: [reader] })
    for (const words of ["ok", "ok"]) {
      const result = await new Runner({ tracingDisabled: true }).run(agent, words, {
        session,
        callModelInputFilter,
        stream: true
      })
      await result.completed
    }
    assert.deepStrictEqual(outline(await session.getItems()), [
      "user",
      "function_call",
      "function_call_result",
      "assistant",
      "user",
      "assistant"
    ])
  })

  it("begins with any item, and gives the newest in their order", async () => {
    await using sessions = await openSessions()
    const session = makeSession(sessions, "chat-1")
    assert.deepStrictEqual(await session.getItems(), [])
    assert.isUndefined(await session.popItem())
    await session.clearSession()
    await session.addItems([assistant("welcome"), user("hi"), assistant("what is it?"), user("nothing")])
    assert.deepStrictEqual(await session.getItems(2), [assistant("what is it?"), user("nothing")])
    assert.deepStrictEqual(await session.getItems(0), [])
    assert.deepStrictEqual(outline(await session.getItems()).slice(-4), ["assistant", "user", "assistant", "user"])
    assert.strictEqual(await session.getSessionId(), "chat-1")
  })

  it("takes back item by item, also after a reset, and begins anew", async () => {
    await using sessions = await openSessions()
    const session = makeSession(sessions, "chat-1")
    const call: AgentInputItem = { type: "function_call", callId: "c1", name: "read", arguments: "{}" }
    const other: AgentInputItem = { ...call, callId: "c2" }
    await session.addItems([user("a"), user("b"), call, other])
    assert.deepStrictEqual(await session.popItem(), other)
    assert.deepStrictEqual(await session.popItem(), call)
    assert.deepStrictEqual(await session.popItem(), user("b"))
    await session.addItems([user("c")])
    assert.deepStrictEqual(await session.getItems(), [user("a"), user("c")])
    await session.clearSession()
    assert.deepStrictEqual(await session.getItems(), [])
    for (const words of ["d", "e"]) {
      await session.addItems([user(words)])
      assert.deepStrictEqual(await session.popItem(), user(words))
    }
    assert.isUndefined(await session.popItem())
    assert.deepStrictEqual(await session.getItems(), [])
  })

  it("goes on with a run that waited for an approval, in another process", async () => {
    await using sessions = await openSessions()
    const makeAgent = () => {
      const session = makeSession(sessions, "chat-1")
      const guarded = tool({
        name: "recall",
        description: "guarded",
        parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
        strict: false,
        needsApproval: true,
        execute: async () => "approved words"
      })
      const runner = new Runner({ modelProvider: new OpenAIProvider(), tracingDisabled: true })
      return { session, runner, agent: new Agent({ name: "assistant", model: "agent", tools: [guarded] }) }
    }
    const first = makeAgent()
    const { callModelInputFilter } = first.session
    await first.runner.run(first.agent, "hello", { session: first.session, callModelInputFilter })
    const waiting = await first.runner.run(first.agent, "recall: x", { session: first.session, callModelInputFilter })
    assert.lengthOf(waiting.interruptions, 1)
    const text = waiting.state.toString()

    const { agent, runner, session } = makeAgent()
    const state = await RunState.fromString(agent, text)
    for (const interruption of state.getInterruptions()) state.approve(interruption)
    const done = await runner.run(agent, state, { session, callModelInputFilter: session.callModelInputFilter })
    assert.include(done.finalOutput, "approved words")
    assert.deepStrictEqual(outline((await session.getItems()).filter(({ type }) => type !== "reasoning")), [
      "user",
      "assistant",
      "user",
      "function_call",
      "function_call_result",
      "assistant"
    ])
  })
})

describe("a stream", () => {
  it("that the server refuses begins again on a smaller view", async () => {
    await using sessions = await open({ contextLength: 4 * WINDOW })
    const session = makeSession(sessions, "chat-1")
    await session.addItems(Array.from({ length: 24 }, (_, n) => (n % 2 === 0 ? user(say(n)) : assistant(say(n)))))
    const sizes: Array<number> = []
    const inner = streamAnswers([[assistant("It is porcelain.")]])
    const model: Model = {
      ...inner,
      async *getStreamedResponse(request) {
        sizes.push(JSON.stringify(request.input).length / 4)
        if ((sizes.at(-1) ?? 0) > WINDOW) throw new Error(`This model's maximum context length is ${WINDOW} tokens.`)
        yield* inner.getStreamedResponse(request)
      }
    }
    const modelProvider = session.modelProvider({ getModel: () => model })
    const runner = new Runner({ modelProvider, tracingDisabled: true })
    const agent = new Agent({ name: "assistant", model: "agent" })
    const { callModelInputFilter } = session
    const result = await runner.run(agent, "What is it?", { session, callModelInputFilter, stream: true })
    await result.completed
    assert.strictEqual(result.finalOutput, "It is porcelain.")
    assert.isAbove(sizes[0] ?? 0, WINDOW)
    assert.isAtMost(sizes.at(-1) ?? 0, WINDOW)
  })
})

describe("the budget tools", () => {
  it("count the instructions and the tools of the step", async () => {
    await using sessions = await openSessions()
    const session = makeSession(sessions, "chat-1")
    const long = `Be brief. ${"Mind the porcelain of the teapots. ".repeat(200)}`
    const call = {
      type: "function_call",
      callId: "c1",
      name: "context_budget",
      arguments: "{}",
      status: "completed"
    } as const
    const model = streamAnswers([[call], [assistant("It is nearly full.")]])
    const runner = new Runner({ modelProvider: { getModel: () => model }, tracingDisabled: true })
    const agent = new Agent({ name: "assistant", instructions: long, model: "agent", tools: session.tools })
    const { callModelInputFilter } = session
    const result = await runner.run(agent, "How full is it?", { session, callModelInputFilter, stream: true })
    await result.completed
    const answer = (await textsOf(sessions, "chat-1")).find((text) => text.startsWith("tool")) ?? ""
    const [, fixed = "0"] = /system prompt and tools: ([\d,]+) tokens/.exec(answer) ?? []
    assert.isAbove(Number(fixed.replace(",", "")), 1_500)
  })
})
