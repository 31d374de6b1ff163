/** A split lineage back under one stable id: what a repair makes of it, as plain data. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { archiveRows, findCarriedOver, idsOf } from "./contextDamage.ts"
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
type Path = ReadonlyArray<HermesSession>

/** The id the routing uses, the latest if several do, else the root's. */
export const makeStableId = ({ routes }: HermesFacts, { root, sessions }: Lineage): string => {
  const own = new Set(sessions.map(({ id }) => id))
  const routed = routes.filter(({ sessionId }) => own.has(sessionId)).toSorted((a, b) => b.at - a.at)
  return routed[0]?.sessionId ?? root.id
}

/**
 * The busiest path of a lineage as one session. Its other branches become sessions of their own that name it as where
 * they branched off, so that Hermes takes none of them for its continuation; sessions left empty stay, closed.
 */
export const mergeLineage = (before: HermesFacts, whole: Lineage, now: number): HermesFacts => {
  const home = makeStableId(before, whole)
  const facts = isAside(before, whole, home) ? withoutMessages(before, home) : before
  const lineage = readLineages(facts.sessions).find(({ root }) => root.id === whole.root.id) ?? whole
  const path = busiest(facts, lineage)
  const absorbed = absorbedBy(facts, lineage, path)
  const rows = contextOf(facts, path)
  const isBranch = ({ id, parent }: HermesSession) =>
    id !== home && parent !== null && absorbed.has(parent) && !absorbed.has(id)
  const branches = new Set(lineage.sessions.flatMap((session) => (isBranch(session) ? [session.id] : [])))
  const sessions = facts.sessions.map((session): HermesSession => {
    if (session.id === home) return asHome(session, lineage.root, path)
    if (absorbed.has(session.id)) return asAbsorbed(session, home, now)
    return branches.has(session.id) ? asBranch(session, home) : session
  })
  return {
    ...facts,
    sessions: named(sessions, home, path, branches),
    messages: new Map([...facts.messages, ...path.map(({ id }) => [id, []] as const), ...placed(facts, rows, home)]),
    routes: facts.routes.map((route) => (absorbed.has(route.sessionId) ? { ...route, sessionId: home } : route))
  }
}

/** Whether the stable id is that of a branch which is not the busiest. */
const isAside = (facts: HermesFacts, lineage: Lineage, home: string): boolean =>
  messagesOfSession(facts, home).length > 0 && busiest(facts, lineage).every(({ id }) => id !== home)

