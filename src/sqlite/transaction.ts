/**
 * The floor of the native store: each operation is one synchronous block between BEGIN and COMMIT, so that no fiber
 * can come between; memory follows the disk in the same breath.
 */
import type Database from "better-sqlite3"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { UnknownSession, StoreError } from "../session/SessionError.ts"
import type { SessionId, State } from "../session/Session.ts"
import type { Counter } from "../message/Tokens.ts"
import { type AnyFiber, chargeFiber } from "../concurrency/eventLoopBudget.ts"
import { isUntraced, withSessionSpan } from "../concurrency/tracedOnly.ts"
import * as ResidentSessions from "./residentSessions.ts"
import { busyTimeout, toStoreError } from "./file.ts"
import { prepareStatements, type Statements } from "./statements.ts"

/** What a block answers: computed once the transaction is over, when memory may be changed. */
export type Answer<A, E> = Either.Either<() => A, E>

export const isBusy = (error: unknown) => error instanceof StoreError && error.isRetryable

/** Waits for another process off the event loop; the schedule costs only when it is busy. */
export const retryWhileBusy = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.catchIf(effect, isBusy, () => patiently(effect))

const patiently = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(effect, { while: isBusy, schedule: busyTimeout })

/** How what a block does reaches the disk. */
type Way = <A, E>(body: () => Answer<A, E>) => Either.Either<A, E>

/** Of a commit that failed nobody knows what is on disk. */
export type Outcome = "committed" | "rolled back" | "unknown"

/** Where somebody else writes to the sessions, too. */
export interface Shared {
  /** Before a session is read. */
  readonly refresh: ResidentSessions.Refresh
  /** In the transaction, once a session has a new base: shows it to the others. */
  readonly rebase: (sessionId: SessionId, state: () => State) => void
  /** At the beginning of a transaction that writes: ends what a crash cut in two. */
  readonly settle: (state: (sessionId: SessionId) => State | undefined) => void
  readonly ended: (outcome: Outcome) => void
}

const notShared: Shared = {
  refresh: () => ({ isChanged: false, isMore: false }),
  rebase: () => {},
  settle: () => {},
  ended: () => {}
}

export const make = (
  db: Database.Database,
  counter: Counter,
  sql: Statements = prepareStatements(db),
  shared: Shared = notShared
) => {
  const residents = ResidentSessions.make(sql, shared.refresh)
  const isStrict = db.pragma("synchronous", { simple: true }) === FULL
  let isRelaxed = false

  /** All of `body` or nothing of it: a Left or a throw rolls back. */
  const transaction =
    (begin: () => void): Way =>
    (body) => {
      let outcome: Outcome = "rolled back"
      try {
        begin()
        const answer = body()
        if (Either.isLeft(answer)) return Either.left(answer.left)
        outcome = "unknown"
        sql.commit.run()
        outcome = "committed"
        ended(outcome)
        return Either.right(answer.right())
      } finally {
        if (db.inTransaction) sql.rollback.run()
        if (outcome !== "committed") ended(outcome)
      }
    }

  const ended = (outcome: Outcome) => {
    residents.ended(outcome === "committed")
    shared.ended(outcome)
  }

  const stateNow = (sessionId: SessionId) => {
    const current = residents.current(sessionId)
    return current === undefined ? undefined : ResidentSessions.readState(sessionId, current)
  }

  const beginWriting = () => {
    sql.begin.run()
    shared.settle(stateNow)
  }

  /** Before what is done and never after it, where a failure would speak of what is on disk already. */
  const durably =
    (willRelax: boolean) =>
    (way: Way): Way =>
    (body) => {
      if (isStrict && isRelaxed !== willRelax) {
        ;(willRelax ? sql.relax : sql.strict).run()
        isRelaxed = willRelax
      }
      return way(body)
    }

  /** Nobody waits for the disk: what is written is there when the next commit is. */
  const relaxed = durably(true)
  const strict = durably(false)

  /** One step of the fiber, which does not wait for a busy file. */
  const attempt =
    (way: Way) =>
    <A, E>(fiber: AnyFiber, name: string, body: (now: number) => Answer<A, E>): Either.Either<A, E | StoreError> => {
      const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
      try {
        return chargeFiber(fiber, () => way(() => body(Math.floor(clock.unsafeCurrentTimeMillis()))))
      } catch (cause) {
        return Either.left(cause instanceof StoreError ? cause : toStoreError(name, cause))
      }
    }

  /** On the hot path one step of the fiber: a span is made for those who listen, a schedule when the file is busy. */
  const block = (way: Way) => {
    const once = attempt(way)
    return <A, E>(
      name: string,
      subject: string,
      body: (now: number) => Answer<A, E>
    ): Effect.Effect<A, E | StoreError> =>
      Effect.withFiberRuntime((fiber) => {
        const again = () => Effect.withFiberRuntime<A, E | StoreError>((fiber) => once(fiber, name, body))
        if (!isUntraced(fiber)) return withSessionSpan(`SessionStore.${name}`, subject, retryWhileBusy(again()))
        const answer = once(fiber, name, body)
        return Either.isLeft(answer) && isBusy(answer.left) ? patiently(again()) : answer
      })
  }

  const resident = (sessionId: SessionId) =>
    Either.fromNullable(residents.current(sessionId), () => new UnknownSession({ sessionId }))

  return {
    sql,
    residents,
    resident,
    counter,
    rebase: shared.rebase,
    attempt: attempt(strict(transaction(beginWriting))),
    writing: block(strict(transaction(beginWriting))),
    /** For what is on disk elsewhere until it is here. Another's file may be flushed earlier than ours. */
    moving: block((shared === notShared ? relaxed : strict)(transaction(beginWriting))),
    /** For what no power cut outlives, such as a lease. One statement writes. */
    noting: block(relaxed(statement)),
    reading: block(transaction(() => void sql.beginRead.run()))
  }
}

/** Each commit waits for the disk. */
const FULL = 2

/** Statements that each stand for themselves. */
const statement: Way = (body) => Either.map(body(), (answer) => answer())

export type Block = ReturnType<typeof make>
