/** pi's coding agent: its session file and compaction functions, in the order its own agent session calls them. */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { fauxAssistantMessage, registerFauxProvider } from "@mariozechner/pi-ai"
import {
  buildSessionContext,
  compact,
  DEFAULT_COMPACTION_SETTINGS,
  estimateTokens,
  SessionManager,
  shouldCompact
} from "@mariozechner/pi-coding-agent"
// Not exported by the package's index, but the step between the two that are.
import { prepareCompaction } from "./node_modules/@mariozechner/pi-coding-agent/dist/core/compaction/compaction.js"
import type { Message } from "../../../src/message/Message.ts"
import { type Peer, WINDOW } from "./peer.ts"

const settings = DEFAULT_COMPACTION_SETTINGS

export const pi: Peer = {
  name: "pi-coding-agent, session file",
  open: async (folder, summarizer) => {
    const provider = registerFauxProvider({ models: [{ id: "fake", contextWindow: WINDOW }] })
    const [known] = readdirSync(folder).filter((name) => name.endsWith(".jsonl"))
    const manager =
      known === undefined ? SessionManager.create(folder, folder) : SessionManager.open(join(folder, known))
    const context = () => buildSessionContext(manager.getEntries(), manager.getLeafId()).messages

    const append = (message: Message, tokens: number) => manager.appendMessage(toPi(message, tokens))

    /** A failed compaction is reported to the user, and the session goes on as it is. */
    const compacted = async () => {
      const preparation = prepareCompaction(manager.getBranch(), settings)
      if (preparation === undefined) return
      const respond = ({ messages }: { readonly messages: ReadonlyArray<unknown> }) => {
        const prompt = textOf(messages[0])
        summarizer.prompts.push(prompt)
        return answered(() => summarizer.answer(prompt))
      }
      provider.setResponses([respond, respond])
      const made = await compact(preparation, provider.getModel(), "fake").catch(() => undefined)
      if (made !== undefined) {
        manager.appendCompaction(made.summary, made.firstKeptEntryId, made.tokensBefore, made.details)
      }
    }

    return {
      id: () => manager.getSessionId(),
      turn: async ({ replies, request }) => {
        append(request, 0)
        let tokens = context().reduce((sum, message) => sum + estimateTokens(message), 0)
        for (const reply of replies) {
          tokens += Math.ceil(JSON.stringify(reply).length / 4)
          append(reply, tokens)
        }
        if (shouldCompact(tokens, WINDOW, settings)) await compacted()
      },
      view: async () => context().map(textOf),
      close: async () => provider.unregister()
    }
  }
}

const answered = (answer: () => string) => {
  try {
    return fauxAssistantMessage(answer())
  } catch (error) {
    return fauxAssistantMessage("", { stopReason: "error", errorMessage: String(error) })
  }
}

const usage = (totalTokens: number) => ({
  input: totalTokens,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  totalTokens,
  cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 }
})

const toPi = (message: Message, tokens: number) => {
  const timestamp = Date.now()
  const text = { type: "text", text: typeof message.content === "string" ? message.content : "" } as const
  if (message.role === "user") return { role: "user", content: [text], timestamp } as const
  if (message.role === "tool") {
    const call = { toolCallId: message.tool_call_id, toolName: "tool", isError: false }
    return { role: "toolResult", content: [text], timestamp, ...call } as const
  }
  const calls = message.role === "assistant" ? (message.tool_calls ?? []) : []
  const content = [
    text,
    ...calls.map(({ function: { arguments: json, name }, id }) => {
      return { type: "toolCall", id, name, arguments: JSON.parse(json) } as const
    })
  ]
  const model = {
    api: "faux",
    provider: "faux",
    model: "fake",
    stopReason: calls.length > 0 ? "toolUse" : "stop"
  } as const
  return { role: "assistant", content, timestamp, usage: usage(tokens), ...model } as const
}

const textOf = (message: unknown): string => JSON.stringify(message)
