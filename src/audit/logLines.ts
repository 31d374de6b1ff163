/** Writes the log lines from which the audit can prove that nothing was lost and no session id changed. */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as LogLevel from "effect/LogLevel"
import type { CompressionResult } from "../session/CompressionResult.ts"
import { redact } from "../message/Redaction.ts"
import { escapeId, escapeInvisible } from "../message/text.ts"
import type { Logged, Receipt, Segment, SessionId } from "../session/Session.ts"

type Fields = Readonly<Record<string, string | number | null | undefined>>

/** Builds the line only if the log level keeps it, because lines are on the path of every turn. */
const logInfo = (event: string, fields: Fields): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) =>
    LogLevel.greaterThan(fiber.getFiberRef(FiberRef.currentMinimumLogLevel), LogLevel.Info)
      ? Effect.void
      : ignoreLoggerDefects(Effect.logInfo(formatLine(event, fields)))
  )

/** The level of the lines about single messages, of which a busy service would write many. */
export const messageLevel = FiberRef.unsafeMake<LogLevel.LogLevel>(LogLevel.Debug)

/** Writes a line about each of some messages. */
const logMessages = (event: string, messages: ReadonlyArray<Fields>): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const level = fiber.getFiberRef(messageLevel)
    if (LogLevel.greaterThan(fiber.getFiberRef(FiberRef.currentMinimumLogLevel), level)) return Effect.void
    const log = (fields: Fields) => ignoreLoggerDefects(Effect.logWithLevel(level, formatLine(event, fields)))
    return Effect.forEach(messages, log, { discard: true })
  })

/** A logger that throws must not fail an operation that has already happened. */
const ignoreLoggerDefects = (log: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.catchAllDefect(log, () => Effect.void)

const logWarning = (event: string, fields: Fields): Effect.Effect<void> =>
  ignoreLoggerDefects(Effect.logWarning(formatLine(event, fields)))

const formatLine = (event: string, fields: Fields): string => {
  const shown = Object.entries(fields).flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [` ${name}=${name === "session" ? quoteId(value) : quoteValue(value)}`]
  )
  return shown.length === 0 ? event : `${event}:${shown.join("")}`
}

