/** The door to LangChain, with its own agent and models, and a server on the loopback. */
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { HumanMessage, ToolMessage } from "@langchain/core/messages"
import { MemorySaver } from "@langchain/langgraph"
import { ChatOpenAI } from "@langchain/openai"
import { createAgent, createMiddleware, FakeToolCallingModel, tool } from "langchain"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, vi } from "vitest"
import { makeMiddleware } from "../../src/langChain/LangChain.ts"
import { open, type Sessions } from "../../src/promise/Promise.ts"
import { type AgentServer, COUNTED, startAgentServer } from "../support/agentServer.ts"
import { makeExamples, showExample } from "../support/exampleProgram.ts"
import { isObject, listObjects } from "../support/foreignServers.ts"
import { noteReports } from "../support/notedReports.ts"

const WINDOW = 8_000
const examples = makeExamples(join("node_modules", ".langchain"), WINDOW)
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

const openSessions = (options: { readonly mode?: "manual" } = {}) =>
  open({ contextLength: WINDOW, model: "summary", ...options })

/** An agent that keeps its state in a checkpoint, or one that is given new messages only. */
const makeAgent = (sessions: Sessions, useResponsesApi: boolean, checkpointer?: MemorySaver) => {
  const agent = createAgent({
    model: new ChatOpenAI({ model: "agent", useResponsesApi, zdrEnabled: true, maxRetries: 0 }),
    systemPrompt: "Be brief.",
    middleware: [makeMiddleware(sessions)],
    ...(checkpointer && { checkpointer })
  })
  const run = (messages: string | Array<HumanMessage>, signal = AbortSignal.timeout(60_000)) =>
    agent.invoke({ messages }, { configurable: { thread_id: "chat-1" }, signal })
  return { agent, run }
}

const textsOf = async (sessions: Sessions) =>
  (await sessions.latest("chat-1", 1_000)).map(({ message }) => `${message.role}: ${JSON.stringify(message.content)}`)

const lastSent = () => server.calls.filter(isObject).at(-1)

describe("the example", () => {
  it("survives its window, a restart, and finds what left", async () => {
    const before = await examples.start("langchain", 1)
    for (let n = 0; n < 12; n++) assert.include(await before("chat-42", say(n)), `Request ${n}`)
    const after = await examples.start("langchain", 2)
    for (let n = 12; n < 24; n++) assert.include(await after("chat-42", say(n)), `Request ${n}`)
    assert.include(await after("chat-42", "recall: teapot of invoice 3"), "invoice 3 is porcelain")

    await using sessions = await open({ filename: examples.fileOf("langchain"), contextLength: WINDOW })
    assert.isAtLeast((await sessions.stats("chat-42")).compressions.committed, 3)
    assert.strictEqual(server.counts.refusals, 0)
  })

  it("stands in its document as it is, in at most 30 lines", () => {
    const code = showExample("langchain")
    assert.include(readFileSync("docs/langchain.md", "utf8"), code.join("\n"))
    assert.isAtMost(code.length, 30)
  })
})

