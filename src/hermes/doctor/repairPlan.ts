/** Plans a repair: the facts as they are without the damage, one lineage at a time. */
import { mendContext, restoreContext } from "./contextDamage.ts"
import { findDamage, type FoundDamage, isOfLineage } from "./damage.ts"
import { type HermesFacts, type HermesMessage, messagesOfSession } from "./facts.ts"
import { findArchive, hasContext, type HermesSession, type Lineage, MERGED } from "../lineage.ts"
import { lockState, type World } from "../locks.ts"
import { addToModelConfig, chooseStableId, mergeLineage } from "./mergeLineage.ts"

/** The repair of one lineage; `home` is its stable id. */
export interface RepairStep {
  readonly lineage: Lineage
  readonly home: string
  readonly found: ReadonlyArray<FoundDamage>
  readonly before: HermesFacts
  readonly after: HermesFacts
}

/** Ends the planning if mending never ends: a branch can have branches, but real files have a few levels. */
const MOST_ROUNDS = 100

/** Plans all repairs in their order, and returns the facts they lead to. */
export const planRepairs = (
  before: HermesFacts,
  world: World
): { readonly steps: ReadonlyArray<RepairStep>; readonly after: HermesFacts } => {
  const steps: Array<RepairStep> = []
  let facts = before
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const damaged = findDamage(facts, world)
    if (damaged.length === 0) break
    for (const [lineage, found] of damaged) {
      const after = mendLineage(facts, lineage, found, world)
      steps.push({ lineage, home: chooseStableId(facts, lineage), found, before: facts, after })
      facts = after
    }
  }
  return { steps, after: facts }
}

/** Mends one lineage. A branch it leaves behind is a lineage of its own, and the next round mends that. */
const mendLineage = (
  before: HermesFacts,
  lineage: Lineage,
  found: ReadonlyArray<FoundDamage>,
  world: World
): HermesFacts => {
  const restored = restoreSummarized(detachOrphans(before, found), lineage)
  // A degraded handoff that still stands can only get its messages back from the parents.
  const needsMerge =
    found.some(isOfLineage) ||
    (lineage.sessions.length > 1 && lineage.sessions.some((session) => hasDegradedContext(restored, session)))
  const merged = needsMerge ? mergeLineage(restored, lineage, world.now) : restored
  const contexts = needsMerge
    ? [chooseStableId(before, lineage)]
    : lineage.sessions.filter(hasContext).map(({ id }) => id)
  const mended = contexts.reduce((facts, id) => mendSession(facts, id, world.now), merged)
  return endWaiting(mended, lineage, world)
}

const isDegraded = ({ handoff, standing }: HermesMessage) => handoff === "degraded" && standing === "live"

const hasDegradedContext = (facts: HermesFacts, session: HermesSession): boolean =>
  hasContext(session) && messagesOfSession(facts, session.id).some(isDegraded)

/** Makes sessions whose parent does not exist sessions of their own. */
const detachOrphans = (facts: HermesFacts, found: ReadonlyArray<FoundDamage>): HermesFacts => {
  const orphans = new Set(found.flatMap(({ damage, sessionIds }) => (damage === "missing-parent" ? sessionIds : [])))
  const sessions = facts.sessions.map((session) =>
    orphans.has(session.id)
      ? { ...session, parent: null, modelConfig: addToModelConfig(session, { _missing_parent: session.parent }) }
      : session
  )
  return { ...facts, sessions }
}

/** Brings back, in each session, the messages that its degraded handoffs stand for. */
const restoreSummarized = (facts: HermesFacts, { sessions }: Lineage): HermesFacts => {
  const restored = sessions
    .filter((session) => hasDegradedContext(facts, session))
    .map(({ id, parent }) => [id, restoreContext(messagesOfSession(facts, id), parent !== null)] as const)
  return { ...facts, messages: new Map([...facts.messages, ...restored]) }
}

/** Mends the context of a session. Rows it has no room for move to its archive session, which is made if needed. */
const mendSession = (facts: HermesFacts, sessionId: string, now: number): HermesFacts => {
  const aside = findArchive(facts.sessions, sessionId)
  const own = messagesOfSession(facts, sessionId)
  const rows = mendContext(own, aside).map((row) =>
    facts.canArchive || row.standing === "live" ? row : { ...row, sessionId: aside }
  )
  const leaving = rows.filter((row) => row.sessionId === aside)
  const messages = new Map([...facts.messages, [sessionId, rows.filter((row) => row.sessionId === sessionId)]])
  // `writeChanges` stores the words of a reworded handoff once more, for which an old schema needs the archive session.
  const isReworded = !facts.canArchive && own.some((row) => isDegraded(row) && !rows.includes(row))
  if (leaving.length === 0 && !isReworded) return { ...facts, messages }
  messages.set(
    aside,
    [...messagesOfSession(facts, aside), ...leaving].toSorted((a, b) => a.id - b.id)
  )
  const isThere = facts.sessions.some(({ id }) => id === aside)
  const session = facts.sessions.find(({ id }) => id === sessionId)
  const added = isThere || session === undefined ? [] : [makeArchive(session, aside, now)]
  return { ...facts, messages, sessions: [...facts.sessions, ...added] }
}

const makeArchive = (session: HermesSession, id: string, now: number): HermesSession => ({
  ...session,
  id,
  parent: session.id,
  endedAt: now,
  endReason: MERGED,
  title: null,
  modelConfig: addToModelConfig(session, { _branched_from: session.id })
})

/** Removes stale locks and cooldowns. */
const endWaiting = (facts: HermesFacts, lineage: Lineage, world: World): HermesFacts => {
  const own = new Set(lineage.sessions.map(({ id }) => id))
  return {
    ...facts,
    locks: facts.locks.filter((lock) => !own.has(lock.sessionId) || lockState(lock, world) === "held"),
    cooldowns: facts.cooldowns.filter(({ sessionId }) => !own.has(sessionId))
  }
}
