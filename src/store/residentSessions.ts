/**
 * Active sessions, kept in memory so that a step reads nothing it has read before. Memory changes only after COMMIT and
 * is validated inside the next transaction. It is bounded: the session that was used least recently is dropped first.
 */
import { isString } from "effect/Predicate"
import * as Message from "../message/Message.ts"
import type { LearnedWindow, Logged, Segment, SessionId, State, Usage } from "../session/Session.ts"
import { total } from "../message/Tokens.ts"
import { isUndone, isWithinLog, type Manifest } from "../session/Session.ts"
import type { Commit } from "./model.ts"
import { loadParts, makeLogReader, type Parts, readLeadingSystem, type StateLoader } from "./rows.ts"

/** All sessions in memory together hold about this many tokens of messages at most. */
const CAPACITY = 4_000_000

/** The memory a session takes beside its messages, in tokens. */
const SESSION_OVERHEAD = 200

/** Reads what the sessions in memory are made of. All methods run inside a transaction. */
export interface SessionLoader extends StateLoader {
  /** A number that changes when another connection has written. */
  readonly version: () => number
  /** Adopts what another application has written to the session, or at most `most` messages of it. */
  readonly refresh: (sessionId: SessionId, most?: number) => Refreshed
  /** Reads the position of a session; undefined if there is no such session. */
  readonly position: (sessionId: SessionId) => Position | undefined
  /** The manifest of the newest generation. */
  readonly manifest: (sessionId: SessionId) => Manifest
  /** The newest report of the newest generation. */
  readonly usage: (sessionId: SessionId) => Usage | null
}

/** Tells a session that has changed from one that has not. `total` is the tokens of its log. */
export interface Position {
  readonly windows: ReadonlyArray<LearnedWindow>
  readonly epoch: number
  readonly generation: number
  readonly lastSeq: number
  readonly total: number
}

/** Tells whether something was adopted, and whether more is left. */
export interface Refreshed {
  readonly isChanged: boolean
  readonly isMore: boolean
}

export interface Resident extends Parts {
  /** The loader's version at which it was last seen to be the session on disk. */
  version: number
  readonly epoch: number
  readonly generation: number
  lastSeq: number
  windows: ReadonlyArray<LearnedWindow>
  /** The log holds system messages only, so that one more belongs to `system`. */
  isAllSystem: boolean
  /** Tokens of the whole log. */
  total: number
  /** Tokens of the messages in memory. */
  size: number
  usage: Usage | null
  /** The report is in memory only. The next write takes it to disk. */
  isUsageUnsaved: boolean
}

/** The sessions in memory, of which the one used least recently is dropped first. */
export const makeMemory = (capacity: number = CAPACITY) => {
  const residents = new Map<SessionId, Resident>()
  let held = 0

  /** Makes the session the one used last. */
  const keep = (sessionId: SessionId, resident: Resident): void => {
    forget(sessionId)
    residents.set(sessionId, resident)
    held += SESSION_OVERHEAD + resident.size
    for (const oldest of residents.keys()) {
      if (held <= capacity || oldest === sessionId) return
      forget(oldest)
    }
  }

  const forget = (sessionId: SessionId): void => {
    const resident = residents.get(sessionId)
    if (resident === undefined) return
    held -= SESSION_OVERHEAD + resident.size
    residents.delete(sessionId)
  }

  /** Adds messages that were just committed. */
  const append = (resident: Resident, entries: ReadonlyArray<Logged>): void => {
    for (const entry of entries) {
      resident.isAllSystem = resident.isAllSystem && Message.isSystem(entry.message)
      ;(resident.isAllSystem ? resident.system : resident.tail).push(entry)
      resident.lastSeq = entry.seq
      resident.total += entry.tokens
      resident.size += entry.tokens
      held += entry.tokens
    }
  }

  /** Drops all sessions: it is not known which of them are still what is on disk. */
  const forgetAll = (): void => {
    residents.clear()
    held = 0
  }

  return {
    keep,
    append,
    forget,
    forgetAll,
    /** The session in memory, whether or not it is the one on disk. */
    peek: (sessionId: SessionId): Resident | undefined => residents.get(sessionId)
  }
}