for (const useResponsesApi of [true, false]) {
  describe(useResponsesApi ? "an agent on the Responses API" : "an agent on Chat Completions", () => {
    for (const checkpointer of [new MemorySaver(), undefined]) {
      it(`stores each message once, with ${checkpointer ? "a" : "no"} checkpointer`, async () => {
        await using sessions = await openSessions()
        const { run } = makeAgent(sessions, useResponsesApi, checkpointer)
        for (const words of ["hello", "hello", "recall: teapot", "hello"]) await run(words)
        const texts = await textsOf(sessions)
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
    }

    it("keeps within the window, and leaves the state as it is", async () => {
      await using sessions = await openSessions()
      const { run } = makeAgent(sessions, useResponsesApi, new MemorySaver())
      for (let n = 0; n < 15; n++) await run(say(n))
      const { messages } = await run("recall: teapot of invoice 2")
      assert.include(messages.at(-1)?.text, "invoice 2 is porcelain")
      assert.lengthOf(messages, 34)
      assert.isAtLeast((await sessions.stats("chat-1")).compressions.committed, 3)
      assert.strictEqual(server.counts.refusals, 0)
    })

    it("is rescued when the server refuses what is too long", async () => {
      await using sessions = await openSessions({ mode: "manual" })
      const { run } = makeAgent(sessions, useResponsesApi)
      for (let n = 0; n < 12; n++) assert.include((await run(say(n))).messages.at(-1)?.text, `Request ${n}`)
      assert.isAtLeast(server.counts.refusals, 1)
    })

    it("keeps what was asked when it is interrupted", async () => {
      await using sessions = await openSessions()
      const { run } = makeAgent(sessions, useResponsesApi, new MemorySaver())
      await run("hello")
      const controller = new AbortController()
      const stopped = run("hang", controller.signal)
      await vi.waitUntil(() => server.calls.length === 2)
      controller.abort()
      assert.instanceOf(await stopped.catch((error) => error), Error)
      await run("go on")
      const said = (await textsOf(sessions)).filter((text) => text.startsWith("user"))
      assert.deepStrictEqual(said, [`user: "hello"`, `user: "hang"`, `user: "go on"`])
    })

    it("reports what the provider counted, cached tokens too", async () => {
      const { reports, sessions } = noteReports(await openSessions())
      await makeAgent(sessions, useResponsesApi).run("count this")
      assert.deepStrictEqual(reports, [COUNTED])
      await sessions.close()
    })

    it("sends pictures as they came", async () => {
      await using sessions = await openSessions()
      const { run } = makeAgent(sessions, useResponsesApi)
      const image = "data:image/png;base64,iVBORw0KGgo="
      const content = [
        { type: "text", text: "look" },
        { type: "image_url", image_url: { url: image, detail: "high" } }
      ]
      await run([new HumanMessage({ content })])
      await run("and now?")
      const sent = JSON.stringify(lastSent())
      assert.include(sent, image)
      assert.include(sent, `"detail":"high"`)
    })
  })
}

describe("the middleware", () => {
  it("keeps the encrypted reasoning of the Responses API, also without the state", async () => {
    await using sessions = await openSessions()
    const { run } = makeAgent(sessions, true)
    await run("hello")
    await run("and again")
    const sent = listObjects(lastSent()?.input).find(({ type }) => type === "reasoning")
    assert.deepInclude(sent, { id: "rs_1", encrypted_content: "secret 1" })
  })

  it("keeps the artifact of a tool, and what another middleware sends once", async () => {
    await using sessions = await openSessions()
    const read = tool(
      async () => new ToolMessage({ content: "words", tool_call_id: "call_1", artifact: { rows: [1] } }),
      {
        name: "recall",
        description: "reads",
        schema: { type: "object", properties: {} }
      }
    )
    const passing = createMiddleware({
      name: "passing",
      wrapModelCall: (request, handler) => {
        const isFirst = request.messages.length === 1
        const added = isFirst ? [new HumanMessage("recall: it is noon")] : []
        return handler({ ...request, messages: [...request.messages, ...added] })
      }
    })
    const middleware = makeMiddleware(sessions)
    const agent = createAgent({
      model: new ChatOpenAI({ model: "agent", useResponsesApi: true }),
      tools: [read],
      middleware: [passing, { ...middleware, tools: [] }]
    })
    await agent.invoke({ messages: "hello" }, { configurable: { thread_id: "chat-1" } })
    assert.include(JSON.stringify(server.calls[0]), "it is noon")
    assert.notInclude(await textsOf(sessions), `user: "recall: it is noon"`)
    assert.include(JSON.stringify(await sessions.latest("chat-1", 10)), `"artifact":{"rows":[1]}`)
  })

  it("keeps options for the provider, of a call and of a part of a message", async () => {
    await using sessions = await openSessions()
    const marked = { type: "text", text: "hello", cache_control: { type: "ephemeral", ttl: "1h" } }
    const asked = new HumanMessage({ content: [marked], additional_kwargs: { vendor: { tier: 2 } } })
    const seen: Array<{ readonly first: unknown; readonly settings: unknown }> = []
    const choosing = createMiddleware({
      name: "choosing",
      wrapModelCall: (request, handler) => handler({ ...request, modelSettings: { service_tier: "flex" } })
    })
    const looking = createMiddleware({
      name: "looking",
      wrapModelCall: (request, handler) => {
        const [first] = request.messages
        seen.push({ first: [first?.content, first?.additional_kwargs], settings: request.modelSettings })
        return handler(request)
      }
    })
    const agent = createAgent({
      model: new ChatOpenAI({ model: "agent" }),
      middleware: [choosing, makeMiddleware(sessions), looking]
    })
    const thread = { configurable: { thread_id: "chat-1" } }
    await agent.invoke({ messages: [asked] }, thread)
    await agent.invoke({ messages: [new HumanMessage("and now?")] }, thread)
    const expected = { first: [asked.content, asked.additional_kwargs], settings: { service_tier: "flex" } }
    assert.deepStrictEqual(seen, [expected, expected])
    assert.propertyVal(lastSent(), "service_tier", "flex")
  })

  it("goes back with a state that goes back, and on again", async () => {
    await using sessions = await openSessions()
    const { agent, run } = makeAgent(sessions, false, new MemorySaver())
    await run("first")
    await run("second")
    const configurable = { thread_id: "chat-1" }
    const history = []
    for await (const state of agent.graph.getStateHistory({ configurable })) history.push(state)
    const afterFirst = history.find(({ next, values }) => next.length === 0 && values.messages.length === 2)
    await agent.invoke({ messages: "third" }, { configurable: { ...afterFirst?.config.configurable } })
    const said = (await textsOf(sessions)).filter((text) => text.startsWith("user"))
    assert.deepStrictEqual(said, [`user: "first"`, `user: "third"`])
    assert.notInclude(JSON.stringify(lastSent()), "second")
  })

  it("refuses a run without a thread", async () => {
    await using sessions = await openSessions()
    const agent = createAgent({ model: new ChatOpenAI({ model: "agent" }), middleware: [makeMiddleware(sessions)] })
    const error = await agent.invoke({ messages: "hello" }).catch((error) => error)
    assert.include(String(error), "thread_id")
  })
})

describe("the budget tools", () => {
  it("count the system prompt and the tools of the step", async () => {
    await using sessions = await openSessions()
    const agent = createAgent({
      model: new FakeToolCallingModel({ toolCalls: [[{ name: "context_budget", args: {}, id: "c1" }], []] }),
      systemPrompt: `Be brief. ${"Mind the porcelain of the teapots. ".repeat(200)}`,
      middleware: [makeMiddleware(sessions)]
    })
    await agent.invoke({ messages: "How full is it?" }, { configurable: { thread_id: "chat-1" } })
    const answer = (await textsOf(sessions)).find((text) => text.startsWith("tool")) ?? ""
    const [, fixed = "0"] = /system prompt and tools: ([\d,]+) tokens/.exec(answer) ?? []
    assert.isAbove(Number(fixed.replace(",", "")), 1_500)
  })
})
