/**
 * Sends statements to PostgreSQL. A statement that was sent is awaited whatever becomes of its caller, so that memory knows
 * what is on disk; the server's own timeouts bound it. If the connection is lost before the answer, nobody knows what
 * became of the statement: it is sent again in a form that first looks for what the first one wrote.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { randomInt } from "node:crypto"
import type pg from "pg"
import { endMoment } from "../concurrency/eventLoopBudget.ts"
import { makeMisuse, StoreError } from "../session/SessionError.ts"
import { inSchema } from "./schema.ts"

/** A statement, what it takes and the rows it gives. Its name is that of its prepared form, which each connection has once. */
export interface Statement<P extends ReadonlyArray<unknown>, R> {
  readonly name: string
  /** What errors say could not be done. */
  readonly operation: string
  readonly text: string
  /** Never there: they only carry the types. */
  readonly parameters?: P
  readonly row?: R
}

export const prepare = <P extends ReadonlyArray<unknown>, R>(name: string, text: string): Statement<P, R> => ({
  name: `throughline_${name.replaceAll(" ", "_")}`,
  operation: name,
  text
})

/** What a statement that writes is called with beside its own parameters: its tag, and whether it may have run before. */
export type Attempt = readonly [tag: number, again: boolean]

export interface Link {
  /** Runs a statement that may run twice: one that reads, or that writes the same again. */
  readonly run: <P extends ReadonlyArray<unknown>, R>(
    statement: Statement<P, R>,
    ...parameters: P
  ) => Effect.Effect<ReadonlyArray<R>, StoreError>
  /** Runs a statement that writes once, however often it is sent: it looks for its tag when it is sent again. */
  readonly write: <P extends ReadonlyArray<unknown>, R>(
    statement: Statement<P, R>,
    makeParameters: (...attempt: Attempt) => readonly [...NoInfer<P>],
    /** Called the instant the answer is there, before anything else runs. */
    onAnswer?: () => void
  ) => Effect.Effect<ReadonlyArray<R>, StoreError>
  /** Runs a statement that cannot tell whether it ran before. If its answer is lost, it fails with the reason `unknown`. */
  readonly runOnce: Link["run"]
  /** The time that leases are measured by: null for the server's own, which all hosts share. */
  readonly leaseTime: Effect.Effect<number | null>
}

export interface LinkOptions {
  readonly url: string | Redacted.Redacted
  readonly schema: string
  readonly connections: number
  /** Behind a pooler that gives each transaction another connection: nothing may be kept in one. */
  readonly transactionPooling: boolean
  /** Measures leases by the fiber's clock, for tests. */
  readonly isClockOurs: boolean
}

/** In milliseconds. The client's own limit is for a server that no longer answers at all. */
const STATEMENT_TIMEOUT = 30_000
const LOCK_TIMEOUT = 5_000
const ANSWER_TIMEOUT = STATEMENT_TIMEOUT + 5_000
const CONNECT_TIMEOUT = 5_000

/** The longest time that a statement is sent again and again for: as long as a server may take to start. */
const PATIENCE = Duration.seconds(20)

const again = Schedule.exponential("10 millis", 1.7).pipe(
  Schedule.union(Schedule.spaced("500 millis")),
  Schedule.jittered,
  Schedule.upTo(PATIENCE)
)

/** The optional peer `pg`. */
const loadDriver: Effect.Effect<typeof pg, StoreError> = Effect.map(
  Effect.tryPromise({
    try: () => import("pg"),
    catch: () =>
      new StoreError({
        operation: "open the store",
        reason: "failed",
        detail: "the package pg is not installed, which PostgreSQL needs: run npm install pg"
      })
  }),
  (module) => module.default
)

const settingsOf = ({ connections, transactionPooling, url }: LinkOptions): pg.PoolConfig => ({
  connectionString: typeof url === "string" ? url : Redacted.value(url),
  max: connections,
  application_name: "throughline",
  keepAlive: true,
  connectionTimeoutMillis: CONNECT_TIMEOUT,
  query_timeout: ANSWER_TIMEOUT,
  // A pooler that hands on connections refuses these.
  ...(!transactionPooling && {
    options: [
      `-c statement_timeout=${STATEMENT_TIMEOUT}`,
      `-c lock_timeout=${LOCK_TIMEOUT}`,
      `-c idle_in_transaction_session_timeout=${STATEMENT_TIMEOUT}`
    ].join(" ")
  })
})

