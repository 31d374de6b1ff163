/**
 * The states of active sessions, kept in memory so that a step reads nothing it has read before. Changed only after
 * COMMIT, validated inside the next transaction, bounded: the least recently used session is forgotten.
 */
import type { Ledger } from "../ledger/Ledger.ts"
import * as Message from "../message/Message.ts"
import { wholeLog } from "../session/Session.ts"
import type { Logged, Manifest, Segment, SessionId, State, Usage } from "../session/Session.ts"
import { total } from "../message/Tokens.ts"
import * as Rows from "./rows.ts"
import type { GenerationRow, Statements } from "./statements.ts"
import * as UndoneRanges from "../session/undoneRanges.ts"

/** Together the sessions in memory hold at most about this many tokens of messages and ledgers. */
const CAPACITY = 4_000_000

/** Of a token, about. */
const CHARACTERS = 4

/** What a session takes beside its messages, as much as so many tokens of them. */
const FRAME = 200

export interface Resident {
  version: number
  readonly epoch: number
  readonly generation: number
  readonly manifest: Manifest
  readonly segments: ReadonlyArray<Segment>
  readonly system: Array<Logged>
  readonly head: ReadonlyArray<Logged>
  readonly live: ReadonlyArray<Logged>
  readonly tail: Array<Logged>
  /** Of this generation, once somebody has asked for it or made it. */
  ledger: Ledger | undefined
  lastSeq: number
  /** Tokens of the whole log, and of what is held here. */
  total: number
  size: number
  usage: Usage | null
  /** A report that no write has taken along to the disk yet. */
  unsaved: boolean
}

/** Whether there was something to take in, and whether there is more than was asked for. */
export interface Refreshed {
  readonly isChanged: boolean
  readonly isMore: boolean
}

/** In a transaction: takes in what others than the store have written, all of it or `most` of it at once. */
export type Refresh = (sessionId: SessionId, most?: number) => Refreshed

export const make = (sql: Statements, takeIn: Refresh, capacity: number = CAPACITY) => {
  const residents = new Map<SessionId, Resident>()
  /** Taken into memory by the transaction under way, which may have written what was read. */
  const taken = new Set<SessionId>()
  let held = 0

  /** The session as it is on disk now; call it inside a transaction. `ahead` are messages of its log, one after the other. */
  const current = (sessionId: SessionId, ahead: ReadonlyArray<Logged> = []): Resident | undefined => {
    refresh(sessionId)
    const version = sql.dataVersion.get() ?? 0
    const known = residents.get(sessionId)
    if (known !== undefined && known.version !== version && !unchanged(sql, sessionId, known)) forget(sessionId)
    if (!residents.has(sessionId)) taken.add(sessionId)
    const resident = residents.get(sessionId) ?? load(sql, sessionId, ahead)
    if (resident === undefined) return undefined
    resident.version = version
    keep(sessionId, resident)
    return resident
  }

  /** Others may have it in memory by now, who see that nothing is new any more. */
  const refresh: Refresh = (sessionId, most) => {
    const refreshed = takeIn(sessionId, most)
    if (refreshed.isChanged) forget(sessionId)
    return refreshed
  }

  const keep = (sessionId: SessionId, resident: Resident) => {
    forget(sessionId)
    residents.set(sessionId, resident)
    held += FRAME + resident.size
    for (const oldest of residents.keys()) {
      if (held <= capacity || oldest === sessionId) return
      forget(oldest)
    }
  }

  const forget = (sessionId: SessionId) => {
    const resident = residents.get(sessionId)
    if (resident === undefined) return
    held -= FRAME + resident.size
    residents.delete(sessionId)
  }

  /** What was just committed becomes visible. */
  const push = (resident: Resident, entries: ReadonlyArray<Logged>) => {
    for (const entry of entries) {
      const opens = resident.tail.length === 0 && resident.generation === 0 && Message.isSystem(entry.message)
      ;(opens ? resident.system : resident.tail).push(entry)
      resident.lastSeq = entry.seq
      resident.total += entry.tokens
      resident.size += entry.tokens
      held += entry.tokens
    }
  }

  /** What was taken in is on disk by now, or it is not and memory must not have it either. */
  const ended = (isCommitted: boolean) => {
    if (!isCommitted) taken.forEach(forget)
    taken.clear()
  }

  /** The session is at another base now. */
  const replace = (sessionId: SessionId, resident: Resident) => keep(sessionId, resident)

  /** Its ledger is known, which took so many characters on disk. */
  const know = (resident: Resident, ledger: Ledger, characters: number) => {
    const tokens = Math.ceil(characters / CHARACTERS)
    resident.ledger = ledger
    resident.size += tokens
    held += tokens
  }

  return {
    current,
    refresh,
    push,
    know,
    forget,
    ended,
    replace,
    peek: (sessionId: SessionId) => residents.get(sessionId)
  }
}

export type Residents = ReturnType<typeof make>

