/** The same agent on OpenAI's Responses API, with its reasoning kept. */
import OpenAI from "openai"
import { decode, encode, open, responsesTools as tools } from "../../src/promise/Promise.ts"

const openai = new OpenAI()
const sessions = await open({ filename: "sessions.db", contextLength: 272_000, model: "gpt-5.5-mini" })

const include = ["reasoning.encrypted_content" as const]
const request = { model: "gpt-5.5", tools, store: false, include }

export const ask = async (chat: string, text: string) => {
  const { arrival } = await sessions.deliver(chat, { role: "user", content: text })
  await sessions.turn(chat, async (turn) => {
    while ((await turn.view()).open.length > 0) {
      const { output } = await turn.step(
        ({ messages }, signal) =>
          openai.responses.create({ ...request, input: encode("responses", messages) }, { signal }),
        { tools }
      )
      const replies = decode("responses", output)
      await turn.append(...replies)
      for (const call of replies.flatMap((reply) => ("tool_calls" in reply ? (reply.tool_calls ?? []) : []))) {
        const result = await turn.answer(call)
        await turn.append(result ?? { role: "tool", tool_call_id: call.id, content: "There is no such tool." })
      }
    }
  })
  return (await sessions.reply(chat, arrival))?.message.content
}