export const openPool = (options: LinkOptions): Effect.Effect<pg.Pool, StoreError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(loadDriver, (driver) =>
      Effect.try({
        try: () => {
          const pool = new driver.Pool(settingsOf(options))
          // A connection that breaks while it is idle leaves the pool. The next statement opens another one.
          pool.on("error", () => {})
          // One that breaks while it is used tells its statement, and would end the process if nobody heard its event.
          pool.on("connect", (client) => void client.on("error", () => {}))
          return pool
        },
        catch: (cause) => toStoreError("open the store", cause)
      })
    ),
    (pool) => Effect.promise(() => pool.end())
  )

/** A transaction of its own. */
export interface OpenTransaction {
  readonly query: Link["run"]
  readonly commit: Effect.Effect<void, StoreError>
}

/**
 * Begins a transaction on a connection of its own, in which some minutes may pass between two statements. What is not
 * committed when the scope closes was never there. If the answer to the commit is lost, it fails with the reason `unknown`.
 */
export const openTransaction = (
  options: LinkOptions,
  operation: string
): Effect.Effect<OpenTransaction, StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    const driver = yield* loadDriver
    const connect = Effect.tryPromise({
      try: async () => {
        const client = new driver.Client(settingsOf(options))
        client.on("error", () => {})
        await client.connect()
        return client
      },
      catch: (cause) => toStoreError(operation, cause)
    })
    const client = yield* Effect.acquireRelease(connect, (client) => Effect.promise(() => client.end().catch(() => {})))
    const send = <R extends pg.QueryResultRow>(text: string, values: ReadonlyArray<unknown> = []) =>
      Effect.tryPromise({
        try: () => client.query<R>(text, [...values]),
        catch: (cause) => toStoreError(operation, cause)
      })
    yield* send("BEGIN")
    yield* send("SET LOCAL idle_in_transaction_session_timeout = '10min'")
    return {
      query: <P extends ReadonlyArray<unknown>, R>({ text }: Statement<P, R>, ...values: P) =>
        Effect.map(send<R & pg.QueryResultRow>(inSchema(text, options.schema), values), ({ rows }) => rows),
      commit: Effect.uninterruptible(
        Effect.mapError(send("COMMIT"), (error) => (error.reason === "unavailable" ? toUnknown(error) : error))
      )
    }
  })

export const make = (pool: pg.Pool, { isClockOurs, schema, transactionPooling }: LinkOptions): Link => {
  const texts = new Map<string, string>()
  const textOf = ({ name, text }: Statement<ReadonlyArray<unknown>, unknown>): string => {
    const known = texts.get(name) ?? inSchema(text, schema)
    texts.set(name, known)
    return known
  }

  const send = <R>(
    statement: Statement<ReadonlyArray<unknown>, R>,
    values: ReadonlyArray<unknown>,
    onAnswer?: () => void
  ) =>
    Effect.uninterruptible(
      Effect.async<ReadonlyArray<R>, StoreError>((resume) => {
        pool.connect((failed, client, release) => {
          if (client === undefined) return resume(Effect.fail(toStoreError(statement.operation, failed)))
          const query = {
            text: textOf(statement),
            values: Array.from(values),
            ...(!transactionPooling && { name: statement.name })
          }
          client.query<R & pg.QueryResultRow>(query, (cause: Error | null | undefined, result) => {
            const isLost = cause != null && isLostAnswer(cause)
            release(isLost)
            endMoment()
            if (cause == null) {
              onAnswer?.()
              return resume(Effect.succeed(result.rows))
            }
            const error = toStoreError(statement.operation, cause)
            resume(Effect.fail(isLost ? toUnknown(error) : error))
          })
        })
      })
    )

  const isRetried = ({ reason }: StoreError) => reason === "busy" || reason === "unavailable"
  const isRetriedOrLost = (error: StoreError) => isRetried(error) || error.reason === "unknown"

  const run: Link["run"] = (statement, ...parameters) =>
    Effect.catchIf(send(statement, parameters), isRetriedOrLost, () =>
      Effect.retry(send(statement, parameters), { while: isRetriedOrLost, schedule: again })
    )

  const runOnce: Link["run"] = (statement, ...parameters) =>
    Effect.catchIf(send(statement, parameters), isRetried, () =>
      Effect.retry(send(statement, parameters), { while: isRetried, schedule: again })
    )

  const write: Link["write"] = (statement, makeParameters, onAnswer) =>
    Effect.suspend(() => {
      const tag = randomInt(MOST_TAGS)
      let wasLost = false
      const attempt = Effect.suspend(() =>
        Effect.tapError(send(statement, makeParameters(tag, wasLost), onAnswer), ({ reason }) =>
          Effect.sync(() => {
            wasLost ||= reason === "unknown"
          })
        )
      )
      return Effect.catchIf(attempt, isRetriedOrLost, () =>
        Effect.mapError(Effect.retry(attempt, { while: isRetriedOrLost, schedule: again }), (error) =>
          // A first attempt may still have been written, whatever became of the last one.
          wasLost ? toUnknown(error) : error
        )
      )
    })

  const leaseTime = isClockOurs ? Effect.map(Clock.currentTimeMillis, Math.floor) : Effect.succeed(null)

  return { run, write, runOnce, leaseTime }
}

