/**
 * The window as two tools that an agent gives to its model, and the answers to their calls: how full it is, and a request
 * to compress it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { Compressor, type CompressionRequest } from "../compression/Compressor.ts"
import { type FunctionTool, makeFunctionTool } from "../message/functionTool.ts"
import { callInput, callName, type ToolCall, type ToolMessage } from "../message/Message.ts"
import type { InvalidPolicy } from "../model/InvalidSetting.ts"
import type { SessionId } from "../session/Session.ts"
import type { StoreError, UnknownSession } from "../session/SessionError.ts"
import type { Size } from "../view/View.ts"
import { type Forecast, Gateway } from "./Gateway.ts"
import { runAfterTurn } from "./runningTurns.ts"
import type { StepOptions } from "./Turn.ts"

/**
 * A function tool in OpenAI's shape.
 *
 * @since 0.1.0
 * @category models
 */
export type Definition = FunctionTool<"context_budget" | "request_compaction">

/**
 * The tools `context_budget` and `request_compaction`. Give them to the model with each step.
 *
 * @since 0.1.0
 * @category constructors
 */
export const definitions: ReadonlyArray<Definition> = [
  makeFunctionTool(
    "context_budget",
    "Tells how full your context window is: tokens used and left, what they are used for, and when the earlier messages " +
      "will be replaced by a summary. Use it before you read something large, or plan long work.",
    {}
  ),
  makeFunctionTool(
    "request_compaction",
    "Ask for the earlier messages to be replaced by a summary once you have answered, e.g. when a piece of work is done. " +
      "They stay searchable. Tells you if there is nothing to gain.",
    {
      focus: {
        type: ["string", "null"],
        description:
          "What the summary should be most exact about, e.g. the task that comes next. null: nothing special."
      }
    }
  )
]

/**
 * True for a call of `context_budget` or `request_compaction`, which `answer` answers.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isOurs = (call: ToolCall): boolean => definitions.some((tool) => tool.function.name === callName(call))

/**
 * What became of a request for a compression: it `begins` after the turn within which it was asked for, without one at once.
 * Or it does not, because one is `under-way`, no message can leave (`nothing-to-compress`), or the session is `held-back`:
 * compressions in the background have gained next to nothing lately, or the last changed nothing and nothing came since.
 *
 * @since 0.1.0
 * @category models
 */
export type Requested = "begins" | "under-way" | "nothing-to-compress" | "held-back"

/**
 * Asks for a compression in the background, and says whether there will be one. `step` is the step within which it is asked
 * for; without it, that of a model with the policy's window and no tools.
 *
 * @since 0.1.0
 * @category combinators
 */
export const request = (
  sessionId: SessionId,
  focus: string | undefined,
  step: StepOptions = {}
): Effect.Effect<Requested, UnknownSession | StoreError | InvalidPolicy, Gateway | Compressor> =>
  Effect.gen(function* () {
    const compressor = yield* Compressor
    const { leaving, view, window } = yield* (yield* Gateway).plan(sessionId, step)
    const hindrance = compressor.findHindrance(sessionId, window.lastSeq)
    if (hindrance !== null) return hindrance
    if (leaving === null) return "nothing-to-compress"
    const { contextLength, model, reservedOutput, threshold } = step
    const asked: CompressionRequest = { focus, contextLength, model, reservedOutput, threshold, overhead: view.fixed }
    yield* runAfterTurn(sessionId, Effect.ignoreLogged(compressor.start(sessionId, window.lastSeq, asked)))
    return "begins"
  })

const compactionArguments = Schema.decodeUnknownEither(
  Schema.parseJson(Schema.Struct({ focus: Schema.optional(Schema.NullOr(Schema.String)) }))
)

/**
 * Answers a call with a tool message to append. A wrong call, and a request that comes to nothing, get a result that tells the
 * model why. `step` is that of the call: its system prompt, tools and window.
 *
 * @since 0.1.0
 * @category combinators
 */
export const answer = (
  sessionId: SessionId,
  call: ToolCall,
  step?: StepOptions
): Effect.Effect<ToolMessage, UnknownSession | StoreError | InvalidPolicy, Gateway | Compressor> =>
  Effect.map(answerText(sessionId, call, step), (content) => ({ role: "tool", tool_call_id: call.id, content }))

const answerText = (
  sessionId: SessionId,
  call: ToolCall,
  step: StepOptions | undefined
): Effect.Effect<string, UnknownSession | StoreError | InvalidPolicy, Gateway | Compressor> => {
  if (callName(call) === "context_budget") {
    return Effect.flatMap(Gateway, ({ plan }) => Effect.map(plan(sessionId, step), describeBudget))
  }
  if (callName(call) === "request_compaction") {
    return Either.match(compactionArguments(callInput(call)), {
      onLeft: () =>
        Effect.succeed('The arguments were not understood. Call request_compaction with {"focus": "words"} or null.'),
      onRight: ({ focus }) =>
        Effect.map(request(sessionId, focus ?? undefined, step), (requested) => `${requested}: ${ANSWERS[requested]}`)
    })
  }
  return Effect.succeed(
    "There is no such tool. Call context_budget to see how full the window is, or request_compaction to have it compressed."
  )
}

const ANSWERS: { readonly [requested in Requested]: string } = {
  begins: "the earlier messages will be summarized once you have answered.",
  "under-way": "they are being summarized already.",
  "nothing-to-compress": "no message can leave the window yet.",
  "held-back": "it would gain next to nothing. Ask again after more work."
}

const describeBudget = ({ leaving, threshold, view, window }: Forecast): string => {
  const { handoff, head, live, tail } = view.parts
  const left = Math.max(0, window.usable - view.tokens)
  const parts = [
    `- system prompt and tools: ${formatTokens(view.fixed)}`,
    ...(handoff.messages > 0 ? [`- summary of earlier messages: ${formatTokens(handoff.tokens)}`] : []),
    `- ${formatSize({
      messages: head.messages + live.messages + tail.messages,
      tokens: head.tokens + live.tokens + tail.tokens
    })}`
  ]
  return [
    `About ${formatTokens(view.tokens)} of ${formatTokens(window.usable)} are used (${formatShare(view.tokens, window.usable)}), ${formatTokens(left)} are left. In view are:`,
    ...parts,
    describeThreshold(threshold, window),
    ...(leaving === null ? [] : [`If that were now, ${formatSize(leaving)} would leave; recall would find them.`])
  ].join("\n")
}

const describeThreshold = (
  { expected, isDue, latest }: Forecast["threshold"],
  { hard, usable }: Forecast["window"]
): string => {
  if (hard === Infinity) return "Earlier messages will be summarized only when that is asked for."
  const at = expected ?? Math.min(latest, hard)
  return isDue
    ? "Earlier messages will be summarized now, in the background."
    : `Earlier messages will be summarized at about ${formatTokens(at)} (${formatShare(at, usable)}).`
}

const formatTokens = (tokens: number): string => `${Math.round(tokens).toLocaleString("en-US")} tokens`
const formatSize = ({ messages, tokens }: Size): string => `${messages} messages, ${formatTokens(tokens)}`
const formatShare = (tokens: number, window: number): string => `${Math.round((100 * tokens) / Math.max(1, window))} %`
