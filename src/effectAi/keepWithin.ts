/** A `LanguageModel` that keeps the chat of the current session within its window. */
import * as AiError from "@effect/ai/AiError"
import * as LanguageModel from "@effect/ai/LanguageModel"
import * as Prompt from "@effect/ai/Prompt"
import type * as Response from "@effect/ai/Response"
import * as Tool from "@effect/ai/Tool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Mailbox from "effect/Mailbox"
import * as Stream from "effect/Stream"
import type { NoExcessProperties } from "effect/Types"
import { isObject } from "../format/json.ts"
import type { StepOptions, StepUsage, Turn } from "../gateway/Turn.ts"
import type { ContextOverflow } from "../model/ModelError.ts"
import { isOverflow, makeAgentOverflow } from "../model/overflowText.ts"
import { SessionId } from "../session/Session.ts"
import type { View } from "../view/View.ts"
import { encodeMessages, decodePrompt, readResponse } from "./prompts.ts"
import { beginSession, recordCall, type Services, type SplitPrompt, splitPrompt } from "./recordPrompt.ts"

/**
 * The session that a program's calls belong to: provide its id to the effect or stream that makes them. Null, the default,
 * leaves calls as they are.
 *
 * @example
 * chat.generateText({ prompt: "hello" }).pipe(Effect.provideService(EffectAi.CurrentSession, "chat-42"))
 *
 * @since 0.1.0
 * @category services
 */
export class CurrentSession extends Context.Reference<CurrentSession>()("throughline/EffectAi/CurrentSession", {
  defaultValue: (): string | null => null
}) {}

/** The step within which a tool is called. */
export class CurrentStep extends Context.Reference<CurrentStep>()("throughline/EffectAi/CurrentStep", {
  defaultValue: (): StepOptions => ({})
}) {}

/** The tools of any toolkit. */
export type AnyTools = Record<string, Tool.Any>

interface Answer {
  readonly content: ReadonlyArray<Response.AnyPart>
}

interface Asked {
  readonly prompt: Prompt.RawInput
  readonly toolkit?: unknown
}

/** The failure of the wrapped model. It reaches the program as it was. */
interface Passed<E> {
  readonly _tag: "Passed"
  readonly error: E
}

