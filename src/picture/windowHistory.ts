/**
 * How large the view of a session was after each of its messages. A store keeps messages and generations; the sizes in
 * between follow from them, since within a generation the view only grows, by what is appended.
 */

/** A message of the log, with its tokens, at a time in epoch milliseconds. */
export interface LoggedSize {
  readonly seq: number
  readonly at: number
  readonly tokens: number
}

/** A generation that was left behind after `lastSeq`, by a compression or otherwise: its view had `tokens` tokens then. */
export interface LeftGeneration {
  readonly generation: number
  readonly lastSeq: number
  readonly at: number
  readonly tokens: number
  readonly isCompression: boolean
}

/** The tokens of the view, and of all messages so far, once the message `seq` was in the log. */
export interface HistoryPoint {
  readonly seq: number
  readonly at: number
  readonly view: number
  readonly log: number
}

/** A change of the view's base after the message `seq`: a compression, or else a rewind, a reset, or a mended handoff. */
export interface BaseChange {
  readonly generation: number
  readonly seq: number
  readonly at: number
  readonly before: number
  readonly after: number
  readonly isCompression: boolean
}

export interface WindowHistory {
  readonly points: ReadonlyArray<HistoryPoint>
  readonly changes: ReadonlyArray<BaseChange>
}

/** Messages and generations in order, oldest first; `tokens` is the size of the view now. */
export const traceWindow = (
  messages: ReadonlyArray<LoggedSize>,
  generations: ReadonlyArray<LeftGeneration>,
  tokens: number
): WindowHistory => {
  const sums = sumTokens(messages)
  const sumTo = (seq: number) => sums[countUpTo(messages, seq)] ?? 0
  const ends = [...generations, { lastSeq: messages.at(-1)?.seq ?? 0, tokens }]
  const points: Array<HistoryPoint> = []
  let next = 0
  for (const end of ends) {
    const atEnd = sumTo(end.lastSeq)
    for (let entry = messages[next]; entry !== undefined && entry.seq <= end.lastSeq; entry = messages[++next]) {
      const log = sums[next + 1] ?? 0
      points.push({ seq: entry.seq, at: entry.at, view: Math.max(0, end.tokens - (atEnd - log)), log })
    }
  }
  const changes = generations.map(({ at, generation, isCompression, lastSeq, tokens: before }, index) => {
    const following = ends[index + 1]
    const grown = following === undefined ? 0 : sumTo(following.lastSeq) - sumTo(lastSeq)
    const after = Math.max(0, (following?.tokens ?? 0) - grown)
    return { generation, seq: lastSeq, at, before, after, isCompression }
  })
  return { points, changes }
}

/** The tokens of the first 0, 1, 2 … messages. */
const sumTokens = (messages: ReadonlyArray<LoggedSize>): ReadonlyArray<number> => {
  const sums = [0]
  let sum = 0
  for (const { tokens } of messages) sums.push((sum += tokens))
  return sums
}

const countUpTo = (messages: ReadonlyArray<LoggedSize>, seq: number): number => {
  let low = 0
  let high = messages.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((messages[middle]?.seq ?? Infinity) <= seq) low = middle + 1
    else high = middle
  }
  return low
}
