/** Calls of the service, typed by its own schemas. */
import { writeSegment } from "../message/pathSegment.ts"
import type * as Answers from "../server/endpoints/answers.ts"
import type { Receipt } from "../session/Receipt.ts"
import type { SessionStats } from "../session/SessionStats.ts"
import type { CompressionResult } from "../session/CompressionResult.ts"

type Of<S extends { readonly Type: unknown }> = S["Type"]

export type Health = Of<typeof Answers.Health>
export type SessionEntry = Answers.SessionEntry
export type SessionDetail = Of<typeof Answers.SessionDetail>
export type Inbox = Of<typeof Answers.Inbox>
export type LogPage = Of<typeof Answers.LogPage>
export type LogEntry = Answers.LogEntry
export type ViewAnswer = Answers.ViewAnswer
export type SegmentTree = Of<typeof Answers.SegmentTree>
export type SegmentNode = Answers.SegmentNode
export type SegmentAnswer = Of<typeof Answers.SegmentAnswer>
export type Facts = Of<typeof Answers.Facts>
export type Rules = Of<typeof Answers.Rules>
export type Pin = Of<typeof Answers.Pin>
export type Finds = Of<typeof Answers.Finds>
export type SnapshotEntry = Answers.SnapshotEntry
export type Comparison = Answers.Comparison
export type Mention = Of<typeof Answers.Mention>
export type Timeline = Answers.Timeline
export type Forecast = Of<typeof Answers.Forecast>
export type Diagnosis = Answers.Diagnosis
export type ServerEvent = Answers.ServerEvent
export type Handoff = Of<typeof Answers.Handoff>
export type { CompressionResult, Receipt, SessionStats }

/** The refusal of the service, in its words. `tag` names the error, `status` is that of HTTP; 0 if nothing answered. */
export class ServiceError extends Error {
  readonly tag: string
  readonly status: number
  constructor(tag: string, status: number, message: string) {
    super(message)
    this.tag = tag
    this.status = status
  }
}

const TOKEN = "throughline-token"

/** The token of this tab. It is forgotten with the tab, and sent in a header only. */
export const readToken = (): string | null => sessionStorage.getItem(TOKEN)
export const keepToken = (token: string): void => sessionStorage.setItem(TOKEN, token)

export const makeHeaders = (): Record<string, string> => {
  const token = readToken()
  return token === null ? {} : { authorization: `Bearer ${token}` }
}

const readError = async (response: Response): Promise<ServiceError> => {
  const text = await response.text()
  try {
    const { _tag, message }: { readonly _tag?: unknown; readonly message?: unknown } = JSON.parse(text)
    if (typeof message === "string") return new ServiceError(String(_tag), response.status, message)
  } catch {
    // The status has to do: this is not the service's own answer.
  }
  return new ServiceError("Unknown", response.status, `the service answered with ${response.status}`)
}

interface Call {
  readonly method?: "GET" | "POST" | "DELETE"
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
}

const call = async <A>(path: string, { body, method = "GET", signal }: Call = {}): Promise<A> => {
  const headers = makeHeaders()
  if (body !== undefined) headers["content-type"] = "application/json"
  const response = await fetch(path, {
    method,
    headers,
    signal: signal ?? null,
    body: body === undefined ? null : JSON.stringify(body),
    cache: "no-store"
  }).catch((cause: unknown) => {
    if (signal?.aborted === true) throw cause
    throw new ServiceError("Unreachable", 0, "the service cannot be reached")
  })
  if (!response.ok) throw await readError(response)
  return response.json()
}

const of = (session: string): string => `/sessions/${writeSegment(session)}`
const ofSnapshot = (snapshot: string): string => `/snapshots/${writeSegment(snapshot)}`

