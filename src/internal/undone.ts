/** What rewinds have taken back of a log, as ranges in order. */
import type { Undone } from "../Session.ts"

type Ranges = ReadonlyArray<Undone>

export const isUndone = (ranges: Ranges, seq: number): boolean =>
  ranges.some(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= toSeq)

/** The entries that are left. */
export const without = <A extends { readonly seq: number }>(ranges: Ranges, entries: Array<A>): Array<A> =>
  ranges.length === 0 ? entries : entries.filter(({ seq }) => !isUndone(ranges, seq))

/** With everything after `seq` taken back, up to the end of the log: what was taken back there before is part of it. */
export const after = (ranges: Ranges, seq: number, lastSeq: number): Ranges =>
  seq >= lastSeq ? ranges : [...ranges.filter(({ toSeq }) => toSeq <= seq), { fromSeq: seq + 1, toSeq: lastSeq }]

/** How many messages of the log are undone. */
export const count = (ranges: Ranges): number =>
  ranges.reduce((sum, { fromSeq, toSeq }) => sum + toSeq - fromSeq + 1, 0)
