/** An agent of the OpenAI Agents SDK whose sessions outlive their window. */
import { Agent, Runner } from "@openai/agents-core"
import { OpenAIProvider } from "@openai/agents-openai"
import { makeSession } from "../../src/openAiAgents/OpenAiAgents.ts"
import { open } from "../../src/promise/Promise.ts"

const sessions = await open({ filename: "sessions.db", contextLength: 272_000, model: "gpt-5.5-mini" })
const runner = new Runner({ modelProvider: new OpenAIProvider(), tracingDisabled: true })
const agent = new Agent({
  name: "assistant",
  instructions: "Answer in one sentence.",
  model: "gpt-5.5",
  modelSettings: { store: false, providerData: { include: ["reasoning.encrypted_content"] } }
})

export const ask = async (chat: string, text: string, signal = AbortSignal.timeout(600_000)) => {
  const session = makeSession(sessions, chat)
  const { callModelInputFilter, tools } = session // recall and pins; add your own tools
  const result = await runner.run(agent.clone({ tools }), text, { session, callModelInputFilter, signal })
  return result.finalOutput
}