const withQuery = (path: string, query: Readonly<Record<string, string | number | undefined>>): string => {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`
}

type Signal = AbortSignal | undefined

export const readHealth = (signal?: Signal) => call<Health>("/health", { signal })
export const readSessions = (after: string | undefined, signal?: Signal) =>
  call<Of<typeof Answers.SessionPage>>(withQuery("/sessions", { after, limit: 500 }), { signal })
export const readSession = (session: string, signal?: Signal) => call<SessionDetail>(of(session), { signal })
export const readView = (session: string, format: string, signal?: Signal) =>
  call<ViewAnswer>(withQuery(`${of(session)}/view`, { format }), { signal })
export const readLog = (session: string, from: number, limit: number, signal?: Signal) =>
  call<LogPage>(withQuery(`${of(session)}/log`, { from, limit }), { signal })
export const readInbox = (session: string, signal?: Signal) => call<Inbox>(`${of(session)}/inbox`, { signal })
export const readSegments = (session: string, signal?: Signal) =>
  call<SegmentTree>(`${of(session)}/segments`, { signal })
export const readSegment = (segment: string, from: number | undefined, signal?: Signal) =>
  call<SegmentAnswer>(withQuery(`/segments/${writeSegment(segment)}`, { from }), { signal })
export const readLedger = (session: string, signal?: Signal) => call<Facts>(`${of(session)}/ledger`, { signal })
export const readRules = (session: string, signal?: Signal) => call<Rules>(`${of(session)}/rules`, { signal })
export const readPins = (session: string, signal?: Signal) =>
  call<ReadonlyArray<Pin>>(`${of(session)}/pins`, { signal })
export const searchLog = (session: string, query: string, where: string, signal?: Signal) =>
  call<Finds>(withQuery(`${of(session)}/recall`, { query, where, limit: 50 }), { signal })
export const readStats = (session: string, signal?: Signal) => call<SessionStats>(`${of(session)}/stats`, { signal })
export const readPlan = (session: string, steps: number, signal?: Signal) =>
  call<Forecast>(withQuery(`${of(session)}/plan`, { steps }), { signal })
export const readTimeline = (session: string, signal?: Signal) => call<Timeline>(`${of(session)}/timeline`, { signal })
export const readSnapshots = (session: string, signal?: Signal) =>
  call<ReadonlyArray<SnapshotEntry>>(`${of(session)}/snapshots`, { signal })
export const compareSnapshots = (snapshot: string, other: string | undefined, signal?: Signal) =>
  call<Comparison>(withQuery(`${ofSnapshot(snapshot)}/comparison`, { with: other, limit: 200 }), { signal })
export const readReceipt = (snapshot: string, signal?: Signal) =>
  call<Receipt | null>(`${ofSnapshot(snapshot)}/receipt`, { signal })
export const readDoctor = (signal?: Signal) => call<Diagnosis>("/doctor", { signal })

export const compressSession = (session: string, focus: string) =>
  call<CompressionResult>(`${of(session)}/compress`, { method: "POST", body: focus === "" ? {} : { focus } })
export const healSession = (session: string) =>
  call<{ readonly segments: ReadonlyArray<string> }>(`${of(session)}/heal`, { method: "POST", body: {} })
export const restoreSnapshot = (session: string, snapshotId: string) =>
  call<{ readonly generation: number }>(`${of(session)}/restore`, { method: "POST", body: { snapshotId } })
export const rewindSession = (session: string, seq: number) =>
  call<{ readonly undone: number }>(`${of(session)}/rewind`, { method: "POST", body: { seq } })
export const resetSession = (session: string) =>
  call<{ readonly generation: number }>(`${of(session)}/reset`, { method: "POST", body: {} })
export const pinText = (session: string, text: string, as: string) =>
  call<Pin>(`${of(session)}/pins`, { method: "POST", body: as === "" ? { text } : { text, as } })
export const unpinText = (session: string, name: string) =>
  call<{ readonly wasPinned: boolean }>(`${of(session)}/pins/${writeSegment(name)}`, {
    method: "DELETE",
    body: {}
  })
