/** An agent in a session that another process works on at the same time; it reports each of its steps. */
import { setImmediate } from "node:timers/promises"
import { Effect, Layer, Logger, Schema } from "effect"
import { CompressionResult } from "../../src/session/CompressionResult.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as ModelServer from "./ModelServer.ts"
import { problems } from "./providerShapes.ts"
import { conversation, id, real } from "./world.ts"

/** The `tag` of a round is on each message it appends: see `tagOf`. `Waiting` says who else holds the lease. */
export const Said = Schema.Union(
  Schema.TaggedStruct("Ready", {}),
  Schema.TaggedStruct("Acknowledged", { arrival: Schema.Int, content: Schema.String }),
  Schema.TaggedStruct("Appended", { tag: Schema.String }),
  Schema.TaggedStruct("Waiting", { lease: Schema.String }),
  Schema.TaggedStruct("Compressed", { result: CompressionResult }),
  Schema.TaggedStruct("Lost", { unstored: Schema.Array(Message.Message) }),
  Schema.TaggedStruct("Done", { n: Schema.Int })
)
export type Said = typeof Said.Type
export type Say = (said: Said) => void

export interface Place {
  readonly filename: string
  readonly url: string
  readonly leaseTtl: number
}

/** A gateway on a file and a model that other processes use as well. */
export const gateway = ({ filename, leaseTtl, url }: Place, say: Say) => {
  const telling = Layer.effect(
    SessionStore,
    Effect.map(SessionStore, (store) => ({
      ...store,
      beginOperation: (...asked: Parameters<typeof store.beginOperation>) =>
        Effect.tap(store.beginOperation(...asked), ({ _tag }) => {
          if (_tag === "Held") say({ _tag: "Waiting", lease: "operation" })
        }),
      begin: (...asked: Parameters<typeof store.begin>) =>
        Effect.tap(store.begin(...asked), ({ _tag }) => {
          if (_tag === "Held") say({ _tag: "Waiting", lease: "turn" })
        })
    }))
  )
  const store = Layer.provideMerge(telling, Sqlite.layer({ filename }))
  return Layer.provideMerge(
    real({ routes: [ModelServer.route(url)], leaseTtl }, store),
    Logger.remove(Logger.defaultLogger)
  )
}

/** The round a message was appended in. */
export const tagOf = (message: Message.Message): string => {
  const [call] = Message.toolCalls(message)
  if (call !== undefined) return call.id
  return message.role === "tool" ? message.tool_call_id : Message.text(message)
}

const messagesOf = (tag: string, n: number): ReadonlyArray<Message.Message> => {
  const read = { id: tag, type: "function", function: { name: "read_file", arguments: "{}" } } as const
  const output = conversation(1, n)[2]

  return [
    { role: "assistant", content: null, tool_calls: [read] },
    { role: "tool", tool_call_id: tag, content: output === undefined ? "" : Message.text(output) },
    { role: "assistant", content: tag }
  ]
}

/** A delivery, and the turn that answers it with a tool call. `working` is what the tool does. */
export const answer = Effect.fnUntraced(function* (
  name: string,
  n: number,
  say: Say,
  working: Effect.Effect<unknown> = Effect.promise(() => setImmediate())
) {
  const { deliver, turn } = yield* Gateway
  const content = `${name} asks ${n}`
  const { arrival } = yield* deliver(id, { role: "user", content })
  say({ _tag: "Acknowledged", arrival, content })
  const [call, result, reply] = messagesOf(`${name}-${n}`, n)
  yield* turn(id, (turn) => {
    const append = (message: Message.Message | undefined) =>
      message === undefined
        ? Effect.void
        : Effect.map(turn.append(message), () => say({ _tag: "Appended", tag: tagOf(message) }))
    return Effect.gen(function* () {
      yield* checkView(turn.view())
      yield* append(call)
      yield* working
      yield* append(result)
      yield* checkView(turn.view())
      yield* append(reply)
    })
  })
})

const checkView = <E, R>(view: Effect.Effect<{ readonly messages: ReadonlyArray<Message.Message> }, E, R>) =>
  Effect.flatMap(view, ({ messages }) => {
    const found = problems(messages)
    return found.length === 0 ? Effect.void : Effect.dieMessage(found.join("; "))
  })

export const compress = (say: Say) =>
  Effect.map(
    Effect.flatMap(Gateway, ({ compress }) => compress(id)),
    (result) => say({ _tag: "Compressed", result })
  )
