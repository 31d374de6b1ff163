/**
 * Sessions for the Vercel AI SDK, versions 5 to 7: its calls within a turn, its tools, and middleware for its models.
 *
 * @since 0.1.0
 */
import { jsonSchema, type ToolSet } from "ai"
import type { ModelMessage } from "../format/MessageFormat.ts"
import { decode, encode, type StepOptions, tools as definitions, type Turn } from "../promise/Promise.ts"

export { middleware } from "./middleware.ts"

/**
 * The tokens of a step. Version 5 of the SDK has `cachedInputTokens`, later ones have `inputTokenDetails`.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepTokens {
  readonly inputTokens: number | undefined
  readonly outputTokens?: number | undefined
  readonly cachedInputTokens?: number | undefined
  readonly inputTokenDetails?: { readonly cacheReadTokens: number | undefined } | undefined
}

/**
 * What the SDK tells of a step: `response.messages` are those of this step, or of all steps so far, as its version has it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Step {
  readonly usage: StepTokens
  readonly response: { readonly messages: ReadonlyArray<{ readonly role: string }> }
}

/**
 * Settings of `generateText` and `streamText`, and of `ToolLoopAgent`, whose `generate` and `stream` take the first two.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepSettings {
  /** The session's view. You may add messages to it, which are stored then. */
  readonly messages: Array<ModelMessage>
  /** Aborted when the turn is interrupted, or its caller's signal is aborted. */
  readonly abortSignal: AbortSignal
  /** Stores what the steps before have added, and returns the view for the next one. */
  readonly prepareStep: (options: {
    readonly messages: ReadonlyArray<object>
    readonly steps: ReadonlyArray<Step>
  }) => Promise<{ messages: Array<ModelMessage> }>
}

/**
 * Makes a call of `generateText`, `streamText` or a `ToolLoopAgent` within a turn: each step sees the session's view, which
 * fits the window, and each answer and tool result is stored once. What `call` returns is returned once all steps are
 * stored, so read a stream within `call` or beside it. Throws what `call` does, and the errors of `Turn.view` and
 * `Turn.append`.
 *
 * A `system` prompt in the options is counted, not sent: give it to the SDK as well. So are `tools`, as JSON.
 *
 * @example
 * const { text } = await keepSteps(turn, (settings) => generateText({ model, stopWhen, tools: tools(turn), ...settings }))
 *
 * @since 0.1.0
 * @category combinators
 */
export const keepSteps = async <R extends { readonly steps: ReadonlyArray<Step> | PromiseLike<ReadonlyArray<Step>> }>(
  turn: Turn,
  call: (settings: StepSettings) => R | PromiseLike<R>,
  options: StepOptions = {}
): Promise<R> => {
  /** Versions 5 and 6 repeat all messages at each step, version 7 the view and what followed it: as the same objects. */
  const known = new WeakSet<object>()
  let countStored: (last: Step) => number = () => 0

  const readView = async () => {
    const view = await turn.view(options)
    const messages = encode("ai-sdk-model", options.system === undefined ? view.messages : view.messages.slice(1))
    for (const message of messages) known.add(message)
    return messages
  }
  const append = async (messages: ReadonlyArray<object>, step: Step | undefined) => {
    if (step !== undefined) await reportTokens(turn, step.usage)
    await turn.append(...decode("ai-sdk-model", messages))
  }
  const prepareStep: StepSettings["prepareStep"] = async (given) => {
    const added = given.messages.filter((message) => !known.has(message))
    const before = given.steps.at(-1)
    await append(added, before)
    for (const message of added) known.add(message)
    countStored = "responseMessages" in given ? () => 0 : (step) => countRepeated(before, step)
    return { messages: await readView() }
  }

  const result = await call({ messages: await readView(), abortSignal: turn.signal, prepareStep })
  const last = (await result.steps).at(-1)
  if (last !== undefined) await append(last.response.messages.slice(countStored(last)), last)
  return result
}

const reportTokens = async (turn: Turn, usage: StepTokens): Promise<void> => {
  const { cachedInputTokens, inputTokenDetails, inputTokens, outputTokens } = usage
  const cachedTokens = inputTokenDetails?.cacheReadTokens ?? cachedInputTokens
  if (inputTokens !== undefined) await turn.report({ inputTokens, cachedTokens, outputTokens })
}

/** Counts the messages of a step that are those of the step before it. The first one may begin with the results of approved calls. */
const countRepeated = (before: Step | undefined, { response: { messages } }: Step): number => {
  if (before !== undefined) return before.response.messages.length
  const answer = messages.findIndex(({ role }) => role !== "tool")
  return answer < 0 ? messages.length : answer
}

/**
 * The tools of `throughline/Promise`, such as recall, for the `tools` of the SDK. Outside of a turn, e.g.
 * with `middleware(sessions)`, begin one for each call: `tools({ answer: (call) => sessions.turn(id, (turn) => turn.answer(call)) })`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tools = ({ answer }: Pick<Turn, "answer">): ToolSet =>
  Object.fromEntries(
    definitions.map(({ function: { description, name, parameters } }) => [
      name,
      {
        description,
        inputSchema: jsonSchema(parameters),
        execute: async (input: unknown) => {
          const call = { name, arguments: JSON.stringify(input) }
          return (await answer({ id: name, type: "function", function: call }))?.content
        }
      }
    ])
  )
