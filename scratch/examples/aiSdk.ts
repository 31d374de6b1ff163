/** An agent on the AI SDK whose sessions outlive their window. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { generateText, stepCountIs, wrapLanguageModel } from "ai"
import { keepSteps, middleware, tools } from "../../src/aiSdk/AiSdk.ts"
import { open } from "../../src/promise/Promise.ts"

const { OPENAI_API_KEY: apiKey = "", OPENAI_BASE_URL: baseURL = "https://api.openai.com/v1" } = process.env
const provider = createOpenAICompatible({ name: "openai", baseURL, apiKey })
const sessions = await open({ filename: "sessions.db", contextLength: 272_000, model: "gpt-5.5-mini" })

export const ask = async (chat: string, text: string) => {
  const { arrival } = await sessions.deliver(chat, { role: "user", content: text }) // stored when it returns
  await sessions.turn(chat, async (turn) => {
    if ((await turn.view()).open.length === 0) return // another turn has answered it
    const model = wrapLanguageModel({ model: provider("gpt-5.5"), middleware: middleware(turn) })
    await keepSteps(turn, (settings) =>
      generateText({ model, tools: tools(turn), stopWhen: stepCountIs(20), ...settings })
    )
  })
  return (await sessions.reply(chat, arrival))?.message.content
}

export const stop = (chat: string) => sessions.interrupt(chat)
