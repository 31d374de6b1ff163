/**
 * Sends real sessions through every format and prints what came back: `npx tsx scratch/formats/roundTrips.ts FILE...`
 *
 * There: chat messages -> format -> chat messages, and the same through JSON. And back: the format's messages -> chat messages -> format.
 */
import * as Either from "effect/Either"
import { readFileSync } from "node:fs"
import { isDeepStrictEqual } from "node:util"
import * as MessageFormat from "../../src/format/MessageFormat.ts"
import * as Message from "../../src/message/Message.ts"
import * as Tokens from "../../src/message/Tokens.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"

const words = (messages: ReadonlyArray<object>): string =>
  JSON.stringify(messages.map((message) => ({ ...message, native: undefined })))

const countTokens = (messages: ReadonlyArray<Message.Message>): number =>
  messages.reduce((sum, message) => sum + Tokens.estimate.message(message), 0)

/** All that is said, wherever one message ends, with calls as values: formats that hold values know no spaces between. */
const listWords = (messages: ReadonlyArray<Message.Message>): string =>
  messages
    .flatMap((message) => [
      Message.text(message),
      ...Message.toolCalls(message).map((call) => `${Message.callName(call)} ${compact(Message.callInput(call))}`)
    ])
    .filter((words) => words !== "")
    .join("\n")

const compact = (input: string): string =>
  Either.getOrElse(
    Either.try(() => JSON.stringify(JSON.parse(input))),
    () => input
  )

const plainSize = (value: unknown): number => JSON.stringify(value).length

for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, "utf8")
  const { format: fileFormat, sessions } = Either.getOrThrow(Transcripts.parse(text, { file }))
  const count = sessions.reduce((sum, { messages }) => sum + messages.length, 0)
  console.log(`${file}: ${fileFormat}, ${sessions.length} sessions, ${count} messages`)
  for (const format of MessageFormat.MessageFormat.literals) {
    let there = 0
    let same = 0
    let equal = 0
    let copied = 0
    let said = 0
    let back = 0
    let bytes = 0
    let nativeBytes = 0
    let tokens = 0
    let plainTokens = 0
    const started = performance.now()
    for (const { messages } of sessions) {
      const encoded = MessageFormat.encode(format, messages)
      const recalled = Either.getOrThrow(MessageFormat.decode(format, encoded))
      const decoded = Either.getOrThrow(MessageFormat.decode(format, JSON.parse(JSON.stringify(encoded))))
      same += recalled.filter((message, i) => isDeepStrictEqual(message, messages[i])).length
      there += isDeepStrictEqual(recalled, messages) ? 1 : 0
      copied += isDeepStrictEqual(decoded, messages) ? 1 : 0
      said += listWords(decoded) === listWords(messages) ? 1 : 0
      equal += decoded.filter((message, i) => isDeepStrictEqual(message, messages[i])).length
      back += isDeepStrictEqual(MessageFormat.encode(format, decoded), encoded) ? 1 : 0
      bytes += plainSize(decoded)
      nativeBytes += plainSize(decoded) - words(decoded).length
      tokens += countTokens(decoded)
      plainTokens += countTokens(messages)
    }
    const milliseconds = performance.now() - started
    console.log(
      `  ${format.padEnd(16)} there ${there}/${sessions.length} sessions (${same}/${count} messages in place), ` +
        `through JSON ${copied}/${sessions.length} sessions (${equal}/${count} messages in place, ` +
        `words of ${said} sessions), ` +
        `back ${back}/${sessions.length}, native ${nativeBytes} of ${bytes} characters, ` +
        `tokens ${tokens}/${plainTokens}, ${milliseconds.toFixed(0)} ms`
    )
  }
}
