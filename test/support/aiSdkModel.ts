/** Models of the AI SDK that answer as they are told, and refuse what is larger than their window. */
import type { LanguageModelV3CallOptions, LanguageModelV3Content, LanguageModelV3StreamPart } from "@ai-sdk/provider"
import { MockLanguageModelV3 } from "ai/test"
import { simulateReadableStream } from "ai"

const usage = (size: number) => ({
  inputTokens: { total: size, noCache: size, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 9, text: 9, reasoning: 0 }
})

const CHARACTERS_A_TOKEN = 4
const sizeOf = (prompt: unknown): number => Math.ceil(JSON.stringify(prompt).length / CHARACTERS_A_TOKEN)

export const refusal = (tokens: number, window: number): Error =>
  Object.assign(new Error(`prompt is too long: ${tokens} tokens > ${window} maximum`), { statusCode: 400 })

/** Makes the content of an answer from the call, which is the n-th. */
export type Answer = (
  options: LanguageModelV3CallOptions,
  n: number
) => ReadonlyArray<LanguageModelV3Content> | Promise<ReadonlyArray<LanguageModelV3Content>>

export const text = (said: string): ReadonlyArray<LanguageModelV3Content> => [{ type: "text", text: said }]

export const call = (toolName: string, input: object, n: number): LanguageModelV3Content => ({
  type: "tool-call",
  toolCallId: `call-${n}`,
  toolName,
  input: JSON.stringify(input)
})

/** A stream refuses by an error that it begins with, as OpenAI-compatible servers do. */
export const makeModel = (answer: Answer, window = Infinity): MockLanguageModelV3 => {
  let calls = 0
  const reasonOf = (content: ReadonlyArray<LanguageModelV3Content>) => ({
    unified: content.some(({ type }) => type === "tool-call") ? ("tool-calls" as const) : ("stop" as const),
    raw: undefined
  })
  return new MockLanguageModelV3({
    doGenerate: async (options) => {
      const size = sizeOf(options.prompt)
      if (size > window) throw refusal(size, window)
      const content = [...(await answer(options, ++calls))]
      return { content, finishReason: reasonOf(content), usage: usage(size), warnings: [] }
    },
    doStream: async (options) => {
      const size = sizeOf(options.prompt)
      const begin: LanguageModelV3StreamPart = { type: "stream-start", warnings: [] }
      if (size > window) {
        const error = refusal(size, window).message
        return { stream: simulateReadableStream({ chunks: [begin, { type: "error", error } as const] }) }
      }
      const content = await answer(options, ++calls)
      const parts = content.flatMap((part, i): ReadonlyArray<LanguageModelV3StreamPart> => {
        const id = String(i)
        if (part.type === "text")
          return [
            { type: "text-start", id },
            { type: "text-delta", id, delta: part.text },
            { type: "text-end", id }
          ]
        return part.type === "tool-call" ? [part] : []
      })
      const finish: LanguageModelV3StreamPart = { type: "finish", finishReason: reasonOf(content), usage: usage(size) }
      return { stream: simulateReadableStream<LanguageModelV3StreamPart>({ chunks: [begin, ...parts, finish] }) }
    }
  })
}
