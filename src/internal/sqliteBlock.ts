/**
 * The floor of the native store: each operation is one synchronous block between BEGIN and COMMIT, so that no fiber
 * can come between; memory follows the disk in the same breath.
 */
import type Database from "better-sqlite3"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { UnknownSession, StoreError } from "../SessionError.ts"
import type { SessionId } from "../Session.ts"
import type { Counter } from "../Tokens.ts"
import { listened } from "./listened.ts"
import * as Residents from "./residentStates.ts"
import { patience, toStoreError } from "./sqliteFile.ts"
import { prepare, type Query } from "./sqliteStatements.ts"

/** What a block answers: computed once the transaction is over, when memory may be changed. */
export type Answer<A, E> = Either.Either<() => A, E>

const isBusy = (error: unknown) => error instanceof StoreError && error.isRetryable

/** Waits for another process off the event loop; the schedule costs only when it is busy. */
export const busyRetried = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.catchIf(effect, isBusy, () => Effect.retry(effect, { while: isBusy, schedule: patience }))

export const make = (db: Database.Database, counter: Counter) => {
  const sql = prepare(db)
  const residents = Residents.make(sql)
  const isStrict = db.pragma("synchronous", { simple: true }) === FULL

  /** All of `body` or nothing of it: a Left or a throw rolls back. */
  const transaction = <A, E>(
    begin: Query<[], never>,
    isRelaxed: boolean,
    body: () => Answer<A, E>
  ): Either.Either<A, E> => {
    if (isRelaxed) sql.relax.run()
    try {
      begin.run()
      const answer = body()
      if (Either.isLeft(answer)) return Either.left(answer.left)
      sql.commit.run()
      return Either.right(answer.right())
    } finally {
      if (db.inTransaction) sql.rollback.run()
      if (isRelaxed) sql.strict.run()
    }
  }

  const block =
    (begin: Query<[], never>, isRelaxed = false) =>
    <A, E>(name: string, subject: string, body: (now: number) => Answer<A, E>): Effect.Effect<A, E | StoreError> =>
      listened(
        `SessionStore.${name}`,
        subject,
        busyRetried(
          Effect.flatMap(Clock.currentTimeMillis, (now): Either.Either<A, E | StoreError> => {
            try {
              return transaction(begin, isRelaxed, () => body(Math.floor(now)))
            } catch (cause) {
              return Either.left(cause instanceof StoreError ? cause : toStoreError(name, cause))
            }
          })
        )
      )

  const resident = (sessionId: SessionId) =>
    Either.fromNullable(residents.current(sessionId), () => new UnknownSession({ sessionId }))

  return {
    sql,
    residents,
    resident,
    counter,
    writing: block(sql.begin),
    /** For what no power cut outlives, such as a lease: it is on disk when the next commit is. */
    noting: block(sql.begin, isStrict),
    reading: block(sql.beginRead)
  }
}

/** Each commit waits for the disk. */
const FULL = 2

export type Block = ReturnType<typeof make>
