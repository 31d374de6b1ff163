/**
 * Reads the history of a Hermes session: each message once, in the order in which it came. Compressions stored some
 * messages again, and handoffs among them.
 */
import * as Effect from "effect/Effect"
import type { StoreError } from "../session/SessionError.ts"
import { toStoreError } from "../sqlite/file.ts"
import { openReadOnly } from "./file.ts"
import { isArchivingHandoff, isOwnHandoff, readStanding } from "./marks.ts"
import { COLUMNS, type HermesRow } from "./rows.ts"

export interface History {
  readonly messages: ReadonlyArray<HermesRow>
  /** Messages that the user took back. */
  readonly undone: ReadonlyArray<HermesRow>
  /** Counts the rows left out as handoffs whose messages are there. */
  readonly handoffs: number
  /** Counts the rows left out as copies of other rows. */
  readonly copies: number
}

/** Reads the history of every session of a database, by session id. The bytes of the file do not change. */
export const readHistories = (filename: string): Effect.Effect<ReadonlyMap<string, History>, StoreError> =>
  Effect.flatMap(openReadOnly(filename), ({ db, shape }) =>
    Effect.try({
      try: () => {
        const hasColumn = (name: string) => shape.tables.get("messages")?.has(name) === true
        const columns = COLUMNS.map((name) => (hasColumn(name) ? name : `NULL AS ${name}`))
        const flags = shape.canArchive ? ["active", "compacted"] : []
        // Without an index, since one that is damaged hides messages.
        const rows = db.prepare<[], HermesRow>(
          `SELECT ${["id", "session_id", "timestamp", ...columns, ...flags].join(", ")} FROM messages NOT INDEXED
           ORDER BY +session_id, id`
        )
        return new Map(Array.from(groupBySession(rows.all()), ([id, rows]) => [id, readHistory(rows)]))
      },
      catch: (cause) => toStoreError("import", cause)
    })
  ).pipe(Effect.scoped)

const groupBySession = (rows: ReadonlyArray<HermesRow>): ReadonlyMap<string, ReadonlyArray<HermesRow>> => {
  const sessions = new Map<string, Array<HermesRow>>()
  for (const row of rows) {
    const session = sessions.get(row.session_id)
    if (session === undefined) sessions.set(row.session_id, [row])
    else session.push(row)
  }
  return sessions
}

/** Takes the rows of one session in the order of their ids. */
const readHistory = (rows: ReadonlyArray<HermesRow>): History => {
  const ordered = restoreOrder(rows)
  const copies = findCopies(ordered)
  const firstArchived = ordered.findIndex(isArchived)
  const stands = (row: HermesRow, index: number) =>
    firstArchived >= 0 && (index > firstArchived || isOwnHandoff(row.content)) && isHandoff(row) && !isUndone(row)
  const handoffs = new Set(ordered.filter(stands))
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

/** Handoffs of older versions do not count: their messages were deleted, so the handoff is all that is left of them. */
const isHandoff = ({ content }: HermesRow) => isArchivingHandoff(content)

/**
 * Moves a message back before the handoff that stands for it. The handoff may have taken the id and the time of the last
 * of its messages, which then has a later id.
 */
const restoreOrder = (rows: ReadonlyArray<HermesRow>): ReadonlyArray<HermesRow> => {
  const messageBefore = new Map<HermesRow, HermesRow>()
  rows.forEach((row, index) => {
    if (!isArchived(row) || row.timestamp >= (rows[index - 1]?.timestamp ?? 0)) return
    const handoff = rows
      .slice(0, index)
      .find((other) => isHandoff(other) && other.timestamp === row.timestamp && !messageBefore.has(other))
    if (handoff !== undefined) messageBefore.set(handoff, row)
  })
  const moving = new Set(messageBefore.values())
  return rows.flatMap((row) => {
    if (moving.has(row)) return []
    const before = messageBefore.get(row)
    return before === undefined ? [row] : [before, row]
  })
}

/** In seconds. Hermes writes head, handoff and tail of a compression microseconds apart; other rows come much later. */
const AT_ONCE = 0.000_5

const isWrittenAtOnce = (row: HermesRow, after: HermesRow) =>
  row.timestamp > after.timestamp && row.timestamp - after.timestamp < AT_ONCE

/** Finds the rows that a compression stored again around its handoff. */
const findCopies = (rows: ReadonlyArray<HermesRow>): ReadonlySet<HermesRow> => {
  const copies = new Set<HermesRow>()
  rows.forEach((handoff, at) => {
    if (!isHandoff(handoff)) return
    const block = findBlock(rows, at)
    const earlier = new Set(rows.slice(0, block.from).map(contentKey))
    for (const row of rows.slice(block.from, block.to)) {
      if (row !== handoff && earlier.has(contentKey(row))) copies.add(row)
    }
  })
  return copies
}

/** Finds the rows that one compression wrote with its handoff. A message that came meanwhile keeps its own time. */
const findBlock = (rows: ReadonlyArray<HermesRow>, handoff: number) => {
  let from = handoff
  for (let row = rows[from]; row !== undefined; row = rows[from]) {
    const before = rows[from - 1]
    if (before === undefined || !isWrittenAtOnce(row, before)) break
    from -= 1
  }
  const timeOfEarlier = new Map(rows.slice(0, from).map((row) => [contentKey(row), row.timestamp]))
  let to = handoff + 1
  let last = rows[handoff]
  for (let row = rows[to]; row !== undefined && last !== undefined; row = rows[to]) {
    const isMoved =
      to - from > 1 && row.timestamp < last.timestamp && timeOfEarlier.get(contentKey(row)) === row.timestamp
    if (!isMoved && !isWrittenAtOnce(row, last)) break
    if (!isMoved) last = row
    to += 1
  }
  return { from, to }
}

/** Equal for rows of equal content. */
const contentKey = (row: HermesRow): string => JSON.stringify(COLUMNS.map((name) => row[name] ?? null))
