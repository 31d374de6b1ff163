/** The log lines from which alone one can see that nothing was lost and no id changed. */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as LogLevel from "effect/LogLevel"
import type { CompressionResult } from "../session/CompressionResult.ts"
import { redact } from "../message/Redaction.ts"
import type { Logged, Receipt, Segment, SessionId } from "../session/Session.ts"

type Fields = Readonly<Record<string, string | number | null | undefined>>

/** Built only for who reads it: on a turn's path a line that nobody keeps costs nothing. */
const info = (what: string, fields: Fields): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) =>
    LogLevel.greaterThan(fiber.getFiberRef(FiberRef.currentMinimumLogLevel), LogLevel.Info)
      ? Effect.void
      : written(Effect.logInfo(line(what, fields)))
  )

/** What the line tells of has happened, also where a logger throws. */
const written = (log: Effect.Effect<void>): Effect.Effect<void> => Effect.catchAllDefect(log, () => Effect.void)

const warning = (what: string, fields: Fields): Effect.Effect<void> => written(Effect.logWarning(line(what, fields)))

const line = (what: string, fields: Fields) =>
  Object.entries(fields).reduce(
    (text, [name, value]) => (value === null || value === undefined ? text : `${text} ${name}=${quoted(value)}`),
    `${what}:`
  )

const quoted = (value: string | number): string => {
  if (typeof value === "number") return String(value)
  const text = redact(value)
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)
}

/** A process begins: what another that wrote here has not ended by now may never end. */
export const logOpened = info("compressor opened", {})

export const logBuffered = ({ arrival, sessionId }: Receipt, kind: string) =>
  info("message buffered", { session: sessionId, arrival, kind })

export const logPromoted = (sessionId: SessionId, { arrival, seq }: Logged) =>
  info("message promoted", { session: sessionId, arrival, seq })

export const logStarted = (
  sessionId: SessionId,
  operationId: string,
  about: {
    readonly generation: number
    readonly messages: number
    readonly tokens: number
    readonly model: string
    readonly focus: string | null
  }
) =>
  info("compression started", {
    session: sessionId,
    operation: operationId,
    generation: about.generation,
    messages: about.messages,
    tokens: `~${about.tokens}`,
    model: about.model,
    focus: about.focus
  })

export const logJoined = (sessionId: SessionId, operationId: string) =>
  info("compression joined", { session: sessionId, operation: operationId })

export const logDone = (result: CompressionResult) =>
  info("compression done", {
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
  warning("compression failed", { session: sessionId, operation: operationId, error })

/** Instead of a started line. */
export const logDeferred = (sessionId: SessionId, operationId: string, reason: string) =>
  info("compression deferred", { session: sessionId, operation: operationId, reason })

export const logDeferralIgnored = (sessionId: SessionId, operationId: string, reason: string) =>
  warning("deferral not followed", { session: sessionId, operation: operationId, reason })

export const logHookFailure = (sessionId: SessionId, operationId: string, hook: "before" | "after", error: string) =>
  warning("hook failed", { session: sessionId, operation: operationId, hook, error })

export const logHealed = (sessionId: SessionId, operationId: string, segment: Segment, generation: number) =>
  info("segment healed", { session: sessionId, operation: operationId, segment: segment.id, generation })

export const logCondensed = (sessionId: SessionId, operationId: string, { fromSeq, id, toSeq }: Segment) =>
  info("segments condensed", { session: sessionId, operation: operationId, segment: id, from: fromSeq, to: toSeq })

export const logReset = (sessionId: SessionId, generation: number) => info("reset", { session: sessionId, generation })

export const logRewind = (sessionId: SessionId, to: number, undone: number, generation: number) =>
  info("rewind", { session: sessionId, to, undone, generation })

/** Those nobody asks for, until the hard threshold. */
export const logHeldBack = (sessionId: SessionId, after: number, tokensPerMinute: number) =>
  warning("compression held back", { session: sessionId, after, "tokens-per-minute": `~${tokensPerMinute}` })