export const MOST_TAGS = 2 ** 47

const toUnknown = ({ detail, operation }: StoreError): StoreError =>
  new StoreError({ operation, reason: "unknown", detail })

/** Codes of PostgreSQL, and of Node for a server that is not there. The longest that fits says what it means. */
const REASONS: ReadonlyArray<readonly [code: string, reason: StoreError["reason"]]> = [
  ["40001", "busy"],
  ["40P01", "busy"],
  ["55P03", "busy"],
  ["57014", "busy"],
  ["53100", "full"],
  ["53", "unavailable"],
  ["57P0", "unavailable"],
  ["08", "unavailable"],
  ["25006", "readonly"],
  ["28", "unreadable"],
  ["3D000", "unreadable"],
  ["42501", "unreadable"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "unreadable"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "unreadable"],
  ["UNABLE_TO_", "unreadable"],
  ["CERT_", "unreadable"],
  ["ERR_TLS_", "unreadable"],
  ["XX001", "corrupt"],
  ["XX002", "corrupt"],
  ["ECONN", "unavailable"],
  ["EPIPE", "unavailable"],
  ["ETIMEDOUT", "unavailable"],
  ["EHOSTUNREACH", "unavailable"],
  ["ENETUNREACH", "unavailable"],
  ["ENOTFOUND", "unavailable"],
  ["EAI_AGAIN", "unavailable"],
  ["ENOENT", "unavailable"]
]

const codeOf = (cause: unknown): string =>
  Predicate.hasProperty(cause, "code") && typeof cause.code === "string" ? cause.code : ""

const textOfError = (cause: unknown): string =>
  cause instanceof AggregateError
    ? cause.errors.map(textOfError).join("; ")
    : cause instanceof Error
      ? cause.message
      : String(cause)

/** The driver's own errors have no code. */
const NO_ANSWER = /Connection terminated|timeout|Client has encountered a connection error|not queryable/i

/** The server ends a connection with 57P0x, perhaps after it has committed. */
const isLostAnswer = (cause: unknown): boolean =>
  /^(57P0|08|ECONN|EPIPE|ETIMEDOUT)/.test(codeOf(cause)) || (codeOf(cause) === "" && NO_ANSWER.test(textOfError(cause)))

/** A pooler refuses settings of a connection, and its connections do not know the statements that another one prepared. */
const POOLED = /unsupported startup parameter|^26000 |^42P05 /

/** The text of a statement or of its parameters is not quoted: the server names a constraint or a row by its key. */
export const toStoreError = (operation: string, cause: unknown): StoreError => {
  const code = codeOf(cause)
  const text = textOfError(cause)
  if (POOLED.test(`${code} ${text}`)) {
    const detail = `${text}: a pooler stands before the server, so set transactionPooling`
    return new StoreError({ operation, reason: "failed", detail })
  }
  const known = REASONS.find(([prefix]) => code.startsWith(prefix))?.[1]
  const reason = known ?? (code === "" && NO_ANSWER.test(text) ? "unavailable" : "failed")
  return new StoreError({ operation, reason, detail: code === "" ? text : `${text} (${code})` })
}

/**
 * Makes the methods of a service fail with a `StoreError` where they would die, because they were given something else than
 * they take.
 */
export const guard = <S extends object>(service: S): S => {
  const guarded = { ...service }
  for (const [name, method] of Object.entries(service)) {
    if (typeof method !== "function") continue
    const misuse = (cause: unknown) => Effect.fail(makeMisuse(name, cause))
    Reflect.set(guarded, name, (...given: ReadonlyArray<unknown>): unknown => {
      try {
        const made: unknown = Reflect.apply(method, undefined, given)
        return Effect.isEffect(made) ? Effect.catchAllDefect(made, misuse) : made
      } catch (cause) {
        return misuse(cause)
      }
    })
  }
  return guarded
}
