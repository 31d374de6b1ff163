/** Calls of the AI SDK within a turn: what is stored, what the model sees, and what is thrown. */
import { assert, describe, it } from "@effect/vitest"
import {
  generateText,
  jsonSchema,
  type ModelMessage,
  stepCountIs,
  streamText,
  tool,
  ToolLoopAgent,
  wrapLanguageModel
} from "ai"
import { keepSteps, middleware, type Step, tools } from "../../src/aiSdk/AiSdk.ts"
import { open, type Sessions, Superseded, type Turn, WindowExceeded } from "../../src/promise/Promise.ts"
import { call, makeModel, text } from "../support/aiSdkModel.ts"

const WINDOW = { contextLength: 32_000 }
const user = (content: string) => ({ role: "user", content }) as const
const LONG = "this and that about the invoices of the year. ".repeat(150)

const look = tool({
  description: "Looks at a teapot",
  inputSchema: jsonSchema<{ readonly name: string }>({ type: "object", properties: { name: { type: "string" } } }),
  execute: async ({ name }) => `${name} is green`
})

const begin = async (...words: ReadonlyArray<string>): Promise<Sessions> => {
  const sessions = await open(WINDOW)
  for (const word of words) await sessions.deliver("chat-1", user(word))
  return sessions
}

const listRoles = async (sessions: Sessions) => (await sessions.view("chat-1")).messages.map(({ role }) => role)

const thrownBy = async (promise: PromiseLike<unknown>): Promise<unknown> =>
  promise.then(
    (value) => assert.fail(`expected a rejection, got ${JSON.stringify(value)}`),
    (error) => error
  )

/** Calls the tool so often, and answers then. */
const makeLooking = (times: number) =>
  makeModel((_, n) => (n <= times ? [call("look", { name: "it" }, n)] : text("It is green.")))

