/** Brings a split lineage back under one stable id, as plain data. */
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Schema from "effect/Schema"
import { archiveRows, findCarriedOver, idsOf, isHandoff, isLive } from "./contextDamage.ts"
import { findLateMessages } from "./damage.ts"
import { type HermesFacts, type HermesMessage, messagesOfSession } from "./facts.ts"
import {
  findBranch,
  findContinuations,
  type HermesSession,
  isContinuationOf,
  isSplit,
  type Lineage,
  readLineages,
  MERGED
} from "../lineage.ts"

type Rows = ReadonlyArray<HermesMessage>
type Sessions = ReadonlyArray<HermesSession>

/** Chooses the id that the routing uses, the latest if several do, else the root's. */
export const chooseStableId = ({ routes }: HermesFacts, { root, sessions }: Lineage): string => {
  const own = new Set(sessions.map(({ id }) => id))
  const routed = routes.filter(({ sessionId }) => own.has(sessionId)).toSorted((a, b) => b.at - a.at)
  return routed[0]?.sessionId ?? root.id
}

/**
 * Merges the busiest path of a lineage into one session. Its other branches become sessions of their own and name the
 * session they branched off from, so that Hermes takes none of them for its continuation. Sessions left empty stay,
 * closed.
 */
export const mergeLineage = (before: HermesFacts, whole: Lineage, now: number): HermesFacts => {
  const home = chooseStableId(before, whole)
  const facts = isOnSideBranch(before, whole, home) ? moveToBranch(before, home) : before
  const lineage = readLineages(facts.sessions).find(({ root }) => root.id === whole.root.id) ?? whole
  const path = findBusiestPath(facts, lineage)
  const absorbed = findAbsorbed(facts, lineage, path)
  const branches = new Set(
    lineage.sessions
      .filter(({ id, parent }) => id !== home && parent !== null && absorbed.has(parent) && !absorbed.has(id))
      .map(({ id }) => id)
  )
  const sessions = facts.sessions.map((session): HermesSession => {
    if (session.id === home) return toHome(session, lineage.root, path)
    if (absorbed.has(session.id)) return toAbsorbed(session, home, now)
    return branches.has(session.id) ? toBranch(session, home) : session
  })
  const rows = mergeContexts(facts, path)
  const emptied = path.map(({ id }) => [id, []] as const)
  return {
    ...facts,
    sessions: nameSessions(sessions, home, path, branches),
    messages: new Map([...facts.messages, ...emptied, ...placeRows(facts, rows, home)]),
    routes: facts.routes.map((route) => (absorbed.has(route.sessionId) ? { ...route, sessionId: home } : route))
  }
}

/** True if the stable id belongs to a branch with messages that is not the busiest. */
const isOnSideBranch = (facts: HermesFacts, lineage: Lineage, home: string): boolean =>
  messagesOfSession(facts, home).length > 0 && findBusiestPath(facts, lineage).every(({ id }) => id !== home)

/** Moves the messages of a session, and the sessions that go on with it, to a new id, and leaves the session empty. */
const moveToBranch = (facts: HermesFacts, sessionId: string): HermesFacts => {
  const branch = findBranch(facts.sessions, sessionId)
  const rows = messagesOfSession(facts, sessionId).map((row) => ({ ...row, sessionId: branch }))
  const sessions = facts.sessions.flatMap((session): Sessions => {
    if (session.id === sessionId) {
      return [
        { ...session, endedAt: null, endReason: null },
        { ...session, id: branch, title: null }
      ]
    }
    return isContinuationOf(session, sessionId) ? [{ ...session, parent: branch }] : [session]
  })
  return { ...facts, sessions, messages: new Map([...facts.messages, [sessionId, []], [branch, rows]]) }
}

/** Finds the path from the root to the best tip. */
const findBusiestPath = (facts: HermesFacts, lineage: Lineage): Sessions => {
  const tips = findTips(facts, lineage).map((session): Tip => {
    const path = pathTo(session, lineage)
    const rows = path.flatMap(({ id }) => messagesOfSession(facts, id))
    const hasUserLeft = session.endedAt !== null && !isSplit(session)
    return { path, hasUserLeft, messages: rows.length, lastRow: rows.at(-1)?.id ?? 0 }
  })
  const [best] = tips.toSorted(compareTips)
  return best?.path ?? [lineage.root]
}

/** Finds the sessions with messages after which no session has any. */
const findTips = (facts: HermesFacts, { sessions }: Lineage): Sessions => {
  const continuations = findContinuations(sessions)
  const withMessages = new Set<string>()
  const hasMessagesBelow = ({ id }: HermesSession) =>
    (continuations.get(id) ?? []).some((child) => withMessages.has(child.id))
  // Each session comes after its parent, so backwards its children are known before it.
  for (const session of sessions.toReversed()) {
    if (hasMessagesBelow(session) || messagesOfSession(facts, session.id).length > 0) withMessages.add(session.id)
  }
  return sessions.filter((session) => withMessages.has(session.id) && !hasMessagesBelow(session))
}

/** The sessions from the root to `tip`. */
const pathTo = (tip: HermesSession, { root, sessions }: Lineage): Sessions => {
  const byId = new Map(sessions.map((session) => [session.id, session]))
  const upwards = [tip]
  for (let session = tip; session.id !== root.id;) {
    session = byId.get(session.parent ?? root.id) ?? root
    upwards.push(session)
  }
  return upwards.toReversed()
}

interface Tip {
  readonly path: Sessions
  readonly hasUserLeft: boolean
  /** The number of messages on the whole path. */
  readonly messages: number
  readonly lastRow: number
}

