/** Finds what a prompt has beyond the log of its session, and stores it. */
import type * as Prompt from "@effect/ai/Prompt"
import * as Effect from "effect/Effect"
import type { Gateway } from "../gateway/Gateway.ts"
import type { Turn } from "../gateway/Turn.ts"
import * as Message from "../message/Message.ts"
import type { Logged, SessionId } from "../session/Session.ts"
import type { SessionStore } from "../store/SessionStore.ts"
import { decodeMessage } from "./prompts.ts"

export interface Services {
  readonly gateway: Gateway["Type"]
  readonly store: SessionStore["Type"]
}

/** A prompt whose instructions stand before its conversation. */
export interface SplitPrompt {
  readonly system: ReadonlyArray<Prompt.SystemMessage>
  readonly conversation: ReadonlyArray<Prompt.Message>
}

/** Instructions within the conversation are part of it. */
export const splitPrompt = ({ content }: Prompt.Prompt): SplitPrompt => {
  const system: Array<Prompt.SystemMessage> = []
  for (const message of content) {
    if (message.role !== "system") break
    system.push(message)
  }
  return { system, conversation: content.slice(system.length) }
}

/** The newest messages of the log that a prompt may have at its end: those of an answer that its program did not get are not. */
const RECENT = 16

/** Stores what the prompt of a call has beyond the log. A prompt that has nothing more asks its last question again. */
export const recordCall = (services: Services, turn: Turn, conversation: SplitPrompt["conversation"]) =>
  Effect.gen(function* () {
    const recent = yield* readRecent(services, turn)
    const { fresh, isBehind } = yield* findFresh(conversation, recent)
    const again = fresh.length === 0 && isBehind ? yield* readQuestion(conversation) : fresh
    yield* turn.append(...again)
  })

/** Stores what a history has beyond the log, in a turn of its own. */
export const recordHistory = (services: Services, sessionId: SessionId, conversation: SplitPrompt["conversation"]) =>
  Effect.gen(function* () {
    if (conversation.length === 0) return
    yield* beginSession(services, sessionId, conversation)
    const { lastSeq, tail } = yield* services.store.state(sessionId)
    if (lastSeq > 0 && (yield* findFresh(conversation, tail.slice(-RECENT))).fresh.length === 0) return
    yield* services.gateway.turn(sessionId, (turn) =>
      Effect.gen(function* () {
        const { fresh } = yield* findFresh(conversation, yield* readRecent(services, turn))
        yield* turn.append(...fresh)
      })
    )
  })

/** A session begins with a delivery. */
export const beginSession = (
  { gateway, store }: Services,
  sessionId: SessionId,
  [first]: SplitPrompt["conversation"]
) =>
  store.state(sessionId).pipe(
    Effect.asVoid,
    Effect.catchTag("UnknownSession", (unknown) =>
      Effect.gen(function* () {
        const [message] = first === undefined ? [] : yield* decodeMessage(first)
        if (message === undefined) return yield* unknown
        yield* gateway.deliver(sessionId, message)
      })
    )
  )

const readRecent = ({ store }: Services, turn: Turn) =>
  Effect.gen(function* () {
    const state = yield* store.state(turn.sessionId)
    // What began the session stands in its inbox.
    if (state.lastSeq === 0) yield* turn.view()
    const { lastSeq, tail } = state.lastSeq === 0 ? yield* store.state(turn.sessionId) : state
    return tail.length > 0 ? tail.slice(-RECENT) : yield* store.range(turn.sessionId, lastSeq - RECENT + 1, lastSeq)
  })

interface Fresh {
  readonly fresh: ReadonlyArray<Message.Message>
  /** The log goes on behind the last message of the prompt that it has. */
  readonly isBehind: boolean
}

/** Looks from the end of the prompt for the newest message of the log that it has, so that its beginning is never read. */
const findFresh = (
  conversation: SplitPrompt["conversation"],
  recent: ReadonlyArray<Logged>
): Effect.Effect<Fresh, Message.InvalidMessage> =>
  Effect.gen(function* () {
    const newest = recent.at(-1)
    const last = newest === undefined ? undefined : identify(newest.message)
    const unseen: Array<Message.Message> = []
    for (let i = conversation.length - 1; i >= 0; i--) {
      for (const chat of (yield* decodeMessage(conversation[i]!)).toReversed()) {
        if (identify(chat) === last) return { fresh: unseen.toReversed(), isBehind: false }
        unseen.push(chat)
      }
    }
    const all = unseen.toReversed()
    const ids = all.map(identify)
    for (const { message } of recent.toReversed()) {
      const at = ids.lastIndexOf(identify(message))
      if (at >= 0) return { fresh: all.slice(at + 1), isBehind: true }
    }
    return { fresh: all, isBehind: false }
  })

/** The words and calls of a message, which a program has as the model gave them. Reasoning and metadata it may not have. */
const identify = (message: Message.Message): string => {
  const calls = Message.toolCalls(message).map((call) => [call.id, Message.callName(call), Message.callInput(call)])
  return JSON.stringify([message.role, Message.text(message), calls, message.role === "tool" && message.tool_call_id])
}

/** What stands after the last answer of a prompt; all of it if there is none. */
const readQuestion = (conversation: SplitPrompt["conversation"]) => {
  const from = conversation.findLastIndex(({ role }) => role === "assistant") + 1
  return Effect.map(Effect.forEach(conversation.slice(from), decodeMessage), (messages) => messages.flat())
}
