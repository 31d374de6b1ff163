/** Sessions as files of other agents: what was read from such a file is read again, and what is not kept is told. */
import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import { type Message, parts } from "../../src/message/Message.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import * as TranscriptWriter from "../../src/transcripts/TranscriptWriter.ts"
import { any, healthy } from "../support/histories.ts"
import { propertyRuns } from "../support/repetitions.ts"

const AT = 1_780_000_000_000

const write = (messages: ReadonlyArray<Message>, format: TranscriptWriter.WritableFormat) => {
  const entries = messages.map((message, index) => ({ message, at: AT + index }))
  return Either.getOrThrow(TranscriptWriter.write({ sessionId: "s-1", entries, folder: "/work" }, format))
}

const read = (text: string, format: Transcripts.Format | "auto" = "auto") =>
  Either.map(Transcripts.parse(text, { file: "f", format, strict: true }), ({ sessions }) =>
    sessions.flatMap(({ messages }) => messages)
  )

/** Codex writes a text as a part, alone. JSON has no negative zero. */
const unwrap = (said: Message): unknown => {
  const message: Message = JSON.parse(JSON.stringify(said))
  const [part, ...others] = parts(message)
  const isText = part?.type === "text" && others.length === 0 && Object.keys(part).length === 2
  return isText ? { ...message, content: part.text } : message
}

const AGENTS = ["claude-code", "codex", "pi"] as const

describe("a session written as a file of", () => {
  for (const format of TranscriptWriter.WritableFormat.literals) {
    it.prop(
      `${format}: what was read from such a file is read again as it was`,
      [healthy],
      ([entries]) => {
        const first = read(
          write(
            entries.map(({ message }) => message),
            format
          ).text,
          format
        )
        if (Either.isLeft(first)) return
        const { changed, text } = write(first.right, format)
        assert.deepStrictEqual(Either.getOrThrow(read(text, format)), first.right)
        assert.deepStrictEqual(changed, [])
      },
      propertyRuns(10, 500)
    )

    it.prop(
      `${format}: each message of any history is read again as it was, or told`,
      [any],
      ([entries]) => {
        const messages = entries.map(({ message }) => message)
        const { changed, text } = write(messages, format)
        const again = Either.getOrElse(read(text, format), () => []).map(unwrap)
        const kept = messages.filter((_, index) => !changed.includes(index)).map(unwrap)
        for (const message of kept) assert.deepInclude(again, message)
      },
      propertyRuns(10, 500)
    )
  }

  for (const format of AGENTS) {
    it(`${format} is known as such, keeps the id, and is the same each time`, () => {
      const messages: ReadonlyArray<Message> = [
        { role: "user", content: "Where is invoice 7?" },
        {
          role: "assistant",
          content: "I look.",
          tool_calls: [{ id: "call_1", type: "function", function: { name: "find", arguments: '{"n":7}' } }]
        },
        { role: "tool", tool_call_id: "call_1", content: "paid" },
        { role: "assistant", content: "It is paid." }
      ]
      const { changed, text } = write(messages, format)
      const transcript = Either.getOrThrow(Transcripts.parse(text, { file: "f" }))
      assert.strictEqual(transcript.format, format)
      assert.deepStrictEqual(
        transcript.sessions.map(({ messages, sessionId }) => ({ messages: messages.map(unwrap), sessionId })),
        [{ messages: [...messages], sessionId: "s-1" }]
      )
      assert.deepStrictEqual(changed, [])
      assert.strictEqual(write(messages, format).text, text)
    })

    it(`${format} has no place for a system prompt, and says so`, () => {
      const { changed } = write(
        [
          { role: "system", content: "Be brief." },
          { role: "user", content: "Hello" },
          { role: "assistant", content: "Hi." }
        ],
        format
      )
      assert.deepStrictEqual(changed, format === "codex" ? [] : [0])
    })
  }
})
