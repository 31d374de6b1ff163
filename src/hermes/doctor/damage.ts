/**
 * The kinds of damage a Hermes database can have: for each, which function finds it and what people read about it.
 * Contexts are mended in `contextDamage`, lineages in `mergeLineage`, all else in `repairPlan`.
 */
import * as Struct from "effect/Struct"
import { redact } from "../../message/Redaction.ts"
import * as ContextDamage from "./contextDamage.ts"
import { type HermesFacts, type HermesMessage, messagesOfSession } from "./facts.ts"
import { findContinuations, hasContext, type HermesSession, isSplit, type Lineage, readLineages } from "../lineage.ts"
import { lockState, type World } from "../locks.ts"

interface DamageKind {
  /** Finds the damage that belongs to one session. */
  readonly find: (session: HermesSession, scope: DamageScope) => ReadonlyArray<Occurrence>
  /** Says what is broken, and where. */
  readonly detail: (found: Occurrence) => string
  /** Says what a user may have noticed. */
  readonly noticed: string
  /** Says what a repair does about it. */
  readonly repair: string
  /** True if a repair brings the whole lineage together under one id. */
  readonly isOfLineage?: boolean
}

/** One place where a kind of damage was found. */
interface Occurrence {
  /** The session it belongs to first, then the others it is about. */
  readonly sessionIds: ReadonlyArray<string>
  /** The ids of the damaged rows of `messages`; empty if the damage is not about rows. */
  readonly rows: ReadonlyArray<number>
  /** The error of the session's last compression, if it is known. */
  readonly failure: string | null
}

interface DamageScope {
  readonly facts: HermesFacts
  readonly world: World
  readonly continuations: ReadonlyMap<string, ReadonlyArray<HermesSession>>
  readonly sessionIds: ReadonlySet<string>
}

const isFoundIn = (
  sessions: ReadonlyArray<HermesSession>,
  rows: ReadonlyArray<HermesMessage> = [],
  failure: string | null = null
): Occurrence => ({ sessionIds: sessions.map(({ id }) => id), rows: rows.map(({ id }) => id), failure })

/** Applies a function of `contextDamage` to the messages of a session that has a context of its own. */
const findInContext =
  (find: (rows: ReadonlyArray<HermesMessage>) => ReadonlyArray<HermesMessage>): DamageKind["find"] =>
  (session, { facts }) => {
    const rows = hasContext(session) ? find(messagesOfSession(facts, session.id)) : []
    return rows.length === 0 ? [] : [isFoundIn([session], rows, failureOf(facts, session))]
  }

const describeRows = ({ rows }: Occurrence, one: string, many: string): string =>
  rows.length === 1
    ? `row ${rows[0]} ${one}`
    : `${rows.length} rows (${rows.slice(0, 5).join(", ")}${rows.length > 5 ? ", …" : ""}) ${many}`

const describeFailure = ({ failure }: Occurrence): string => (failure === null ? "" : `: ${redact(failure)}`)

