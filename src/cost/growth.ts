/**
 * When to compress, by cost. Every step reads its view again, so what could leave costs something at each of them, and nobody
 * knows how many will follow. As one who rents skis buys them once the rent has come to their price, a compression waits until
 * what could leave has cost as much to read as the compression itself costs. After a pause in which the cache has expired it is
 * written instead of read, so a compression comes sooner where users pause. Pure.
 */
import { priceBy, type Prices, type PromptCache, type Writer } from "./PromptCache.ts"

/** The steps since the last compression, in tokens that they sent and received together. */
export interface Growth {
  readonly steps: number
  readonly read: number
  /** The part of `read` that was not in the cache yet. */
  readonly written: number
  /** The part of `read` that a compression would have left out. */
  readonly excess: number
  /** The part of `excess` that was written anew, since the cache had expired. */
  readonly expired: number
  readonly output: number
}

export const none: Growth = { steps: 0, read: 0, written: 0, excess: 0, expired: 0, output: 0 }

/** One model call: its request, what of it is new, and its answer, in tokens. `isCold`: the cache had expired before it. */
export interface Step {
  readonly view: number
  readonly written: number
  readonly output: number
  readonly isCold?: boolean | undefined
}

/** Adds a step. A compression leaves at most `floor` tokens of a request. */
export const addStep = (growth: Growth, { isCold = false, output, view, written }: Step, floor: number): Growth => {
  const excess = Math.max(0, view - floor)
  return {
    steps: growth.steps + 1,
    read: growth.read + view,
    written: growth.written + (isCold ? view : written),
    excess: growth.excess + excess,
    expired: growth.expired + (isCold ? excess : 0),
    output: growth.output + output
  }
}

/** A compression to be decided about: `fixed` are the tokens of system prompt and tools, `target` those of the rest after it. */
export interface Candidate {
  readonly view: number
  readonly fixed: number
  readonly target: number
  readonly writer: Writer
}

/** Prices a compression before it is made, so that it is hardly ever dearer: the whole target is written anew. */
export const estimateCost = (cache: PromptCache, { fixed, target, view, writer }: Candidate): number => {
  const cost = { rewritten: target, summary: SUMMARY * target, task: TASK }
  return priceBy(writer, cache, cost, { covered: Math.max(0, view - fixed - TAIL * target), view })
}

/** Shares of the target: a new segment, and the least tail, which is not summarized. */
const SUMMARY = 0.1
const TAIL = 0.25

/** The tokens of the instruction. */
const TASK = 700

/** Prices the steps so far. */
export const priceSteps = ({ output, read, write }: Prices, growth: Growth): number =>
  read * (growth.read - growth.written) + write * growth.written + output * growth.output

/** Prices the sending of that which a compression would have left out, so far. */
export const priceCarried = ({ read, write }: Prices, { excess, expired }: Growth): number =>
  read * (excess - expired) + write * expired

/**
 * Returns whether a compression pays: what could have left has cost as much to read as it will cost, and it costs at most the
 * share `tolerance` of what the steps since the last one have cost.
 *
 * So a session costs at most `1 + tolerance` times what it would cost without compressions, at whatever step it ends. For the
 * steps of each generation cost no more than they would without the ones before, and its end adds at most that share.
 */
export const isDue = (cache: PromptCache, growth: Growth, candidate: Candidate, tolerance: number): boolean => {
  const cost = estimateCost(cache, candidate)
  const carried = priceCarried(cache, growth)
  return carried > 0 && carried >= cost && cost <= tolerance * priceSteps(cache, growth)
}

/** The tokens by which a view grows at each step; 0 before the first one. */
export const findPace = ({ steps, written }: Growth): number => (steps === 0 ? 0 : written / steps)

/** Returns the tokens of the view in which a compression will be due, if it grows as it has; infinite if never. */
export const predictDue = (cache: PromptCache, growth: Growth, candidate: Candidate, tolerance: number): number => {
  const pace = findPace(growth)
  let [now, view] = [growth, candidate.view]
  for (let steps = 0; steps < FORESEEN; steps++) {
    if (isDue(cache, now, { ...candidate, view }, tolerance)) return view
    const output = growth.output / Math.max(1, growth.steps)
    now = addStep(now, { view, written: pace, output }, candidate.fixed + candidate.target)
    view += pace
  }
  return Infinity
}

/** A prediction further than this would say nothing. */
const FORESEEN = 10_000
