/** Makes up the work of agents: tool calls and their output, never twice the same. */
import type { Random } from "../../src/cli/random.ts"
import { type Message, text, type ToolCall } from "../../src/message/Message.ts"
import { estimate } from "../../src/message/Tokens.ts"

export const call = (id: string, name: string, args: Readonly<Record<string, string>>): ToolCall => ({
  id,
  type: "function",
  function: { name, arguments: JSON.stringify(args) }
})

export const makeCallingReply = (...calls: Array<ToolCall>): Message => ({
  role: "assistant",
  content: null,
  tool_calls: calls
})

export const result = (id: string, content: string): Message => ({ role: "tool", tool_call_id: id, content })

/** What ends a turn. The lines say what became of each word. */
export const report = (id: string, lines: ReadonlyArray<string>): Message => ({
  role: "assistant",
  content: [`Report ${id}.`, ...lines].join("\n")
})

export const isReport = (message: Message): boolean =>
  message.role === "assistant" && text(message).startsWith("Report ")

/** A table of about so many tokens. */
export const output = (random: Random, tokens: number): string => {
  const rows: Array<string> = []
  for (let characters = 0; characters < 4 * tokens; characters += rows.at(-1)?.length ?? 0) {
    rows.push(`batch ${random.hex(6)}: ${random.between(1, 9_999)} rows, ${random.between(1, 999)} ms`)
  }
  return rows.join("\n")
}

/** A conversation of the past, just below `limit`: the next tool output goes beyond it. */
export const makePast = (random: Random, agent: string, limit: number): ReadonlyArray<Message> => {
  const messages: Array<Message> = []
  const add = (n: number, tokens: number) => {
    const id = `past_${n}`
    const round: ReadonlyArray<Message> = [
      { role: "user", content: `Please look at batch ${n} of ${agent}.` },
      makeCallingReply(call(id, "query", { batch: String(n) })),
      result(id, output(random, tokens)),
      { role: "assistant", content: `Batch ${n} of ${agent} is as it was.` }
    ]
    messages.push(...round)
    return round.reduce((sum, message) => sum + estimate.message(message), 0)
  }
  let left = limit - BELOW
  for (let n = 1; left > 2 * LARGEST; n++) left -= add(n, random.between(SMALLEST, LARGEST))
  add(0, left - ROUND)
  return messages
}

export const SMALLEST = 800
export const LARGEST = 2_000

/** Tokens of a past round beside its output, and how far below the limit the past ends. */
const ROUND = 100
const BELOW = 400