describe("keepSteps", () => {
  const ONCE_EACH = ["user", "assistant", "tool", "assistant", "tool", "assistant"]
  const settingsOf = () => ({ model: makeLooking(2), tools: { look }, stopWhen: stepCountIs(9) })
  /** How each function of the SDK answers in a turn. */
  const calls: { readonly [name: string]: (turn: Turn) => Promise<string> } = {
    generateText: async (turn) =>
      (await keepSteps(turn, (settings) => generateText({ ...settingsOf(), ...settings }))).text,
    streamText: async (turn) =>
      (await keepSteps(turn, (settings) => streamText({ ...settingsOf(), ...settings }))).text,
    ToolLoopAgent: async (turn) => {
      const result = await keepSteps(turn, ({ abortSignal, messages, prepareStep }) =>
        new ToolLoopAgent({ ...settingsOf(), prepareStep }).generate({ messages, abortSignal })
      )
      return result.text
    }
  }

  for (const [name, answer] of Object.entries(calls)) {
    it(`stores each message of ${name} once, in order`, async () => {
      await using sessions = await begin("is it green?")
      assert.strictEqual(await sessions.turn("chat-1", answer), "It is green.")
      assert.deepStrictEqual(await listRoles(sessions), ONCE_EACH)
      assert.lengthOf((await sessions.view("chat-1")).open, 0)
    })
  }

  it("stores each message once as version 7 has it, where the view carries forward and steps have only their own", async () => {
    await using sessions = await begin("is it green?")
    const calling = (n: number): ReadonlyArray<ModelMessage> => [
      { role: "assistant", content: [{ type: "tool-call", toolCallId: `c${n}`, toolName: "look", input: {} }] },
      {
        role: "tool",
        content: [
          { type: "tool-result", toolCallId: `c${n}`, toolName: "look", output: { type: "text", value: "green" } }
        ]
      }
    ]
    const stepOf = (messages: ReadonlyArray<ModelMessage>): Step => ({
      usage: { inputTokens: undefined },
      response: { messages: structuredClone(messages) }
    })
    await sessions.turn("chat-1", (turn) =>
      keepSteps(turn, async ({ messages: given, prepareStep }) => {
        const steps: Array<Step> = []
        let messages: ReadonlyArray<ModelMessage> = given
        for (const answer of [calling(1), calling(2), [{ role: "assistant" as const, content: "It is green." }]]) {
          const seen = { responseMessages: [], messages, steps }
          const view = await prepareStep(seen)
          messages = [...view.messages, ...answer]
          steps.push(stepOf(answer))
        }
        return { steps }
      })
    )
    assert.deepStrictEqual(await listRoles(sessions), ONCE_EACH)
  })

  it("asks for an approval in one turn, and calls the tool in a later one, once it was given", async () => {
    await using sessions = await begin("is it green?")
    const looked: Array<string> = []
    const careful = tool({
      inputSchema: jsonSchema<{ readonly name: string }>({ type: "object", properties: { name: { type: "string" } } }),
      needsApproval: true,
      execute: async ({ name }) => {
        looked.push(name)
        return `${name} is green`
      }
    })
    const model = makeLooking(1)
    const answer = (turn: Turn, added: ReadonlyArray<ModelMessage> = []) =>
      keepSteps(turn, ({ messages, ...settings }) =>
        generateText({ model, tools: { look: careful }, ...settings, messages: [...messages, ...added] })
      )
    const { content } = await sessions.turn("chat-1", (turn) => answer(turn))
    const asked = content.find(({ type }) => type === "tool-approval-request")
    assert.isTrue(asked?.type === "tool-approval-request")
    const approvalId = asked?.type === "tool-approval-request" ? asked.approvalId : ""
    assert.deepStrictEqual(looked, [])
    const approval: ModelMessage = {
      role: "tool",
      content: [{ type: "tool-approval-response", approvalId, approved: true }]
    }
    const { text } = await sessions.turn("chat-1", (turn) => answer(turn, [approval]))
    assert.deepStrictEqual([text, looked], ["It is green.", ["it"]])
    const { messages } = await sessions.view("chat-1")
    assert.lengthOf(
      messages.filter(({ role }) => role === "tool"),
      1
    )
  })

  it("stores results after which no step follows, and what was added to the view", async () => {
    await using sessions = await begin("is it green?")
    const note = { role: "user", content: "and is it porcelain?" } as const
    await sessions.turn("chat-1", (turn) =>
      keepSteps(turn, ({ messages, ...settings }) =>
        generateText({ model: makeLooking(1), tools: { look }, ...settings, messages: [...messages, note] })
      )
    )
    assert.deepStrictEqual(await listRoles(sessions), ["user", "user", "assistant", "tool"])
  })

  it("keeps reasoning, pictures, files and provider options, in later turns as well", async () => {
    await using sessions = await begin("look at this")
    const providerOptions = { anthropic: { cacheControl: { type: "ephemeral" } } }
    const signature = { anthropic: { signature: "c2lnbmVk" } }
    const bytes = Uint8Array.from(Buffer.from("the bytes of a picture"))
    const model = makeModel((_, n) => [
      { type: "reasoning", text: "it is a teapot", providerMetadata: signature },
      ...(n === 1 ? [call("look", { name: "it" }, n)] : text("It is green."))
    ])
    const pictures: ModelMessage = {
      role: "user",
      content: [
        { type: "image", image: bytes, providerOptions },
        { type: "file", data: "cGRm", mediaType: "application/pdf", filename: "bill.pdf" }
      ]
    }
    const answer = (turn: Turn, added: ReadonlyArray<ModelMessage>) =>
      keepSteps(turn, ({ messages, ...settings }) =>
        generateText({
          model,
          tools: { look },
          stopWhen: stepCountIs(9),
          ...settings,
          messages: [...messages, ...added]
        })
      )
    await sessions.turn("chat-1", (turn) => answer(turn, [pictures]))
    await sessions.deliver("chat-1", user("thanks"))
    await sessions.turn("chat-1", (turn) => answer(turn, []))
    const prompt = model.doGenerateCalls.at(-1)?.prompt ?? []
    const parts = prompt.flatMap(({ content }) => (typeof content === "string" ? [] : [...content]))
    assert.deepInclude(
      parts.find((part) => part.type === "file" && part.mediaType.startsWith("image/")),
      { data: bytes, providerOptions }
    )
    assert.deepInclude(
      parts.find((part) => part.type === "file" && part.mediaType === "application/pdf"),
      { data: "cGRm", filename: "bill.pdf" }
    )
    const reasoning = parts.filter((part) => part.type === "reasoning")
    assert.deepInclude(reasoning[0], { text: "it is a teapot", providerOptions: signature })
    assert.lengthOf(reasoning, 2)
  })

  it("sends a system prompt once, though it is counted", async () => {
    await using sessions = await begin(LONG)
    const model = makeModel(() => text("noted"))
    const system = "Be brief."
    await sessions.turn("chat-1", (turn) =>
      keepSteps(turn, (settings) => generateText({ model, system, ...settings }), { system })
    )
    const prompt = model.doGenerateCalls[0]?.prompt ?? []
    assert.deepStrictEqual(
      prompt.map(({ role }) => role),
      ["system", "user"]
    )
  })

  it("throws what could not be stored", async () => {
    await using sessions = await begin("one", "two")
    const model = makeModel(async () => {
      await sessions.rewind("chat-1", 1)
      return text("too late")
    })
    const error = await thrownBy(
      sessions.turn("chat-1", (turn) => keepSteps(turn, (settings) => generateText({ model, ...settings })))
    )
    assert.instanceOf(error, Superseded)
  })
})

