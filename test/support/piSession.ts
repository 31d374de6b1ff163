/** Stands for pi behind its extension interface: a session that grows, goes back, and is compacted. `.ci/pi.js` runs a real one. */
import type { BeforeCompactEvent, PiApi, PiCompaction, PiContext, PiEntry, PiModel, PiTool } from "../../src/pi/Pi.ts"

type Handler = Parameters<PiApi["on"]>[1]

/** Loads an extension, and returns a session to work on with it. */
export const startPi = (extension: (pi: PiApi) => void) => {
  const handlers: Array<Handler> = []
  const tools = new Map<string, PiTool>()
  extension({ on: (_event, handler) => handlers.push(handler), registerTool: (tool) => tools.set(tool.name, tool) })
  const notices: Array<string> = []
  const model: PiModel = {
    id: "claude",
    api: "anthropic-messages",
    baseUrl: "http://127.0.0.1:9/v1",
    contextWindow: 20_000
  }
  const context: PiContext = {
    ui: { notify: (message) => void notices.push(message) },
    sessionManager: { getSessionId: () => "pi-session" },
    model,
    modelRegistry: { getApiKeyAndHeaders: async () => ({ ok: true, apiKey: "k-1" }) }
  }
  let entries: Array<PiEntry & { readonly [field: string]: unknown }> = []
  let made = 0
  const add = (type: string, more: object) => {
    const id = `entry-${++made}`
    entries.push({ id, type, parentId: entries.at(-1)?.id ?? null, ...more })
    return id
  }
  const message = (more: object) => add("message", { message: more })
  return {
    notices,
    entries: () => entries,
    user: (content: string) => message({ role: "user", content }),
    say: (text: string) => message({ role: "assistant", content: [{ type: "text", text }] }),
    bash: (command: string, output: string) => {
      const id = `call-${made}`
      message({ role: "assistant", content: [{ type: "toolCall", id, name: "bash", arguments: { command } }] })
      return message({
        role: "toolResult",
        toolCallId: id,
        toolName: "bash",
        content: [{ type: "text", text: output }]
      })
    },
    /** Goes back behind an entry, as `/tree` does. */
    goBack: (id: string) => {
      entries = entries.slice(0, entries.findIndex((entry) => entry.id === id) + 1)
    },
    /** Asks the extension for a compaction, and writes it into the session as pi does. */
    compact: async (signal = new AbortController().signal): Promise<PiCompaction | undefined> => {
      const preparation = { firstKeptEntryId: entries.at(-1)?.id ?? "", tokensBefore: 12_345 }
      const event: BeforeCompactEvent = { preparation, branchEntries: entries, signal }
      const answer = await handlers[0]?.(event, context)
      if (answer !== undefined) add("compaction", answer.compaction)
      return answer?.compaction
    },
    call: async (name: string, params: object): Promise<string> => {
      const answer = await tools.get(name)?.execute("call-x", params, undefined, undefined, context)
      return (answer?.content ?? []).map(({ text }) => text).join("\n")
    }
  }
}
