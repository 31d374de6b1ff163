/** What the calls of an agent cost with a prefix cache, in uncached input tokens, and what of its needs they show. */
import type { Transcript, Unit } from "./transcript.ts"

/** A call of the agent: its whole request, system prompt first. */
export interface Call {
  readonly seq: number
  readonly request: ReadonlyArray<Unit>
  /** The user spoke since the call before. */
  readonly isFirst: boolean
}

/** A call that a compression made. `cached` are those of its input tokens that a cache had. */
export interface Auxiliary {
  readonly input: number
  readonly cached: number
  readonly output: number
}

export interface Run {
  readonly name: string
  readonly calls: ReadonlyArray<Call>
  readonly auxiliary: ReadonlyArray<Auxiliary>
  readonly compressions: number
}

export interface Account {
  readonly name: string
  readonly compressions: number
  /** Calls that found less than the whole request before in the cache, and the mean share of theirs that they found. */
  readonly breaks: number
  readonly reused: number
  readonly meanView: number
  readonly largestView: number
  readonly auxiliary: Auxiliary
  /** Thousands of uncached input tokens; the agent's own output, the same whatever the policy, is left out. */
  readonly totalA: number
  readonly totalO: number
  /** Shares of the needs that the request showed. */
  readonly far: number
  readonly near: number
}

/** The price models. Anthropic's caches whole parts, OpenAI's bytes in steps. */
const A = { read: 0.1, write: 1.25, output: 5, least: 0, step: 1, isOfParts: true }
const O = { read: 0.1, write: 1, output: 8, least: 1_024, step: 128, isOfParts: false }

/** Tokens that a request shares with the one before. */
export const countCached = (
  { isOfParts, least, step }: typeof A,
  request: ReadonlyArray<Unit>,
  before: ReadonlyArray<Unit>
): number => {
  let shared = 0
  let i = 0
  for (; i < request.length && request[i]!.key === before[i]?.key; i++) shared += request[i]!.tokens
  const [next, other] = [request[i]?.key ?? "", before[i]?.key ?? ""]
  if (!isOfParts) shared += Math.floor(countSharedCharacters(next, other) / 4)
  return shared < least ? 0 : Math.floor(shared / step) * step
}

const countSharedCharacters = (a: string, b: string): number => {
  let i = 0
  while (i < a.length && i < b.length && a.charCodeAt(i) === b.charCodeAt(i)) i++
  return i
}

export const tokensOf = (units: ReadonlyArray<Unit>): number => units.reduce((sum, { tokens }) => sum + tokens, 0)

/** `isCold`: the cache has expired whenever the user speaks. */
export const account = (run: Run, { needs }: Transcript, isCold = false): Account => {
  const { calls } = run
  const sizes = calls.map(({ request }) => tokensOf(request))
  const befores = calls.map(({ isFirst }, i) => (isCold && isFirst ? [] : (calls[i - 1]?.request ?? [])))
  const cachedBy = (prices: typeof A) => calls.map(({ request }, i) => countCached(prices, request, befores[i]!))
  const auxiliary = {
    input: sumBy(run.auxiliary, ({ input }) => input),
    cached: sumBy(run.auxiliary, ({ cached }) => cached),
    output: sumBy(run.auxiliary, ({ output }) => output)
  }
  const totalBy = (prices: typeof A) => {
    const cached = sumBy(cachedBy(prices), (tokens) => tokens)
    const written = sumBy(sizes, (tokens) => tokens) - cached
    const { read, write } = prices
    // An auxiliary call writes no cache.
    const aux = auxiliary.input - auxiliary.cached + read * auxiliary.cached + prices.output * auxiliary.output
    return (read * cached + write * written + aux) / 1_000
  }
  const cached = cachedBy(A)
  const broken = calls.flatMap((_, i) => (i > 0 && cached[i]! < sizes[i - 1]! ? [cached[i]! / sizes[i - 1]!] : []))
  const share = (wanted: ReadonlyMap<number, ReadonlyArray<string>>) => {
    const shown = calls.flatMap(({ request, seq }) =>
      (wanted.get(seq) ?? []).map((word) => request.some(({ words }) => words.has(word)))
    )
    return shown.length === 0 ? 1 : shown.filter((isShown) => isShown).length / shown.length
  }
  return {
    name: run.name,
    compressions: run.compressions,
    breaks: broken.length,
    reused: broken.length === 0 ? 1 : sumBy(broken, (found) => found) / broken.length,
    meanView: sumBy(sizes, (tokens) => tokens) / calls.length,
    largestView: Math.max(0, ...sizes),
    auxiliary,
    totalA: totalBy(A),
    totalO: totalBy(O),
    far: share(needs.far),
    near: share(needs.near)
  }
}

const sumBy = <T>(list: ReadonlyArray<T>, amountOf: (item: T) => number): number =>
  list.reduce((sum, item) => sum + amountOf(item), 0)
