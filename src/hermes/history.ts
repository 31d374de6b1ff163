/**
 * The history of a Hermes session, out of rows of which compressions have stored some twice: each message once, in the
 * order in which it came.
 */
import { isArchivingHandoff, readStanding } from "./marks.ts"
import { COLUMNS, type HermesRow } from "./rows.ts"

export interface History {
  readonly messages: ReadonlyArray<HermesRow>
  /** What the user took back; no part of the history, and kept apart. */
  readonly undone: ReadonlyArray<HermesRow>
  /** How many rows stand for others that are there, too. */
  readonly handoffs: number
  readonly copies: number
}

/** Rows of one session, in the order of their ids. */
export const readHistory = (rows: ReadonlyArray<HermesRow>): History => {
  const ordered = inPlace(rows)
  const copies = copiesIn(ordered)
  const firstArchived = ordered.findIndex(isArchived)
  const handoffs = new Set(
    ordered.filter((row, index) => firstArchived >= 0 && index > firstArchived && isSummary(row) && !isUndone(row))
  )
  const left = ordered.filter((row) => !copies.has(row) && !handoffs.has(row))
  return {
    messages: left.filter((row) => !isUndone(row)),
    undone: left.filter(isUndone),
    handoffs: handoffs.size,
    copies: copies.size
  }
}

const isArchived = (row: HermesRow) => readStanding(row) === "archived"
const isUndone = (row: HermesRow) => readStanding(row) === "undone"

/** Versions that archive begin a handoff so; an older mark is of a time when a summary was all there was left. */
const isSummary = ({ content }: HermesRow) => isArchivingHandoff(content)

/** A handoff may have taken the id, and the time, of the last message it stands for: that one belongs before it. */
const inPlace = (rows: ReadonlyArray<HermesRow>): ReadonlyArray<HermesRow> => {
  const moved = new Map<HermesRow, HermesRow>()
  rows.forEach((row, index) => {
    if (!isArchived(row) || row.timestamp >= (rows[index - 1]?.timestamp ?? 0)) return
    const handoff = rows
      .slice(0, index)
      .find((other) => isSummary(other) && other.timestamp === row.timestamp && !moved.has(other))
    if (handoff !== undefined) moved.set(handoff, row)
  })
  const late = new Set(moved.values())
  return rows.flatMap((row) => {
    if (late.has(row)) return []
    const before = moved.get(row)
    return before === undefined ? [row] : [before, row]
  })
}

/** Hermes stores head and tail again with the handoff, microseconds apart; what comes later comes later by far. */
const AT_ONCE = 0.000_5

const isNext = (row: HermesRow, after: HermesRow) =>
  row.timestamp > after.timestamp && row.timestamp - after.timestamp < AT_ONCE

const copiesIn = (rows: ReadonlyArray<HermesRow>): ReadonlySet<HermesRow> => {
  const copies = new Set<HermesRow>()
  rows.forEach((handoff, at) => {
    if (!isSummary(handoff)) return
    const block = writtenWith(rows, at)
    const earlier = new Set(rows.slice(0, block.from).map(textOf))
    for (const row of rows.slice(block.from, block.to)) {
      if (row !== handoff && earlier.has(textOf(row))) copies.add(row)
    }
  })
  return copies
}

/** The rows around a handoff that one compression wrote with it; a message that came meanwhile keeps its own time. */
const writtenWith = (rows: ReadonlyArray<HermesRow>, at: number) => {
  let from = at
  for (let row = rows[from]; row !== undefined; row = rows[from]) {
    const before = rows[from - 1]
    if (before === undefined || !isNext(row, before)) break
    from -= 1
  }
  const known = new Map(rows.slice(0, from).map((row) => [textOf(row), row.timestamp]))
  let to = at + 1
  let last = rows[at]
  for (let row = rows[to]; row !== undefined && last !== undefined; row = rows[to]) {
    const isMoved = to - from > 1 && row.timestamp < last.timestamp && known.get(textOf(row)) === row.timestamp
    if (!isMoved && !isNext(row, last)) break
    if (!isMoved) last = row
    to += 1
  }
  return { from, to }
}

const textOf = (row: HermesRow): string => JSON.stringify(COLUMNS.map((name) => row[name] ?? null))
