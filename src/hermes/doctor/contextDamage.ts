/** Damage within the live context of one Hermes session: functions that find the damaged rows, and the mended context. */
import type { HermesMessage } from "./facts.ts"

type Rows = ReadonlyArray<HermesMessage>

/** At most this many live rows stand before a handoff: a head, larger than the default for users who set it so. */
const LONGEST_HEAD = 8

/** Archived repeats are damage from this number on, if they are also this many times the live rows. */
const MANY_REPEATS = 200
const REPEATS_PER_LIVE = 5

export const isLive = ({ standing }: HermesMessage): boolean => standing === "live"
export const isHandoff = ({ handoff }: HermesMessage): boolean => handoff !== "none"

export const idsOf = (rows: Rows): ReadonlySet<number> => new Set(rows.map(({ id }) => id))

/** Takes live rows out of the context. Archived rows are kept and can be recalled. */
export const archiveRows = (rows: Rows, leaving: ReadonlySet<number>): Rows =>
  rows.map((row) => (isLive(row) && leaving.has(row.id) ? { ...row, standing: "archived" } : row))

/**
 * Finds live rows that were stored a second time. People repeat themselves, so a run of equal rows counts only if its
 * tool calls prove it: by two call ids, or by the equal times of all its rows.
 */
export const findDoubledRows = (rows: Rows): Rows => {
  const live = rows.filter(isLive)
  const archived = rows.filter(({ standing }) => standing === "archived")
  const carriedOver = idsOf(findCarriedOver(live, archived))
  const sources = [archived, live].map((source) => ({ source, firstPlaces: firstPlacesOf(source) }))
  const doubled: Array<HermesMessage> = []
  for (let at = 0; at < live.length;) {
    const row = live[at]
    if (row === undefined) break
    const runs = sources.map(({ firstPlaces, source }) => findRun(live, at, source, firstPlaces.get(row.contentHash)))
    const run = carriedOver.has(row.id) ? undefined : runs.find(isProvenRun)
    doubled.push(...(run ?? []).map(({ again }) => again))
    at += run?.length ?? 1
  }
  return doubled
}

interface Repeat {
  readonly once: HermesMessage
  readonly again: HermesMessage
}

const firstPlacesOf = (rows: Rows): ReadonlyMap<string, number> =>
  new Map(rows.map(({ contentHash }, place) => [contentHash, place] as const).toReversed())

/** Pairs the rows of `live` from `at` on with equal, older rows of `source` from `place` on, until the first difference. */
const findRun = (live: Rows, at: number, source: Rows, place: number | undefined): ReadonlyArray<Repeat> => {
  const start = live[at]
  if (place === undefined || start === undefined) return []
  const run: Array<Repeat> = []
  for (let n = 0; ; n++) {
    const [once, again] = [source[place + n], live[at + n]]
    if (once === undefined || again === undefined || once.contentHash !== again.contentHash) return run
    if (once.id >= start.id) return run
    run.push({ once, again })
  }
}

const isProvenRun = (run: ReadonlyArray<Repeat>): boolean =>
  new Set(run.flatMap(({ again }) => again.calls)).size >= 2 ||
  (run.length >= 2 && run.every(({ again, once }) => isLive(once) && again.at === once.at))

/** Finds the live rows before the first handoff that are too many for a head. */
export const findRowsBeforeHandoff = (rows: Rows): Rows => {
  const live = rows.filter(isLive)
  const handoff = live.findIndex(isHandoff)
  if (handoff <= LONGEST_HEAD) return []
  const end = handoff - LONGEST_HEAD
  const leaving = live.slice(0, end)
  if (live.slice(end).some(({ role }) => role === "user")) return leaving
  // A context needs a user message, so the last request stays and another row leaves for it.
  const request = leaving.findLast(({ role }) => role === "user")
  return request === undefined ? leaving : live.slice(0, end + 1).filter((row) => row !== request)
}

/** Finds the live handoffs that another handoff follows directly. */
export const findConsecutiveHandoffs = (rows: Rows): Rows => {
  const live = rows.filter(isLive)
  return live.filter((row, index) => {
    const next = live[index + 1]
    return isHandoff(row) && next !== undefined && isHandoff(next)
  })
}

/** Finds the live tool results whose call is not in the context before them. */
export const findOrphanResults = (rows: Rows): Rows => {
  const made = new Set<string>()
  return rows.filter(isLive).filter(({ answers, calls, role }) => {
    for (const call of calls) made.add(call)
    return role === "tool" && !(answers !== null && made.has(answers))
  })
}

/**
 * Finds the row that can give a context its missing user message, if a compression left none: the last archived one,
 * else the handoff itself.
 */
export const findMissingUserMessage = (rows: Rows): Rows => {
  const live = rows.filter(isLive)
  const handoff = live.find(isHandoff)
  if (handoff === undefined || live.some(({ role }) => role === "user")) return []
  const archived = rows.findLast((row) => row.role === "user" && row.standing === "archived" && !isHandoff(row))
  return [archived ?? handoff]
}

export const findDegradedHandoffs = (rows: Rows): Rows =>
  rows.filter((row) => isLive(row) && row.handoff === "degraded")

