/** The compiler keeps these promises: the file does not compile if one is broken. */
import { assert, describe, it } from "@effect/vitest"
import type OpenAI from "openai"
import type * as Chat from "openai/resources/chat/completions"
import type { ResponseInputItem } from "openai/resources/responses/responses"
import * as MessageFormat from "../../src/format/MessageFormat.ts"
import type { View } from "../../src/view/View.ts"

describe("the types of the openai package", () => {
  it("take what is written for Responses and for functions without a cast", () => {
    const give = (view: View): Array<ResponseInputItem> => MessageFormat.encode("responses", view.messages)
    const giveChat = (view: View): Array<Chat.ChatCompletionMessageParam> => MessageFormat.encode("chat", view.messages)
    const giveOld = (view: View): Array<Chat.ChatCompletionMessageParam> =>
      MessageFormat.encode("legacy-functions", view.messages)
    const ask = (client: OpenAI, view: View) =>
      client.responses.create({ model: "gpt-5", input: MessageFormat.encode("responses", view.messages) })
    const read = (response: OpenAI.Responses.Response) => MessageFormat.decode("responses", response.output)
    for (const use of [give, giveChat, giveOld, ask, read]) assert.isFunction(use)
  })
})
