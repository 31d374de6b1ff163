/** The same agent on OpenAI's Responses API, with its reasoning kept. */
import OpenAI from "openai"
import { decode, encode, open, responsesTools as tools } from "../../src/promise/Promise.ts"

const openai = new OpenAI()
const sessions = await open({ filename: "sessions.db", contextLength: 272_000, model: "gpt-5.5-mini" })

const include = ["reasoning.encrypted_content" as const]
const request = { model: "gpt-5.5", tools, store: false, include }

export const ask = async (chat: string, text: string) => {
  await sessions.deliver(chat, { role: "user", content: text })
  return sessions.turn(chat, async (turn) => {
    for (;;) {
      const { output, output_text } = await turn.step(
        ({ messages }, signal) =>
          openai.responses.create({ ...request, input: encode("responses", messages) }, { signal }),
        { tools }
      )
      const replies = decode("responses", output)
      await turn.append(...replies)
      const calls = replies.flatMap((reply) => (reply.role === "assistant" ? (reply.tool_calls ?? []) : []))
      if (calls.length === 0) return output_text
      for (const call of calls) {
        const result = await turn.answer(call)
        await turn.append(result ?? { role: "tool", tool_call_id: call.id, content: "There is no such tool." })
      }
    }
  })
}
