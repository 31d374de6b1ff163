/**
 * OpenAI's Responses API on the loopback, whole and streamed, as strict clients check it. It plays the model of an agent, and
 * under a name that ends in `-mini` the one that writes summaries.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { isObject, type Json, listObjects } from "./foreignServers.ts"
import { summary } from "./world.ts"

export interface ResponsesServer {
  readonly url: string
  /** The bodies of the agent's own calls, refused ones too. */
  readonly calls: ReadonlyArray<Json>
  /** The bodies of the calls for summaries. */
  readonly summaries: ReadonlyArray<Json>
  readonly counts: { readonly refusals: number; readonly begun: number }
  /** Answers the next calls of each kind with this status and body. */
  readonly failNext: (...failures: ReadonlyArray<Failure>) => void
  readonly close: () => Promise<void>
}

export interface Failure {
  readonly status: number
  readonly body: Json
  readonly headers?: Record<string, string>
}

const CHARACTERS_A_TOKEN = 4

/** A model that calls `recall` for what follows "recall:" in a request, waits for ever at "hang", and else says what it was told. */
export const startResponsesServer = async (window: number): Promise<ResponsesServer> => {
  const calls: Array<Json> = []
  const summaries: Array<Json> = []
  const counts = { refusals: 0, begun: 0 }
  const failures: Array<Failure> = []

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body: unknown = JSON.parse(await readText(request))
    if (!isObject(body)) return response.writeHead(400).end()
    const failure = failures.shift()
    const send = (status: number, answered: Json, headers = {}) =>
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(answered))
    if (failure !== undefined) return send(failure.status, failure.body, failure.headers)
    const isSummary = String(body.model).endsWith("-mini")
    const list = isSummary ? summaries : calls
    list.push(body)
    counts.begun++
    const input = listObjects(body.input)
    const refusal = isSummary ? undefined : findFault(input, window)
    if (refusal !== undefined) {
      counts.refusals++
      return send(400, { error: refusal })
    }
    const words = textOf(input.at(-1))
    if (words.startsWith("hang")) return response
    const inputTokens = Math.ceil(JSON.stringify(input).length / CHARACTERS_A_TOKEN)
    const output = isSummary ? [makeMessage(summary("the invoices"), 0)] : answerWords(words, calls.length)
    const whole = makeResponse(output, inputTokens, list.length)
    if (body.stream !== true) return send(200, whole)
    return response.writeHead(200, { "content-type": "text/event-stream" }).end(listEvents(whole, output).join(""))
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
  const failNext = (...next: ReadonlyArray<Failure>) => void failures.push(...next)
  return { url: `http://127.0.0.1:${address.port}/v1`, calls, summaries, counts, failNext, close }
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
  const idsOf = (type: string) => input.filter((item) => item.type === type).map(({ call_id }) => call_id)
  const [called, answered] = [idsOf("function_call"), idsOf("function_call_output")]
  const odd = [...called.filter((id) => !answered.includes(id)), ...answered.filter((id) => !called.includes(id))]
  return odd.length === 0 ? undefined : { message: `calls and results do not fit: ${odd.join(", ")}` }
}

const textOf = (item: Json | undefined): string => {
  const said = item?.content ?? item?.output ?? ""
  return typeof said === "string"
    ? said
    : listObjects(said)
        .map(({ text }) => String(text ?? ""))
        .join("")
}

const makeMessage = (text: string, n: number): Json => ({
  type: "message",
  id: `msg_${n}`,
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [], logprobs: [] }]
})

const answerWords = (words: string, n: number): ReadonlyArray<Json> => {
  const query = /^recall: (.*)/.exec(words)?.[1]
  const summary = [{ type: "summary_text", text: `thought ${n}` }]
  const reasoning = { type: "reasoning", id: `rs_${n}`, summary, encrypted_content: `secret ${n}` }
  if (query === undefined) return [reasoning, makeMessage(`You said: ${words}`, n)]
  const call = { name: "recall", arguments: JSON.stringify({ query, where: null }), status: "completed" }
  return [reasoning, { type: "function_call", id: `fc_${n}`, call_id: `call_${n}`, ...call }]
}

const makeResponse = (output: ReadonlyArray<Json>, inputTokens: number, n: number): Json => ({
  id: `resp_${n}`,
  object: "response",
  created_at: 0,
  status: "completed",
  error: null,
  incomplete_details: null,
  instructions: null,
  model: "gpt-5.5",
  output,
  parallel_tool_calls: true,
  tools: [],
  tool_choice: "auto",
  metadata: {},
  temperature: 1,
  top_p: 1,
  usage: {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 5 },
    total_tokens: inputTokens + 20
  }
})

const listEvents = (whole: Json, output: ReadonlyArray<Json>): ReadonlyArray<string> => {
  let sequence_number = 0
  const event = (type: string, fields: Json) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence_number++, ...fields })}\n\n`
  const items = output.flatMap((item, output_index) => {
    const place = { item_id: item.id, output_index }
    const begun = { ...item, status: "in_progress", ...(item.type === "message" && { content: [] }) }
    const text = textOf(item)
    const half = Math.ceil(text.length / 2)
    const deltas = item.type === "message" ? [text.slice(0, half), text.slice(half)] : []
    return [
      event("response.output_item.added", { output_index, item: item.type === "reasoning" ? item : begun }),
      ...listObjects(item.summary).map(({ text }) =>
        event("response.reasoning_summary_text.delta", { ...place, summary_index: 0, delta: text })
      ),
      ...deltas.map((delta) =>
        event("response.output_text.delta", { ...place, content_index: 0, delta, logprobs: [] })
      ),
      event("response.output_item.done", { output_index, item })
    ]
  })
  return [
    event("response.created", { response: { ...whole, status: "in_progress", output: [] } }),
    ...items,
    event("response.completed", { response: whole })
  ]
}
