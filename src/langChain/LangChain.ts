/**
 * Sessions for agents of LangChain that outlive the window of their model: a middleware in place of
 * `summarizationMiddleware`.
 *
 * @since 0.1.0
 */
import type { BaseMessage } from "@langchain/core/messages"
import { tool } from "@langchain/core/tools"
import { convertToOpenAITool } from "@langchain/core/utils/function_calling"
import { type AgentMiddleware, createMiddleware, type ModelRequest } from "langchain"
import { randomUUID } from "node:crypto"
import { isObject, type JsonObject, readNumber } from "../format/json.ts"
import {
  type Logged,
  type Message,
  type Sessions,
  type StepOptions,
  type StepUsage,
  tools as definitions,
  type Turn,
  UnknownSession
} from "../promise/Promise.ts"
import { idOf, readMessage, writeMessage } from "./messages.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface MiddlewareOptions extends Omit<StepOptions, "system" | "tools"> {
  /** The session of a run, from its `configurable`. Default: the `thread_id`. */
  readonly sessionId?: ((configurable: Configurable) => string | undefined) | undefined
}

/**
 * The `configurable` of a run.
 *
 * @since 0.1.0
 * @category models
 */
export type Configurable = { readonly [name: string]: unknown }

/**
 * Makes the middleware. Before each model call it stores those messages of the agent's state that are new, each once, and
 * sends the view of the session in place of the state, which it leaves as it is. If the server refuses the view as too long,
 * the session is compressed further and the model is called again. Its tools let the model search what left its view, and
 * pin what must stay.
 *
 * A run needs a `thread_id` in its `configurable`: runs of a thread have one session, and call the model one at a time. A
 * state that went back, as time travel does, takes the session back with it. Throws the typed errors of
 * `throughline/Promise`.
 *
 * @example
 * const agent = createAgent({ model, tools, middleware: [makeMiddleware(sessions)] })
 * await agent.invoke({ messages: "Where were we?" }, { configurable: { thread_id: "chat-42" } })
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMiddleware = (sessions: Sessions, options: MiddlewareOptions = {}): AgentMiddleware => {
  const { sessionId: nameSession = ({ thread_id: id }) => id, ...step } = options
  const findSession = (configurable: Configurable = {}): string => {
    const id = nameSession(configurable)
    if (typeof id !== "string") throw new Error("a run of throughline's middleware needs a thread_id in `configurable`")
    return id
  }

  /** The steps of the runs under way, by session. */
  const steps = new Map<string, StepOptions>()

  return createMiddleware({
    name: "throughline",
    tools: makeTools(sessions, findSession, (id) => steps.get(id) ?? step),
    wrapModelCall: async (request, handler) => {
      const { configurable, signal } = request.runtime
      const id = findSession(configurable)
      const sent = { ...step, tools: listSentBeside(request) }
      steps.set(id, sent)
      return runTurn(sessions, id, request.state.messages, sent, signal, async (turn) => {
        const call = (messages: ReadonlyArray<Message>) =>
          handler({ ...request, messages: [...messages.map(writeMessage), ...listPassing(request)] })
        const reply = await turn.step(({ messages }) => call(messages), sent)
        const usage = readUsage(reply)
        if (usage !== undefined) await turn.report(usage)
        return reply
      })
    },
    afterAgent: async (state, { configurable, signal }) => {
      steps.delete(findSession(configurable))
      await runTurn(sessions, findSession(configurable), state.messages, step, signal, () => undefined)
    }
  })
}

type Request = Pick<ModelRequest, "messages" | "state" | "systemMessage" | "tools">

/** Lists what is sent beside the messages, as far as it counts. */
const listSentBeside = ({ systemMessage, tools }: Request): ReadonlyArray<unknown> => [
  systemMessage.text,
  ...tools.map((tool) => convertToOpenAITool(tool))
]

/** Messages that another middleware sends without keeping them in the state. */
const listPassing = ({ messages, state }: Request): ReadonlyArray<BaseMessage> => {
  const kept = new Set(state.messages.map(({ id }) => id))
  return messages.filter(({ id }) => id === undefined || !kept.has(id))
}

