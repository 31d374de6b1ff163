/**
 * The sessions in memory, and how they are read. Memory holds what is on disk if its position is that of the answer to a
 * statement; otherwise the session is read again. No notification is needed: each answer tells.
 */
import * as Effect from "effect/Effect"
import { awaitBudget } from "../concurrency/eventLoopBudget.ts"
import {
  type Logged,
  type Manifest,
  type Segment,
  type SessionId,
  type State,
  type UndoneRange,
  wholeLog
} from "../session/Session.ts"
import { makeUnknownSession, StoreError, type UnknownSession } from "../session/SessionError.ts"
import { isAt, makeMemory, makeResident, type Resident, stateOfResident } from "../store/residentSessions.ts"
import * as Rows from "../store/rows.ts"
import { toStoreError, type Link } from "./link.ts"
import { type HeadRow, type LogRow, statements, type UndoneRow } from "./statements.ts"
import { keepId, keepText, readText, readTextOrNull } from "./texts.ts"

/** The longest time in milliseconds since a session in memory was last seen to be the one on disk, for who may miss a little. */
export const RECENT = 1000

/** Messages that are read at once. */
const SLICE = 500

/** Most logs begin with one system message. */
const BEGINNING = 2

/** Reads an entry, whose checksum is that of its delivery. */
export const loggedOf = (sessionId: string, { seq, ...row }: LogRow): Logged => ({
  ...Rows.loggedOfArrival(sessionId, row),
  seq
})

/** Turns what throws a `StoreError`, because it reads what is damaged, into an effect. */
export const readRows = <A>(read: () => A): Effect.Effect<A, StoreError> =>
  Effect.try({
    try: read,
    catch: (cause) => (cause instanceof StoreError ? cause : toStoreError("read the session", cause))
  })

/** The ranges that are undone in a generation. */
export const undoneOf = ({ undone_from, undone_to }: UndoneRow): ReadonlyArray<UndoneRange> =>
  (undone_from ?? []).map((fromSeq, i) => ({ fromSeq, toSeq: undone_to?.[i] ?? fromSeq }))

/** The manifest of a generation. Its checksum is of its text alone: where its log ended is known once it is written. */
export const manifestOf = (
  sessionId: string,
  row: { readonly generation: number; readonly manifest: string | null; readonly checksum: number | null } & UndoneRow
): Manifest =>
  row.manifest === null
    ? wholeLog
    : Rows.manifestOfRow(sessionId, { ...row, manifest: row.manifest, left_seq: 0, at: 0 }, () => undoneOf(row))

export const segmentOf = (row: Rows.SegmentRow): Segment =>
  Rows.segmentOfRow({
    ...row,
    id: readText(row.id),
    body: readText(row.body),
    degraded: readTextOrNull(row.degraded),
    focus: readTextOrNull(row.focus),
    model: readText(row.model)
  })

/** Thrown for messages that are needed and have not been read. */
class NotRead {
  readonly fromSeq: number
  readonly toSeq: number
  constructor(fromSeq: number, toSeq: number) {
    this.fromSeq = fromSeq
    this.toSeq = toSeq
  }
}