const BARE = /^[^\s"=]+$/

/**
 * The id is never redacted: the audit could not tell two sessions apart. It holds neither quotes nor backslashes once it
 * is escaped, because Effect's default logger writes those in a way that cannot be read back.
 */
const quoteId = (id: string | number): string => {
  const text = escapeId(String(id))
  return BARE.test(text) ? text : `"${text}"`
}

const quoteValue = (value: string | number): string => {
  if (typeof value === "number") return String(value)
  const text = redact(value)
  return escapeInvisible(BARE.test(text) ? text : JSON.stringify(text))
}

/** Annotates log lines, those of the application included, with a session id that no logger can break. */
export const annotateSession = (sessionId: SessionId): Readonly<Record<"session", string>> => ({
  session: escapeId(sessionId)
})

/** Tells the audit that a process began, so that operations of an earlier one may never end. */
export const logOpened = logInfo("compressor opened", {})

export const logBuffered = ({ arrival, sessionId }: Receipt, kind: string) =>
  logMessages("message buffered", [{ session: sessionId, arrival, kind }])

export const logPromoted = (sessionId: SessionId, promoted: ReadonlyArray<Logged>) =>
  logMessages(
    "message promoted",
    promoted.map(({ arrival, seq }) => ({ session: sessionId, arrival, seq }))
  )

/** A step waited so long for a compression. */
export const logWaited = (sessionId: SessionId, milliseconds: number) =>
  logInfo("step waited", { session: sessionId, milliseconds })

export const logStarted = (
  sessionId: SessionId,
  operationId: string,
  start: {
    readonly generation: number
    readonly messages: number
    readonly tokens: number
    readonly model: string | null
    readonly focus: string | null
  }
) =>
  logInfo("compression started", {
    session: sessionId,
    operation: operationId,
    generation: start.generation,
    messages: start.messages,
    tokens: `~${start.tokens}`,
    model: start.model,
    focus: start.focus
  })

export const logJoined = (sessionId: SessionId, operationId: string) =>
  logInfo("compression joined", { session: sessionId, operation: operationId })

export const logDone = (result: CompressionResult) =>
  logInfo("compression done", {
    session: result.sessionId,
    operation: result.operationId,
    outcome: result.outcome,
    generation: result.generation,
    messages: `${result.messagesBefore}->${result.messagesAfter}`,
    tokens: `~${result.tokensAfter}`,
    model: result.model,
    focus: result.focus
  })

export const logFailed = (sessionId: SessionId, operationId: string, error: string) =>
  logWarning("compression failed", { session: sessionId, operation: operationId, error })

/** Takes the place of a started line. */
export const logDeferred = (sessionId: SessionId, operationId: string, reason: string) =>
  logInfo("compression deferred", { session: sessionId, operation: operationId, reason })

export const logDeferralIgnored = (sessionId: SessionId, operationId: string, reason: string) =>
  logWarning("deferral not followed", { session: sessionId, operation: operationId, reason })

export const logHookFailure = (sessionId: SessionId, operationId: string, hook: "before" | "after", error: string) =>
  logWarning("hook failed", { session: sessionId, operation: operationId, hook, error })

/** Returns the reason, if there is one to log. */
export const logConcealed = (
  { operationId, sessionId }: { readonly sessionId: SessionId; readonly operationId: string },
  reason: string | null
) =>
  Effect.as(
    reason === null
      ? Effect.void
      : logWarning("words concealed", { session: sessionId, operation: operationId, reason }),
    reason
  )

export const logHealed = (sessionId: SessionId, operationId: string, segment: Segment, generation: number) =>
  logInfo("segment healed", { session: sessionId, operation: operationId, segment: segment.id, generation })

export const logCondensed = (sessionId: SessionId, operationId: string, { fromSeq, id, toSeq }: Segment) =>
  logInfo("segments condensed", { session: sessionId, operation: operationId, segment: id, from: fromSeq, to: toSeq })

export const logReset = (sessionId: SessionId, generation: number) =>
  logInfo("reset", { session: sessionId, generation })

export const logRewind = (sessionId: SessionId, to: number, undone: number, generation: number) =>
  logInfo("rewind", { session: sessionId, to, undone, generation })

/** Tells the audit that the session's messages up to that arrival will never be promoted, and that its log begins anew. */
export const logForgotten = (
  sessionId: SessionId,
  {
    lastArrival,
    messages,
    waiting
  }: { readonly messages: number; readonly waiting: number; readonly lastArrival: number }
) => logInfo("session forgotten", { session: sessionId, messages, waiting, upto: lastArrival })

export const logPins = (sessionId: SessionId, pins: number, generation: number) =>
  logInfo("pins changed", { session: sessionId, pins, generation })

export const logEdit = (sessionId: SessionId, generation: number) =>
  logInfo("handoff edited", { session: sessionId, generation })

export const logRestore = (sessionId: SessionId, snapshot: string, generation: number) =>
  logInfo("restore", { session: sessionId, snapshot, generation })

/** Automatic compressions below the hard threshold are held back. */
export const logHeldBack = (sessionId: SessionId, after: number, tokensPerMinute: number) =>
  logWarning("compression held back", { session: sessionId, after, "tokens-per-minute": `~${tokensPerMinute}` })

/** The provider's report cannot be the count of the view, so the thresholds go by the estimate. */
export const logUnbelieved = (sessionId: SessionId, model: string, reported: number, estimate: number) =>
  logWarning("report not believed", {
    session: sessionId,
    model: model === "" ? null : model,
    reported,
    estimate: `~${estimate}`
  })

/** A window smaller than configured. `isNamed`: the server named the limit itself; otherwise it refused a call of that size. */
interface SmallWindow {
  readonly configured: number
  readonly learned: number
  readonly isNamed: boolean
}

/** The server takes less than configured. */
export const logWindowLearned = (sessionId: SessionId, window: SmallWindow & { readonly model: string }) =>
  logWarning("window learned", {
    session: sessionId,
    model: window.model === "" ? null : window.model,
    ...describeWindow(window)
  })

/** The server of a route takes less than its route says. Summaries are made within that from now on. */
export const logRouteWindow = (route: string, window: SmallWindow) =>
  logWarning("window learned", { route, ...describeWindow(window) })

const describeWindow = ({ configured, isNamed, learned }: SmallWindow): Fields => ({
  configured,
  learned: isNamed ? learned : `~${learned}`
})

/** The server refused the bytes or pictures of a request, so the session sends no more than `most` while this process lives. */
export const logLimitLearned = (
  sessionId: SessionId,
  { limit, most, refused }: { readonly limit: string; readonly refused: number; readonly most: number }
) => logWarning("limit learned", { session: sessionId, limit, refused, most })
