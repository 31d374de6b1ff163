/** The rules of the doctor: which damage a Hermes database has, and which sessions and rows it is about. */
import { findContextDamage } from "./contextDamage.ts"
import { type HermesFacts, type HermesMessage, messagesOfSession } from "./facts.ts"
import { findContinuations, hasContext, type HermesSession, isSplit, type Lineage, readLineages } from "../lineage.ts"
import { lockState, type World } from "../locks.ts"

export const DAMAGES = [
  "closed-without-child",
  "forked",
  "late-messages",
  "empty-child",
  "routing-to-closed",
  "missing-parent",
  "doubled-rows",
  "late-handoff",
  "consecutive-handoffs",
  "orphan-results",
  "no-user-message",
  "degraded-handoff",
  "repeated-archive",
  "cooldown",
  "dead-lock"
] as const

export type Damage = (typeof DAMAGES)[number]

/**
 * `rows` are ids of `messages`, empty where the damage is not about rows; `failure` is what the last compression of
 * the session failed with, where that is known.
 */
export interface Found {
  readonly damage: Damage
  readonly sessionIds: ReadonlyArray<string>
  readonly rows: ReadonlyArray<number>
  readonly failure: string | null
}

type Children = ReturnType<typeof findContinuations>

/** The damage of each lineage that has some. */
export const findDamage = (
  facts: HermesFacts,
  world: World
): ReadonlyArray<readonly [Lineage, ReadonlyArray<Found>]> => {
  const children = findContinuations(facts.sessions)
  const known = new Set(facts.sessions.map(({ id }) => id))
  return readLineages(facts.sessions).flatMap((lineage) => {
    const found = lineage.sessions.flatMap((session) => [
      ...ofSplit(facts, session, children),
      ...ofRouting(facts, session),
      ...(session.parent === null || known.has(session.parent) ? [] : [about("missing-parent", [session])]),
      ...ofContext(facts, session),
      ...ofWaiting(facts, session, world)
    ])
    return found.length === 0 ? [] : [[lineage, found] as const]
  })
}

const ofSplit = (facts: HermesFacts, session: HermesSession, children: Children): ReadonlyArray<Found> => {
  if (!isSplit(session)) return []
  const own = children.get(session.id) ?? []
  if (own.length === 0) return [about("closed-without-child", [session])]
  const live = own.filter((child) => isLive(child, children))
  const late = findLateMessages(facts, session, own)
  return [
    ...(live.length > 1 ? [about("forked", [session, ...live])] : []),
    ...(late.length > 0 ? [about("late-messages", [session], late)] : []),
    ...own
      .filter(({ endedAt, id }) => endedAt === null && messagesOfSession(facts, id).length === 0)
      .map((child) => about("empty-child", [session, child]))
  ]
}

/** Whether the conversation goes on in it, or should: the user has not left it. */
const isLive = (session: HermesSession, children: Children, above: ReadonlySet<string> = new Set()): boolean => {
  if (session.endedAt === null) return true
  // Sessions that are each other's parents go on nowhere.
  if (!isSplit(session) || above.has(session.id)) return false
  const own = children.get(session.id) ?? []
  const path = new Set([...above, session.id])
  return own.length === 0 || own.some((child) => isLive(child, children, path))
}

/** Messages of a closed session that came after its split, where no model has seen them. */
export const findLateMessages = (
  facts: HermesFacts,
  session: HermesSession,
  children: ReadonlyArray<HermesSession>
): ReadonlyArray<HermesMessage> => {
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

const ofRouting = ({ routes }: HermesFacts, session: HermesSession): ReadonlyArray<Found> =>
  isSplit(session) && routes.some(({ sessionId }) => sessionId === session.id)
    ? [about("routing-to-closed", [session])]
    : []

const ofContext = (facts: HermesFacts, session: HermesSession): ReadonlyArray<Found> =>
  hasContext(session)
    ? Object.entries(findContextDamage(messagesOfSession(facts, session.id))).flatMap(([name, rows]) =>
        DAMAGES.flatMap((damage) =>
          damage === name && rows.length > 0 ? [about(damage, [session], rows, failureOf(facts, session))] : []
        )
      )
    : []

const ofWaiting = (facts: HermesFacts, session: HermesSession, world: World): ReadonlyArray<Found> => [
  ...(facts.cooldowns.some(({ sessionId, until }) => sessionId === session.id && until > world.now)
    ? [about("cooldown", [session], [], failureOf(facts, session))]
    : []),
  ...facts.locks
    .filter((lock) => lock.sessionId === session.id && lockState(lock, world) !== "held")
    .map(() => about("dead-lock", [session]))
]

const failureOf = ({ cooldowns }: HermesFacts, { id }: HermesSession): string | null =>
  cooldowns.find(({ sessionId }) => sessionId === id)?.failure ?? null

const about = (
  damage: Damage,
  sessions: ReadonlyArray<HermesSession>,
  rows: ReadonlyArray<HermesMessage> = [],
  failure: string | null = null
): Found => ({ damage, sessionIds: sessions.map(({ id }) => id), rows: rows.map(({ id }) => id), failure })
