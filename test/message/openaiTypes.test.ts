/** The compiler keeps these promises: the file does not compile if one is broken. */
import { assert, describe, it } from "@effect/vitest"
import type OpenAI from "openai"
import type * as Chat from "openai/resources/chat/completions"
import type * as Turn from "../../src/gateway/Turn.ts"
import type { Message, ToolCall } from "../../src/message/Message.ts"
import type { View } from "../../src/view/View.ts"

type GivenMessage = Exclude<Chat.ChatCompletionMessageParam, Chat.ChatCompletionFunctionMessageParam>

const keep = <A>(value: A): A => value

describe("the types of the openai package", () => {
  it("take a view, and give replies and calls that a turn takes", () => {
    const ask = (client: OpenAI, view: View) =>
      client.chat.completions.create({ model: "gpt-5", messages: view.messages })
    const append = (turn: Turn.Turn, { choices }: Chat.ChatCompletion) =>
      turn.append(...choices.map(({ message }) => message))
    const appendReply = (turn: Turn.Turn, reply: Chat.ChatCompletionMessage) => turn.append(reply)
    for (const use of [ask, append, appendReply]) assert.isFunction(use)
  })

  it("are those of messages and calls, both ways", () => {
    const give = (message: Message): Chat.ChatCompletionMessageParam => message
    const take = (message: GivenMessage): Message => message
    const giveCall = (call: ToolCall): Chat.ChatCompletionMessageToolCall => call
    const takeCall = (call: Chat.ChatCompletionMessageToolCall): ToolCall => call
    const message = keep<Message>({ role: "user", content: "hello" })
    const call = keep<ToolCall>({ id: "a", type: "custom", custom: { name: "patch", input: "+" } })
    assert.strictEqual(give(message), message)
    assert.strictEqual(take({ role: "user", content: "hello" }).role, "user")
    assert.strictEqual(takeCall(giveCall(call)), call)
  })
})
