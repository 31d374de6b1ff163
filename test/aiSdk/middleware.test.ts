/** Middleware for programs that keep their own history: each call is made on the view of the session that it names. */
import { assert, describe, it } from "@effect/vitest"
import { generateText, jsonSchema, type ModelMessage, stepCountIs, streamText, tool, wrapLanguageModel } from "ai"
import type { MockLanguageModelV3 } from "ai/test"
import { middleware } from "../../src/aiSdk/AiSdk.ts"
import * as Message from "../../src/message/Message.ts"
import { NestedTurn, open, type Sessions } from "../../src/promise/Promise.ts"
import { call, makeModel, text } from "../support/aiSdkModel.ts"

const WINDOW = 8_000
const LONG = "this and that about the invoices of the year. ".repeat(60)
const providerOptions = { throughline: { session: "chat-1" } }

const look = tool({
  description: "Looks at a teapot",
  inputSchema: jsonSchema<object>({ type: "object", properties: {} }),
  execute: async () => "green"
})

const thrownBy = async (promise: PromiseLike<unknown>): Promise<unknown> =>
  promise.then(
    (value) => assert.fail(`expected a rejection, got ${JSON.stringify(value)}`),
    (error) => error
  )

/** A program that sends its whole history in each call, and adds what came of it. */
const makeChat = (sessions: Sessions, model: MockLanguageModelV3, history: Array<ModelMessage> = []) => {
  const wrapped = wrapLanguageModel({ model, middleware: middleware(sessions) })
  const say = async (words: string) => {
    history.push({ role: "user", content: words })
    const system = "Be brief."
    const options = { model: wrapped, system, tools: { look }, stopWhen: stepCountIs(3), providerOptions }
    const { response, text } = await generateText({ ...options, messages: history })
    history.push(...response.messages)
    return text
  }
  return { say, history }
}

/** Answers each user with the tool and a text that names the request. */
const makeLooking = (window = Infinity) =>
  makeModel(({ prompt }, n) => {
    const last = prompt.at(-1)
    return last?.role === "user" ? [call("look", {}, n)] : text(`answer ${n}`)
  }, window)

const logOf = async (sessions: Sessions) => (await sessions.view("chat-1")).messages

