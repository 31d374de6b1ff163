/**
 * Imports of the native store: whole histories in one step, or messages as they come, which may take minutes, in a
 * transaction on a connection of its own. What does not reach its COMMIT was never there.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { awaitBudget, chargeWork } from "../concurrency/eventLoopBudget.ts"
import { type InvalidMessage, serializeAll } from "../message/Message.ts"
import { SessionExists, StoreError } from "../session/SessionError.ts"
import {
  areWhole,
  collectStreams,
  type Histories,
  type History,
  readHead,
  readHistories,
  rowOfBeside,
  streamMessages,
  type WholeHistories
} from "../store/histories.ts"
import * as Rows from "../store/rows.ts"
import { connectFile, toStoreError } from "./file.ts"
import * as Transaction from "./transaction.ts"

export const make = (connection: Transaction.Connection) => {
  const { commitDurably, durability, file } = connection

  const importWhole = (histories: WholeHistories) =>
    commitDurably("import", nameAll(histories), (now): Transaction.AfterCommit<void, ImportFailure> => {
      const read = readHistories(histories)
      if (Either.isLeft(read)) return Either.left(read.left)
      for (const history of read.right) {
        const add = openSession(connection, history, now)
        if (Either.isLeft(add)) return Either.left(add.left)
        for (const message of history.messages) add.right(message)
      }
      return Either.right(() => {})
    })

  const importStreams = <E>(histories: Histories<E>, file: string): Effect.Effect<void, E | ImportFailure> =>
    Effect.gen(function* () {
      yield* refuseExisting(histories)
      const db = yield* Effect.acquireRelease(connectFile(file, durability), (db) => Effect.sync(() => db.close()))
      const own = Transaction.make(db, connection.counter, { filename: file })
      yield* Transaction.retryWhileBusy(
        attempt(() => {
          db.pragma("busy_timeout = 0")
          own.sql.begin.run()
        })
      )
      const now = yield* Clock.currentTimeMillis
      for (const history of histories) {
        const { kindOf, ...head } = yield* readHead(history)
        const add = yield* Effect.flatten(attempt(() => openSession(own, head, Math.floor(now))))
        let index = 0
        yield* Stream.runForEachChunk(streamMessages(history), (messages) =>
          Effect.flatMap(serializeAll(Array.from(messages)), (serialized) =>
            Effect.zipRight(
              attempt(() => {
                for (const one of serialized) add({ ...one, kind: kindOf(one.message, index++) })
              }),
              awaitBudget
            )
          )
        )
      }
      yield* Transaction.retryWhileBusy(attempt(connection.checkFiles))
      yield* own.commitOpened("import", nameAll(histories), () => Either.right(() => {}))
    }).pipe(Effect.scoped)

  /** Fails before a long import begins where it could not end, and where the file is not what it was. */
  const refuseExisting = <E>(histories: Histories<E>) =>
    commitDurably("import", nameAll(histories), (): Transaction.AfterCommit<void, SessionExists> => {
      const taken = histories.find(({ sessionId }) => connection.residents.current(sessionId) !== undefined)
      return taken === undefined
        ? Either.right(() => {})
        : Either.left(new SessionExists({ sessionId: taken.sessionId }))
    })

  return <E = never>(histories: Histories<E>): Effect.Effect<void, E | ImportFailure> =>
    file === undefined || areWhole(histories) ? collectStreams(importWhole)(histories) : importStreams(histories, file)
}

type ImportFailure = SessionExists | InvalidMessage | StoreError

const nameAll = <E>(histories: Histories<E>): string => histories.map(({ sessionId }) => sessionId).join(" ")

const attempt = <A>(work: () => A): Effect.Effect<A, StoreError> =>
  Effect.flatten(chargeWork(() => Either.try({ try: work, catch: toImportError })))

const toImportError = (cause: unknown): StoreError =>
  cause instanceof StoreError ? cause : toStoreError("import", cause)

/** Begins a session within a transaction. Returns what adds a message to its log. */
const openSession = (
  { counter, residents, sql }: Transaction.Connection,
  { beside, sessionId }: Omit<History, "messages">,
  now: number
): Either.Either<(message: History["messages"][number]) => void, SessionExists> => {
  if (residents.current(sessionId) !== undefined) return Either.left(new SessionExists({ sessionId }))
  sql.open.run(sessionId, now)
  const row = rowOfBeside(beside)
  if (row !== undefined) sql.keepBeside.run(sessionId, row.origin, row.left_out)
  let [seq, total] = [0, 0]
  return Either.right(({ body, kind, message }) => {
    const tokens = counter.message(message)
    seq += 1
    total += tokens
    const checksum = Rows.checksumOfRow(sessionId, { seq, arrival: null, kind, tokens, body, at: now })
    sql.append.run(sessionId, seq, null, kind, tokens, total, body, now, checksum)
  })
}
