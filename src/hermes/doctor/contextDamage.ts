/** What can be wrong with the live context of a Hermes session, and what a context without it is. */
import type { HermesMessage } from "./facts.ts"

type Rows = ReadonlyArray<HermesMessage>

/** How many live rows may stand before a handoff: a head, with room for a protected one that was set larger. */
const LONGEST_HEAD = 8

/** Archived repeats are damage once they are so many, and so many times the live rows. */
const MANY_REPEATS = 200
const REPEATS_PER_LIVE = 5

/** The rows of a session each kind of damage is about. */
export interface ContextDamage {
  readonly "doubled-rows": Rows
  readonly "late-handoff": Rows
  readonly "consecutive-handoffs": Rows
  readonly "orphan-results": Rows
  readonly "no-user-message": Rows
  readonly "degraded-handoff": Rows
  readonly "repeated-archive": Rows
}

export const findContextDamage = (rows: Rows): ContextDamage => {
  const live = rows.filter(({ standing }) => standing === "live")
  return {
    "doubled-rows": doubled(rows),
    "late-handoff": beforeHandoff(live),
    "consecutive-handoffs": live.filter(
      ({ handoff }, index) => handoff !== "none" && (live[index + 1]?.handoff ?? "none") !== "none"
    ),
    "orphan-results": orphans(live),
    "no-user-message": userless(live, rows),
    "degraded-handoff": live.filter(({ handoff }) => handoff === "degraded"),
    "repeated-archive": repeats(rows, live.length)
  }
}

/**
 * The same rows without that damage. What leaves the context is archived; what a repair cannot heal by taking rows
 * out is named by a changed `handoff` or `role`. Repeats of the archive go to the session named `aside`.
 */
export const settleContext = (rows: Rows, aside: string): Rows => {
  const damage = findContextDamage(rows)
  const leaving = idsOf([
    ...damage["doubled-rows"],
    ...damage["late-handoff"],
    ...damage["consecutive-handoffs"],
    ...damage["orphan-results"]
  ])
  // What one leaves behind can be another: the result of a call that left is an orphan.
  if (leaving.size > 0) return settleContext(archiveRows(rows, leaving), aside)
  const repeated = idsOf(damage["repeated-archive"])
  const restored = idsOf(damage["no-user-message"])
  return rows.map((row) => {
    if (repeated.has(row.id)) return { ...row, sessionId: aside }
    if (restored.has(row.id)) return row.handoff === "none" ? { ...row, standing: "live" } : { ...row, role: "user" }
    return row.standing === "live" && row.handoff === "degraded" ? { ...row, handoff: "summary" } : row
  })
}

/** Those of `rows` out of the context, where nobody loses them. */
export const archiveRows = (rows: Rows, leaving: ReadonlySet<number>): Rows =>
  rows.map((row) => (row.standing === "live" && leaving.has(row.id) ? { ...row, standing: "archived" } : row))

export const idsOf = (rows: Rows): ReadonlySet<number> => new Set(rows.map(({ id }) => id))

/**
 * The rows at the beginning of `rows` that repeat some of `before`, in order: the head, and after the handoff the
 * tail, which Hermes stores again.
 */
export const findCarriedOver = (rows: Rows, before: Rows): Rows => {
  const handoff = rows.findIndex(({ handoff }) => handoff !== "none")
  const places = placesOf(before)
  const carried: Array<HermesMessage> = []
  let from = -1
  for (const [index, row] of rows.entries()) {
    if (handoff === -1) break
    if (row.handoff !== "none") continue
    const place = places.get(row.says)?.find((place) => place > from)
    if (place !== undefined) {
      carried.push(row)
      from = place
    } else if (index > handoff) break
  }
  return carried
}

/**
 * With what a degraded handoff stands for in the context again, where the same session has it archived: from its last
 * summary on, each row once. The first handoff of a child stands for messages of its parent, and stays.
 */
export const restoreContext = (rows: Rows, isChild: boolean): Rows => {
  const used = rows.filter(({ standing }) => standing !== "undone")
  // A summary in use says what came before it, and a degraded handoff beside it then stands for little.
  if (used.some(({ handoff, standing }) => handoff === "summary" && standing === "live")) return rows
  const live = used.findIndex(({ handoff, standing }) => handoff === "degraded" && standing === "live")
  const summary = used.findLastIndex(({ handoff }, index) => handoff === "summary" && index < live)
  const isFirst = used.findIndex(({ handoff }) => handoff !== "none") === summary
  const from = isChild && isFirst ? 0 : summary - headBefore(used, summary).length
  const range = used.slice(summary === -1 ? 0 : from)
  if (live === -1 || range.every(({ standing }) => standing === "live")) return rows
  const handoffs = range.flatMap((row, index) => (row.handoff === "degraded" ? [{ row, index }] : []))
  const copies = handoffs.flatMap(({ index }) => {
    const from = index - headBefore(range, index).length
    return findCarriedOver(range.slice(from), range.slice(0, from))
  })
  const left = handoffs.slice(isChild && summary === -1 ? 1 : 0).map(({ row }) => row)
  const leaving = idsOf([...left, ...copies])
  const back = idsOf(range)
  return rows.map((row) => {
    if (!back.has(row.id)) return row
    return { ...row, standing: leaving.has(row.id) ? "archived" : "live" }
  })
}

