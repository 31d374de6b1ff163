/** An agent of LangChain whose threads outlive their window. */
import { ChatOpenAI } from "@langchain/openai"
import { createAgent } from "langchain"
import { makeMiddleware } from "../../src/langChain/LangChain.ts"
import { open } from "../../src/promise/Promise.ts"

const sessions = await open({ filename: "sessions.db", contextLength: 272_000, model: "gpt-5.5-mini" })

const agent = createAgent({
  model: new ChatOpenAI({ model: "gpt-5.5", useResponsesApi: true, zdrEnabled: true }),
  systemPrompt: "Answer in one sentence.",
  middleware: [makeMiddleware(sessions)] // in place of summarizationMiddleware
})

export const ask = async (chat: string, text: string, signal = AbortSignal.timeout(600_000)) => {
  const { messages } = await agent.invoke({ messages: text }, { configurable: { thread_id: chat }, signal })
  return messages.at(-1)?.text
}
