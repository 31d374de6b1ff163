/**
 * Ranks messages by the words of a query. A word counts in part from the messages beside the one that holds it: the answer
 * to a question often stands in the next message, without the question's words.
 */

/** The weight that a word has in each message, by `seq`; 0 where the message does not hold it. */
export interface Postings {
  readonly weights: Float64Array
  /** False for a word that a message with all words may lack. */
  readonly isNeeded: boolean
}

/** A message that was found, whether it holds a word itself, and all of those that are needed. */
export interface Ranked {
  readonly seq: number
  readonly isHolding: boolean
  readonly holdsAll: boolean
  readonly score: number
}

/** The share of a word's score that a message gets from one at distance 1, 2 and 3. */
const LENT = [0.6, 0.4, 0.25]

/**
 * Messages with all words first, then those with the most weight of their own and their neighbours' words, equal ones the
 * newest first.
 */
export const rankByWords = (words: ReadonlyArray<Postings>): ReadonlyArray<Ranked> => {
  const size = words[0]?.weights.length ?? 0
  const scores = new Float64Array(size)
  const held = new Uint16Array(size)
  const heldNeeded = new Uint16Array(size)
  let needed = 0
  for (const { isNeeded, weights } of words) {
    const holding = weights.reduce((count, weight) => (weight > 0 ? count + 1 : count), 0)
    if (holding === 0) continue
    if (isNeeded) needed += 1
    addScores(scores, weights, Math.log(1 + (size - holding - 0.5) / (holding + 0.5)))
    weights.forEach((weight, seq) => {
      if (weight === 0) return
      held[seq] = 1
      if (isNeeded) heldNeeded[seq] = (heldNeeded[seq] ?? 0) + 1
    })
  }
  const found: Array<Ranked> = []
  scores.forEach((score, seq) => {
    if (score > 0) found.push({ seq, score, isHolding: held[seq] === 1, holdsAll: heldNeeded[seq] === needed })
  })
  return found.sort((a, b) => Number(b.holdsAll) - Number(a.holdsAll) || b.score - a.score || b.seq - a.seq)
}

/**
 * Puts those of the first messages that are about as good as another before it if they hold more of the `asked` words,
 * which are all words of a question as it was asked: where nothing else tells them apart, "the harp" is nearer to "the harp"
 * than "a harp" is.
 */
export const preferAsked = (
  ranked: ReadonlyArray<Ranked>,
  asked: ReadonlySet<string>,
  readWords: (seq: number) => ReadonlySet<string>
): ReadonlyArray<Ranked> => {
  if (asked.size === 0) return ranked
  let leader: Ranked | undefined
  let group = 0
  const first = ranked.slice(0, FEW).map((message) => {
    if (leader?.holdsAll !== message.holdsAll || message.score < ABOUT_AS_GOOD * leader.score) {
      leader = message
      group += 1
    }
    // Whatever a message says that was found by its neighbours, it was not asked with these words.
    const words = message.isHolding ? readWords(message.seq) : new Set()
    return { message, group, hits: Array.from(asked).filter((word) => words.has(word)).length }
  })
  const better = first.toSorted((a, b) => a.group - b.group || b.hits - a.hits).map(({ message }) => message)
  return [...better, ...ranked.slice(FEW)]
}

/** Reading more messages would take longer than it helps. */
const FEW = 10
const ABOUT_AS_GOOD = 0.94

/** Adds what one word gives each message: the most of what it has itself and what its neighbours lend. */
const addScores = (scores: Float64Array, weights: Float64Array, rarity: number): void => {
  const best = Float64Array.from(weights)
  const raise = (seq: number, weight: number) => {
    if (seq >= 1 && seq < best.length && weight > (best[seq] ?? 0)) best[seq] = weight
  }
  weights.forEach((weight, seq) => {
    if (weight === 0) return
    LENT.forEach((share, i) => {
      raise(seq - i - 1, share * weight)
      raise(seq + i + 1, share * weight)
    })
  })
  best.forEach((weight, seq) => {
    if (weight > 0) scores[seq] = (scores[seq] ?? 0) + rarity * weight
  })
}