/** Finds the archived rows that repeat another one, if they are so many that the file grows by them. */
export const findRepeatedArchive = (rows: Rows): Rows => {
  const seen = new Set<string>()
  const repeats = rows.filter(({ contentHash, standing }) => {
    if (standing !== "archived") return false
    const isRepeat = seen.has(contentHash)
    seen.add(contentHash)
    return isRepeat
  })
  return repeats.length >= MANY_REPEATS && repeats.length >= REPEATS_PER_LIVE * rows.filter(isLive).length
    ? repeats
    : []
}

/** Each kind of damage that a repair mends by archiving the rows found. */
const MENDED_BY_ARCHIVING = [findDoubledRows, findRowsBeforeHandoff, findConsecutiveHandoffs, findOrphanResults]

/**
 * Returns the rows without the damage above. Rows that leave the context are archived; repeats in the archive move to
 * the session `aside`; a changed `role` or `handoff` says what a row becomes where taking rows out does not help.
 */
export const mendContext = (rows: Rows, aside: string): Rows => {
  const leaving = idsOf(MENDED_BY_ARCHIVING.flatMap((find) => find(rows)))
  // Archiving a call orphans its result, so this repeats until nothing is left to archive.
  if (leaving.size > 0) return mendContext(archiveRows(rows, leaving), aside)
  const repeats = idsOf(findRepeatedArchive(rows))
  const userMessage = idsOf(findMissingUserMessage(rows))
  return rows.map((row) => {
    if (repeats.has(row.id)) return { ...row, sessionId: aside }
    if (userMessage.has(row.id)) return isHandoff(row) ? { ...row, role: "user" } : { ...row, standing: "live" }
    return isLive(row) && row.handoff === "degraded" ? { ...row, handoff: "summary" } : row
  })
}

/**
 * Brings back what a degraded handoff stands for, if the same session has it archived: each message since the last
 * summary once. The first handoff of a child session stands for messages of its parent, and stays.
 */
export const restoreContext = (rows: Rows, isChild: boolean): Rows => {
  const used = rows.filter(({ standing }) => standing !== "undone")
  // A summary in use already tells what came before it, so a degraded handoff beside it stands for little.
  if (used.some((row) => row.handoff === "summary" && isLive(row))) return rows
  const range = rangeSinceLastSummary(used, isChild)
  if (range === undefined || range.rows.every(isLive)) return rows
  const handoffs = range.rows.filter(({ handoff }) => handoff === "degraded")
  const standsForParent = isChild && !range.hasSummary
  const leaving = idsOf([...handoffs.slice(standsForParent ? 1 : 0), ...copiesIn(range.rows)])
  const inRange = idsOf(range.rows)
  return rows.map((row) => {
    if (!inRange.has(row.id)) return row
    return { ...row, standing: leaving.has(row.id) ? "archived" : "live" }
  })
}

interface ContextRange {
  readonly rows: Rows
  /** False if the range begins with the session, because no summary comes before the degraded handoff. */
  readonly hasSummary: boolean
}

/** The rows from the last summary before the first live degraded handoff on; undefined if there is no such handoff. */
const rangeSinceLastSummary = (used: Rows, isChild: boolean): ContextRange | undefined => {
  const degraded = used.findIndex((row) => row.handoff === "degraded" && isLive(row))
  if (degraded === -1) return undefined
  const summary = used.findLastIndex(({ handoff }, index) => handoff === "summary" && index < degraded)
  if (summary === -1) return { rows: used, hasSummary: false }
  const isFirstHandoff = used.findIndex(isHandoff) === summary
  const from = isChild && isFirstHandoff ? 0 : summary - headBefore(used, summary).length
  return { rows: used.slice(from), hasSummary: true }
}

/** The rows of a range that Hermes stored again with each degraded handoff: the head before it, the tail after it. */
const copiesIn = (range: Rows): Rows =>
  range.flatMap(({ handoff }, index) => {
    if (handoff !== "degraded") return []
    const from = index - headBefore(range, index).length
    return findCarriedOver(range.slice(from), range.slice(0, from))
  })

/** The rows directly before a handoff that repeat the first rows of all, in order. */
const headBefore = (rows: Rows, handoff: number): Rows => {
  const start = rows.findLastIndex(({ contentHash }, index) => index < handoff && contentHash === rows[0]?.contentHash)
  const head = start <= 0 ? [] : rows.slice(start, handoff)
  let last = -1
  const isRepeat = head.every(({ contentHash }) => {
    last = rows.findIndex((row, index) => index > last && index < start && row.contentHash === contentHash)
    return last !== -1
  })
  return isRepeat ? head : []
}

/**
 * Finds the rows at the beginning of `rows` that repeat rows of `before`, in order. Hermes stores the head again before
 * a handoff and the tail after it; without a handoff nothing was stored again.
 */
export const findCarriedOver = (rows: Rows, before: Rows): Rows => {
  const handoff = rows.findIndex(isHandoff)
  if (handoff === -1) return []
  const places = placesOf(before)
  const carriedOver: Array<HermesMessage> = []
  let last = -1
  for (const [index, row] of rows.entries()) {
    if (isHandoff(row)) continue
    const place = places.get(row.contentHash)?.find((place) => place > last)
    if (place !== undefined) {
      carriedOver.push(row)
      last = place
    } else if (index > handoff) break
  }
  return carriedOver
}

const placesOf = (rows: Rows): ReadonlyMap<string, ReadonlyArray<number>> => {
  const places = new Map<string, Array<number>>()
  for (const [place, { contentHash }] of rows.entries()) {
    const others = places.get(contentHash)
    if (others === undefined) places.set(contentHash, [place])
    else others.push(place)
  }
  return places
}
