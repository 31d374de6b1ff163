/**
 * Finds the sessions of a Hermes database that are one conversation. Earlier versions split a session at a compression:
 * they closed it and went on in a child session with another id.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** The columns of `sessions` that say how sessions belong together. Times are epoch seconds. */
export interface HermesSession {
  readonly id: string
  readonly source: string | null
  readonly parent: string | null
  readonly startedAt: number
  readonly endedAt: number | null
  readonly endReason: string | null
  readonly modelConfig: string | null
  readonly title: string | null
}

/** The sessions of one conversation, the root first, each after its parent. */
export interface Lineage {
  readonly root: HermesSession
  readonly sessions: ReadonlyArray<HermesSession>
}

/** The end reason of a session that a split closed. */
const SPLIT = "compression"

/** The end reason that a repair gives a session whose messages moved to another. */
export const MERGED = "merged"

const Markers = Schema.parseJson(
  Schema.Struct({ _branched_from: Schema.optional(Schema.Unknown), _delegate_from: Schema.optional(Schema.Unknown) })
)
const decodeMarkers = Schema.decodeUnknownOption(Markers)

export const isSplit = (session: HermesSession): boolean => session.endedAt !== null && session.endReason === SPLIT

type Ids = ReadonlyArray<Pick<HermesSession, "id" | "endReason">>

/** The id of the archive session of a session. A session of that name that no repair made is the user's, and is passed. */
export const findArchive = (sessions: Ids, sessionId: string): string =>
  findFreeId(
    `${sessionId}.archive`,
    new Set(sessions.filter(({ endReason }) => endReason !== MERGED).map(({ id }) => id))
  )

/** A free id for a branch of the session. */
export const findBranch = (sessions: Ids, sessionId: string): string =>
  findFreeId(`${sessionId}.branch`, new Set(sessions.map(({ id }) => id)))

/** The name, or the name with the first number that makes it free. */
export const findFreeId = (name: string, taken: ReadonlySet<string>, n = 1): string => {
  const id = n === 1 ? name : `${name}.${n}`
  return taken.has(id) ? findFreeId(name, taken, n + 1) : id
}

/** True if the messages are the context of a conversation, or were until the user left it. */
export const hasContext = ({ endReason, endedAt }: HermesSession): boolean =>
  endedAt === null || (endReason !== SPLIT && endReason !== MERGED)

/** True if the child continues `parent`. A marker counts only if it names `parent`, because children inherit markers. */
export const isContinuationOf = (child: HermesSession, parent: string): boolean => {
  if (child.parent !== parent || child.id === parent || child.source === "tool") return false
  const markers = Option.getOrElse(decodeMarkers(child.modelConfig), () => ({}))
  return !Object.values(markers).includes(parent)
}

/** Finds the continuations of each session that a split closed, the oldest first. */
export const findContinuations = (
  sessions: ReadonlyArray<HermesSession>
): ReadonlyMap<string, ReadonlyArray<HermesSession>> => {
  const byParent = new Map<string, Array<HermesSession>>(
    sessions.flatMap((session) => (isSplit(session) ? [[session.id, []]] : []))
  )
  for (const child of sessions.toSorted((a, b) => a.startedAt - b.startedAt)) {
    if (child.parent !== null && isContinuationOf(child, child.parent)) byParent.get(child.parent)?.push(child)
  }
  return byParent
}

/** Groups the sessions into lineages, each session in exactly one. */
export const readLineages = (sessions: ReadonlyArray<HermesSession>): ReadonlyArray<Lineage> => {
  const children = findContinuations(sessions)
  const continued = new Set(Array.from(children.values(), (found) => found.map(({ id }) => id)).flat())
  const taken = new Set<string>()
  const collectLineage = (root: HermesSession): Lineage => {
    const found = [root]
    taken.add(root.id)
    // The list grows during the loop.
    for (const { id } of found) {
      for (const child of children.get(id) ?? []) {
        if (!taken.has(child.id)) found.push(child)
        taken.add(child.id)
      }
    }
    return { root, sessions: found }
  }
  const withRoot = sessions.filter(({ id }) => !continued.has(id)).map(collectLineage)
  // Sessions that are each other's parents have no root, so the first of them becomes it.
  const circular = sessions.flatMap((session) => (taken.has(session.id) ? [] : [collectLineage(session)]))
  return [...withRoot, ...circular]
}
