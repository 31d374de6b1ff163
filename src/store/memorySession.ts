/** A session of the store in memory: plain data, and what can be computed from it alone. */
import * as Clock from "effect/Clock"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { randomInt } from "node:crypto"
import { beginMoment, endMoment } from "../concurrency/eventLoopBudget.ts"
import { isSystem, type Message } from "../message/Message.ts"
import { total } from "../message/Tokens.ts"
import {
  type DeliveryKind,
  type LearnedWindow,
  type Logged,
  type Manifest,
  type Segment,
  type SessionId,
  type State,
  type UndoneRange,
  type Usage,
  wholeLog
} from "../session/Session.ts"
import { dropUndone } from "../session/Session.ts"
import { countSameRanges, findGenerationFault, isBaseFor } from "./residentSessions.ts"
import { makeMisuse, StoreError } from "../session/SessionError.ts"
import type { Counts } from "../session/SessionStats.ts"
import type { Beside } from "./histories.ts"
import {
  type Acquired,
  type BeginRequest,
  type Begun,
  type Commit,
  type Lease,
  type LeaseHeld,
  type LeaseName,
  type LeaseRequest,
  type OperationBegun,
  type Pause,
  MOST_LIVES,
  type Promotion
} from "./model.ts"
import type { SessionSummary, Snapshot } from "./model.ts"

export interface Session {
  readonly id: SessionId
  /** Message `seq` is at `seq - 1`. */
  readonly log: Array<Logged>
  inbox: ReadonlyArray<Arrival>
  readonly deliveries: Map<string, { readonly arrival: number; readonly content: unknown }>
  /** Generation `n` is at `n - 1`; generation 0 is the whole log. */
  readonly generations: Array<Generation>
  /** What is undone in the newest generation. */
  undone: ReadonlyArray<UndoneRange>
  /** Changes with the generation. */
  base: object
  ledger: string | null
  usage: Usage | null
  windows: ReadonlyArray<LearnedWindow>
  /** Changes with each reset and rewind. A session begins with one that none of its id had before. */
  epoch: number
  readonly leases: Map<LeaseName, LeaseEntry>
  readonly counters: Map<string, number>
  /** Kept of the import that began it. */
  readonly beside: Beside
}

interface Arrival {
  readonly arrival: number
  readonly kind: DeliveryKind
  readonly message: Message
  readonly tokens: number
  readonly at: number
}

/** A generation, and the snapshot of the one before it. */
interface Generation {
  readonly manifest: Omit<Manifest, "undone">
  readonly receipt: string | null
  readonly undone: UndoneChain | undefined
  readonly snapshotId: string
  readonly leftSeq: number
  readonly at: number
}

/** Ranges from the last to the first. Generations share those that they have in common. */
interface UndoneChain {
  readonly last: UndoneRange
  readonly before: UndoneChain | undefined
}

/** The entry stays when the lease is free, so that tokens never repeat. */
export interface LeaseEntry {
  readonly token: number
  readonly holder: string | null
  readonly expires: number
  readonly ttl: number
}

export const freeLease: LeaseEntry = { token: 0, holder: null, expires: 0, ttl: 0 }

/** Finds a segment that some session has committed. */
export type FindSegment = (id: string) => Segment | undefined

export const newSession = (id: SessionId, beside: Beside): Session => ({
  id,
  log: [],
  inbox: [],
  deliveries: new Map(),
  generations: [],
  undone: [],
  base: {},
  ledger: null,
  usage: null,
  windows: [],
  epoch: randomInt(2 ** 47),
  leases: new Map(),
  counters: new Map(),
  beside
})

/** Puts messages at the end of the log. */
export const addToLog = (session: Session, entries: ReadonlyArray<Omit<Logged, "seq">>): ReadonlyArray<Logged> => {
  const added = entries.map((entry, i): Logged => ({ ...entry, seq: session.log.length + i + 1 }))
  session.log.push(...added)
  return added
}

const isHeld = (entry: LeaseEntry, now: number): entry is LeaseEntry & { readonly holder: string } =>
  entry.holder !== null && entry.expires > now && entry.expires <= now + MOST_LIVES * entry.ttl