describe("middleware of sessions", () => {
  it("delivers each message of a growing history once, also after a restart, and sends the caller's instructions", async () => {
    await using sessions = await open({ contextLength: 32_000 })
    const model = makeLooking()
    const first = makeChat(sessions, model)
    for (const words of ["one", "yes", "yes"]) await first.say(words)
    const again = makeChat(sessions, model, first.history)
    await again.say("yes")
    const turn = ["user", "assistant", "tool", "assistant"]
    const roles = (await logOf(sessions)).map(({ role }) => role)
    assert.deepStrictEqual(roles, [...turn, ...turn, ...turn, "user", "assistant", "tool"])
    const prompt = model.doGenerateCalls.at(-1)?.prompt ?? []
    assert.deepStrictEqual(
      prompt.map(({ role }) => role),
      ["system", ...roles]
    )
  })

  it("knows a message again that comes in another form", async () => {
    await using sessions = await open({ contextLength: 32_000 })
    const chat = makeChat(sessions, makeLooking())
    await chat.say("one")
    const stored = chat.history.map((message): ModelMessage => {
      if (message.role !== "tool") return { ...message, providerOptions: { stored: { as: "a row" } } }
      const content = message.content.map((part) =>
        part.type === "tool-result" ? { ...part, output: { type: "json" as const, value: "green" } } : part
      )
      return { role: "tool", content }
    })
    await makeChat(sessions, makeLooking(), stored).say("two")
    assert.deepStrictEqual(
      (await logOf(sessions)).map(({ role }) => role),
      ["user", "assistant", "tool", "assistant", "user", "assistant", "tool"]
    )
  })

  it("stores nothing twice when an answer is made again, and goes on from there", async () => {
    await using sessions = await open({ contextLength: 32_000 })
    const model = makeModel((_, n) => text(`answer ${n}`))
    const wrapped = wrapLanguageModel({ model, middleware: middleware(sessions) })
    const one: ModelMessage = { role: "user", content: "one" }
    const ask = (...messages: Array<ModelMessage>) => generateText({ model: wrapped, messages, providerOptions })
    const { response } = await ask(one)
    await ask(one, ...response.messages, { role: "user", content: "two" })
    await ask(one)
    await ask(one, ...response.messages, { role: "user", content: "two" }, { role: "user", content: "three" })
    const words = (await logOf(sessions)).map(Message.text)
    assert.deepStrictEqual(words, ["one", "answer 1", "two", "three"])
  })

  it("keeps a history far larger than the window within it, over three compressions", async () => {
    await using sessions = await open({ contextLength: WINDOW })
    const model = makeLooking(WINDOW)
    const chat = makeChat(sessions, model)
    for (let n = 0; n < 24; n++) assert.match(await chat.say(`${n}: ${LONG}`), /^answer/)
    assert.isAtLeast((await sessions.stats("chat-1")).compressions.committed, 3)
    assert.isAbove(JSON.stringify(chat.history).length / 4, 2 * WINDOW)
    const found = await sessions.recall("chat-1", "answer 2")
    assert.isNotEmpty(found)
  })

  for (const kind of ["generate", "stream"] as const) {
    it(`compresses and asks again when the server refuses to ${kind}`, async () => {
      await using sessions = await open({ contextLength: 32_000 })
      const messages = Array.from({ length: 12 }, (_, n): ReadonlyArray<ModelMessage> => [
        { role: "user", content: `${n}: ${LONG}` },
        { role: "assistant", content: `answer ${n}` }
      ]).flat()
      messages.push({ role: "user", content: "go on" })
      const model = makeModel(() => text("done"), 4_000)
      const given = { model: wrapLanguageModel({ model, middleware: middleware(sessions) }), messages, providerOptions }
      const said = kind === "generate" ? (await generateText(given)).text : await streamText(given).text
      assert.strictEqual(said, "done")
      assert.isAtLeast((kind === "generate" ? model.doGenerateCalls : model.doStreamCalls).length, 2)
    })
  }

  it("passes other errors of a stream, and calls that name no session", async () => {
    await using sessions = await open({ contextLength: 32_000 })
    const failing = makeModel(() => Promise.reject(new RangeError("mine")))
    const errors: Array<unknown> = []
    const wrapped = wrapLanguageModel({ model: failing, middleware: middleware(sessions) })
    const onError = ({ error }: { readonly error: unknown }) => void errors.push(error)
    await streamText({ model: wrapped, prompt: "hello", providerOptions, maxRetries: 0, onError }).consumeStream()
    assert.instanceOf(errors[0], RangeError)

    const model = makeModel(() => text("done"))
    const plain = wrapLanguageModel({ model, middleware: middleware(sessions) })
    assert.strictEqual((await generateText({ model: plain, prompt: "alone" })).text, "done")
    assert.notInclude(JSON.stringify(await logOf(sessions)), "alone")
  })

  const askIn = (sessions: Sessions, model: MockLanguageModelV3, abortSignal?: AbortSignal) =>
    generateText({
      model: wrapLanguageModel({ model, middleware: middleware(sessions) }),
      prompt: "hello",
      providerOptions,
      ...(abortSignal !== undefined && { abortSignal })
    })

  it("ends the wait for the session when the caller aborts, and calls no model", async () => {
    await using sessions = await open({ contextLength: 32_000 })
    await sessions.deliver("chat-1", { role: "user", content: "hello" })
    const reason = new Error("the client is gone")
    const controller = new AbortController()
    const model = makeModel(() => text("done"))
    const [running, ended] = [latch(), latch()]
    const held = sessions.turn("chat-1", () => {
      running.release()
      return ended.opened
    })
    await running.opened
    const asked = thrownBy(askIn(sessions, model, controller.signal))
    controller.abort(reason)
    assert.strictEqual(await asked, reason)
    assert.strictEqual(await thrownBy(askIn(sessions, model, controller.signal)), reason)
    ended.release()
    await held
    assert.isEmpty(model.doGenerateCalls)
  })

  it("aborts the model's call with the caller's, and when the session is interrupted", async () => {
    await using sessions = await open({ contextLength: 32_000 })
    const reason = new Error("the client is gone")
    const controller = new AbortController()
    const makeHanging = (stop: () => unknown) =>
      makeModel(({ abortSignal }) => {
        const stopped = new Promise<never>((_, fail) => {
          abortSignal?.addEventListener("abort", () => fail(abortSignal.reason))
        })
        stop()
        return stopped
      })
    const aborted = makeHanging(() => controller.abort(reason))
    assert.strictEqual(await thrownBy(askIn(sessions, aborted, controller.signal)), reason)
    const interrupted = makeHanging(() => sessions.interrupt("chat-1"))
    assert.include(await thrownBy(askIn(sessions, interrupted)), { _tag: "TurnInterrupted" })
    for (const { doGenerateCalls } of [aborted, interrupted]) assert.isTrue(doGenerateCalls[0]?.abortSignal?.aborted)
  })

  it("refuses a call on the session within its own turn, which would wait for ever", async () => {
    await using sessions = await open({ contextLength: 32_000 })
    await sessions.deliver("chat-1", { role: "user", content: "hello" })
    const model = makeModel(() => text("done"))
    assert.instanceOf(await sessions.turn("chat-1", () => thrownBy(askIn(sessions, model))), NestedTurn)
  })
})

/** Waits until it is released. */
const latch = () => {
  let release = () => {}
  const opened = new Promise<void>((done) => void (release = done))
  return { release, opened }
}
