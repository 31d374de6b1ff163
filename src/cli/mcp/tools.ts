/** The tools of the Model Context Protocol server: what a model is told of them, and the answers to its calls. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Compressor } from "../../compression/Compressor.ts"
import * as BudgetTools from "../../gateway/BudgetTools.ts"
import type { Gateway } from "../../gateway/Gateway.ts"
import * as PinTools from "../../gateway/PinTools.ts"
import * as Ledger from "../../ledger/Ledger.ts"
import { type FunctionTool, makeFunctionTool } from "../../message/functionTool.ts"
import { text as messageText, type ToolCall } from "../../message/Message.ts"
import { inUse } from "../../message/Tokens.ts"
import type { InvalidPolicy } from "../../model/InvalidSetting.ts"
import type { Recall } from "../../recall/Recall.ts"
import * as RecallTools from "../../recall/RecallTools.ts"
import { SessionId } from "../../session/Session.ts"
import type { StoreError, UnknownSession } from "../../session/SessionError.ts"
import { SessionStore } from "../../store/SessionStore.ts"

type Definition = FunctionTool<"recall" | "expand" | "rules" | "pin" | "unpin" | "budget">

const RULES = makeFunctionTool(
  "rules",
  "List the standing rules of this conversation word for word: what the user has ruled, what rules the files set that " +
    "you follow, and what is pinned. Call it after your context was compacted, and before work that a rule may touch.",
  {}
)

const BUDGET = makeFunctionTool(
  "budget",
  "Say how long this conversation is as throughline keeps it, and when its middle will be replaced by a summary.",
  {}
)

const DEFINITIONS: ReadonlyArray<Definition> = [...RecallTools.definitions, RULES, ...PinTools.definitions, BUDGET]

const READING: ReadonlyArray<Definition["function"]["name"]> = ["recall", "expand", "rules", "budget"]

/** A tool as the protocol lists it. */
export interface ListedTool {
  readonly name: string
  readonly description: string
  readonly inputSchema: {
    readonly type: "object"
    readonly properties: { [name: string]: object }
    readonly required: Array<string>
  }
  readonly annotations: { readonly readOnlyHint: boolean; readonly destructiveHint: boolean }
}

const SESSION = {
  type: "string",
  description: "The id of another conversation, if not this one is meant."
}

/**
 * Lists the tools. They take a `session` unless the server is for one session alone. `recall` always searches everywhere:
 * what left the context of an agent is not what left the view of throughline.
 */
export const listTools = (isForOne: boolean): Array<ListedTool> =>
  DEFINITIONS.map(({ function: { description, name, parameters } }) => {
    const { where: _, ...properties } = decodeParameters(parameters).properties
    const isNeeded = ([, { type }]: readonly [string, { readonly type?: unknown }]) => !Array.isArray(type)
    return {
      name,
      description,
      inputSchema: {
        type: "object",
        properties: { ...properties, ...(isForOne ? {} : { session: SESSION }) },
        required: Object.entries(properties)
          .filter(isNeeded)
          .map(([key]) => key)
      },
      annotations: { readOnlyHint: READING.some((reading) => reading === name), destructiveHint: false }
    }
  })

const decodeParameters = Schema.decodeUnknownSync(
  Schema.Struct({
    properties: Schema.Record({
      key: Schema.String,
      value: Schema.Record({ key: Schema.String, value: Schema.Unknown })
    })
  })
)

/** Finds the session of a call that names none; null if there is more than one that it could be. */
export type FindSession = Effect.Effect<SessionId | null, StoreError, SessionStore>

/** The only session of the store, if it has no other. */
export const findOnlySession: FindSession = Effect.gen(function* () {
  const [only, ...others] = yield* Effect.flatMap(SessionStore, ({ sessions }) => sessions)
  return only === undefined || others.length > 0 ? null : yield* Effect.orDie(Schema.decode(SessionId)(only.sessionId))
})

export interface Answer {
  readonly text: string
  readonly isError: boolean
}

type Services = Compressor | Gateway | Recall | SessionStore

/** Answers a call. Whatever is wrong with it, or fails, is told to the model. */
export const answerCall = (
  name: string,
  input: Readonly<Record<string, unknown>>,
  findSession: FindSession
): Effect.Effect<Answer, never, Services> => {
  const { session, ...rest } = input
  if (DEFINITIONS.every((tool) => tool.function.name !== name)) {
    return Effect.succeed({ text: `There is no tool ${JSON.stringify(name.slice(0, 80))} here.`, isError: true })
  }
  return Effect.gen(function* () {
    const sessionId = session == null ? yield* findSession : Either.getOrNull(decodeSessionId(session))
    if (sessionId === null) return { text: session == null ? NO_SESSION : BAD_SESSION, isError: true }
    return { text: yield* answerIn(sessionId, name, { ...rest, where: "everywhere" }), isError: false }
  }).pipe(
    Effect.catchAll((error) => Effect.succeed({ text: error.message, isError: true })),
    Effect.catchAllDefect((defect) => Effect.succeed({ text: `the call failed: ${String(defect)}`, isError: true }))
  )
}

const decodeSessionId = Schema.decodeUnknownEither(SessionId)

const NO_SESSION = "No conversation was found for this call. Call again with the id of one as `session`."
const BAD_SESSION = "A `session` is an id of 1 to 512 characters."

const answerIn = (
  sessionId: SessionId,
  name: string,
  input: Readonly<Record<string, unknown>>
): Effect.Effect<string, UnknownSession | StoreError | InvalidPolicy, Services> => {
  const call: ToolCall = { id: name, type: "function", function: { name, arguments: JSON.stringify(input) } }
  if (RecallTools.isOurs(call)) return Effect.map(RecallTools.answer(sessionId, call), messageText)
  if (PinTools.isOurs(call)) return Effect.map(PinTools.answer(sessionId, call), messageText)
  return name === RULES.function.name ? answerRules(sessionId) : answerBudget(sessionId)
}

/** The most tokens of a list of rules. */
const ROOM = 2_000

const answerRules = Effect.fnUntraced(function* (sessionId: SessionId) {
  const store = yield* SessionStore
  const { head, live, system, tail } = yield* store.state(sessionId)
  const covered = yield* Ledger.decode(yield* store.ledger(sessionId))
  const shown = new Map([...system, ...head, ...live, ...tail].map((entry) => [entry.seq, entry] as const))
  const entries = Array.from(shown.values()).toSorted((a, b) => a.seq - b.seq)
  const { constraints, fileRules, notes, pins } = Ledger.add(covered, entries)
  const text = Ledger.render({ ...Ledger.empty, constraints, fileRules, notes, pins }, yield* inUse, ROOM)
  return text === "" ? "No rule was found, and nothing is pinned." : text
})

/** The window as throughline has it: what the agent itself sends is not known here. */
const answerBudget = (sessionId: SessionId) => {
  const call: ToolCall = { id: "budget", type: "function", function: { name: "context_budget", arguments: "{}" } }
  return Effect.map(BudgetTools.answer(sessionId, call), messageText)
}
