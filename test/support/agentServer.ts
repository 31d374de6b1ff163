/**
 * A server on the loopback that plays the model of an agent and the model that writes summaries, on both APIs of OpenAI. It
 * refuses what is larger than its window, as the real one does, and calls of tools without a result.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { isObject, type Json, listObjects } from "./foreignServers.ts"
import { wires } from "./openAiWire.ts"
import { summary } from "./world.ts"

export interface AgentServer {
  readonly url: string
  /** The bodies of the agent's own calls. */
  readonly calls: ReadonlyArray<Json>
  /** The `Authorization` header of each request. */
  readonly keys: ReadonlyArray<string>
  readonly counts: { readonly summaries: number; readonly refusals: number }
  /** Resolves when a call waits for ever. */
  readonly hung: Promise<void>
  readonly close: () => Promise<void>
}

/** What it counts at "count". */
export const COUNTED = { inputTokens: 100, cachedTokens: 80, outputTokens: 7 }

const CHARACTERS_A_TOKEN = 4

/**
 * A model that calls `recall` for what follows "recall:" in a request, waits for ever at "hang", gives its reasoning at
 * "think", counts its tokens at "count", and else says what it was told.
 */
export const startAgentServer = async (window: number): Promise<AgentServer> => {
  const calls: Array<Json> = []
  const keys: Array<string> = []
  const counts = { summaries: 0, refusals: 0 }
  let tellHung = () => {}
  const hung = new Promise<void>((done) => void (tellHung = done))

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body: unknown = JSON.parse(await readText(request))
    if (!isObject(body)) return response.writeHead(400).end()
    keys.push(request.headers.authorization ?? "")
    const api = request.url?.endsWith("/responses") === true ? "responses" : "chat"
    if (body.stream === true) {
      counts.summaries++
      const wire = wires[api]
      const pieces = [wire.begin, wire.text(summary("the invoices")), ...wire.end("stop")]
      return response.writeHead(200, { "content-type": "text/event-stream" }).end(pieces.join(""))
    }
    calls.push(body)
    const input = listObjects(api === "chat" ? body.messages : body.input)
    const refusal = findFault(input, window)
    if (refusal !== undefined) {
      counts.refusals++
      return response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ error: refusal }))
    }
    const words = textOf(input.at(-1))
    if (words.startsWith("hang")) return tellHung()
    const made = api === "chat" ? answerChat(words, calls.length) : answerResponses(words, calls.length)
    return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(made))
  }

  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done))
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port")
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done())
      server.closeAllConnections()
    })
  return { url: `http://127.0.0.1:${address.port}/v1`, calls, keys, counts, hung, close }
}

const readText = async (request: IncomingMessage): Promise<string> => {
  const pieces: Array<Buffer> = []
  for await (const piece of request) pieces.push(piece)
  return Buffer.concat(pieces).toString("utf8")
}

const findFault = (input: ReadonlyArray<Json>, window: number): Json | undefined => {
  const tokens = Math.ceil(JSON.stringify(input).length / CHARACTERS_A_TOKEN)
  if (tokens > window)
    return {
      code: "context_length_exceeded",
      message: `This model's maximum context length is ${window} tokens. However, your messages resulted in ${tokens} tokens.`
    }
  const called = input.flatMap((item) => [
    ...listObjects(item.tool_calls).map(({ id }) => id),
    ...(item.type === "function_call" ? [item.call_id] : [])
  ])
  const answered = input.flatMap(({ call_id, role, tool_call_id, type }) =>
    role === "tool" ? [tool_call_id] : type === "function_call_output" ? [call_id] : []
  )
  const odd = [...called.filter((id) => !answered.includes(id)), ...answered.filter((id) => !called.includes(id))]
  return odd.length === 0 ? undefined : { message: `calls and results do not fit: ${odd.join(", ")}` }
}

const textOf = (item: Json | undefined): string => {
  const said = item?.content ?? item?.output ?? ""
  return typeof said === "string"
    ? said
    : listObjects(said)
        .map(({ text }) => String(text))
        .join("")
}

const recallOf = (words: string): string | undefined => {
  const query = /^recall: (.*)/.exec(words)?.[1]
  return query === undefined ? undefined : JSON.stringify({ query, where: null })
}

const answerChat = (words: string, n: number): Json => {
  const input = recallOf(words)
  const call = { id: `call_${n}`, type: "function", function: { name: "recall", arguments: input } }
  const message = {
    role: "assistant",
    refusal: null,
    content: input === undefined ? `You said: ${words}` : null,
    ...(words.startsWith("think") ? { reasoning_content: `thought ${n}` } : {}),
    ...(input === undefined ? {} : { tool_calls: [call] })
  }
  const usage = {
    prompt_tokens: COUNTED.inputTokens,
    prompt_tokens_details: { cached_tokens: COUNTED.cachedTokens },
    completion_tokens: COUNTED.outputTokens,
    total_tokens: COUNTED.inputTokens + COUNTED.outputTokens
  }
  const counted = words.startsWith("count") ? { usage } : {}
  return { id: `c${n}`, object: "chat.completion", ...counted, choices: [{ index: 0, finish_reason: "stop", message }] }
}

const answerResponses = (words: string, n: number): Json => {
  const input = recallOf(words)
  const reasoning = { type: "reasoning", id: `rs_${n}`, summary: [], encrypted_content: `secret ${n}` }
  const said = { type: "output_text", text: `You said: ${words}`, annotations: [] }
  const item =
    input === undefined
      ? { type: "message", id: `msg_${n}`, role: "assistant", status: "completed", content: [said] }
      : {
          type: "function_call",
          id: `fc_${n}`,
          call_id: `call_${n}`,
          name: "recall",
          arguments: input,
          status: "completed"
        }
  const usage = {
    input_tokens: COUNTED.inputTokens,
    input_tokens_details: { cached_tokens: COUNTED.cachedTokens },
    output_tokens: COUNTED.outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: COUNTED.inputTokens + COUNTED.outputTokens
  }
  const counted = words.startsWith("count") ? { usage } : {}
  return { id: `resp_${n}`, object: "response", ...counted, status: "completed", output: [reasoning, item] }
}