export const make = (loader: SessionLoader, capacity?: number) => {
  const { append, forget, forgetAll, keep, peek } = makeMemory(capacity)
  /** Read by the transaction under way, which may have written what it read. */
  const loadedInThisTransaction = new Set<SessionId>()

  /**
   * The session as it is on disk now. Call it inside a transaction. `ahead` are consecutive messages of its log that
   * were read before.
   */
  const current = (sessionId: SessionId, ahead: ReadonlyArray<Logged> = []): Resident | undefined => {
    refresh(sessionId)
    const version = loader.version()
    const known = peek(sessionId)
    if (known !== undefined && known.version !== version && !isOnDisk(sessionId, known)) forget(sessionId)
    if (peek(sessionId) === undefined) loadedInThisTransaction.add(sessionId)
    const resident = peek(sessionId) ?? loadResident(loader, sessionId, ahead)
    if (resident === undefined) return undefined
    resident.version = version
    keep(sessionId, resident)
    return resident
  }

  /** Drops the session if it changed: the next reader is told "nothing new" and would keep the stale copy. */
  const refresh: SessionLoader["refresh"] = (sessionId, most) => {
    const refreshed = loader.refresh(sessionId, most)
    if (refreshed.isChanged) forget(sessionId)
    return refreshed
  }

  /** Another connection wrote to the file, perhaps to other sessions only. */
  const isOnDisk = (sessionId: SessionId, known: Resident): boolean => {
    const position = loader.position(sessionId)
    return position !== undefined && isAt(known, position)
  }

  /** Call it after every transaction. On rollback, drops what the transaction loaded. */
  const afterTransaction = (isCommitted: boolean): void => {
    if (!isCommitted) loadedInThisTransaction.forEach(forget)
    loadedInThisTransaction.clear()
  }

  return {
    current,
    refresh,
    append,
    forget,
    forgetAll,
    afterTransaction,
    /** Puts a session that is at another base now in place of the old one. */
    replace: keep,
    peek
  }
}

/** Returns whether the session has not changed since it was at the position. */
export const isAt = (known: Resident, position: Omit<Position, "total">): boolean =>
  position.lastSeq === known.lastSeq &&
  position.generation === known.generation &&
  position.epoch === known.epoch &&
  JSON.stringify(position.windows) === JSON.stringify(known.windows)

export type ResidentSessions = ReturnType<typeof make>

const loadResident = (
  loader: SessionLoader,
  sessionId: SessionId,
  ahead: ReadonlyArray<Logged>
): Resident | undefined => {
  const position = loader.position(sessionId)
  if (position === undefined) return undefined
  return makeResident(loader, sessionId, position, loader.manifest(sessionId), loader.usage(sessionId), ahead)
}

/** Makes the session of what the loader reads. */
export const makeResident = (
  loader: StateLoader,
  sessionId: SessionId,
  position: Position,
  manifest: Manifest,
  usage: Usage | null,
  ahead: ReadonlyArray<Logged> = []
): Resident => {
  const parts = loadParts(loader, sessionId, manifest, position.lastSeq, ahead)
  const isAllSystem = isLogSystem(loader, sessionId, parts, position)
  return { ...parts, ...position, isAllSystem, version: 0, size: sizeOf(parts), usage, isUsageUnsaved: false }
}

/** A tail that is empty may hide messages that a reset or rewind took out of the view. */
const isLogSystem = (loader: StateLoader, sessionId: SessionId, { tail }: Parts, { lastSeq }: Position): boolean =>
  tail.length === 0 && readLeadingSystem(makeLogReader(loader, sessionId, []), lastSeq).length === lastSeq

/** Tokens of the messages that a session keeps in memory. */
export const sizeOf = ({ head, live, system, tail }: Parts): number => total([system, head, live, tail].flat())

/**
 * The session once it is at `manifest`, made of what is in memory: a compression only takes messages out of a view, and so
 * does a rewind to a message after the last compression, so that none has to be read again. Undefined if the manifest
 * names something that is not in memory.
 */
export const advanceResident = (
  current: Resident,
  manifest: Manifest,
  made: ReadonlyArray<Segment>
): Resident | undefined => {
  const { contextFrom, headTo } = manifest
  const isSameHead = headTo === current.manifest.headTo && contextFrom === current.manifest.contextFrom
  const isHeadInTail = findTailStart(current.manifest) <= contextFrom || headTo < contextFrom
  const shown = dropNewlyUndone(current, manifest)
  const known = [...shown.live, ...shown.tail]
  const head = isSameHead ? shown.head : shown.tail.filter(({ seq }) => seq >= contextFrom && seq <= headTo)
  const live = manifest.live.flatMap((seq) => known.find((entry) => entry.seq === seq) ?? [])
  const segments = manifest.segments.flatMap((id) => [...current.segments, ...made].find((s) => s.id === id) ?? [])
  const isWhole =
    (isSameHead || isHeadInTail) &&
    live.length === manifest.live.length &&
    segments.length === manifest.segments.length &&
    findTailStart(current.manifest) <= findTailStart(manifest) &&
    // A range that was undone may be shown again, and is not in memory.
    containsRanges(manifest.undone, current.manifest.undone)
  if (!isWhole) return undefined
  const tail = shown.tail.filter(({ seq }) => seq >= findTailStart(manifest))
  const next = {
    ...shown,
    base: {},
    generation: current.generation + 1,
    manifest,
    head,
    live,
    segments,
    tail
  }
  return { ...next, size: sizeOf(next) }
}

/** Leaves out what is undone in `manifest`: nothing before the first range that is new. */
const dropNewlyUndone = (current: Resident, { undone }: Manifest): Resident => {
  if (undone === current.manifest.undone) return current
  const from = undone[countSameRanges(current.manifest.undone, undone)]?.fromSeq ?? Infinity
  const isShown = ({ seq }: Logged) => seq < from || !isUndone(undone, seq)
  const { head, live, system, tail } = current
  const left = { head: head.filter(isShown), live: live.filter(isShown) }
  return { ...current, ...left, system: system.filter(isShown), tail: tail.filter(isShown) }
}

