/**
 * Pins as two tools that an agent gives to its model, and the answers to their calls.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { type FunctionTool, makeFunctionTool } from "../message/functionTool.ts"
import { callInput, callName, type ToolCall, type ToolMessage } from "../message/Message.ts"
import type { SessionId } from "../session/Session.ts"
import type { StoreError, UnknownSession } from "../session/SessionError.ts"
import { Gateway, type Pin, type PinRequest } from "./Gateway.ts"

/**
 * A function tool in OpenAI's shape.
 *
 * @since 0.1.0
 * @category models
 */
export type Definition = FunctionTool<"pin" | "unpin">

/**
 * The tools `pin` and `unpin`. Give them to the model with each step.
 *
 * @since 0.1.0
 * @category constructors
 */
export const definitions: ReadonlyArray<Definition> = [
  makeFunctionTool(
    "pin",
    "Keep a text in view word for word, however long this conversation gets: a rule, a plan, a todo list. Room is small, " +
      "so pin only what you need at every step, and unpin it when it is done.",
    {
      text: { type: "string", description: "The words to keep." },
      as: {
        type: ["string", "null"],
        description: "A name such as plan or todo: the newest text under a name replaces the older one. null: no name."
      }
    }
  ),
  makeFunctionTool("unpin", "Let a pinned text leave the view.", {
    name: { type: "string", description: "The name of the pin, as pin returned it." }
  })
]

/**
 * True for a call of `pin` or `unpin`, which `answer` answers.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isOurs = (call: ToolCall): boolean => callName(call) === "pin" || callName(call) === "unpin"

const pinArguments = Schema.decodeUnknownEither(
  Schema.parseJson(Schema.Struct({ text: Schema.String, as: Schema.optional(Schema.NullOr(Schema.String)) }))
)
const unpinArguments = Schema.decodeUnknownEither(Schema.parseJson(Schema.Struct({ name: Schema.String })))

/**
 * Answers a call with a tool message to append. A wrong call, and a text for which there is no room, get a result that
 * tells the model what to do.
 *
 * @since 0.1.0
 * @category combinators
 */
export const answer = (
  sessionId: SessionId,
  call: ToolCall
): Effect.Effect<ToolMessage, UnknownSession | StoreError, Gateway> =>
  Effect.map(answerText(sessionId, callName(call), callInput(call)), (content) => ({
    role: "tool",
    tool_call_id: call.id,
    content
  }))

const answerText = (
  sessionId: SessionId,
  name: string,
  json: string
): Effect.Effect<string, UnknownSession | StoreError, Gateway> => {
  if (name === "pin") {
    return Either.match(pinArguments(json), {
      onLeft: () => Effect.succeed('The arguments were not understood. Call pin with {"text": "words", "as": null}.'),
      onRight: ({ as, text }) => answerPin(sessionId, as == null ? { text } : { text, as })
    })
  }
  if (name === "unpin") {
    return Either.match(unpinArguments(json), {
      onLeft: () => Effect.succeed('The arguments were not understood. Call unpin with {"name": "a pin\'s name"}.'),
      onRight: (asked) => answerUnpin(sessionId, asked.name)
    })
  }
  return Effect.succeed("There is no such tool. Call pin to keep a text, or unpin to let it go.")
}

const answerPin = (sessionId: SessionId, request: PinRequest) =>
  Effect.flatMap(Gateway, ({ pin, pins }) =>
    pin(sessionId, request).pipe(
      Effect.map((pinned) => `Pinned as ${pinned.name}.`),
      Effect.catchTags({
        InvalidPin: () => Effect.succeed("Nothing was pinned: the text has no words."),
        PinTooLarge: ({ room, tokens }) =>
          Effect.map(
            pins(sessionId),
            (all) =>
              `Nothing was pinned: the text takes ${tokens} tokens, and there is room for ${room}. ${listNames(all)}`
          )
      })
    )
  )

const answerUnpin = (sessionId: SessionId, name: string) =>
  Effect.flatMap(Gateway, ({ pins, unpin }) =>
    Effect.flatMap(unpin(sessionId, name), (isThere) =>
      isThere
        ? Effect.succeed("Unpinned.")
        : Effect.map(pins(sessionId), (all) => `There is no pin of that name. ${listNames(all)}`)
    )
  )

const listNames = (pins: ReadonlyArray<Pin>): string =>
  pins.length === 0 ? "Nothing else is pinned." : `Pinned are: ${pins.map(({ name }) => name).join(", ")}.`