/** Best first: a branch the user has not left, then the one with the most messages, then the one with the newest. */
const compareTips: Order.Order<Tip> = Order.combineAll([
  Order.mapInput(Order.boolean, ({ hasUserLeft }: Tip) => hasUserLeft),
  Order.mapInput(Order.reverse(Order.number), ({ messages }: Tip) => messages),
  Order.mapInput(Order.reverse(Order.number), ({ lastRow }: Tip) => lastRow)
])

/** Finds the sessions that end in the merged one: the path itself, and the empty sessions that hang on it. */
const findAbsorbed = (facts: HermesFacts, { sessions }: Lineage, path: Sessions): ReadonlySet<string> => {
  const continuations = findContinuations(sessions)
  const absorbed = new Set(path.map(({ id }) => id))
  const isEmptyBelow = ({ id }: HermesSession, above: ReadonlyArray<string> = []): boolean =>
    above.includes(id) ||
    (messagesOfSession(facts, id).length === 0 &&
      (continuations.get(id) ?? []).every((child) => isEmptyBelow(child, [...above, id])))
  for (const session of sessions) {
    if (session.parent !== null && absorbed.has(session.parent) && isEmptyBelow(session)) absorbed.add(session.id)
  }
  return absorbed
}

/**
 * Joins the messages of a path to one context. What the last summary stands for is archived. Without a summary, all
 * messages stay in the context, except for what Hermes stored again at the beginning of each session. Nothing is
 * archived if the schema cannot archive.
 */
const mergeContexts = (facts: HermesFacts, path: Sessions): Rows => {
  const summarized = facts.canArchive
    ? path.findLastIndex(({ id }) =>
        messagesOfSession(facts, id).some((row) => row.handoff === "summary" && isLive(row))
      )
    : 0
  return path.flatMap((session, index) => {
    const own = messagesOfSession(facts, session.id)
    const previous = path[index - 1]
    const next = path[index + 1]
    if (index < summarized && next !== undefined) {
      const late = idsOf(findLateMessages(facts, session, [next]))
      return archiveRows(own, idsOf(own.filter(({ id }) => !late.has(id))))
    }
    if (index <= summarized || previous === undefined) return own
    const storedAgain = findCarriedOver(own.filter(isLive), messagesOfSession(facts, previous.id))
    return archiveRows(own, idsOf([...storedAgain, ...own.filter(isHandoff)]))
  })
}

/** Puts all rows under one id, in the order they came. If the schema cannot archive, archived rows stay where they are. */
const placeRows = (facts: HermesFacts, rows: Rows, home: string): ReadonlyMap<string, Rows> => {
  const stays = (row: HermesMessage) => !facts.canArchive && row.standing === "archived" && row.sessionId !== home
  const moving = rows.filter((row) => !stays(row)).map((row) => ({ ...row, sessionId: home }))
  const staying = rows.filter(stays)
  const stayingBySession = Array.from(
    new Set(staying.map(({ sessionId }) => sessionId)),
    (id) => [id, staying.filter(({ sessionId }) => sessionId === id)] as const
  )
  return new Map([...stayingBySession, [home, moving.toSorted((a, b) => a.id - b.id)]])
}

const toHome = (session: HermesSession, root: HermesSession, path: Sessions): HermesSession => {
  const tip = path.at(-1) ?? root
  const { endReason, endedAt } = isSplit(tip) ? { endedAt: null, endReason: null } : tip
  const isBranch = root.parent !== null && !isContinuationOf(root, root.parent)
  const modelConfig =
    isBranch && session.id !== root.id
      ? addToModelConfig(session, { _branched_from: root.parent })
      : session.modelConfig
  return { ...session, parent: root.parent, endedAt, endReason, modelConfig }
}

const toAbsorbed = (session: HermesSession, home: string, now: number): HermesSession => ({
  ...session,
  endedAt: session.endedAt ?? now,
  endReason: MERGED,
  modelConfig: addToModelConfig(session, { _merged_into: home })
})

const toBranch = (session: HermesSession, home: string): HermesSession => ({
  ...session,
  parent: home,
  modelConfig: addToModelConfig(session, { _branched_from: home })
})

/** Gives the title of the lineage to the session that keeps its id, and a title of its own to each branch without one. */
const nameSessions = (sessions: Sessions, home: string, path: Sessions, branches: ReadonlySet<string>): Sessions => {
  const firstTitled = path.find(({ title }) => title !== null)
  const homeSession = sessions.find(({ id }) => id === home)
  const title = homeSession?.title ?? firstTitled?.title ?? null
  const taken = new Set(sessions.map(({ title }) => title))
  const findFreeTitle = (n: number): string => {
    const name = `${title ?? home} (branch ${n})`
    return taken.has(name) ? findFreeTitle(n + 1) : name
  }
  return sessions.map((session) => {
    if (session.id === home) return { ...session, title }
    // Titles are unique, so the session that gives its title away has none.
    if (session.id === firstTitled?.id && homeSession?.title === null) return { ...session, title: null }
    if (session.title !== null || !branches.has(session.id)) return session
    const name = findFreeTitle(1)
    taken.add(name)
    return { ...session, title: name }
  })
}

const decodeModelConfig = Schema.decodeUnknownOption(
  Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
)

/** Returns the `model_config` of a session with the fields added. One that is not a JSON object is kept in a field. */
export const addToModelConfig = (
  { modelConfig }: HermesSession,
  fields: { readonly [name: string]: unknown }
): string =>
  JSON.stringify({
    ...Option.getOrElse(decodeModelConfig(modelConfig), () =>
      modelConfig === null ? {} : { _model_config: modelConfig }
    ),
    ...fields
  })
