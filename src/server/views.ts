/** Views as they are answered: in the format of an API, with its parts marked. */
import * as Either from "effect/Either"
import * as MessageFormat from "../format/MessageFormat.ts"
import { InvalidMessage, type Message } from "../message/Message.ts"
import type { Counter } from "../message/Tokens.ts"
import type { State } from "../session/Session.ts"
import type { View } from "../view/View.ts"
import type { ViewAnswer } from "./endpoints/answers.ts"

const PARTS = [
  ["system", "system"],
  ["head", "head"],
  ["handoff", "handoff"],
  ["live", "requests"],
  ["tail", "tail"]
] as const

/** Writes a view in a format. `tools` are those of the step, whose cache marks count. */
export const describeView = (
  { generation, messages, open, parts, repairs, sessionId, tokens }: View,
  format: MessageFormat.MessageFormat,
  tools?: ReadonlyArray<unknown>
): Either.Either<ViewAnswer, InvalidMessage> =>
  Either.try({
    try: () => {
      const written = writeMessages(format, messages, tools)
      let from = 0
      let items = 0
      const marked = PARTS.map(([name, part]) => {
        from += parts[name].messages
        const before = items
        items = format === "chat" ? from : countItems(format, messages, from, written.messages.length)
        return { part, items: items - before, ...parts[name] }
      })
      return { sessionId, generation, format, ...written, tokens, parts: marked, repairs, open }
    },
    catch: (cause) => (cause instanceof InvalidMessage ? cause : new InvalidMessage({ issue: `no ${format}` }))
  })

/** How many items the first messages of a view become. */
const countItems = (
  format: MessageFormat.MessageFormat,
  messages: ReadonlyArray<Message>,
  to: number,
  all: number
): number => (to === messages.length ? all : writeMessages(format, messages.slice(0, to)).messages.length)

const writeMessages = (
  format: MessageFormat.MessageFormat,
  messages: ReadonlyArray<Message>,
  tools?: ReadonlyArray<unknown>
): Pick<ViewAnswer, "messages" | "system"> => {
  const written = MessageFormat.encode(format, messages, { tools })
  return Array.isArray(written) ? { messages: written } : written
}

/** Reads what was sent in a format as chat messages. Those of the format `chat` the library checks itself. */
export const readMessages = (
  format: MessageFormat.MessageFormat,
  given: ReadonlyArray<unknown>
): Either.Either<ReadonlyArray<Message>, InvalidMessage> => MessageFormat.decode(format, given)

/** About what a view of this state has, from the sizes that are known without assembling it. */
export const estimateView = ({ head, live, manifest, segments, system, tail }: State, counter: Counter): number => {
  const shortened = new Map(manifest.excerpts.map(({ seq, tokens }) => [seq, tokens] as const))
  const sum = (entries: ReadonlyArray<{ readonly seq: number; readonly tokens: number }>): number =>
    entries.reduce((total, { seq, tokens }) => total + (shortened.get(seq) ?? tokens), 0)
  const handoff = segments.reduce((total, { tokens }) => total + tokens, 0) + counter.text(manifest.ledger)
  return sum(system) + sum(head) + handoff + sum(live) + sum(tail)
}
