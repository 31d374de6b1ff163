/**
 * Sessions for the OpenAI Agents SDK that outlive the window of their model: a `Session`, and the filter that gives each
 * model call a view that fits.
 *
 * @since 0.1.0
 */
import {
  type CallModelInputFilter,
  type ModelProvider,
  type ModelRequest,
  type Session,
  type Tool,
  tool
} from "@openai/agents-core"
import { isObject, readNumber } from "../format/json.ts"
import {
  InvalidRewind,
  type Message,
  type Sessions,
  type StepOptions,
  type StepUsage,
  tools as definitions,
  type Turn,
  UnknownSession,
  type View
} from "../promise/Promise.ts"
import { readItems, writeItems } from "./items.ts"
import { wrapProvider } from "./rescue.ts"
import { makeRunItems, withoutAnswerIds } from "./runItems.ts"

/**
 * Options of every model call: the window of a model that is not the policy's, and what its API takes, such as
 * `imagesInToolResults: true` for the Responses API.
 *
 * @since 0.1.0
 * @category models
 */
export type ModelOptions = Omit<StepOptions, "system" | "tools">

/**
 * What a run of the SDK needs of a session. One object serves one run at a time; make as many as you like.
 *
 * - `getItems` returns the items of the view, and `[]` for a session that has not begun; with a limit, the newest of them
 * - `addItems` stores items; they are on disk when the promise is fulfilled
 * - `popItem` takes back the newest item of the log, which `recall` then finds no more
 * - `clearSession` ends the working context; the log stays
 *
 * Each throws the typed errors of `throughline/Promise`.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentSession extends Session {
  /**
   * Stores what has come since the last model call, and gives the model the view of the session. Give it to the run
   * together with the session. Its array has to be given to the model as it is.
   */
  readonly callModelInputFilter: CallModelInputFilter
  /**
   * Wraps the provider of the runner's models. A call that the server refuses as too long is made again on a smaller view;
   * throws `WindowExceeded` if nothing more can be left out. Give it to a runner together with the filter.
   */
  readonly modelProvider: (provider: ModelProvider) => ModelProvider
  /** Tools by which the model searches what left its view, and pins what must stay. Give them to the agent. */
  readonly tools: Array<Tool>
}

/**
 * Makes the session of an id. It begins with its first item.
 *
 * @example
 * const session = makeSession(sessions, "chat-42")
 * const { callModelInputFilter, tools } = session
 * await run(agent.clone({ tools }), "Where were we?", { session, callModelInputFilter })
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeSession = (sessions: Sessions, sessionId: string, options: ModelOptions = {}): AgentSession => {
  const runItems = makeRunItems()
  /** The step of the latest model call. */
  let sent: StepOptions = options
  const store = (items: ReadonlyArray<object>, step: StepOptions) =>
    storeMessages(sessions, sessionId, readItems(items.map(withoutAnswerIds)), step)

  const readView = async () => {
    const view = await ifBegun(sessions.turn(sessionId, (turn) => turn.view(options)))
    return view === undefined || isEmpty(view) ? [] : writeItems(view.messages)
  }

  const filter: CallModelInputFilter = async ({ agent, modelData }) => {
    if (runItems.isUnknown()) runItems.begin(await readView())
    const { input, instructions } = modelData
    const sentBeside = [instructions ?? "", ...agent.tools.map(describeTool)]
    sent = { ...options, tools: sentBeside }
    const view = await store(runItems.takeNew(input), sent)
    return { ...modelData, input: runItems.show(writeItems(view.messages), input) }
  }

  /** The filter has made the first view, and the runner knows its items again. */
  const callOnView = <A>(request: ModelRequest, call: (request: ModelRequest) => Promise<A>): Promise<A> => {
    let isFirst = true
    return sessions.turn(
      sessionId,
      async (turn) => {
        const answer = await turn.step(({ messages }) => {
          const input = isFirst ? request.input : [...writeItems(messages)]
          isFirst = false
          return call({ ...request, input })
        }, sent)
        const usage = readUsage(answer)
        if (usage !== undefined) await turn.report(usage)
        return answer
      },
      { signal: request.signal }
    )
  }

  const popItem = async () => {
    for (;;) {
      const latest = (await ifBegun(sessions.latest(sessionId, 2))) ?? []
      const last = latest.at(-1)
      if (last === undefined) return undefined
      await rewind(sessions, sessionId, latest.at(-2)?.seq ?? last.seq - 1)
      const items = writeItems([last.message])
      await store(items.slice(0, -1), options)
      if (items.length > 0) return items.at(-1)
    }
  }

  return {
    getSessionId: async () => sessionId,
    getItems: async (limit) => {
      const items = await readView()
      runItems.begin(items)
      return items.slice(limit === undefined ? 0 : Math.max(0, items.length - Math.max(0, limit)))
    },
    addItems: async (items) => {
      const unstored = runItems.takeUnstored(items)
      if (unstored.length > 0) await store(unstored, options)
    },
    popItem,
    clearSession: async () => void (await ifBegun(sessions.reset(sessionId))),
    // Since 0.19 the runner need not copy the whole input for the filter, which changes none of it.
    callModelInputFilter: Object.assign(filter, { preserveInputIdentity: true }),
    modelProvider: (provider) => wrapProvider(provider, callOnView),
    tools: makeTools(sessions, sessionId, () => sent)
  }
}