/** The messages of a session, and who went on with them, under another id: the session itself is left empty. */
const withoutMessages = (facts: HermesFacts, sessionId: string): HermesFacts => {
  const branch = findBranch(facts.sessions, sessionId)
  const rows = messagesOfSession(facts, sessionId).map((row) => ({ ...row, sessionId: branch }))
  const sessions = facts.sessions.flatMap((session): Path => {
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

/** From the root to the end of the branch with the most messages; one the user has not left goes first. */
const busiest = (facts: HermesFacts, { root, sessions }: Lineage): Path => {
  const children = findContinuations(sessions)
  const parents = new Map(sessions.map((session) => [session.id, session]))
  const filled = new Set<string>()
  for (const { id } of sessions.toReversed()) {
    const isFilled = (children.get(id) ?? []).some((child) => filled.has(child.id))
    if (isFilled || messagesOfSession(facts, id).length > 0) filled.add(id)
  }
  const pathTo = (tip: HermesSession): Path => {
    const path = [tip]
    for (let at = tip; at.id !== root.id; path.unshift(at)) at = parents.get(at.parent ?? root.id) ?? root
    return path
  }
  const tips = sessions.filter(({ id }) => filled.has(id) && !(children.get(id) ?? []).some(({ id }) => filled.has(id)))
  const weighed = tips.map((tip) => {
    const path = pathTo(tip)
    const rows = path.flatMap(({ id }) => messagesOfSession(facts, id))
    return { path, isLeft: tip.endedAt !== null && !isSplit(tip), size: rows.length, last: rows.at(-1)?.id ?? 0 }
  })
  const [first] = weighed.toSorted((a, b) => Number(a.isLeft) - Number(b.isLeft) || b.size - a.size || b.last - a.last)
  return first?.path ?? [root]
}

/** The path itself, and the empty sessions that hang on it. */
const absorbedBy = (facts: HermesFacts, { sessions }: Lineage, path: Path): ReadonlySet<string> => {
  const children = findContinuations(sessions)
  const absorbed = new Set(path.map(({ id }) => id))
  const isEmpty = ({ id }: HermesSession, above: ReadonlyArray<string> = []): boolean =>
    above.includes(id) ||
    (messagesOfSession(facts, id).length === 0 &&
      (children.get(id) ?? []).every((child) => isEmpty(child, [...above, id])))
  for (const session of sessions) {
    if (session.parent !== null && absorbed.has(session.parent) && isEmpty(session)) absorbed.add(session.id)
  }
  return absorbed
}

/**
 * The messages of a path. What the last summary stands for is archived; without one all stays in the context, and what
 * Hermes stored again at the beginning of each session leaves it. Where nothing can be archived all stays, too.
 */
const contextOf = (facts: HermesFacts, path: Path): Rows => {
  const last = facts.canArchive
    ? path.findLastIndex(({ id }) =>
        messagesOfSession(facts, id).some(({ handoff, standing }) => handoff === "summary" && standing === "live")
      )
    : 0
  return path.flatMap((session, index) => {
    const own = messagesOfSession(facts, session.id)
    const previous = path[index - 1]
    const next = path[index + 1]
    if (index < last && next !== undefined) {
      const late = idsOf(findLateMessages(facts, session, [next]))
      return archiveRows(own, idsOf(own.filter(({ id }) => !late.has(id))))
    }
    return index <= last || previous === undefined
      ? own
      : archiveRows(
          own,
          idsOf([...findCarriedOver(live(own), messagesOfSession(facts, previous.id)), ...handoffs(own)])
        )
  })
}

const live = (rows: Rows): Rows => rows.filter(({ standing }) => standing === "live")

const handoffs = (rows: Rows): Rows => rows.filter(({ handoff }) => handoff !== "none")

/** All under one id in the order they came; without an archive, what left the context stays where it was. */
const placed = (facts: HermesFacts, rows: Rows, home: string): ReadonlyMap<string, Rows> => {
  const stays = (row: HermesMessage) => !facts.canArchive && row.standing === "archived" && row.sessionId !== home
  const own = rows.filter((row) => !stays(row)).map((row) => ({ ...row, sessionId: home }))
  const others = rows.filter(stays)
  const theirs = Array.from(
    new Set(others.map(({ sessionId }) => sessionId)),
    (id) => [id, others.filter(({ sessionId }) => sessionId === id)] as const
  )
  return new Map([...theirs, [home, own.toSorted((a, b) => a.id - b.id)]])
}

const asHome = (session: HermesSession, root: HermesSession, path: Path): HermesSession => {
  const tip = path.at(-1) ?? root
  const ended = isSplit(tip) ? { endedAt: null, endReason: null } : tip
  const isBranch = root.parent !== null && !isContinuationOf(root, root.parent)
  return {
    ...session,
    parent: root.parent,
    endedAt: ended.endedAt,
    endReason: ended.endReason,
    modelConfig:
      isBranch && session.id !== root.id ? markMerged(session, { _branched_from: root.parent }) : session.modelConfig
  }
}

const asAbsorbed = (session: HermesSession, home: string, now: number): HermesSession => ({
  ...session,
  endedAt: session.endedAt ?? now,
  endReason: MERGED,
  modelConfig: markMerged(session, { _merged_into: home })
})

const asBranch = (session: HermesSession, home: string): HermesSession => ({
  ...session,
  parent: home,
  modelConfig: markMerged(session, { _branched_from: home })
})

/** The home has the title the lineage had, and each branch one of its own. */
const named = (sessions: Path, home: string, path: Path, branches: ReadonlySet<string>): Path => {
  const titled = path.find(({ title }) => title !== null)
  const stable = sessions.find(({ id }) => id === home)
  const title = stable?.title ?? titled?.title ?? null
  const taken = new Set(sessions.map(({ title }) => title))
  const fresh = (n: number): string => {
    const name = `${title ?? home} (branch ${n})`
    return taken.has(name) ? fresh(n + 1) : name
  }
  return sessions.map((session) => {
    if (session.id === home) return { ...session, title }
    if (session.id === titled?.id && stable?.title === null) return { ...session, title: null }
    if (session.title !== null || !branches.has(session.id)) return session
    const name = fresh(1)
    taken.add(name)
    return { ...session, title: name }
  })
}

const decode = Schema.decodeUnknownOption(
  Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
)

/** A `model_config` with marks. One that is no JSON object is kept within the new one. */
export const markMerged = ({ modelConfig }: HermesSession, marks: { readonly [name: string]: unknown }): string =>
  JSON.stringify({
    ...Option.getOrElse(decode(modelConfig), () => (modelConfig === null ? {} : { _model_config: modelConfig })),
    ...marks
  })
