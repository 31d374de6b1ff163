/** What a repair makes of a damaged lineage: the same facts without the damage. */
import { restoreContext, settleContext } from "./contextDamage.ts"
import { findDamage, type Found } from "./damage.ts"
import { type HermesFacts, type HermesMessage, messagesOfSession } from "./facts.ts"
import { findArchive, hasContext, type HermesSession, type Lineage, MERGED } from "../lineage.ts"
import { lockState, type World } from "../locks.ts"
import { markMerged, mergeLineage, makeStableId } from "./mergeLineage.ts"

/** The repair of one lineage; `home` is its stable id. */
export interface Step {
  readonly lineage: Lineage
  readonly home: string
  readonly found: ReadonlyArray<Found>
  readonly before: HermesFacts
  readonly after: HermesFacts
}

/** A branch can have branches; deeper than that nothing grows in practice. */
const MOST_ROUNDS = 100

/** All repairs in their order, and what they lead to. */
export const planRepairs = (
  before: HermesFacts,
  world: World
): { readonly steps: ReadonlyArray<Step>; readonly after: HermesFacts } => {
  const steps: Array<Step> = []
  let facts = before
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const found = findDamage(facts, world)
    if (found.length === 0) break
    for (const [lineage, own] of found) {
      const after = mended(facts, lineage, own, world)
      steps.push({ lineage, home: makeStableId(facts, lineage), found: own, before: facts, after })
      facts = after
    }
  }
  return { steps, after: facts }
}

const OF_THE_SPLIT: ReadonlyArray<string> = [
  "closed-without-child",
  "forked",
  "late-messages",
  "empty-child",
  "routing-to-closed"
]

/** The facts after the repair of one lineage. A branch it leaves behind is a lineage of its own, and may need one too. */
const mended = (facts: HermesFacts, lineage: Lineage, found: ReadonlyArray<Found>, world: World): HermesFacts => {
  const healed = withRestored(withoutMissingParents(facts, found), lineage)
  // A context that still has no summary gets its messages back from its parents.
  const isMerged =
    found.some(({ damage }) => OF_THE_SPLIT.includes(damage)) ||
    (lineage.sessions.length > 1 && lineage.sessions.some((session) => isWithoutSummary(healed, session)))
  const whole = isMerged ? mergeLineage(healed, lineage, world.now) : healed
  const settling = isMerged
    ? [makeStableId(facts, lineage)]
    : lineage.sessions.flatMap((session) => (hasContext(session) ? [session.id] : []))
  const contexts = settling.reduce((facts, id) => withContext(facts, id, world.now), whole)
  return withoutWaiting(contexts, lineage, world)
}

const isWithoutSummary = (facts: HermesFacts, session: HermesSession): boolean =>
  hasContext(session) && messagesOfSession(facts, session.id).some(isDegraded)

const withRestored = (facts: HermesFacts, { sessions }: Lineage): HermesFacts => {
  const healed = sessions.flatMap((session) =>
    isWithoutSummary(facts, session)
      ? [[session.id, restoreContext(messagesOfSession(facts, session.id), session.parent !== null)] as const]
      : []
  )
  return { ...facts, messages: new Map([...facts.messages, ...healed]) }
}

const withContext = (facts: HermesFacts, sessionId: string, now: number): HermesFacts => {
  const aside = findArchive(facts.sessions, sessionId)
  const own = messagesOfSession(facts, sessionId)
  const rows = settleContext(own, aside).map((row) =>
    facts.canArchive || row.standing === "live" ? row : { ...row, sessionId: aside }
  )
  const set = rows.filter((row) => row.sessionId === aside)
  const messages = new Map([...facts.messages, [sessionId, rows.filter((row) => row.sessionId === sessionId)]])
  // The words of a degraded handoff are kept as they were, too.
  const isKept = !facts.canArchive && own.some((row) => isDegraded(row) && !rows.some((now) => now === row))
  if (set.length === 0 && !isKept) return { ...facts, messages }
  const before = messagesOfSession(facts, aside)
  messages.set(
    aside,
    [...before, ...set].toSorted((a: HermesMessage, b: HermesMessage) => a.id - b.id)
  )
  const isThere = facts.sessions.some(({ id }) => id === aside)
  const like = facts.sessions.find(({ id }) => id === sessionId)
  const added = isThere || like === undefined ? [] : [asArchive(like, aside, now)]
  return { ...facts, messages, sessions: [...facts.sessions, ...added] }
}

const isDegraded = ({ handoff, standing }: HermesMessage) => handoff === "degraded" && standing === "live"

/** A closed session that keeps what its session cannot keep. */
const asArchive = (session: HermesSession, id: string, now: number): HermesSession => ({
  ...session,
  id,
  parent: session.id,
  endedAt: now,
  endReason: MERGED,
  title: null,
  modelConfig: markMerged(session, { _branched_from: session.id })
})

const withoutMissingParents = (facts: HermesFacts, found: ReadonlyArray<Found>): HermesFacts => {
  const orphans = new Set(found.flatMap(({ damage, sessionIds }) => (damage === "missing-parent" ? sessionIds : [])))
  return {
    ...facts,
    sessions: facts.sessions.map((session) =>
      orphans.has(session.id)
        ? { ...session, parent: null, modelConfig: markMerged(session, { _missing_parent: session.parent }) }
        : session
    )
  }
}

const withoutWaiting = (facts: HermesFacts, lineage: Lineage, world: World): HermesFacts => {
  const own = new Set(lineage.sessions.map(({ id }) => id))
  return {
    ...facts,
    locks: facts.locks.filter((lock) => !own.has(lock.sessionId) || lockState(lock, world) === "held"),
    cooldowns: facts.cooldowns.filter(({ sessionId }) => !own.has(sessionId))
  }
}
