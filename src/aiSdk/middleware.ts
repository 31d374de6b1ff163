/** Middleware of the AI SDK that keeps the calls of a model within its window. */
import type { LanguageModelMiddleware } from "ai"
import { isObject, isString, readNumber } from "../format/json.ts"
import type { Sessions, StepOptions, StepUsage, Turn } from "../promise/Promise.ts"
import { isTooLong } from "../promise/runPromise.ts"
import { splitPrompt, writePrompt } from "./prompt.ts"
import { makeRecorder } from "./recordPrompt.ts"

/**
 * Middleware for `wrapLanguageModel`, of all versions of its specification. What it takes decides what it does:
 *
 * - **sessions**: each call that names one in `providerOptions: { throughline: { session: "chat-42" } }` is made on the view
 *   of this session. What its prompt has beyond the prompts before is delivered first, so the program goes on to send its
 *   whole history, as it is. Other calls pass as they are. An answer is recorded with the prompt that repeats it.
 * - **a turn**: calls pass as they are. Use it with `keepSteps`.
 *
 * In both cases a call that the server refuses as too long, also by an error that its stream begins with, is made again on
 * a smaller view. Throws `WindowExceeded` if nothing more can be left out, and the errors of `Sessions.deliver` and
 * `Sessions.turn`. The call's `abortSignal` ends the wait for the session as well as the call itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const middleware = (source: Sessions | Turn, options: StepOptions = {}): LanguageModelMiddleware => {
  const withView = "turn" in source ? makeSessionCalls(source, options) : makeTurnCalls(source, options)
  return {
    specificationVersion: "v3",
    wrapGenerate: ({ doGenerate, model, params }) => {
      const { specificationVersion: version } = model
      return withView({ params, version, pass: doGenerate, call: (params) => model.doGenerate(params) })
    },
    wrapStream: ({ doStream, model, params }) => {
      const { specificationVersion: version } = model
      const call = async (given: typeof params) => checkBeginning(await model.doStream(given))
      return withView({ params, version, pass: doStream, call })
    }
  }
}

/** The parameters of a call that are read. */
interface CallParams {
  readonly prompt: ReadonlyArray<unknown>
  readonly tools?: ReadonlyArray<unknown> | undefined
  readonly providerOptions?: { readonly [provider: string]: unknown } | undefined
  readonly abortSignal?: AbortSignal | undefined
}

interface ModelCall<P extends CallParams, A> {
  readonly params: P
  readonly version: string
  /** Makes the call as it was asked for. */
  readonly pass: () => PromiseLike<A>
  readonly call: (params: P) => PromiseLike<A>
}

const makeTurnCalls =
  (turn: Turn, options: StepOptions) =>
  <P extends CallParams, A>(modelCall: ModelCall<P, A>) =>
    callOnView(turn, modelCall, options, true)

const makeSessionCalls = (sessions: Sessions, options: StepOptions) => {
  const record = makeRecorder(sessions)
  return async <P extends CallParams, A>(modelCall: ModelCall<P, A>): Promise<A> => {
    const { abortSignal: signal, prompt } = modelCall.params
    const sessionId = findSession(modelCall.params)
    if (sessionId === undefined) return modelCall.pass()
    signal?.throwIfAborted()
    await record(sessionId, splitPrompt(prompt).items, signal)
    const agent = async (turn: Turn): Promise<A> => {
      const answer = await callOnView(turn, modelCall, options, false)
      const usage = readUsage(answer)
      if (usage !== undefined) await turn.report(usage)
      return answer
    }
    return sessions.turn(sessionId, agent, { signal })
  }
}

const findSession = ({ providerOptions }: CallParams): string | undefined => {
  const own = providerOptions?.throughline
  return isObject(own) && isString(own.session) ? own.session : undefined
}

/** Calls the model on the view of a turn. Where the prompt is this view already, it is sent as it is at first. */
const callOnView = <P extends CallParams, A>(
  turn: Turn,
  { call, params, version }: ModelCall<P, A>,
  options: StepOptions,
  isView: boolean
): Promise<A> => {
  const { system } = splitPrompt(params.prompt)
  const instructions = system.map(({ content }) => String(content)).join("\n\n")
  let passes = isView
  return turn.step(
    ({ messages }, stopped) => {
      const abortSignal = params.abortSignal === undefined ? stopped : AbortSignal.any([params.abortSignal, stopped])
      const own = instructions === "" ? messages : messages.slice(1)
      const prompt = passes ? params.prompt : [...system, ...writePrompt(own, version)]
      passes = false
      return call(replaceFields(params, { prompt, abortSignal }))
    },
    { tools: params.tools, ...(instructions !== "" && { system: instructions }), ...options }
  )
}

/** The tokens of an answer, by either version of the specification; undefined for a stream, which has not counted them yet. */
const readUsage = (answer: unknown): StepUsage | undefined => {
  const usage = isObject(answer) && isObject(answer.usage) ? answer.usage : {}
  const input = isObject(usage.inputTokens) ? usage.inputTokens.total : usage.inputTokens
  const cached = isObject(usage.inputTokens) ? usage.inputTokens.cacheRead : usage.cachedInputTokens
  const output = isObject(usage.outputTokens) ? usage.outputTokens.total : usage.outputTokens
  const inputTokens = readNumber(input)
  return inputTokens === undefined
    ? undefined
    : { inputTokens, cachedTokens: readNumber(cached), outputTokens: readNumber(output) }
}

/** A prompt is written for the version of the specification at hand, of which the types know only one. */
const replaceFields = <P extends CallParams>(params: P, fields: CallParams): P => Object.assign({}, params, fields)

// ── streams ──

type StreamPart = { readonly type: string; readonly error?: unknown }

/** Parts that say nothing of the answer. */
const PREAMBLE: ReadonlySet<string> = new Set(["stream-start", "response-metadata", "raw"])

/** Throws the refusal that a stream begins with, if it is one for the length of the input. */
const checkBeginning = async <Part extends StreamPart, R extends { readonly stream: ReadableStream<Part> }>(
  result: R
): Promise<R> => {
  const reader = result.stream.getReader()
  const begun: Array<Part> = []
  for (let last: Part | undefined; last === undefined || PREAMBLE.has(last.type);) {
    const { done, value } = await reader.read()
    if (done) break
    const error = value.type === "error" ? makeError(value.error) : undefined
    if (isTooLong(error)) {
      await reader.cancel()
      throw error
    }
    begun.push(value)
    last = value
  }
  const stream = new ReadableStream<Part>({
    pull: async (controller) => {
      const first = begun.shift()
      if (first !== undefined) return controller.enqueue(first)
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason)
  })
  return Object.assign({}, result, { stream })
}

const makeError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(isString(error) ? error : JSON.stringify(error))
