/**
 * A long session is read in pieces before the transaction that takes it into memory, which would keep the event loop
 * from others for as long as it reads. Messages of a log never change: what was read before is still true in it.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Logged, SessionId } from "../session/Session.ts"
import type { StoreError } from "../session/SessionError.ts"
import { awaitBudget } from "../concurrency/eventLoopBudget.ts"
import { readManifest } from "./residentSessions.ts"
import type { Block } from "./transaction.ts"
import * as Rows from "./rows.ts"

/** What is read at once, in messages and characters: some milliseconds. A session that is not longer is read as it is. */
const PIECE = 100
const PIECE_CHARACTERS = 100_000

export const make = ({ reading, residents, sql }: Block) => {
  /**
   * Where the part of the log begins that is to be in memory, and whether it is long; and whether others have written
   * more of it than was taken in at once.
   */
  const begun = (sessionId: SessionId) =>
    reading("state", sessionId, () => {
      const { isMore } = residents.refresh(sessionId, PIECE)
      const { contextFrom, tailFrom } = readManifest(sql.generation.get(sessionId))
      const from = Math.max(contextFrom, tailFrom)
      const { seq } = sql.last.get(sessionId) ?? { seq: 0 }
      return Either.right(() => ({ from, isLong: seq - from >= PIECE, isMore }))
    })

  const piece = (sessionId: SessionId, after: number) =>
    reading("state", sessionId, () => {
      const entries: Array<Logged> = []
      let left = PIECE_CHARACTERS
      for (const row of sql.page.iterate(sessionId, after, PIECE)) {
        entries.push(Rows.loggedOfRow(row))
        left -= row.body.length
        if (left <= 0) break
      }
      return Either.right(() => entries)
    })

  const taken = (sessionId: SessionId, ahead: ReadonlyArray<Logged>) =>
    reading("state", sessionId, () => {
      residents.current(sessionId, ahead)
      return Either.right(() => {})
    })

  const read = (sessionId: SessionId): Effect.Effect<void, StoreError> =>
    Effect.gen(function* () {
      const { from, isLong } = yield* Effect.repeat(begun(sessionId), {
        while: ({ isMore }) => (isMore ? Effect.as(awaitBudget, true) : Effect.succeed(false))
      })
      if (!isLong) return
      const ahead: Array<Logged> = []
      const next = () => piece(sessionId, ahead.at(-1)?.seq ?? from - 1)
      for (let entries = yield* next(); entries.length > 0; entries = yield* next()) {
        ahead.push(...entries)
        yield* awaitBudget
      }
      yield* taken(sessionId, ahead)
    })

  /** Runs `operation` once the session is in memory, unless it is short. */
  return <A, E, R>(sessionId: SessionId, operation: Effect.Effect<A, E, R>): Effect.Effect<A, E | StoreError, R> =>
    Effect.suspend(() =>
      residents.peek(sessionId) === undefined ? Effect.zipRight(read(sessionId), operation) : operation
    )
}
