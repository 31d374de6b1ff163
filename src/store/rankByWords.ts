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

/** A message that was found, and whether it holds a word itself. */
export interface Ranked {
  readonly seq: number
  readonly isHolding: boolean
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
  const found: Array<Ranked & { readonly holdsAll: number; readonly score: number }> = []
  scores.forEach((score, seq) => {
    if (score > 0) {
      found.push({ seq, score, isHolding: held[seq] === 1, holdsAll: Number(heldNeeded[seq] === needed) })
    }
  })
  return found.sort((a, b) => b.holdsAll - a.holdsAll || b.score - a.score || b.seq - a.seq)
}

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
