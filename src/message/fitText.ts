/**
 * Keeping text within a number of tokens: one piece shortened, or the pieces that matter most chosen.
 */
import type { Counter } from "./Tokens.ts"
import { clipText } from "./text.ts"

/** The text cut to at most `tokens` tokens, with an ellipsis; the empty text if not even one word fits. */
export const shortenText = (text: string, counter: Counter, tokens: number): string => {
  const start = text.slice(0, Math.max(0, tokens) * LONGEST_TOKEN)
  if (start.length === text.length && counter.text(text) <= tokens) return text
  let fits = 0
  let beyond = start.length + 1
  while (beyond - fits > 1) {
    const middle = (fits + beyond) >> 1
    if (counter.text(clipText(text, middle)) <= tokens) fits = middle
    else beyond = middle
  }
  return fits < 2 ? "" : clipText(text, fits)
}

/** Something that can be left out. The lower its `rank`, the longer it stays. */
export interface Candidate {
  readonly rank: number
  readonly text: string
}

/** As many candidates as `render` shows within `tokens` tokens, by rank; in the order they were given. */
export const chooseCandidates = <A extends Candidate>(
  candidates: ReadonlyArray<A>,
  render: (chosen: ReadonlyArray<A>) => string,
  counter: Counter,
  tokens: number
): ReadonlyArray<A> => {
  let room = tokens - counter.text(render([]))
  const chosen: Array<A> = []
  for (const candidate of [...candidates].sort((a, b) => a.rank - b.rank)) {
    const cost = counter.text(candidate.text) + 1
    if (cost > room) continue
    room -= cost
    chosen.push(candidate)
  }
  const inOrder = () => candidates.filter((candidate) => kept.has(candidate))
  const kept = new Set(chosen)
  // Headings and line breaks cost too, and tokens do not simply add up: what was chosen is counted as a whole.
  while (chosen.length > 0 && counter.text(render(inOrder())) > tokens) {
    const last = chosen.pop()
    if (last !== undefined) kept.delete(last)
  }
  return inOrder()
}

/** No tokenizer makes tokens longer than this of anything worth keeping. */
const LONGEST_TOKEN = 16