const findTailStart = ({ contextFrom, tailFrom }: Manifest): number => Math.max(contextFrom, tailFrom)

/** Returns whether each range of `parts` lies within one of `ranges`. */
export const containsRanges = (ranges: Manifest["undone"], parts: Manifest["undone"]): boolean => {
  let i = 0
  return parts.every(({ fromSeq, toSeq }) => {
    while ((ranges[i]?.toSeq ?? Infinity) < fromSeq) i++
    const range = ranges[i]
    return range !== undefined && range.fromSeq <= fromSeq && toSeq <= range.toSeq
  })
}

/** The session as it was at `seq`, under the manifest of now. */
export const stateOfResidentAt = (sessionId: SessionId, resident: Resident, seq: number): State => {
  const isBefore = (entry: Logged) => entry.seq <= seq
  const state = stateOfResident(sessionId, resident)
  return {
    ...state,
    base: {},
    lastSeq: seq,
    system: state.system.filter(isBefore),
    head: state.head.filter(isBefore),
    live: state.live.filter(isBefore),
    tail: state.tail.filter(isBefore),
    usage: null,
    windows: []
  }
}

/** A copy for callers to keep: later appends do not reach it. */
export const stateOfResident = (sessionId: SessionId, resident: Resident): State => ({
  sessionId,
  base: resident.base,
  generation: resident.generation,
  lastSeq: resident.lastSeq,
  manifest: resident.manifest,
  system: resident.system.slice(),
  head: resident.head,
  segments: resident.segments,
  live: resident.live,
  tail: resident.tail.slice(),
  usage: resident.usage,
  windows: resident.windows
})

/**
 * Returns whether a rewind to `seq` may go back to an earlier generation. After a restore it may not go back to each: what
 * one covers may be undone now or shown again, and one may begin at a reset that was taken back.
 */
export const isBaseFor = (seq: number, base: Manifest, now: Manifest): boolean => {
  const { contextFrom, headTo, tailFrom } = base
  const from = Math.max(contextFrom, headTo + 1)
  const ofCovered = ({ undone }: Manifest) => undone.filter((range) => range.toSeq >= from && range.fromSeq < tailFrom)
  const [before, after] = [ofCovered(base), ofCovered(now)]
  const isSameContext = contextFrom === now.contextFrom || now.contextFrom > seq + 1
  return isSameContext && before.length === after.length && countSameRanges(before, after) === before.length
}

/** Counts the ranges at the beginning that both lists have. */
export const countSameRanges = (a: Manifest["undone"], b: Manifest["undone"]): number => {
  const other = a.findIndex(({ fromSeq, toSeq }, i) => fromSeq !== b[i]?.fromSeq || toSeq !== b[i].toSeq)
  return other < 0 ? a.length : other
}

/** Says why a generation cannot be made of a log that ends with `lastSeq`, or could not be read back. */
export const findGenerationFault = (made: Omit<Commit, "base">, lastSeq: number): string | undefined => {
  if (!isGeneration(made)) return "the commit is not of the form that is read back"
  return isWithinLog(made.manifest, lastSeq) ? undefined : "the manifest names messages that the log does not have"
}

/** By hand, since a schema takes half a millisecond for it. Reading something else may throw. */
const isGeneration = ({ ledger, manifest, operationId, segments }: Omit<Commit, "base">): boolean =>
  isString(operationId) && isTextOrNull(ledger) && isManifest(manifest) && areAll(segments, isSegment)

const isManifest = ({ account, excerpts, ledger, live, segments, undone, ...fields }: Manifest): boolean =>
  [fields.contextFrom, fields.headTo, fields.tailFrom, fields.renderer].every(Number.isSafeInteger) &&
  (account === undefined || [account.spent, account.whole, account.left, account.seq].every(Number.isSafeInteger)) &&
  isString(ledger) &&
  areAll(segments, isString) &&
  areAll(live, Number.isSafeInteger) &&
  areAll(excerpts, ({ seq, tokens }) => [seq, tokens].every(Number.isSafeInteger)) &&
  areAll(undone, ({ fromSeq, toSeq }) => [fromSeq, toSeq].every(Number.isSafeInteger))

const isSegment = ({ children, degraded, focus, id, model, text, ...numbers }: Segment): boolean =>
  [id, model, text].every(isString) &&
  [degraded, focus].every(isTextOrNull) &&
  [numbers.level, numbers.fromSeq, numbers.toSeq, numbers.tokens].every(Number.isSafeInteger) &&
  areAll(children, isString)

const isTextOrNull = (value: unknown): boolean => value === null || isString(value)

/** Looks at the gaps of an array, too. */
const areAll = <A>(values: ReadonlyArray<A>, is: (value: A) => boolean): boolean =>
  Array.isArray(values) && Array.from(values).every(is)