const KINDS = {
  "closed-without-child": {
    find: (session, { continuations }) =>
      isSplit(session) && childrenOf(session, continuations).length === 0 ? [isFoundIn([session])] : [],
    detail: ({ sessionIds: [id] }) => `${id} was closed for a compression that no session follows`,
    noticed: "the chat began anew, as if nothing had been said",
    repair: "opens the session again",
    isOfLineage: true
  },
  forked: {
    find: (session, { continuations }) => {
      const live = childrenOf(session, continuations).filter((child) => isContinued(child, continuations))
      return live.length > 1 ? [isFoundIn([session, ...live])] : []
    },
    detail: ({ sessionIds: [id, ...children] }) =>
      `${id} goes on in ${children.length} sessions: ${children.join(", ")}`,
    noticed: "the agent knew at one time what it had forgotten at another",
    repair: "goes on with the busiest under the stable id, and keeps the others as named branches",
    isOfLineage: true
  },
  "late-messages": {
    find: (session, { continuations, facts }) => {
      const late = findLateMessages(facts, session, childrenOf(session, continuations))
      return late.length > 0 ? [isFoundIn([session], late)] : []
    },
    detail: (found) => `${describeRows(found, "came", "came")} into ${found.sessionIds[0]} after its split`,
    noticed: "the agent never answered these messages",
    repair: "takes them into the context, in the order they came",
    isOfLineage: true
  },
  "empty-child": {
    find: (session, { continuations, facts }) =>
      childrenOf(session, continuations)
        .filter(({ endedAt, id }) => endedAt === null && messagesOfSession(facts, id).length === 0)
        .map((child) => isFoundIn([session, child])),
    detail: ({ sessionIds: [id, child] }) => `${child} should go on with ${id} and holds nothing`,
    noticed: "the agent forgot everything at once",
    repair: "goes on with the parent, and closes the empty session",
    isOfLineage: true
  },
  "routing-to-closed": {
    find: (session, { facts }) =>
      isSplit(session) && facts.routes.some(({ sessionId }) => sessionId === session.id) ? [isFoundIn([session])] : [],
    detail: ({ sessionIds: [id] }) => `a chat is routed to ${id}, which was closed by its split`,
    noticed: "new messages had no effect, or the agent answered without knowing the last ones",
    repair: "brings the lineage back under the id the routing uses",
    isOfLineage: true
  },
  "missing-parent": {
    find: (session, { sessionIds }) =>
      session.parent === null || sessionIds.has(session.parent) ? [] : [isFoundIn([session])],
    detail: ({ sessionIds: [id] }) => `${id} names a parent that does not exist`,
    noticed: "the session's history could not be shown or searched as one",
    repair: "makes it a session of its own, and notes which parent it named"
  },
  "doubled-rows": {
    find: findInContext(ContextDamage.findDoubledRows),
    detail: (found) => `${describeRows(found, "repeats an earlier one", "repeat earlier ones")}, and both are in use`,
    noticed: "the agent did things again, and its context was full sooner",
    repair: "archives the repeats"
  },
  "late-handoff": {
    find: findInContext(ContextDamage.findRowsBeforeHandoff),
    detail: (found) => `${describeRows(found, "stands", "stand")} before the handoff and in it`,
    noticed: "a compression did not make the context smaller, and the agent took up old requests",
    repair: "archives what the handoff stands for"
  },
  "consecutive-handoffs": {
    find: findInContext(ContextDamage.findConsecutiveHandoffs),
    detail: (found) => `${describeRows(found, "is a handoff", "are handoffs")} with another one right after`,
    noticed: "the agent read several summaries that contradict each other",
    repair: "archives all but the last"
  },
  "orphan-results": {
    find: findInContext(ContextDamage.findOrphanResults),
    detail: (found) => `${describeRows(found, "is a tool result", "are tool results")} without the call`,
    noticed: "the provider rejected every request of the session",
    repair: "archives the results"
  },
  "no-user-message": {
    find: findInContext(ContextDamage.findMissingUserMessage),
    detail: ({ sessionIds: [id] }) => `the compression of ${id} left no message of the user's`,
    noticed: "the provider rejected every request of the session",
    repair: "brings the last user message back, or else makes the handoff one"
  },
  "degraded-handoff": {
    find: findInContext(ContextDamage.findDegradedHandoffs),
    detail: (found) => `the summary of ${found.sessionIds[0]} was never made${describeFailure(found)}`,
    noticed: "the agent knew next to nothing of what came before",
    repair:
      "brings the messages back if they are in a parent, else keeps the words archived and does not call them a summary"
  },
  "repeated-archive": {
    find: findInContext(ContextDamage.findRepeatedArchive),
    detail: (found) =>
      `${found.rows.length} archived rows of ${found.sessionIds[0]} are repeats, many times what is in use`,
    noticed: "the database grew by gigabytes",
    repair: "moves the repeats into a closed session beside it; nothing is deleted"
  },
  cooldown: {
    find: (session, { facts, world }) =>
      facts.cooldowns.some(({ sessionId, until }) => sessionId === session.id && until > world.now)
        ? [isFoundIn([session], [], failureOf(facts, session))]
        : [],
    detail: (found) => `compressions of ${found.sessionIds[0]} are put off after a failure${describeFailure(found)}`,
    noticed: "the context grew until the provider rejected it",
    repair: "ends the wait"
  },
  "stale-lock": {
    find: (session, { facts, world }) =>
      facts.locks
        .filter((lock) => lock.sessionId === session.id && lockState(lock, world) !== "held")
        .map(() => isFoundIn([session])),
    detail: ({ sessionIds: [id] }) => `a lock on ${id} is held by a process that is gone, or was not renewed`,
    noticed: "the session was not compressed any more, or the agent did not answer",
    repair: "takes the lock away"
  }
} satisfies { readonly [damage: string]: DamageKind }

