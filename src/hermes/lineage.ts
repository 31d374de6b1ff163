/**
 * How the sessions of a Hermes database hang together: a split closes a session for compression and goes on in a child
 * with another id.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** A row of `sessions`, as far as its place among the others goes. Times are epoch seconds. */
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

/** The sessions that are one conversation, the root first, each after its parent. */
export interface Lineage {
  readonly root: HermesSession
  readonly sessions: ReadonlyArray<HermesSession>
}

/** How Hermes marks a session that was closed by a split. */
export const SPLIT = "compression"

/** How a repair marks one whose messages went to another. */
export const MERGED = "merged"

const Markers = Schema.parseJson(
  Schema.Struct({ _branched_from: Schema.optional(Schema.Unknown), _delegate_from: Schema.optional(Schema.Unknown) })
)
const decodeMarkers = Schema.decodeUnknownOption(Markers)

export const isSplit = (session: HermesSession): boolean => session.endedAt !== null && session.endReason === SPLIT

type Ids = ReadonlyArray<Pick<HermesSession, "id" | "endReason">>

/** The closed session that keeps what a session itself has no room for. One that only has its name is another's. */
export const findArchive = (sessions: Ids, sessionId: string): string =>
  findFreeId(
    `${sessionId}.archive`,
    new Set(sessions.filter(({ endReason }) => endReason !== MERGED).map(({ id }) => id))
  )

/** An id that no session has, for a branch of one. */
export const findBranch = (sessions: Ids, sessionId: string): string =>
  findFreeId(`${sessionId}.branch`, new Set(sessions.map(({ id }) => id)))

/** The name, or one like it that nobody has. */
export const findFreeId = (name: string, taken: ReadonlySet<string>, n = 1): string => {
  const id = n === 1 ? name : `${name}.${n}`
  return taken.has(id) ? findFreeId(name, taken, n + 1) : id
}

/** Whether its messages are the context of a conversation, or were before the user left it. */
export const hasContext = ({ endReason, endedAt }: HermesSession): boolean =>
  endedAt === null || (endReason !== SPLIT && endReason !== MERGED)

/** Whether a child goes on with `parent`; continuations inherit foreign markers, so one counts only if it names it. */
export const isContinuationOf = (child: HermesSession, parent: string): boolean => {
  if (child.parent !== parent || child.id === parent || child.source === "tool") return false
  const markers = Option.getOrElse(decodeMarkers(child.modelConfig), () => ({}))
  return !Object.values(markers).includes(parent)
}

/** The continuations of each session that a split has closed, the oldest first. */
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

/** Every session in exactly one lineage. */
export const readLineages = (sessions: ReadonlyArray<HermesSession>): ReadonlyArray<Lineage> => {
  const children = findContinuations(sessions)
  const continued = new Set(Array.from(children.values(), (found) => found.map(({ id }) => id)).flat())
  const taken = new Set<string>()
  const lineage = (root: HermesSession): Lineage => {
    const found = [root]
    taken.add(root.id)
    // Grows while it is walked.
    for (const { id } of found) {
      for (const child of children.get(id) ?? []) {
        if (!taken.has(child.id)) found.push(child)
        taken.add(child.id)
      }
    }
    return { root, sessions: found }
  }
  const rooted = sessions.filter(({ id }) => !continued.has(id)).map(lineage)
  // Sessions that are each other's parents have no root: the first of them is taken for it.
  const circular = sessions.flatMap((session) => (taken.has(session.id) ? [] : [lineage(session)]))
  return [...rooted, ...circular]
}
