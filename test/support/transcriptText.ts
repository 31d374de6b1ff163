/** Shows a transcript as a person would read it aloud: a line for each message, and each call beside its words. */
import { Either } from "effect"
import { assert } from "@effect/vitest"
import { compare } from "./count/compare.ts"
import * as Message from "../../src/message/Message.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"

/** One JSON object per line. */
export const lines = (...rows: ReadonlyArray<unknown>): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("")

export const readTranscript = (
  text: string,
  options: Transcripts.ReadOptions & { readonly file?: string } = {}
): Transcripts.Transcript => {
  const transcript = Either.getOrThrow(Transcripts.parse(text, { file: "chat", ...options }))
  if (Object.keys(options).length === 0) assertCounted(text, transcript)
  return transcript
}

/** Asserts that who counts without the readers finds the same messages, texts, calls and results. */
export const assertCounted = (text: string, transcript: Transcripts.Transcript) =>
  assert.deepStrictEqual(compare(text, transcript), [])

export const failTranscript = (text: string, options: Transcripts.ReadOptions = {}): Transcripts.ImportError =>
  Either.getOrThrow(Either.flip(Transcripts.parse(text, { file: "chat", ...options })))

/** Each session of a text by its id, as lines such as `assistant: I look. [read {"path":"a"} #1]` and `tool #1: found`. */
export const tell = (text: string, options: Transcripts.ReadOptions = {}) =>
  Object.fromEntries(
    readTranscript(text, options).sessions.map(({ messages, sessionId }, index) => [
      sessionId ?? `session ${index + 1}`,
      messages.map(tellMessage)
    ])
  )

const tellMessage = (message: Message.Message): string => {
  Either.getOrThrow(Message.parse(message))
  const calls = Message.toolCalls(message).map(
    (call) => `[${Message.callName(call)} ${Message.callInput(call)} #${call.id}]`
  )
  const images = Message.parts(message).flatMap(({ type }) => (type === "image_url" ? ["[image]"] : []))
  const said = [Message.text(message), ...images, ...calls].filter((words) => words !== "").join(" ")
  return `${message.role === "tool" ? `tool #${message.tool_call_id}` : message.role}: ${said}`
}