/** The rows right before a handoff that repeat the first of all, in order. */
const headBefore = (rows: Rows, handoff: number): Rows => {
  const start = rows.findLastIndex(({ says }, index) => index < handoff && says === rows[0]?.says)
  const head = start <= 0 ? [] : rows.slice(start, handoff)
  let from = -1
  const isRepeat = head.every(({ says }) => {
    from = rows.findIndex((row, index) => index > from && index < start && row.says === says)
    return from !== -1
  })
  return isRepeat ? head : []
}

const placesOf = (rows: Rows): ReadonlyMap<string, ReadonlyArray<number>> => {
  const places = new Map<string, Array<number>>()
  for (const [place, { says }] of rows.entries()) {
    const others = places.get(says)
    if (others === undefined) places.set(says, [place])
    else others.push(place)
  }
  return places
}

/**
 * Live rows that were stored a second time. People repeat themselves, so a run of rows counts only if its tool calls
 * show that it is the same one: two of their ids, or the times of all its rows.
 */
const doubled = (rows: Rows): Rows => {
  const live = rows.filter(({ standing }) => standing === "live")
  const archived = rows.filter(({ standing }) => standing === "archived")
  const carried = idsOf(findCarriedOver(live, archived))
  const sources = [archived, live].map((source) => ({ source, first: firstOf(source) }))
  const found: Array<HermesMessage> = []
  for (let at = 0; at < live.length;) {
    const row = live[at]
    if (row === undefined) break
    const runs = sources.map(({ first, source }) => run(live, at, source, first.get(row.says)))
    const repeated = carried.has(row.id) ? undefined : runs.find(isSameRun)
    found.push(...(repeated ?? []).map(({ again }) => again))
    at += repeated?.length ?? 1
  }
  return found
}

interface Repeat {
  readonly once: HermesMessage
  readonly again: HermesMessage
}

const firstOf = (rows: Rows): ReadonlyMap<string, number> =>
  new Map(rows.map(({ says }, place) => [says, place] as const).toReversed())

/** As many rows as say the same from `at` on in `live` and from `place` on in `source`, where they stood before. */
const run = (live: Rows, at: number, source: Rows, place: number | undefined): ReadonlyArray<Repeat> => {
  const start = live[at]
  if (place === undefined || start === undefined) return []
  const found: Array<Repeat> = []
  for (let n = 0; ; n++) {
    const [once, again] = [source[place + n], live[at + n]]
    if (once === undefined || again === undefined || once.says !== again.says || once.id >= start.id) return found
    found.push({ once, again })
  }
}

const isSameRun = (run: ReadonlyArray<Repeat>): boolean =>
  new Set(run.flatMap(({ again }) => again.calls)).size >= 2 ||
  (run.length >= 2 && run.every(({ again, once }) => once.standing === "live" && again.at === once.at))

const beforeHandoff = (live: Rows): Rows => {
  const first = live.findIndex(({ handoff }) => handoff !== "none")
  if (first <= LONGEST_HEAD) return []
  const end = first - LONGEST_HEAD
  const leaving = live.slice(0, end)
  if (live.slice(end).some(({ role }) => role === "user")) return leaving
  // The last request stays, in the place of another: without it the context would have no message of the user's.
  const request = leaving.findLast(({ role }) => role === "user")
  return request === undefined ? leaving : live.slice(0, end + 1).filter((row) => row !== request)
}

const orphans = (live: Rows): Rows => {
  const made = new Set<string>()
  return live.filter(({ answers, calls, role }) => {
    for (const call of calls) made.add(call)
    return role === "tool" && !(answers !== null && made.has(answers))
  })
}

/**
 * What would give a context that a compression has left without one its user message: the last one archived, else the
 * handoff itself, said by the user.
 */
const userless = (live: Rows, rows: Rows): Rows => {
  const handoff = live.find(({ handoff }) => handoff !== "none")
  if (handoff === undefined || live.some(({ role }) => role === "user")) return []
  const archived = rows.findLast(
    ({ handoff, role, standing }) => role === "user" && standing === "archived" && handoff === "none"
  )
  return [archived ?? handoff]
}

const repeats = (rows: Rows, live: number): Rows => {
  const seen = new Set<string>()
  const found = rows.filter(({ says, standing }) => {
    if (standing !== "archived") return false
    const isRepeat = seen.has(says)
    seen.add(says)
    return isRepeat
  })
  return found.length >= MANY_REPEATS && found.length >= REPEATS_PER_LIVE * live ? found : []
}