/** Undefined for a session that has not begun. */
const ifBegun = async <A>(result: Promise<A>): Promise<A | undefined> => {
  try {
    return await result
  } catch (error) {
    if (error instanceof UnknownSession) return undefined
    throw error
  }
}

/** A view is never without a message: a stand-in opens that of an empty context. */
const isEmpty = ({ repairs }: View): boolean => repairs.some(({ kind, seq }) => kind === "opening" && seq === 0)

/** Rewinds to the message `seq`, or to the one before it that was not taken back. */
const rewind = async (sessions: Sessions, sessionId: string, seq: number): Promise<void> => {
  for (let to = seq; ; to--) {
    try {
      await sessions.rewind(sessionId, to)
      return
    } catch (error) {
      if (!(error instanceof InvalidRewind) || error.reason !== "undone") throw error
    }
  }
}

/** Stores messages in their order and returns the view with them. What a user said is delivered: it wants an answer. */
const storeMessages = async (
  sessions: Sessions,
  sessionId: string,
  messages: ReadonlyArray<Message>,
  step: StepOptions
): Promise<View> => {
  const firstReply = messages.findIndex(({ role }) => role !== "user")
  const requests = messages.slice(0, firstReply < 0 ? messages.length : firstReply)
  const rest = messages.slice(requests.length)
  for (const request of requests) await sessions.deliver(sessionId, request)
  try {
    return await sessions.turn(sessionId, async (turn) => {
      if (requests.length > 0 && rest.length > 0) await turn.view(step)
      await storeInTurn(sessions, turn, rest, step)
      return turn.view(step)
    })
  } catch (error) {
    const [first, ...others] = rest
    if (!(error instanceof UnknownSession) || first === undefined) throw error
    // A session begins with a delivery, whoever spoke first.
    await sessions.deliver(sessionId, first, { kind: "notification" })
    return storeMessages(sessions, sessionId, others, step)
  }
}

const storeInTurn = async (sessions: Sessions, turn: Turn, messages: ReadonlyArray<Message>, step: StepOptions) => {
  let replies: Array<Message> = []
  for (const message of messages) {
    if (message.role !== "user") replies.push(message)
    else {
      await turn.append(...replies)
      replies = []
      await sessions.deliver(turn.sessionId, message)
      await turn.view(step)
    }
  }
  await turn.append(...replies)
}

/** Describes a tool by what is sent of it, as far as it counts. */
const describeTool = (tool: Tool): object =>
  tool.type === "function"
    ? { type: tool.type, name: tool.name, description: tool.description, parameters: tool.parameters }
    : { type: tool.type, name: tool.name }

/** Reads the provider's count; undefined if it gave none. */
const readUsage = (answer: unknown): StepUsage | undefined => {
  const usage = isObject(answer) ? answer.usage : undefined
  const inputTokens = isObject(usage) ? readNumber(usage.inputTokens) : undefined
  if (!isObject(usage) || inputTokens === undefined || inputTokens <= 0) return undefined
  const [details] = Array.isArray(usage.inputTokensDetails) ? usage.inputTokensDetails : []
  const cachedTokens = isObject(details) ? readNumber(details.cached_tokens) : undefined
  return { inputTokens, cachedTokens, outputTokens: readNumber(usage.outputTokens) }
}

const makeTools = (sessions: Sessions, sessionId: string, readStep: () => StepOptions): Array<Tool> =>
  definitions.map(({ function: { description, name, parameters } }) =>
    tool({
      name,
      description,
      parameters,
      execute: async (input: unknown, _context, details) => {
        const call = { id: name, type: "function", function: { name, arguments: JSON.stringify(input) } } as const
        const answer = await sessions.turn(sessionId, (turn) => turn.answer(call, readStep()), {
          signal: details?.signal
        })
        return typeof answer?.content === "string" ? answer.content : JSON.stringify(answer?.content)
      }
    })
  )