/** Somebody wrote to the file; was it this session? */
const unchanged = (sql: Statements, sessionId: SessionId, known: Resident): boolean =>
  (sql.last.get(sessionId)?.seq ?? 0) === known.lastSeq &&
  (sql.generation.get(sessionId)?.generation ?? 0) === known.generation &&
  sql.session.get(sessionId)?.epoch === known.epoch

/** Its manifest is an object of its own, by which views know the session while it stays in memory. */
const load = (sql: Statements, sessionId: SessionId, ahead: ReadonlyArray<Logged>): Resident | undefined => {
  const session = sql.session.get(sessionId)
  if (session === undefined) return undefined
  const row = sql.generation.get(sessionId)
  const last = sql.last.get(sessionId) ?? { seq: 0, total: 0 }
  const parts = readStateParts(sql, sessionId, readManifest(row), last.seq, ahead)
  return {
    ...parts,
    version: 0,
    ledger: undefined,
    epoch: session.epoch,
    generation: row?.generation ?? 0,
    lastSeq: last.seq,
    total: last.total,
    size: total([parts.system, parts.head, parts.live, parts.tail].flat()),
    usage: session.usage === null ? null : Rows.usageOfRow(session.usage),
    unsaved: false
  }
}

/**
 * The session once it is at `manifest`, from what is in memory: a compression only takes messages out of a view, so that
 * none has to be read again. Undefined where that is not so.
 */
export const advanceState = (
  current: Resident,
  manifest: Manifest,
  made: ReadonlyArray<Segment>
): Resident | undefined => {
  const isFirst = current.head.length === 0 && current.segments.length === 0
  const known = [...current.live, ...current.tail]
  const head = isFirst ? current.tail.filter(({ seq }) => seq <= manifest.headTo) : current.head
  const live = manifest.live.flatMap((seq) => known.find((entry) => entry.seq === seq) ?? [])
  const segments = manifest.segments.flatMap((id) => [...current.segments, ...made].find((s) => s.id === id) ?? [])
  const isWhole =
    (head.at(-1)?.seq ?? 0) === manifest.headTo &&
    live.length === manifest.live.length &&
    segments.length === manifest.segments.length &&
    (current.tail[0]?.seq ?? Infinity) <= manifest.tailFrom
  if (!isWhole) return undefined
  const tail = current.tail.filter(({ seq }) => seq >= manifest.tailFrom)
  const size = total([current.system, head, live, tail].flat())
  const generation = current.generation + 1
  return { ...current, generation, manifest, head, live, segments, tail, size, ledger: undefined }
}

/** The manifest of the newest generation, of which there is none before the first compression. */
export const readManifest = (row: Pick<GenerationRow, "manifest"> | undefined): Manifest =>
  row === undefined ? { ...wholeLog } : Rows.manifestOfRow(row.manifest)

/** The rows a manifest stands for, up to `lastSeq`: no row in the middle is read, and none of those read `ahead`. */
export const readStateParts = (
  sql: Statements,
  sessionId: SessionId,
  manifest: Manifest,
  lastSeq: number,
  ahead: ReadonlyArray<Logged> = []
) => {
  const system = leadingSystem(sql, sessionId, lastSeq)
  const begin = Math.max((system.at(-1)?.seq ?? 0) + 1, manifest.contextFrom)
  const read = (from: number, to: number) =>
    from > to ? [] : sql.between.all(sessionId, from, to).map(Rows.loggedOfRow)
  const first = ahead[0]?.seq ?? Infinity
  const past = first + ahead.length
  const range = (from: number, to: number) =>
    UndoneRanges.dropUndone(
      manifest.undone,
      from < first || from >= past ? read(from, to) : [...ahead.slice(from - first, to - first + 1), ...read(past, to)]
    )
  return {
    manifest,
    system: UndoneRanges.dropUndone(manifest.undone, system),
    head: range(begin, manifest.headTo),
    segments: manifest.segments.flatMap((id) => sql.segment.all(id).map(Rows.segmentOfRow)),
    live: manifest.live.flatMap((seq) => range(seq, seq)),
    tail: range(Math.max(begin, manifest.tailFrom), lastSeq)
  }
}

const leadingSystem = (sql: Statements, sessionId: SessionId, lastSeq: number): Array<Logged> => {
  const system: Array<Logged> = []
  for (const row of sql.between.iterate(sessionId, 1, lastSeq)) {
    const entry = Rows.loggedOfRow(row)
    if (!Message.isSystem(entry.message)) break
    system.push(entry)
  }
  return system
}

/** A copy for others to keep: later pushes do not reach it. */
export const readState = (sessionId: SessionId, resident: Resident): State => ({
  sessionId,
  generation: resident.generation,
  lastSeq: resident.lastSeq,
  manifest: resident.manifest,
  system: resident.system.slice(),
  head: resident.head,
  segments: resident.segments,
  live: resident.live,
  tail: resident.tail.slice(),
  usage: resident.usage
})