/** Takes the lease if it is free or has expired. */
export const takeLease = (session: Session, { holder, name, ttl }: LeaseRequest, now: number): Acquired => {
  const entry = session.leases.get(name) ?? freeLease
  if (isHeld(entry, now)) {
    return { _tag: "Held", holder: entry.holder, remaining: entry.expires - now }
  }
  const token = entry.token + 1
  session.leases.set(name, { token, holder, ttl, expires: Math.ceil(now + ttl) })
  return { _tag: "Granted", lease: { sessionId: session.id, name, holder, token, epoch: session.epoch } }
}

/** Moves the inbox to the log. */
export const takeUpInbox = (session: Session, findSegment: FindSegment): Promotion => {
  const promoted = addToLog(session, session.inbox)
  session.inbox = []
  return { promoted, state: stateNow(session, findSegment) }
}

export const beginTurn = (
  session: Session,
  request: BeginRequest,
  now: number,
  findSegment: FindSegment
): Begun | LeaseHeld => {
  const acquired = takeLease(session, { ...request, name: "turn" }, now)
  return acquired._tag === "Held"
    ? acquired
    : { ...acquired, ...takeUpInbox(session, findSegment), isLatest: beginMoment() }
}

export const beginOperation = (
  session: Session,
  request: BeginRequest,
  now: number,
  findSegment: FindSegment
): OperationBegun | LeaseHeld => {
  const acquired = takeLease(session, { ...request, name: "operation" }, now)
  return acquired._tag === "Held"
    ? acquired
    : { ...acquired, state: stateNow(session, findSegment), ledger: session.ledger }
}

/** A pause without failures is forgotten. */
export const rememberPauses = (
  pauses: Map<string, Pause>,
  keys: ReadonlyArray<string>,
  changed: ReadonlyArray<Pause>
): void => {
  for (const [key, pause] of Arr.zip(keys, changed)) {
    if (pause.failures === 0) pauses.delete(key)
    else pauses.set(key, { ...pause, until: Math.ceil(pause.until) })
  }
}

/** The holder of the turn, or else of the operation; undefined if both leases are free. */
export const findHolder = ({ leases }: Session, now: number): string | undefined =>
  (["turn", "operation"] as const).flatMap((name) => leases.get(name) ?? []).find((entry) => isHeld(entry, now))
    ?.holder ?? undefined

export const manifestOf = ({ generations, undone }: Session, generation = generations.length): Manifest => {
  const found = generations[generation - 1]
  if (found === undefined) return wholeLog
  return { ...found.manifest, undone: generation === generations.length ? undone : listChain(found.undone) }
}

/** Puts a generation after the newest one. */
export const pushGeneration = (
  session: Session,
  { undone, ...manifest }: Manifest,
  left: Pick<Generation, "snapshotId" | "at" | "receipt">
): void => {
  const kept = countSameRanges(session.undone, undone)
  let chain = session.generations.at(-1)?.undone
  for (let more = session.undone.length - kept; more > 0; more--) chain = chain?.before
  for (const last of undone.slice(kept)) chain = { last, before: chain }
  session.undone = undone
  session.generations.push({ manifest, undone: chain, leftSeq: session.log.length, ...left })
}

const listChain = (chain: UndoneChain | undefined): ReadonlyArray<UndoneRange> => {
  const ranges: Array<UndoneRange> = []
  for (let rest = chain; rest !== undefined; rest = rest.before) ranges.push(rest.last)
  return ranges.toReversed()
}

/** Begins an epoch: the turn and the operation under way may write no more. */
export const startEpoch = (session: Session): void => {
  session.epoch += 1
  session.usage = null
  const operation = session.leases.get("operation")
  if (operation !== undefined) session.leases.set("operation", { ...freeLease, token: operation.token + 1 })
}

/** Fails if the generation cannot be made. */
export const checkGeneration = (
  operation: string,
  { log }: Session,
  made: Omit<Commit, "base">,
  findSegment: FindSegment
): Either.Either<void, StoreError> => {
  const fail = (detail: string) => Either.left(new StoreError({ operation, reason: "failed", detail }))
  const fault = findGenerationFault(made, log.length)
  if (fault !== undefined) return fail(fault)
  const ids = made.segments.map(({ id }) => id)
  const known = ids.find((id, i) => findSegment(id) !== undefined || ids.indexOf(id) !== i)
  return known === undefined ? Either.void : fail(`there is a segment ${known} already`)
}

/** Messages of the log, both ends included, without those that `manifest` undoes. */
export const shownBetween = ({ log }: Session, { undone }: Manifest, fromSeq: number, toSeq: number): Array<Logged> =>
  dropUndone(undone, log.slice(Math.max(0, fromSeq - 1), Math.max(0, toSeq)))

