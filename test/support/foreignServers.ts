/**
 * Servers of other APIs that think before they call tools. They sign what they thought, and refuse a request for what the
 * real ones would refuse it.
 */
import { isDeepStrictEqual } from "node:util"

export type Json = { readonly [key: string]: unknown }

/** An answer in the shape of its API, or why there is none. */
export type Reply = { readonly answer: ReadonlyArray<Json> } | { readonly refusal: string }

export interface ForeignServer {
  /** Answers with tool calls, and with words in every `callsOfTurn`th answer. */
  readonly answer: (request: unknown) => Reply
}

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)
export const listObjects = (value: unknown): ReadonlyArray<Json> => (Array.isArray(value) ? value.filter(isObject) : [])
const countTokens = (request: unknown): number => Math.ceil(JSON.stringify(request).length / 4)

/** What a server answers in step `n`. Every fifth answer ends a turn. */
const endsTurn = (n: number): boolean => n % 5 === 4
const thoughtOf = (n: number): string => `Step ${n}: I have to look at part ${n} before I can go on. `.repeat(4).trim()
const secretOf = (n: number): string => Buffer.from(`secret ${n} `.repeat(12)).toString("base64")

/** Anthropic's Messages API with extended thinking. An answer is the list of its blocks. */
export const makeAnthropicServer = (takes: number): ForeignServer => {
  const answers = new Map<string, ReadonlyArray<Json>>()
  const signed = new Set<string>()
  let n = 0

  const findFault = (request: unknown): string | undefined => {
    if (!isObject(request)) return "a request is an object"
    const messages = listObjects(request.messages)
    if (messages[0]?.role !== "user") return "the first message is not the user's"
    if (messages.at(-1)?.role !== "user") return "nothing to answer"
    const blocksOf = messages.flatMap(({ content }) => listObjects(content))
    const inResults = blocksOf.flatMap(({ content }) => listObjects(content))
    const marked = [...blocksOf, ...inResults, ...listObjects(request.system)].filter((block) => block.cache_control)
    if (marked.length > 4) return `a maximum of 4 blocks with cache_control may be provided, found ${marked.length}`
    const ids = idsOf(
      blocksOf.filter(({ type }) => type === "tool_use"),
      "id"
    )
    if (new Set(ids).size < ids.length) return "tool_use ids must be unique"
    const odd = ids.find((id) => !/^[a-zA-Z0-9_-]+$/.test(id))
    if (odd !== undefined) return `tool_use.id: string should match pattern '^[a-zA-Z0-9_-]+$': ${odd}`
    const lastAsk = messages.findLastIndex(({ content, role }) => role === "user" && !hasType(content, "tool_result"))
    for (const [i, { content, role, ...rest }] of messages.entries()) {
      if (Object.keys(rest).length > 0) return `messages.${i}: extra inputs are not permitted: ${Object.keys(rest)}`
      if (role === messages[i - 1]?.role) return `messages.${i}: roles must alternate`
      const blocks = typeof content === "string" ? [{ type: "text", text: content }] : listObjects(content)
      if (blocks.length === 0) return `messages.${i}: empty content`
      for (const block of blocks) {
        if (block.type === "text" && (typeof block.text !== "string" || block.text.trim() === ""))
          return `messages.${i}: text content blocks must contain non-whitespace text`
        const isThought = block.type === "thinking" || block.type === "redacted_thinking"
        if (isThought && !signed.has(JSON.stringify(block))) return `messages.${i}: invalid signature in thinking block`
      }
      const calls = blocks.filter(({ type }) => type === "tool_use")
      const next = listObjects(messages[i + 1]?.content)
      const results = next.slice(0, calls.length)
      if (!isDeepStrictEqual(idsOf(calls, "id").toSorted(), idsOf(results, "tool_use_id").toSorted()))
        return `messages.${i}: tool_use ids were found without tool_result blocks immediately after`
      const own = blocks.filter(({ type }) => type === "tool_result")
      const asked = listObjects(messages[i - 1]?.content).filter(({ type }) => type === "tool_use")
      if (own.length !== asked.length) return `messages.${i}: unexpected tool_use_id found in tool_result blocks`
      if (role !== "assistant" || i < lastAsk || calls.length === 0) continue
      const first = blocks[0]?.type
      if (first !== "thinking" && first !== "redacted_thinking")
        return `messages.${i}: expected thinking or redacted_thinking, but found ${String(first)}`
      if (!isDeepStrictEqual(blocks, answers.get(String(calls[0]?.id))))
        return `messages.${i}: thinking blocks in the latest assistant message cannot be modified`
    }
    return undefined
  }

  return {
    answer: (request) => {
      if (countTokens(request) > takes)
        return { refusal: `prompt is too long: ${countTokens(request)} tokens > ${takes} maximum` }
      const fault = findFault(request)
      if (fault !== undefined) return { refusal: fault }
      const thoughts: ReadonlyArray<Json> = [
        { type: "thinking", thinking: thoughtOf(n), signature: secretOf(n) },
        ...(n % 3 === 0 ? [{ type: "redacted_thinking", data: secretOf(n + 100_000) }] : [])
      ]
      for (const thought of thoughts) signed.add(JSON.stringify(thought))
      const calls = Array.from({ length: endsTurn(n) ? 0 : 1 + (n % 2) }, (_, k) => ({
        type: "tool_use",
        id: `toolu_${n}_${k}`,
        name: "read_file",
        input: { path: `src/${n}/${k}.ts`, lines: [n, k] }
      }))
      const words = endsTurn(n) || n % 4 === 0 ? [{ type: "text", text: `I looked at part ${n}.` }] : []
      const answer = [...thoughts, ...words, ...calls]
      for (const { id } of calls) answers.set(id, answer)
      n++
      return { answer }
    }
  }
}

