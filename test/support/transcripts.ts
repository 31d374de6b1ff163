/**
 * Real sessions. They lie beside the project and are no part of it: tests on them run where they are, and say so where
 * they are not.
 */
import { Either } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { parse } from "../../src/transcripts/Transcripts.ts"
import type { Message } from "../../src/message/Message.ts"
import { SessionId } from "../../src/session/Session.ts"

const FOLDER = "../shared/transcripts"

/** A session as it is imported, and the JSON of its messages as they stand in the file. */
export interface Transcript {
  readonly sessionId: SessionId
  readonly messages: ReadonlyArray<Message>
  readonly json: ReadonlyArray<string>
}

export const areHere = existsSync(FOLDER)

/** For the title of tests that are left out. */
export const absence = areHere ? "" : ` (left out: ${FOLDER} is not here)`

/** 900 messages of one coding session; 18 of its calls have no result. */
export const codingAgent = (): ReadonlyArray<Transcript> => transcripts("coding-agent.jsonl", "coding-agent")

/** 26 short sessions with a long system prompt. */
export const airlineDesk = (): ReadonlyArray<Transcript> => transcripts("airline-desk.jsonl", "airline-desk")

const transcripts = (file: string, name: string): ReadonlyArray<Transcript> => {
  const text = readFileSync(`${FOLDER}/${file}`, "utf8")
  const { sessions } = Either.getOrThrow(parse(text, { file, format: "auto" }))
  const rows = text.trim().split("\n").map(row)
  return sessions.map(({ messages, sessionId }) => ({
    sessionId: SessionId.make(sessionId ?? name),
    messages,
    json: rows.filter(({ session }) => session === sessionId).map(({ json }) => json)
  }))
}

/** A line as it stands there, read without the library. */
const row = (line: string): { readonly session: string | null; readonly json: string } => {
  const { message, session = null, ...rest } = JSON.parse(line)
  return { session, json: JSON.stringify(message ?? rest) }
}