describe("tools", () => {
  it("search what left the view and pin, within a turn and outside", async () => {
    await using sessions = await begin("the teapot is green")
    const model = makeModel((_, n) =>
      n === 1
        ? [call("recall", { query: "teapot", where: "everywhere" }, 1), call("pin", { text: "green", as: "tea" }, 2)]
        : text("It is green.")
    )
    await sessions.turn("chat-1", (turn) =>
      keepSteps(turn, (settings) => generateText({ model, tools: tools(turn), stopWhen: stepCountIs(3), ...settings }))
    )
    assert.include(JSON.stringify(model.doGenerateCalls[1]?.prompt.at(-1)), "the teapot is green")
    assert.lengthOf(await sessions.pins("chat-1"), 1)

    const outside = tools({ answer: (call) => sessions.turn("chat-1", (turn) => turn.answer(call)) })
    const options = { toolCallId: "c", messages: [] }
    const found: unknown = await outside.recall?.execute?.({ query: "teapot", where: "everywhere" }, options)
    assert.include(String(found), "the teapot is green")
  })
})

describe("middleware of a turn", () => {
  const fill = async (sessions: Sessions) => {
    for (let n = 0; n < 8; n++) {
      await sessions.deliver("chat-1", user(`${n}: ${LONG}`))
      await sessions.turn("chat-1", (turn) => turn.append({ role: "assistant", content: `answer ${n}` }))
    }
    await sessions.deliver("chat-1", user("go on"))
  }
  const answerIn = async (turn: Turn, model: ReturnType<typeof makeModel>, kind: "generate" | "stream") => {
    const given = { model: wrapLanguageModel({ model, middleware: middleware(turn) }), system: "Be brief." }
    if (kind === "generate") return (await keepSteps(turn, (settings) => generateText({ ...given, ...settings }))).text
    return (await keepSteps(turn, (settings) => streamText({ ...given, ...settings }))).text
  }

  for (const kind of ["generate", "stream"] as const) {
    it(`asks again with a smaller view when the server refuses to ${kind}, and stores the answer once`, async () => {
      await using sessions = await open(WINDOW)
      await fill(sessions)
      const model = makeModel(() => text("done"), 6_000)
      assert.strictEqual(await sessions.turn("chat-1", (turn) => answerIn(turn, model, kind)), "done")
      const calls = kind === "generate" ? model.doGenerateCalls : model.doStreamCalls
      assert.isAtLeast(calls.length, 2)
      const last = calls.at(-1)?.prompt ?? []
      assert.strictEqual(last[0]?.role, "system")
      assert.include(JSON.stringify(last.at(-1)), "go on")
      assert.isAtLeast((await sessions.stats("chat-1")).compressions.committed, 1)
      assert.deepInclude((await sessions.view("chat-1")).messages.at(-1), { role: "assistant", content: "done" })
    })
  }

  it("throws WindowExceeded when nothing more can be left out, and other errors as they are", async () => {
    await using sessions = await open(WINDOW)
    await fill(sessions)
    const tooSmall = makeModel(() => text("done"), 10)
    const exceeded = await thrownBy(sessions.turn("chat-1", (turn) => answerIn(turn, tooSmall, "generate")))
    assert.instanceOf(exceeded, WindowExceeded)
    const own = new RangeError("mine")
    const broken = makeModel(() => Promise.reject(own))
    assert.strictEqual(await thrownBy(sessions.turn("chat-1", (turn) => answerIn(turn, broken, "generate"))), own)
    assert.lengthOf(broken.doGenerateCalls, 1)
  })
})