const hasType = (content: unknown, type: string): boolean => listObjects(content).some((block) => block.type === type)
const idsOf = (blocks: ReadonlyArray<Json>, field: string): ReadonlyArray<string> =>
  blocks.map((block) => String(block[field]))

/** OpenAI's Responses API with `store: false` and encrypted reasoning. An answer is the list of its output items. */
export const makeResponsesServer = (takes: number): ForeignServer => {
  const known = new Map<unknown, { readonly item: Json; readonly follower: unknown }>()
  const asked = new Map<unknown, { readonly item: Json; readonly before: unknown }>()
  let n = 0

  const findFault = (input: ReadonlyArray<Json>): string | undefined => {
    const calls = input.filter(({ type }) => type === "function_call").map(({ call_id: id }) => id)
    const outputs = input.filter(({ type }) => type === "function_call_output").map(({ call_id: id }) => id)
    for (const [i, item] of input.entries()) {
      const { call_id: callId, id, role, type } = item
      const hidden = Object.keys(item).find((field) => field === "native" || field === "reasoning_content")
      if (hidden !== undefined) return `input[${i}]: unknown parameter ${hidden}`
      if (id !== undefined && !isDeepStrictEqual(known.get(id)?.item, item))
        return `input[${i}]: item ${String(id)} is not what was generated, or could not be decrypted`
      if (type === "reasoning" && input[i + 1]?.id !== known.get(id)?.follower)
        return `input[${i}]: item ${String(id)} of type reasoning was provided without its required following item`
      if (type === "function_call" && calls.filter((other) => other === callId).length > 1)
        return `input[${i}]: duplicate call ${String(callId)}`
      if (type === "function_call" && outputs.filter((other) => other === callId).length !== 1)
        return `input[${i}]: no tool output found for function call ${String(callId)}`
      if (type === "function_call_output" && !calls.slice(0, i).includes(callId))
        return `input[${i}]: no tool call found for function call output with call_id ${String(callId)}`
      if (type === undefined && typeof role !== "string") return `input[${i}]: neither a type nor a role`
    }
    // The real server takes a call of the open turn without its reasoning, and its model then thinks all of it again.
    const open = input.slice(input.findLastIndex(({ role }) => role === "user"))
    const isForgotten = open.some(({ call_id: callId, type }, i) => {
      const { before, item } = type === "function_call" ? (asked.get(callId) ?? {}) : {}
      return item !== undefined && (!isDeepStrictEqual(open[i], item) || open[i - 1]?.id !== before)
    })
    return isForgotten ? "a function_call was provided without its reasoning" : undefined
  }

  return {
    answer: (request) => {
      if (countTokens(request) > takes) return { refusal: "Your input exceeds the context window of this model." }
      const fault = findFault(listObjects(request))
      if (fault !== undefined) return { refusal: fault }
      const reasoning = {
        type: "reasoning",
        id: `rs_${n}`,
        summary: n % 2 === 0 ? [{ type: "summary_text", text: thoughtOf(n) }] : [],
        encrypted_content: secretOf(n)
      }
      const calls = Array.from({ length: endsTurn(n) ? 0 : 1 + (n % 2) }, (_, k) => ({
        type: "function_call",
        id: `fc_${n}_${k}`,
        call_id: `call_${n}_${k}`,
        name: "read_file",
        arguments: `{"path": "src/${n}/${k}.ts"}`,
        status: "completed"
      }))
      const content = [{ type: "output_text", text: `I looked at part ${n}.`, annotations: [] }]
      const spoken = { type: "message", id: `msg_${n}`, role: "assistant", status: "completed", content }
      const words = endsTurn(n) || n % 4 === 0 ? [spoken] : []
      const answer = [reasoning, ...words, ...calls]
      for (const [i, item] of answer.entries()) known.set(item.id, { item, follower: answer[i + 1]?.id })
      for (const call of calls) asked.set(call.call_id, { item: call, before: answer[answer.indexOf(call) - 1]?.id })
      n++
      return { answer }
    }
  }
}
