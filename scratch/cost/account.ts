/** What the calls of an agent cost with a prefix cache, in uncached input tokens, and what of its needs they show. */
import { Either } from "effect"
import * as PromptCache from "../../src/cost/PromptCache.ts"
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

/** The price models, as the library has them. */
const A = Either.getOrThrow(PromptCache.make({ kind: "anthropic" }))
const O = Either.getOrThrow(PromptCache.make({ kind: "openai-automatic" }))

/** Prices a request by what it shares with the one before. */
const price = (cache: PromptCache.PromptCache, request: ReadonlyArray<Unit>, before: ReadonlyArray<Unit>) =>
  PromptCache.price(cache, { blocks: request.map(toBlock) }, { blocks: before.map(toBlock) })

const toBlock = ({ key, tokens }: Unit): PromptCache.Block => ({ text: key, tokens })

/** Tokens that a request finds in a cache that keeps every prefix, as OpenAI's does. */
export const countCached = (request: ReadonlyArray<Unit>, before: ReadonlyArray<Unit>): number =>
  price(O, request, before).read

export const tokensOf = (units: ReadonlyArray<Unit>): number => units.reduce((sum, { tokens }) => sum + tokens, 0)

/** `isCold`: the cache has expired whenever the user speaks. */
export const account = (run: Run, { needs }: Transcript, isCold = false): Account => {
  const { calls } = run
  const sizes = calls.map(({ request }) => tokensOf(request))
  const befores = calls.map(({ isFirst }, i) => (isCold && isFirst ? [] : (calls[i - 1]?.request ?? [])))
  const billsBy = (cache: PromptCache.PromptCache) => calls.map(({ request }, i) => price(cache, request, befores[i]!))
  const auxiliary = {
    input: sumBy(run.auxiliary, ({ input }) => input),
    cached: sumBy(run.auxiliary, ({ cached }) => cached),
    output: sumBy(run.auxiliary, ({ output }) => output)
  }
  const totalBy = (cache: PromptCache.PromptCache) => {
    // An auxiliary call writes no cache.
    const aux = auxiliary.input - auxiliary.cached + cache.read * auxiliary.cached + cache.output * auxiliary.output
    return (sumBy(billsBy(cache), ({ cost }) => cost) + aux) / 1_000
  }
  const cached = billsBy(A).map(({ read }) => read)
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
