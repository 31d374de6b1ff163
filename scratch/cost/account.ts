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

/** A call that a compression made, after so many `calls` of the agent. `cached` are those of its input tokens that a cache had. */
export interface Auxiliary {
  readonly calls: number
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
  readonly auxiliary: Omit<Auxiliary, "calls">
  /** The largest share by which the bill was above that without compressions, after any call. */
  readonly excess: number
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
export const account = (run: Run, { needs, units }: Transcript, isCold = false): Account => {
  const { calls } = run
  const sizes = calls.map(({ request }) => tokensOf(request))
  const befores = calls.map(({ isFirst }, i) => (isCold && isFirst ? [] : (calls[i - 1]?.request ?? [])))
  const billsBy = (cache: PromptCache.PromptCache) => calls.map(({ request }, i) => price(cache, request, befores[i]!))
  const auxiliary = {
    input: sumBy(run.auxiliary, ({ input }) => input),
    cached: sumBy(run.auxiliary, ({ cached }) => cached),
    output: sumBy(run.auxiliary, ({ output }) => output)
  }
  const priceAux = ({ cached, input, output }: Omit<Auxiliary, "calls">, cache: PromptCache.PromptCache) =>
    input - cached + cache.read * cached + cache.output * output
  const totalBy = (cache: PromptCache.PromptCache) => {
    // An auxiliary call writes no cache.
    return (sumBy(billsBy(cache), ({ cost }) => cost) + priceAux(auxiliary, cache)) / 1_000
  }
  let [bill, whole, excess, kept] = [0, 0, 0, 0]
  for (const [i, { cost }] of billsBy(A).entries()) {
    const { isFirst, request, seq } = calls[i]!
    bill +=
      cost +
      sumBy(
        run.auxiliary.filter(({ calls }) => calls === i),
        (call) => priceAux(call, A)
      )
    const all = tokensOf(request.slice(0, 1)) + tokensOf(units.slice(0, seq - 1))
    const read = isCold && isFirst ? 0 : kept
    whole += A.read * read + A.write * (all - read)
    kept = all
    excess = Math.max(excess, bill / whole - 1)
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
    excess,
    totalA: totalBy(A),
    totalO: totalBy(O),
    far: share(needs.far),
    near: share(needs.near)
  }
}

const sumBy = <T>(list: ReadonlyArray<T>, amountOf: (item: T) => number): number =>
  list.reduce((sum, item) => sum + amountOf(item), 0)