/** The session as it is now. States of one generation share their base. */
export const stateNow = (session: Session, findSegment: FindSegment): State => ({
  ...stateUnder(session, manifestOf(session), session.generations.length, session.log.length, findSegment),
  base: session.base,
  usage: session.usage,
  windows: session.windows
})

/** The session up to `seq` under the newest generation that a rewind to it goes back to. */
export const stateBefore = (session: Session, seq: number, findSegment: FindSegment): State => {
  const now = manifestOf(session)
  const index = session.generations.findLastIndex(
    ({ manifest }, i) => manifest.tailFrom <= seq + 1 && isBaseFor(seq, manifestOf(session, i + 1), now)
  )
  return stateUnder(session, { ...manifestOf(session, index + 1), undone: now.undone }, index + 1, seq, findSegment)
}

/** The session up to `lastSeq` under a manifest of any generation. */
export const stateUnder = (
  session: Session,
  manifest: Manifest,
  generation: number,
  lastSeq: number,
  findSegment: FindSegment
): State => {
  const log = session.log.slice(0, Math.max(0, lastSeq))
  const firstOther = log.findIndex(({ message }) => !isSystem(message))
  const system = firstOther < 0 ? log : log.slice(0, firstOther)
  const start = Math.max(system.length + 1, manifest.contextFrom)
  const shown = (fromSeq: number, toSeq: number) => shownBetween(session, manifest, fromSeq, Math.min(toSeq, lastSeq))
  return {
    sessionId: session.id,
    base: {},
    generation,
    lastSeq,
    manifest,
    system: dropUndone(manifest.undone, system),
    head: shown(start, manifest.headTo),
    segments: manifest.segments.flatMap((id) => findSegment(id) ?? []),
    live: manifest.live.flatMap((seq) => shown(seq, seq)),
    tail: shown(Math.max(start, manifest.tailFrom), lastSeq),
    usage: null,
    windows: []
  }
}

/** The session as one line of a list. */
export const summaryOf = ({ beside: { origin }, generations, id, inbox, log }: Session): SessionSummary => ({
  sessionId: id,
  messages: log.length,
  waiting: inbox.length,
  generation: generations.length,
  tokens: total(log),
  ...(origin === undefined ? {} : { origin })
})

/** The generations it left behind, oldest first. */
export const snapshotsOf = ({ generations, id }: Session): ReadonlyArray<Snapshot> =>
  generations.map(({ at, leftSeq, snapshotId }, generation) => ({
    snapshotId,
    sessionId: id,
    generation,
    lastSeq: leftSeq,
    at
  }))

/** The entry of a lease that is still its holder's. */
export const entryOfLease = (session: Session | undefined, { holder, name, token }: Lease): LeaseEntry | undefined => {
  const entry = session?.leases.get(name)
  return entry !== undefined && entry.token === token && entry.holder === holder ? entry : undefined
}

/** Changes a lease that is still its holder's. Returns whether it was. */
export const changeLease = (session: Session | undefined, lease: Lease, change: Partial<LeaseEntry>): boolean => {
  const entry = entryOfLease(session, lease)
  if (entry !== undefined) session?.leases.set(lease.name, { ...entry, ...change })
  return entry !== undefined
}

/** Counts the end of an operation, and gives back its lease. */
export const endOperation = (session: Session, counts: Counts): void => {
  addCounts(session, counts)
  session.leases.set("operation", { ...(session.leases.get("operation") ?? freeLease), holder: null, expires: 0 })
}

/** Adds to the counters; the longest wait is a maximum, and at least 0. */
export const addCounts = ({ counters }: Session, counts: Counts): void => {
  for (const [name, more] of Object.entries(counts)) {
    const before = counters.get(name) ?? 0
    counters.set(name, name === "longestWaitMs" ? Math.max(before, Math.round(more)) : before + Math.round(more))
  }
}

/**
 * One step of the fiber: nothing comes between its reads and its writes. It checks everything before it writes. Fails as
 * the store on disk does if it was given something else than it takes.
 */
export const atOnce = <A, E>(operation: (now: number) => Either.Either<A, E>): Effect.Effect<A, E | StoreError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now): Either.Either<A, E | StoreError> => {
    try {
      endMoment()
      return operation(Math.floor(now))
    } catch (cause) {
      return Either.left(makeMisuse("run the operation", cause))
    }
  })