export const make = ({ run }: Link) => {
  const memory = makeMemory()

  /** Keeps a session that an answer has just shown to be the one on disk. */
  const noteSeen = (sessionId: SessionId, resident: Resident): void => {
    resident.version = performance.now()
    memory.keep(sessionId, resident)
  }

  const findHead = (sessionId: SessionId): Effect.Effect<HeadRow, UnknownSession | StoreError> =>
    Effect.flatMap(run(statements.head, keepId(sessionId)), ([head]) =>
      head === undefined ? Effect.fail(makeUnknownSession(sessionId)) : Effect.succeed(head)
    )

  const readSegments = (ids: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Segment>, StoreError> =>
    ids.length === 0
      ? Effect.succeed([])
      : Effect.map(run(statements.segments, ids.map(keepText)), (rows) => {
          // One that is damaged is lost like one that is gone: another stands in its place, and is healed from the log.
          const found = rows.flatMap((row) => Rows.readOrUndefined(() => segmentOf(row)) ?? [])
          const byId = new Map(found.map((segment) => [segment.id, segment]))
          return ids.flatMap((id) => byId.get(id) ?? [])
        })

  const readBetween = function* (sessionId: SessionId, fromSeq: number, toSeq: number) {
    const found: Array<LogRow> = []
    for (let next = fromSeq; next <= toSeq;) {
      const rows = yield* run(statements.between, keepId(sessionId), next, toSeq, SLICE)
      found.push(...rows)
      if (rows.length < SLICE) break
      next = (rows.at(-1)?.seq ?? toSeq) + 1
      yield* awaitBudget
    }
    return found
  }

  /** Reads what a manifest names, then makes something of it. What `use` needs beside it is read, too. */
  const readParts = <A>(
    sessionId: SessionId,
    { contextFrom, headTo, live, segments: ids, tailFrom }: Manifest,
    lastSeq: number,
    use: (loader: Rows.StateLoader) => A
  ): Effect.Effect<A, StoreError> =>
    Effect.gen(function* () {
      const upTo = Math.min(lastSeq, Math.max(headTo, BEGINNING))
      const from = Math.max(contextFrom, tailFrom)
      const rows = new Map<number, LogRow>()
      const ranges: Array<UndoneRange> = []
      const add = (found: ReadonlyArray<LogRow>, ...read: ReadonlyArray<UndoneRange>) => {
        for (const row of found) rows.set(row.seq, row)
        ranges.push(...read)
      }
      const first = yield* run(statements.parts, keepId(sessionId), upTo, live, from, lastSeq, SLICE)
      const last = first.at(-1)?.seq ?? 0
      const isMore = first.filter(({ seq }) => seq >= from).length >= SLICE && last < lastSeq
      add(first, { fromSeq: 1, toSeq: upTo }, { fromSeq: from, toSeq: isMore ? last : lastSeq })
      add([], ...live.map((seq) => ({ fromSeq: seq, toSeq: seq })))
      if (isMore) {
        yield* awaitBudget
        add(yield* readBetween(sessionId, last + 1, lastSeq), { fromSeq: last + 1, toSeq: lastSeq })
        ranges.push({ fromSeq: from, toSeq: lastSeq })
      }
      const segments = yield* readSegments(ids)
      const loader: Rows.StateLoader = {
        messages: (_, fromSeq, toSeq) => {
          if (!ranges.some((range) => range.fromSeq <= fromSeq && toSeq <= range.toSeq))
            throw new NotRead(fromSeq, toSeq)
          const found = Array.from({ length: toSeq - fromSeq + 1 }, (_, i) => rows.get(fromSeq + i) ?? [])
          return Rows.loggedOfRows(sessionId, found.flat(), fromSeq, toSeq, loggedOf)
        },
        segments: () => segments
      }
      for (;;) {
        const made = yield* readRows(() => tryUnlessRead(() => use(loader)))
        if (!(made instanceof NotRead)) return made
        const { fromSeq, toSeq } = made
        add(yield* readBetween(sessionId, fromSeq, toSeq), { fromSeq, toSeq })
      }
    })

  /** Reads the session. One that was forgotten and begun anew meanwhile has another epoch, and is read again. */
  const load = (sessionId: SessionId): Effect.Effect<Resident, UnknownSession | StoreError> =>
    Effect.gen(function* () {
      const [row] = yield* run(statements.whole, keepId(sessionId))
      if (row === undefined) return yield* makeUnknownSession(sessionId)
      const { epoch, generation, last_seq: lastSeq, total } = row
      const { manifest, usage, windows } = yield* readRows(() => ({
        manifest: manifestOf(sessionId, row),
        usage: row.usage === null ? null : Rows.usageOfRow(row.usage),
        windows: Rows.windowsOfRow(row.windows)
      }))
      const position = { epoch, generation, lastSeq, total, windows }
      const resident = yield* readParts(sessionId, manifest, lastSeq, (loader) =>
        makeResident(loader, sessionId, position, manifest, usage)
      )
      const now = yield* findHead(sessionId)
      if (now.epoch !== epoch) return yield* load(sessionId)
      noteSeen(sessionId, resident)
      return resident
    })

  /**
   * The session whose head a statement has just read that was sent at `sentAt`: in memory as it is, or read. What an answer
   * has told since then may be newer than the head.
   */
  const findAt = (
    sessionId: SessionId,
    head: HeadRow,
    sentAt = Infinity
  ): Effect.Effect<Resident, UnknownSession | StoreError> =>
    Effect.gen(function* () {
      const known = memory.peek(sessionId)
      if (known === undefined) return yield* load(sessionId)
      if (known.version > sentAt && isAhead(known, head)) return known
      if (!isAtHead(known, head)) yield* catchUp(sessionId, known, head)
      const now = memory.peek(sessionId)
      if (now === undefined || !isAtHead(now, head)) return yield* load(sessionId)
      noteSeen(sessionId, now)
      return now
    })

  /** Reads what was added to a session in memory, unless an answer that came meanwhile has told it. */
  const catchUp = (sessionId: SessionId, known: Resident, head: HeadRow): Effect.Effect<void, StoreError> =>
    Effect.gen(function* () {
      const { lastSeq } = known
      if (!isAtHead(known, { ...head, last_seq: lastSeq }) || lastSeq > head.last_seq) return
      const rows = yield* readBetween(sessionId, lastSeq + 1, head.last_seq)
      if (memory.peek(sessionId) !== known || known.lastSeq !== lastSeq) return
      const added = yield* readRows(() => Rows.loggedOfRows(sessionId, rows, lastSeq + 1, head.last_seq, loggedOf))
      memory.append(known, added)
    })

  /** The session as it is now: one round trip if it is in memory as it is. */
  const findCurrent = (sessionId: SessionId): Effect.Effect<Resident, UnknownSession | StoreError> =>
    Effect.flatMap(findHead(sessionId), (head) => findAt(sessionId, head))

  const findState = (sessionId: SessionId) =>
    Effect.map(findCurrent(sessionId), (resident) => stateOfResident(sessionId, resident))

  const findRecentState = (sessionId: SessionId) =>
    Effect.suspend(() => {
      const known = memory.peek(sessionId)
      return known !== undefined && performance.now() - known.version < RECENT
        ? Effect.succeed(stateOfResident(sessionId, known))
        : findState(sessionId)
    })

  const findStateAt = (sessionId: SessionId, head: HeadRow, sentAt: number) =>
    Effect.map(findAt(sessionId, head, sentAt), (resident) => stateOfResident(sessionId, resident))

  /** Reads a state that is not kept in memory, such as a snapshot's. */
  const readState = (
    at: Pick<State, "sessionId" | "generation" | "lastSeq" | "manifest" | "usage" | "windows">
  ): Effect.Effect<State, StoreError> =>
    readParts(at.sessionId, at.manifest, at.lastSeq, (loader) => Rows.loadState(loader, at))

  return {
    memory,
    noteSeen,
    findHead,
    findCurrent,
    findState,
    findRecentState,
    findStateAt,
    readState,
    readSegments,
    readBetween
  }
}

export type Residents = ReturnType<typeof make>

/** Returns whether memory is at what a statement answered. What another host reported of its usage is taken over. */
export const isAtHead = (
  known: Resident,
  { epoch, generation, last_seq, usage, windows }: Omit<HeadRow, "total">
): boolean => {
  if (!isAt(known, { epoch, generation, lastSeq: last_seq, windows: Rows.windowsOfRow(windows) })) return false
  if (!known.isUsageUnsaved && usage !== (known.usage && JSON.stringify(known.usage))) {
    known.usage = usage === null ? null : (Rows.readOrUndefined(() => Rows.usageOfRow(usage)) ?? null)
  }
  return true
}

/** Returns whether memory is what the session has become since, with more messages. */
const isAhead = (known: Resident, { epoch, generation, last_seq, windows }: HeadRow): boolean =>
  known.lastSeq > last_seq &&
  isAt(known, { epoch, generation, lastSeq: known.lastSeq, windows: Rows.windowsOfRow(windows) })

const tryUnlessRead = <A>(use: () => A): A | NotRead => {
  try {
    return use()
  } catch (cause) {
    if (cause instanceof NotRead) return cause
    throw cause
  }
}
