/**
 * Ranks messages by the words of a query. A word counts in part from the messages beside the one that holds it: the answer
 * to a question often stands in the next message, without the question's words.
 */

/** The messages that hold a word, with the weight it has in each. */
export interface Postings {
  readonly weights: ReadonlyMap<number, number>
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
 * newest first. `total` is the `seq` of the last message.
 */
export const rankByWords = (words: ReadonlyArray<Postings>, total: number): ReadonlyArray<Ranked> => {
  const known = words.filter(({ weights }) => weights.size > 0)
  const needed = known.filter(({ isNeeded }) => isNeeded)
  const scores = new Float64Array(total + 1)
  const held = new Uint16Array(total + 1)
  for (const { weights } of known) addScores(scores, scoreMessages(weights, total))
  for (const { weights } of needed) for (const seq of weights.keys()) held[seq] = (held[seq] ?? 0) + 1
  const found: Array<Ranked & { readonly holdsAll: number; readonly score: number }> = []
  scores.forEach((score, seq) => {
    if (score === 0) return
    const isHolding = known.some(({ weights }) => weights.has(seq))
    found.push({ seq, isHolding, score, holdsAll: Number(held[seq] === needed.length) })
  })
  return found.sort((a, b) => b.holdsAll - a.holdsAll || b.score - a.score || b.seq - a.seq)
}

/** Messages that hold every needed word themselves, the best first. */
export const rankHoldingAll = (words: ReadonlyArray<Postings>, total: number): ReadonlyArray<Ranked> => {
  const needed = words.filter(({ isNeeded }) => isNeeded)
  const holdsAll = (seq: number) => needed.every(({ weights }) => weights.has(seq))
  return needed.length === 0 ? [] : rankByWords(words, total).filter(({ seq }) => holdsAll(seq))
}

const addScores = (scores: Float64Array, more: Float64Array): void => {
  for (let seq = 0; seq < scores.length; seq++) scores[seq] = (scores[seq] ?? 0) + (more[seq] ?? 0)
}

/** What one word gives each message: the most of what it has itself and what its neighbours lend. */
const scoreMessages = (weights: ReadonlyMap<number, number>, total: number): Float64Array => {
  const rarity = Math.log(1 + (total - weights.size + 0.5) / (weights.size + 0.5))
  const best = new Float64Array(total + 1)
  const raise = (seq: number, score: number) => {
    if (seq >= 1 && seq <= total && score > (best[seq] ?? 0)) best[seq] = score
  }
  for (const [seq, weight] of weights) {
    const score = rarity * weight
    raise(seq, score)
    for (const [i, share] of LENT.entries()) {
      raise(seq - i - 1, share * score)
      raise(seq + i + 1, share * score)
    }
  }
  return best
}
