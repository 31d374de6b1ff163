/**
 * Classifies failures of the `openai` client as `ModelError`s. Plain functions on plain data.
 */
import * as Option from "effect/Option"
import { APIConnectionError, APIError } from "openai"
import {
  type ModelError,
  ConnectionError,
  ContextOverflow,
  Interrupted,
  ModelUnavailable,
  ProviderError,
  QuotaExceeded,
  RateLimited,
  Unauthorized
} from "../model/ModelError.ts"
import { label, type ResolvedRoute } from "../model/Provider.ts"
import { isOverflow, readTokenLimit } from "../model/overflowText.ts"
import { safeErrorText } from "../model/safeErrorText.ts"
import { makeRefusal, readError, type Refusal } from "./refusal.ts"

/** Returns the refusal that was thrown, if it is one. A `Retry-After` date counts from `now`, in epoch milliseconds. */
export const readRefusal = (thrown: unknown, now: number): Option.Option<Refusal> =>
  thrown instanceof APIError && !(thrown instanceof APIConnectionError)
    ? Option.some(refusalOf(thrown, now))
    : Option.none()

/** Classifies a thrown value. */
export const classifyThrown = (route: ResolvedRoute, thrown: unknown, now: number): ModelError => {
  const refusal = readRefusal(thrown, now)
  if (Option.isSome(refusal)) return classifyRefusal(route, refusal.value)
  return new ConnectionError({ route: label(route), detail: safeDetail(route, readRootMessage(thrown)) })
}

/** Classifies a refusal that came as an HTTP status or within a stream. */
export const classifyRefusal = (route: ResolvedRoute, refusal: Refusal): ModelError => {
  const { code, status, text } = refusal
  const where = { route: label(route) }
  const why = { ...where, detail: safeDetail(route, text) }
  const hasCode = (...codes: ReadonlyArray<string>) => code !== null && codes.includes(code)
  if (hasCode("interrupted", "cancelled")) return new Interrupted({ ...where, by: "provider" })
  if (isOverflow(status, text) || (code !== null && OVERFLOW_CODE.test(code))) {
    return new ContextOverflow({ ...why, limit: readTokenLimit(refusal.body ?? text) })
  }
  if (status === 401 || hasCode("invalid_api_key")) return new Unauthorized(why)
  if (status === 402 || isOutOfQuota(refusal)) return new QuotaExceeded(why)
  if (status === 404 || hasCode("model_not_found")) return new ModelUnavailable(why)
  if (status === 403) return /\bmodel\b/i.test(text) ? new ModelUnavailable(why) : new Unauthorized(why)
  if (status === 429 || hasCode("rate_limit_exceeded"))
    return new RateLimited({ ...where, retryAfter: refusal.retryAfter })
  return new ProviderError({ ...why, status })
}

/** Makes the error of a connection that failed without a refusal. */
export const makeConnectionError = (route: ResolvedRoute, reason: string): ModelError =>
  new ConnectionError({ route: label(route), detail: safeDetail(route, reason) })

/** A server puts the status of the server behind it into an error whose own status is 200. */
const refusalOf = ({ error, headers, message, status }: APIError, now: number): Refusal => {
  const stated = error === undefined ? makeRefusal(message) : readError(error)
  const isStated = stated.status !== null && (status === undefined || status === 200)
  return { ...stated, status: isStated ? stated.status : (status ?? null), retryAfter: readRetryAfter(headers, now) }
}

/** A code may stand where the text says nothing. */
const OVERFLOW_CODE =
  /^(?:context_(?:length|window)_exceeded|model_context_window_exceeded|model_max_prompt_tokens_exceeded|request_too_large|string_above_max_length|1261)$/

const isOutOfQuota = ({ code, status, text }: Refusal): boolean =>
  (code !== null && /^(insufficient_quota|billing_)/.test(code)) ||
  (status === 429 && /exceeded your current quota|billing/i.test(text))

/** Reads how long a server asks to wait, in milliseconds. */
export const readRetryAfter = (headers: Pick<Headers, "get"> | undefined, now: number): number | null => {
  const stated = headers?.get("retry-after")
  const delay = parseDecimal(headers?.get("retry-after-ms")) ?? parseDecimal(stated, 1_000)
  if (delay !== null) return delay
  const date = Date.parse(HTTP_DATE.test(stated ?? "") ? (stated ?? "") : "")
  return Number.isNaN(date) ? null : Math.max(0, date - now)
}

/** Needed because `Date.parse` accepts nearly anything: "-5" is a date in 2001. */
const HTTP_DATE = /^\s*[A-Z][a-z]{2,8},? .* GMT\s*$/

/** A decimal number times `unit`; null if it is not finite. */
const parseDecimal = (text: string | null | undefined, unit = 1): number | null => {
  const n = Number.parseFloat(text ?? "") * unit
  return /^\s*(?:\d+(?:\.\d*)?|\.\d+)\s*$/.test(text ?? "") && Number.isFinite(n) ? n : null
}

/** Reads the innermost cause, because messages such as `fetch failed` and `terminated` say nothing. */
const readRootMessage = (thrown: unknown): string => {
  if (!(thrown instanceof Error)) return String(thrown)
  if (thrown.cause instanceof Error) return readRootMessage(thrown.cause)
  return thrown.message || ("code" in thrown ? String(thrown.code) : thrown.name)
}

const safeDetail = (route: ResolvedRoute, text: string): string => safeErrorText(route, text)
