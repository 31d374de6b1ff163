/** LangChain's agent with its summarization middleware, on the checkpointers of LangGraph. */
import { join } from "node:path"
import { BaseChatModel } from "@langchain/core/language_models/chat_models"
import { AIMessage, type BaseMessage, HumanMessage } from "@langchain/core/messages"
import { type BaseCheckpointSaver, MemorySaver } from "@langchain/langgraph"
import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite"
import { createAgent, summarizationMiddleware, tool } from "langchain"
import type { Message } from "../../../src/message/Message.ts"
import { type Peer, type Summarizer, WINDOW } from "./peer.ts"

const config = { configurable: { thread_id: "measured" } }

class Fake extends BaseChatModel {
  readonly reply: (messages: ReadonlyArray<BaseMessage>) => AIMessage
  constructor(reply: (messages: ReadonlyArray<BaseMessage>) => AIMessage) {
    // An error stays an error: it is not tried again.
    super({ maxRetries: 0 })
    this.reply = reply
  }
  override _llmType() {
    return "fake"
  }
  override bindTools() {
    return this
  }
  override async _generate(messages: Array<BaseMessage>) {
    const message = this.reply(messages)
    return { generations: [{ text: message.text, message }] }
  }
}

const opened = (saver: BaseCheckpointSaver, summarizer: Summarizer, more: object = {}) => {
  const replies: Array<AIMessage> = []
  const results: Array<string> = []
  const tools = ["read_file", "bash", "fetch"].map((name) =>
    tool(async () => results.shift() ?? "", { name, description: name, schema: { type: "object", properties: {} } })
  )
  const asked = (messages: ReadonlyArray<BaseMessage>) => {
    const prompt = messages.map(({ text }) => text).join("\n")
    summarizer.prompts.push(prompt)
    return new AIMessage(summarizer.answer(prompt))
  }
  const agent = createAgent({
    model: new Fake(() => replies.shift() ?? new AIMessage("")),
    tools,
    // Half of the window, as throughline does; the rest are the middleware's defaults.
    middleware: [summarizationMiddleware({ model: new Fake(asked), trigger: { tokens: WINDOW / 2 }, ...more })],
    checkpointer: saver
  })
  const shown = async () => {
    const { values } = await agent.graph.getState(config)
    const messages: ReadonlyArray<BaseMessage> = values.messages ?? []
    return messages.map((message) => JSON.stringify(message))
  }
  return {
    id: () => config.configurable.thread_id,
    turn: async (turn: { readonly request: Message; readonly replies: ReadonlyArray<Message> }) => {
      for (const reply of turn.replies) {
        if (reply.role === "tool") results.push(contentOf(reply))
        else replies.push(toLangChain(reply))
      }
      await agent.invoke({ messages: [new HumanMessage(contentOf(turn.request))] }, config)
    },
    view: shown
  }
}

const contentOf = ({ content }: Message): string => (typeof content === "string" ? content : "")

const toLangChain = (message: Message): AIMessage =>
  new AIMessage({
    content: contentOf(message),
    tool_calls: (message.role === "assistant" ? (message.tool_calls ?? []) : []).map(
      ({ function: { arguments: json, name }, id }) => ({ id, name, args: JSON.parse(json), type: "tool_call" })
    )
  })

export const inMemory: Peer = {
  name: "LangChain, MemorySaver",
  open: async (_, summarizer) => ({ ...opened(new MemorySaver(), summarizer), close: async () => {} })
}

/** By default the summarizer sees the last 4,000 tokens of what is to be summarized. */
export const untrimmed: Peer = {
  name: "LangChain, MemorySaver, untrimmed",
  open: async (_, summarizer) => {
    const session = opened(new MemorySaver(), summarizer, { trimTokensToSummarize: WINDOW })
    return { ...session, close: async () => {} }
  }
}

export const onSqlite: Peer = {
  name: "LangChain, SqliteSaver",
  open: async (folder, summarizer) => {
    const saver = SqliteSaver.fromConnString(join(folder, "checkpoints.db"))
    return { ...opened(saver, summarizer), close: async () => void saver.db.close() }
  }
}
