/** The messages that rewinds have taken back, as ordered ranges of a log. */
import type { UndoneRange } from "./Session.ts"

type Ranges = ReadonlyArray<UndoneRange>

export const isUndone = (ranges: Ranges, seq: number): boolean =>
  ranges.some(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= toSeq)

/** Leaves out the entries that are undone. */
export const dropUndone = <A extends { readonly seq: number }>(ranges: Ranges, entries: Array<A>): Array<A> =>
  ranges.length === 0 ? entries : entries.filter(({ seq }) => !isUndone(ranges, seq))

/** Takes back everything after `seq` up to the end of the log. Later ranges become part of the new one. */
export const undoAfter = (ranges: Ranges, seq: number, lastSeq: number): Ranges =>
  seq >= lastSeq ? ranges : [...ranges.filter(({ toSeq }) => toSeq <= seq), { fromSeq: seq + 1, toSeq: lastSeq }]

/** Takes back single messages, which need not be the last ones. */
export const undoMessages = (ranges: Ranges, seqs: ReadonlyArray<number>): Ranges => {
  const all = [...ranges, ...seqs.map((seq) => ({ fromSeq: seq, toSeq: seq }))].sort((a, b) => a.fromSeq - b.fromSeq)
  const joined: Array<UndoneRange> = []
  for (const range of all) {
    const last = joined.at(-1)
    if (last === undefined || range.fromSeq > last.toSeq + 1) joined.push(range)
    else joined.splice(-1, 1, { fromSeq: last.fromSeq, toSeq: Math.max(last.toSeq, range.toSeq) })
  }
  return joined
}

/** Restores single messages. */
export const restoreMessages = (ranges: Ranges, seqs: ReadonlyArray<number>): Ranges =>
  seqs.reduce<Ranges>(
    (left, seq) =>
      left.flatMap((range) => {
        if (seq < range.fromSeq || seq > range.toSeq) return [range]
        const parts = [
          { fromSeq: range.fromSeq, toSeq: seq - 1 },
          { fromSeq: seq + 1, toSeq: range.toSeq }
        ]
        return parts.filter(({ fromSeq, toSeq }) => fromSeq <= toSeq)
      }),
    ranges
  )

/** Counts the messages that are undone. */
export const countUndone = (ranges: Ranges): number =>
  ranges.reduce((sum, { fromSeq, toSeq }) => sum + toSeq - fromSeq + 1, 0)