export type Damage = keyof typeof KINDS

/** In the order in which the damage of a session is reported. */
export const DAMAGES: ReadonlyArray<Damage> = Struct.keys(KINDS)

export interface FoundDamage extends Occurrence {
  readonly damage: Damage
}

const kindOf = (damage: Damage): DamageKind => KINDS[damage]

export const isOfLineage = ({ damage }: FoundDamage): boolean => kindOf(damage).isOfLineage === true

export const describeDamage = (found: FoundDamage) => {
  const { detail, noticed, repair } = kindOf(found.damage)
  return { detail: detail(found), noticed, repair }
}

/** Finds the damage of each lineage. Lineages without damage are left out. */
export const findDamage = (
  facts: HermesFacts,
  world: World
): ReadonlyArray<readonly [Lineage, ReadonlyArray<FoundDamage>]> => {
  const scope: DamageScope = {
    facts,
    world,
    continuations: findContinuations(facts.sessions),
    sessionIds: new Set(facts.sessions.map(({ id }) => id))
  }
  return readLineages(facts.sessions).flatMap((lineage) => {
    const found = lineage.sessions.flatMap((session) =>
      DAMAGES.flatMap((damage) =>
        kindOf(damage)
          .find(session, scope)
          .map((occurrence): FoundDamage => ({ damage, ...occurrence }))
      )
    )
    return found.length === 0 ? [] : [[lineage, found] as const]
  })
}

/** The sessions that go on with a session which a split has closed. */
const childrenOf = (
  session: HermesSession,
  continuations: DamageScope["continuations"]
): ReadonlyArray<HermesSession> => (isSplit(session) ? (continuations.get(session.id) ?? []) : [])

/** True if the conversation goes on in the session or after it, or should: the user has not left it. */
const isContinued = (
  session: HermesSession,
  continuations: DamageScope["continuations"],
  above: ReadonlySet<string> = new Set()
): boolean => {
  if (session.endedAt === null) return true
  // Sessions that are each other's parents go on nowhere.
  if (!isSplit(session) || above.has(session.id)) return false
  const children = childrenOf(session, continuations)
  const path = new Set([...above, session.id])
  return children.length === 0 || children.some((child) => isContinued(child, continuations, path))
}

/** Finds the messages that came into a session after its split. No model has seen them. */
export const findLateMessages = (
  facts: HermesFacts,
  session: HermesSession,
  children: ReadonlyArray<HermesSession>
): ReadonlyArray<HermesMessage> => {
  if (children.length === 0) return []
  const split = Math.min(
    ...children.flatMap(({ id }) =>
      messagesOfSession(facts, id)
        .slice(0, 1)
        .map(({ id }) => id)
    )
  )
  return messagesOfSession(facts, session.id).filter(
    ({ at, id, standing }) => standing === "live" && (id > split || at > (session.endedAt ?? Infinity))
  )
}

const failureOf = ({ cooldowns }: HermesFacts, { id }: HermesSession): string | null =>
  cooldowns.find(({ sessionId }) => sessionId === id)?.failure ?? null
