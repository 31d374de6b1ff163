/** `Chat.Persistence` on the store of sessions: a chat is a session, and no second copy of it is kept. */
import * as Chat from "@effect/ai/Chat"
import type * as LanguageModel from "@effect/ai/LanguageModel"
import * as Prompt from "@effect/ai/Prompt"
import { PersistenceBackingError } from "@effect/experimental/Persistence"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import type { NoExcessProperties } from "effect/Types"
import { SessionId } from "../session/Session.ts"
import { type AnyTools, CurrentSession } from "./keepWithin.ts"
import { encodeMessages } from "./prompts.ts"
import { recordHistory, type Services, splitPrompt } from "./recordPrompt.ts"

export const makePersistence = (services: Services): Chat.Persistence.Service => {
  const read = (chatId: string) =>
    Effect.map(services.gateway.view(SessionId.make(chatId, true)), ({ messages }) =>
      Prompt.fromMessages(encodeMessages(messages))
    )

  const open = (chatId: string, history: Prompt.Prompt) =>
    Effect.map(Chat.fromPrompt(history), (chat) => persist(services, chatId, chat))

  return {
    get: (chatId) =>
      read(chatId).pipe(
        Effect.flatMap((history) => open(chatId, history)),
        Effect.catchTags({
          UnknownSession: () => new Chat.ChatNotFoundError({ chatId }),
          StoreError: (error) => Effect.fail(PersistenceBackingError.make("get", error))
        })
      ),
    getOrCreate: (chatId) =>
      read(chatId).pipe(
        Effect.catchTags({
          UnknownSession: () => Effect.succeed(Prompt.empty),
          StoreError: (error) => Effect.fail(PersistenceBackingError.make("getOrCreate", error))
        }),
        Effect.flatMap((history) => open(chatId, history))
      )
  }
}

/** Its calls belong to the session of the same id. What its model has not stored already is stored after each. */
const persist = (services: Services, id: string, chat: Chat.Service): Chat.Persisted => {
  const save = Effect.flatMap(Ref.get(chat.history), (history) =>
    recordHistory(services, SessionId.make(id, true), splitPrompt(history).conversation)
  ).pipe(Effect.mapError((error) => PersistenceBackingError.make("save", error)))
  const saveOrDie = Effect.orDie(save)
  const inSession = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.ensuring(Effect.provideService(call, CurrentSession, id), saveOrDie)

  return {
    ...chat,
    id,
    save,
    generateText: <
      Options extends NoExcessProperties<LanguageModel.GenerateTextOptions<AnyTools>, Options>,
      Tools extends AnyTools = {}
    >(
      options: Options & LanguageModel.GenerateTextOptions<Tools>
    ) => inSession(chat.generateText<Options, Tools>(options)),
    generateObject: <
      A,
      I extends Record<string, unknown>,
      R,
      Options extends NoExcessProperties<LanguageModel.GenerateObjectOptions<AnyTools, A, I, R>, Options>,
      Tools extends AnyTools = {}
    >(
      options: Options & LanguageModel.GenerateObjectOptions<Tools, A, I, R>
    ) => inSession(chat.generateObject<A, I, R, Options, Tools>(options)),
    streamText: <
      Options extends NoExcessProperties<LanguageModel.GenerateTextOptions<AnyTools>, Options>,
      Tools extends AnyTools = {}
    >(
      options: Options & LanguageModel.GenerateTextOptions<Tools>
    ) =>
      chat
        .streamText<Options, Tools>(options)
        .pipe(Stream.provideService(CurrentSession, id), Stream.ensuring(saveOrDie))
  }
}
