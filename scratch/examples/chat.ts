/** An agent on OpenAI's Chat Completions whose sessions outlive their window. */
import OpenAI from "openai"
import { open, tools } from "../../src/promise/Promise.ts"

const openai = new OpenAI()
const sessions = await open({ filename: "sessions.db", contextLength: 272_000, model: "gpt-5.5-mini" })

export const ask = async (chat: string, text: string) => {
  const { arrival } = await sessions.deliver(chat, { role: "user", content: text }) // stored when it returns
  await sessions.turn(chat, async (turn) => {
    while ((await turn.view()).open.length > 0) {
      const { choices } = await turn.step(
        ({ messages }, signal) => openai.chat.completions.create({ model: "gpt-5.5", messages, tools }, { signal }),
        { tools }
      )
      const reply = choices[0]!.message
      await turn.append(reply)
      for (const call of reply.tool_calls ?? []) {
        const result = await turn.answer(call) // recall and pins; your own tools come here
        await turn.append(result ?? { role: "tool", tool_call_id: call.id, content: "There is no such tool." })
      }
    }
  })
  return (await sessions.reply(chat, arrival))?.message.content
}
