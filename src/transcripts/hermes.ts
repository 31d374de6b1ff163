/** Reads the sessions of a Hermes database, each as it was before its compressions. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { type History, readHistories } from "../hermes/history.ts"
import { findFreeId } from "../hermes/lineage.ts"
import { type HermesRow, messageOfRow } from "../hermes/rows.ts"
import type { Message } from "../message/Message.ts"
import type { StoreError } from "../session/SessionError.ts"
import type { TranscriptContents, TranscriptSession } from "./rows.ts"

/**
 * Reads each session under its id, archived rows included. Messages that the user took back come as a session
 * `<id>.undone`, or with a number after it if that id is taken.
 */
export const readHermes = (filename: string): Effect.Effect<TranscriptContents, StoreError> =>
  Effect.map(readHistories(filename), convertHistories)

const convertHistories = (histories: ReadonlyMap<string, History>): TranscriptContents => {
  const skipped = { handoffs: 0, copies: 0, unreadable: 0 }
  const readMessages = (rows: ReadonlyArray<HermesRow>): ReadonlyArray<Message> =>
    rows.flatMap((row) =>
      Either.match(messageOfRow(row), {
        onLeft: () => {
          skipped.unreadable += 1
          return []
        },
        onRight: (message) => [message]
      })
    )
  const taken = new Set(histories.keys())
  const sessions = Array.from(histories).flatMap(([sessionId, history]): ReadonlyArray<TranscriptSession> => {
    skipped.handoffs += history.handoffs
    skipped.copies += history.copies
    return [
      { sessionId, messages: readMessages(history.messages) },
      { sessionId: findFreeId(`${sessionId}.undone`, taken), messages: readMessages(history.undone) }
    ]
  })
  return {
    sessions: sessions.filter(({ messages }) => messages.length > 0),
    skipped: Object.fromEntries(Object.entries(skipped).filter(([, rows]) => rows > 0))
  }
}
