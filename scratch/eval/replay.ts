/** A session told to a gateway, turn by turn, compressed after each round, and looked at after each compression. */
import { Effect, Layer, Logger, LogLevel, Redacted } from "effect"
import type { CompressionResult } from "../../src/session/CompressionResult.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import * as Provider from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { type Manifest, SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { estimate } from "../../src/message/Tokens.ts"
import type { View } from "../../src/view/View.ts"
import type { Write } from "./oracle.ts"
import type { Session, Turn } from "./session.ts"

export const id = SessionId.make("evaluated")

/** The session right after a compression. `open` is the turn it fell into, if any; `answered` came before. */
export interface Stage {
  readonly result: CompressionResult
  readonly view: View
  readonly manifest: Manifest
  readonly open: Turn | null
  readonly answered: ReadonlyArray<Turn>
}

export interface Replay {
  readonly stages: ReadonlyArray<Stage>
  /** The text of every message, calls included; that of `seq` n stands at n - 1. */
  readonly texts: ReadonlyArray<string>
  readonly tokens: number
}

const fake = { model: "fake", baseUrl: "http://fake.invalid/v1", apiKey: Redacted.make("fake") }

export interface World {
  readonly contextLength: number
  /** Who summarizes; null is the embedded summarizer. */
  readonly write: Write | null
  /** The summarizer's own window, if it is not the conversation's. */
  readonly window?: number
  /** Default: only when told to. */
  readonly mode?: "manual" | "background"
  /** Default: a store that is gone afterwards. */
  readonly filename?: string
}

/** A whole gateway on a temporary store, and what its summarizer was asked and answered. */
export const world = ({ contextLength, filename, mode = "manual", window, write }: World) => {
  const answers: Array<string> = []
  const model = Scripted.make([
    (request) => {
      const answer = write?.(request) ?? ""
      answers.push(answer)
      return answer
    }
  ])
  const layer = Gateway.layer({
    policy: { contextLength, mode },
    routes: write === null ? [] : [Provider.route({ ...fake, contextLength: window ?? contextLength })]
  }).pipe(
    Layer.provideMerge(
      filename === undefined ? Sqlite.layerTemporary : Sqlite.layer({ filename, durability: "process" })
    ),
    Layer.provide(model.layer),
    Layer.provideMerge(Logger.minimumLogLevel(LogLevel.Error))
  )
  return { layer, requests: model.requests, answers }
}

/** In every second round the compression falls into the middle of the last turn. */
export const replay = Effect.fnUntraced(function* (session: Session) {
  const gateway = yield* Gateway.Gateway
  const store = yield* SessionStore
  const stages: Array<Stage> = []
  const texts: Array<string> = []
  const answered: Array<Turn> = []
  let tokens = 0

  const note = (message: Message.Message) => {
    texts.push([Message.text(message), ...Message.toolCalls(message).map(Message.callInput)].join("\n"))
    tokens += estimate.message(message)
  }
  const compress = (open: Turn | null) =>
    Effect.gen(function* () {
      const result = yield* gateway.compress(id)
      const view = yield* gateway.view(id)
      const { manifest } = yield* store.state(id)
      stages.push({ result, view, manifest, open, answered: [...answered] })
    })
  const answer = (turn: Turn, isCut: boolean) =>
    Effect.gen(function* () {
      const request: Message.Message = { role: "user", content: turn.request }
      yield* gateway.deliver(id, request)
      const half = isCut ? turn.messages.length - 3 : turn.messages.length
      yield* gateway.turn(id, (handle) =>
        Effect.gen(function* () {
          yield* handle.view()
          yield* handle.append(...turn.messages.slice(0, half))
          if (isCut) yield* compress(turn)
          yield* handle.append(...turn.messages.slice(half))
        })
      )
      for (const message of [request, ...turn.messages]) note(message)
      answered.push(turn)
    })

  for (const [n, turns] of session.rounds.entries()) {
    const isCut = n % 2 === 1
    for (const turn of turns) yield* answer(turn, isCut && turn === turns.at(-1))
    if (!isCut) yield* compress(null)
  }
  return { stages, texts, tokens } satisfies Replay
})

/** The text of a view, as its reader has it. */
export const textOf = ({ messages }: View): string => messages.map(Message.text).join("\n")

/** The texts that a stage's segments stand for, or stood for. */
export const textsCovered = ({ manifest: { headTo, tailFrom } }: Stage, { texts }: Replay): ReadonlyArray<string> =>
  texts.slice(headTo, tailFrom - 1)

/** The messages of turns, as a log has them. */
export const messagesOf = (turns: ReadonlyArray<Turn>): ReadonlyArray<Message.Message> =>
  turns.flatMap(({ messages, request }): ReadonlyArray<Message.Message> => [
    { role: "user", content: request },
    ...messages
  ])
