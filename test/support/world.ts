/** A whole gateway for tests: in memory with a scripted model, or on a file with a real one on the loopback. */
import { Chunk, Effect, Layer, Logger, LogLevel, Stream } from "effect"
import * as Audit from "../../src/audit/Audit.ts"
import { Compressor, type CompressionRequest } from "../../src/compression/Compressor.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import type { StepOptions, Turn } from "../../src/gateway/Turn.ts"
import { renderSummary } from "./summaryText.ts"
import type { Message } from "../../src/message/Message.ts"
import type { Provider } from "../../src/model/Provider.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import { SessionId } from "../../src/session/Session.ts"
import type { StoreError } from "../../src/session/SessionError.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { layerMemory, type Services } from "../../src/store/SessionStore.ts"
import * as ModelServer from "./ModelServer.ts"

export const id = SessionId.make("chat-42")

/** Summaries that pass the gate. */
export const summary = (what: string): string =>
  renderSummary({
    goal: [`go on with ${what}`],
    constraints: ["never touch the migrations"],
    done: [`read about ${what}`],
    inProgress: [`work on ${what}`],
    blocked: [],
    decisions: ["keep the old interface"],
    errors: ["none that matter"],
    files: ["src/a.ts: read"],
    openWork: [`finish ${what}`],
    facts: ["port 8123"],
    said: []
  })

/** A window of 8,000 tokens, in which a conversation of some dozens of messages is long. */
export const policy = { contextLength: 8_000, mode: "preflight" } as const

/** The same policy where only callers ask for a compression. */
export const manual = { ...policy, mode: "manual" } as const

/** A route that only a scripted provider answers. */
export const route = ModelServer.route("http://scripted.invalid/v1")

/** A window of 6,000 tokens, which a conversation of a dozen rounds fills, and a second route for retries. */
export const crowded = { policy: { contextLength: 6_000 }, routes: [route, { ...route, model: "second-model" }] }

/** Sessions are in memory, unless a test is about another store. */
export const scripted = (
  provider: Layer.Layer<Provider>,
  options: Partial<Gateway.GatewayOptions> = {},
  store: Layer.Layer<Services, StoreError> = layerMemory
) => Gateway.layer({ policy, routes: [route], ...options }).pipe(Layer.provideMerge(store), Layer.provide(provider))

/** The real client; `store` is a file to share with others. */
export const real = (options: Partial<Gateway.GatewayOptions>, store = Sqlite.layerTemporary) =>
  Gateway.layer({ policy, routes: [], ...options }).pipe(Layer.provideMerge(store), Layer.provide(OpenAi.layer))

const paragraph = (n: number): string =>
  Array.from({ length: 24 }, (_, i) => `Item ${n}.${i} of the billing report refers to invoice ${n * 131 + i}.`).join(
    " "
  )

/** A conversation of `rounds` requests with one tool round each: about 370 tokens a round. */
export const conversation = (rounds: number, from = 0): ReadonlyArray<Message> =>
  Array.from({ length: rounds }, (_, k): ReadonlyArray<Message> => {
    const n = from + k
    const call = {
      id: `call_${n}`,
      type: "function",
      function: { name: "read_file", arguments: `{"path":"src/${n}.ts"}` }
    } as const
    return [
      { role: "user", content: `Please look at part ${n}.` },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: call.id, content: paragraph(n) },
      { role: "assistant", content: `Part ${n} is fine.` }
    ]
  }).flat()

/** Log lines as they are written, for tests that audit them. */
export const recordLogLines = () => {
  const lines: Array<string> = []
  const logger = Logger.make(
    ({ message }) => void lines.push(Array.isArray(message) ? message.join(" ") : String(message))
  )
  const level = Audit.messageLevel(LogLevel.Info)
  return { lines, layer: Layer.merge(Logger.replace(Logger.defaultLogger, logger), level) }
}

export const deliver = (...messages: ReadonlyArray<Message>) =>
  Effect.flatMap(Gateway.Gateway, ({ deliver }) => Effect.forEach(messages, (message) => deliver(id, message)))

/** Stores a session of these messages; without messages, none. */
export const importMessages = (messages: ReadonlyArray<Message>, sessionId = id) =>
  Effect.flatMap(SessionStore, (store) => store.importAll(messages.length === 0 ? [] : [{ sessionId, messages }]))

/** Stores a session of so many rounds of `conversation`. */
export const importRounds = (rounds = 12, sessionId = id) => importMessages(conversation(rounds), sessionId)

export const compressSession = (sessionId = id, request?: CompressionRequest) =>
  Effect.flatMap(Compressor, ({ compress }) => compress(sessionId, request))

/** Waits until no compression of the session is under way. */
export const awaitSettled = (sessionId = id) => Effect.flatMap(Compressor, ({ settled }) => settled(sessionId))

export const runTurn = <A, E, R>(agent: (turn: Turn) => Effect.Effect<A, E, R>, options?: Gateway.TurnOptions) =>
  Effect.flatMap(Gateway.Gateway, ({ turn }) => turn(id, agent, options))

/** Begins a turn of which nothing comes but its first view. */
export const viewStep = (options?: StepOptions) => runTurn(({ view }) => view(options))

export const readState = (sessionId = id) => Effect.flatMap(SessionStore, (store) => store.state(sessionId))

export const readGeneration = (sessionId = id) => Effect.map(readState(sessionId), ({ generation }) => generation)

/** The messages of log and inbox. */
export const readMessages = (sessionId = id) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(sessionId))).pipe(
    Effect.map((log) => Chunk.toReadonlyArray(log).map(({ message }) => message))
  )

/** Waits until the scripted model has been asked `n` times: only then does the clock of its answer run. */
export const awaitRequests = (model: { readonly requests: ReadonlyArray<unknown> }, n: number) =>
  Effect.repeat(Effect.yieldNow(), { until: () => model.requests.length >= n })
