/** Makes the words of users and agents: they can be told apart wherever they turn up. */
import { Option, Schema } from "effect"
import * as Message from "../../src/message/Message.ts"
import type { DeliveryKind } from "../../src/session/Session.ts"

/**
 * A `task` from a user; a `note` from an agent to another, which is to be acknowledged; an `ack` about a note; a user's
 * `question` about a note. `about` is the id of another word, or "nothing".
 */
export const Word = Schema.Struct({
  kind: Schema.Literal("task", "note", "ack", "question"),
  id: Schema.String,
  from: Schema.String,
  about: Schema.String,
  text: Schema.String
})
export type Word = typeof Word.Type

export const render = ({ about, from, id, kind, text }: Word): string =>
  `[${kind} ${id} from ${from} about ${about}] ${text}`

/** An acknowledgement wants no answer. */
export const deliveryKind = ({ kind }: Word): DeliveryKind => (kind === "ack" ? "notification" : "request")

/** The word a message brought, if it is one. */
export const read = (message: Message.Message): Option.Option<Word> => {
  if (message.role !== "user") return Option.none()
  const [, kind, id, from, about, text] =
    /^\[(\w+) (\w+) from (\S+) about (\w+)\] (.*)$/.exec(Message.text(message)) ?? []
  return decode({ kind, id, from, about, text })
}

const decode = Schema.decodeUnknownOption(Word)

export const isAckOfAck = ({ about, kind }: Word): boolean => kind === "ack" && about.startsWith("A")

/** What a note says, as anybody who quotes it would. */
export const noteText = (value: number): string => `The value is ${value}.`

/** What a text says that the word with this id said; undefined if it does not hold the word. */
export const findQuote = (text: string, id: string): string | undefined =>
  new RegExp(String.raw`\[\w+ ${id} from \S+ about \w+\] ([^.\n]*\.)`).exec(text)?.[1]
