/** The library's tools for a model as a `Toolkit` of `@effect/ai`. */
import * as Tool from "@effect/ai/Tool"
import * as Toolkit from "@effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Compressor } from "../compression/Compressor.ts"
import * as BudgetTools from "../gateway/BudgetTools.ts"
import type { Gateway } from "../gateway/Gateway.ts"
import * as PinTools from "../gateway/PinTools.ts"
import * as Message from "../message/Message.ts"
import type { Recall } from "../recall/Recall.ts"
import * as RecallTools from "../recall/RecallTools.ts"
import { SessionId } from "../session/Session.ts"
import { CurrentSession, CurrentStep } from "./keepWithin.ts"

const definitions = [...RecallTools.definitions, ...PinTools.definitions, ...BudgetTools.definitions]

/** The description of a tool or of one of its parameters, as the other doors give it. */
const describe = (tool: string, parameter?: string): string => {
  const { description = "", parameters = {} } =
    definitions.find(({ function: { name } }) => name === tool)?.function ?? {}
  if (parameter === undefined) return description
  return readDescription(parameters, parameter)
}

const Described = Schema.Struct({
  properties: Schema.Record({
    key: Schema.String,
    value: Schema.Struct({ description: Schema.optional(Schema.String) })
  })
})
const readDescription = (parameters: unknown, name: string): string =>
  Schema.decodeUnknownSync(Described)(parameters).properties[name]?.description ?? ""

const makeTool = <const Name extends string, Fields extends Schema.Struct.Fields>(name: Name, parameters: Fields) =>
  Tool.make(name, {
    description: describe(name),
    parameters,
    success: Schema.String,
    failure: Schema.String,
    failureMode: "return"
  })

const field = <A, I>(schema: Schema.Schema<A, I>, tool: string, parameter: string) =>
  schema.annotations({ description: describe(tool, parameter) })
const optionalText = Schema.NullOr(Schema.String)

/**
 * Tools for the model: it can search what left its window (`recall`, `expand`), keep a text in view (`pin`, `unpin`), ask how
 * full its window is, and have it compressed once it has answered. They are about the `CurrentSession`; `layerTools` answers
 * their calls. Merge it with the toolkit of your own tools.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tools = Toolkit.make(
  makeTool("recall", {
    query: field(Schema.String, "recall", "query"),
    where: field(Schema.NullOr(Schema.Literal("out-of-view", "everywhere")), "recall", "where")
  }),
  makeTool("expand", {
    segment: field(Schema.String, "expand", "segment"),
    from_seq: field(Schema.NullOr(Schema.Int), "expand", "from_seq")
  }),
  makeTool("pin", { text: field(Schema.String, "pin", "text"), as: field(optionalText, "pin", "as") }),
  makeTool("unpin", { name: field(Schema.String, "unpin", "name") }),
  makeTool("context_budget", {}),
  makeTool("request_compaction", { focus: field(optionalText, "request_compaction", "focus") })
)

type Handled = "recall" | "expand" | "pin" | "unpin" | "context_budget" | "request_compaction"

/**
 * Answers the calls of `tools`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTools = tools.toLayer(
  Effect.gen(function* () {
    const services = yield* Effect.context<Gateway | Recall | Compressor>()
    const answer = (name: Handled) => (parameters: object) =>
      Effect.gen(function* () {
        const id = yield* CurrentSession
        if (id === null) return yield* Effect.fail("There is no session: the program has not provided its id.")
        const sessionId = SessionId.make(id, true)
        const call: Message.ToolCall = {
          id: "call",
          type: "function",
          function: { name, arguments: JSON.stringify(parameters) }
        }
        if (RecallTools.isOurs(call)) return yield* RecallTools.answer(sessionId, call)
        if (PinTools.isOurs(call)) return yield* PinTools.answer(sessionId, call)
        return yield* BudgetTools.answer(sessionId, call, yield* CurrentStep)
      }).pipe(
        Effect.map(Message.text),
        Effect.mapError((error) => (typeof error === "string" ? error : error.message)),
        Effect.provide(services)
      )
    return tools.of({
      recall: answer("recall"),
      expand: answer("expand"),
      pin: answer("pin"),
      unpin: answer("unpin"),
      context_budget: answer("context_budget"),
      request_compaction: answer("request_compaction")
    })
  })
)