/** Reads the provider's count; undefined if it gave none. */
const readUsage = (reply: object): StepUsage | undefined => {
  const { usage_metadata: usage }: JsonObject = { ...reply }
  if (!isObject(usage) || typeof usage.input_tokens !== "number") return undefined
  const { input_token_details: details, input_tokens: inputTokens, output_tokens: output } = usage
  const cachedTokens = isObject(details) ? readNumber(details.cache_read) : undefined
  return { inputTokens, cachedTokens, outputTokens: readNumber(output) }
}

// ── storing ──

/** Messages of the log that are read to find the latest one of the state. */
const RECENT = 100

/** Stores what is new in the state, and runs an agent on the session. */
const runTurn = async <A>(
  sessions: Sessions,
  sessionId: string,
  state: ReadonlyArray<BaseMessage>,
  step: StepOptions,
  signal: AbortSignal | undefined,
  agent: (turn: Turn) => A | PromiseLike<A>
): Promise<A> => {
  // The reducer of LangGraph gives each message an id: only a state that was made by hand has some without.
  for (const message of state) message.id ??= randomUUID()
  await beginOrGoBack(sessions, sessionId, state)
  return sessions.turn(
    sessionId,
    async (turn) => {
      await storeNew(sessions, turn, state, step)
      return agent(turn)
    },
    { signal }
  )
}

/** Begins the session with its first message, or takes it back to where the state is. */
const beginOrGoBack = async (sessions: Sessions, sessionId: string, state: ReadonlyArray<BaseMessage>) => {
  const latest = await latestOf(sessions, sessionId)
  const [first] = state
  if (latest === undefined) {
    if (first !== undefined) await deliver(sessions, sessionId, first, 0)
    return
  }
  const ids = new Set(state.map(({ id }) => id))
  const isOfState = ({ message }: Logged) => ids.has(idOf(message))
  const last = latest.findLastIndex(isOfState)
  const hasLeft = latest.slice(last + 1).some(({ message }) => idOf(message) !== undefined)
  const entry = latest[last]
  if (entry !== undefined && hasLeft) await sessions.rewind(sessionId, entry.seq)
}

const storeNew = async (sessions: Sessions, turn: Turn, state: ReadonlyArray<BaseMessage>, step: StepOptions) => {
  const { sessionId } = turn
  // What began the session still waits to be taken up.
  if ((await sessions.latest(sessionId, 1)).length === 0) await turn.view(step)
  const latest = await sessions.latest(sessionId, RECENT)
  const known = new Set(latest.map(({ message }) => idOf(message)))
  const from = state.findLastIndex(({ id }) => known.has(id)) + 1
  let replies: Array<Message> = []
  for (const message of state.slice(from)) {
    if (message.type !== "human") replies.push(readMessage(message))
    else {
      await turn.append(...replies)
      replies = []
      await deliver(sessions, sessionId, message, latest.at(-1)?.seq ?? 0)
      await turn.view(step)
    }
  }
  await turn.append(...replies)
}

/** The key is that of the message in this place of the log: a state that went back may say the same again. */
const deliver = (sessions: Sessions, sessionId: string, message: BaseMessage, after: number) =>
  sessions.deliver(sessionId, readMessage(message), {
    key: `${message.id} after ${after}`,
    kind: message.type === "human" ? "request" : "notification"
  })

/** Undefined for a session that has not begun. */
const latestOf = async (sessions: Sessions, sessionId: string): Promise<ReadonlyArray<Logged> | undefined> => {
  try {
    return await sessions.latest(sessionId, RECENT)
  } catch (error) {
    if (error instanceof UnknownSession) return undefined
    throw error
  }
}

// ── tools ──

const makeTools = (
  sessions: Sessions,
  findSession: (configurable?: Configurable) => string,
  findStep: (sessionId: string) => StepOptions
) =>
  definitions.map(({ function: { description, name, parameters } }) =>
    tool(
      async (input, { configurable, signal }) => {
        const call = { id: name, type: "function", function: { name, arguments: JSON.stringify(input) } } as const
        const id = findSession(configurable)
        const answer = await sessions.turn(id, (turn) => turn.answer(call, findStep(id)), { signal })
        return typeof answer?.content === "string" ? answer.content : JSON.stringify(answer?.content)
      },
      { name, description, schema: { ...parameters, properties: { ...parameters.properties } } }
    )
  )