export const keepWithin = (model: LanguageModel.Service, services: Services): LanguageModel.Service => {
  /** Asks the model in a turn of the session, and stores the prompt and the answer. `refuse` fails as a call of the model does. */
  const ask = <A extends Answer, E, R>(
    sessionId: SessionId,
    asked: Asked,
    call: (prompt: Prompt.Prompt) => Effect.Effect<A, E, R>,
    refuse: (error: AiError.AiError) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> => {
    const { conversation, system } = splitPrompt(Prompt.make(asked.prompt))
    const step: StepOptions = { ...readSystem(system), ...readTools(asked.toolkit) }
    const agent = (turn: Turn) =>
      Effect.gen(function* () {
        yield* recordCall(services, turn, conversation)
        const answer = yield* turn.step((view) => Effect.mapError(call(makePrompt(view, system)), readFailure), step)
        const usage = readUsage(answer)
        if (usage !== undefined) yield* turn.report(usage)
        yield* turn.append(...(yield* decodePrompt(readResponse(answer.content))))
        return answer
      })
    return beginSession(services, sessionId, conversation).pipe(
      Effect.zipRight(services.gateway.turn(sessionId, agent)),
      Effect.provideService(CurrentStep, step),
      Effect.catchAll((error) =>
        error._tag === "Passed"
          ? Effect.fail(error.error)
          : refuse(
              new AiError.UnknownError({
                module: "throughline",
                method: "keepWithin",
                description: error.message,
                cause: error
              })
            )
      )
    )
  }

  const inSession = <A extends Answer, E, R>(
    asked: Asked,
    call: (prompt: Prompt.RawInput) => Effect.Effect<A, E, R>,
    refuse: (refusing: LanguageModel.Service) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> =>
    Effect.flatMap(CurrentSession, (id) =>
      id === null
        ? call(asked.prompt)
        : ask(SessionId.make(id, true), asked, call, (error) => Effect.flatMap(makeRefusing(error), refuse))
    )

  return {
    generateText: <
      Options extends NoExcessProperties<LanguageModel.GenerateTextOptions<AnyTools>, Options>,
      Tools extends AnyTools = {}
    >(
      options: Options & LanguageModel.GenerateTextOptions<Tools>
    ) =>
      inSession(
        options,
        (prompt) => model.generateText<Options, Tools>({ ...options, prompt }),
        (refusing) => refusing.generateText<Options, Tools>(options)
      ),
    generateObject: <
      A,
      I extends Record<string, unknown>,
      R,
      Options extends NoExcessProperties<LanguageModel.GenerateObjectOptions<AnyTools, A, I, R>, Options>,
      Tools extends AnyTools = {}
    >(
      options: Options & LanguageModel.GenerateObjectOptions<Tools, A, I, R>
    ) =>
      inSession(
        options,
        (prompt) => model.generateObject<A, I, R, Options, Tools>({ ...options, prompt }),
        (refusing) => refusing.generateObject<A, I, R, Options, Tools>(options)
      ),
    streamText: <
      Options extends NoExcessProperties<LanguageModel.GenerateTextOptions<AnyTools>, Options>,
      Tools extends AnyTools = {}
    >(
      options: Options & LanguageModel.GenerateTextOptions<Tools>
    ) =>
      Stream.unwrapScoped(
        Effect.gen(function* () {
          const parts = yield* Mailbox.make<Response.StreamPart<Tools>, LanguageModel.ExtractError<Options>>()
          const pass = (
            stream: Stream.Stream<
              Response.StreamPart<Tools>,
              LanguageModel.ExtractError<Options>,
              LanguageModel.ExtractContext<Options>
            >
          ) => {
            const content: Array<Response.StreamPart<Tools>> = []
            return stream.pipe(
              Stream.runForEachChunk((chunk) => {
                content.push(...chunk)
                return parts.offerAll(chunk)
              }),
              Effect.as({ content })
            )
          }
          yield* inSession(
            options,
            (prompt) => pass(model.streamText<Options, Tools>({ ...options, prompt })),
            (refusing) => pass(refusing.streamText<Options, Tools>(options))
          ).pipe(Mailbox.into(parts), Effect.forkScoped)
          return Mailbox.toStream(parts)
        })
      )
  }
}

/** Reads the provider's count; undefined if it gave none. */
const readUsage = ({ content }: Answer): StepUsage | undefined => {
  const {
    cachedInputTokens: cachedTokens,
    inputTokens,
    outputTokens
  } = content.find((part) => part.type === "finish")?.usage ?? {}
  return inputTokens === undefined ? undefined : { inputTokens, cachedTokens, outputTokens }
}

/** A model whose calls fail with this error, and so in the types of the call. */
const makeRefusing = (error: AiError.AiError): Effect.Effect<LanguageModel.Service> =>
  LanguageModel.make({ generateText: () => Effect.fail(error), streamText: () => Stream.fail(error) })

const readSystem = (system: SplitPrompt["system"]): Pick<StepOptions, "system"> =>
  system.length === 0 ? {} : { system: system.map(({ content }) => content).join("\n\n") }

/** The instructions of the prompt stand in it as the program gave them. */
const makePrompt = ({ messages }: View, system: SplitPrompt["system"]): Prompt.Prompt => {
  const [, ...conversation] = system.length === 0 ? [undefined, ...messages] : messages
  return Prompt.fromMessages([...system, ...encodeMessages(conversation.filter((message) => message !== undefined))])
}

const readFailure = <E>(error: E): ContextOverflow | Passed<E> => {
  if (AiError.isAiError(error) && error._tag === "HttpResponseError") {
    const detail = error.body ?? error.description ?? ""
    if (isOverflow(error.response.status, detail)) {
      return makeAgentOverflow(detail)
    }
  }
  return { _tag: "Passed", error }
}

// ── tools ──

/** By tool, what a model gets to know of it. Its schema is translated once. */
const definitions = new WeakMap<object, unknown>()

/** The tools of a toolkit, for their tokens. One that is made by an effect of the program is not counted. */
const readTools = (toolkit: unknown): Pick<StepOptions, "tools"> => {
  if ((typeof toolkit !== "object" && typeof toolkit !== "function") || toolkit === null) return {}
  return "tools" in toolkit && isObject(toolkit.tools)
    ? { tools: Object.values(toolkit.tools).filter(Tool.isUserDefined).map(defineTool) }
    : {}
}

const defineTool = (tool: Tool.Any): unknown => {
  const known = definitions.get(tool)
  if (known !== undefined) return known
  const { description, name } = tool
  const parameters = Either.getOrUndefined(Either.try(() => Tool.getJsonSchemaFromSchemaAst(tool.parametersSchema.ast)))
  const definition = { type: "function", function: { name, description, parameters } }
  definitions.set(tool, definition)
  return definition
}
