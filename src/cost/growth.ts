/**
 * When to compress, by cost. Every step reads its view again, so what could leave costs something at each of them, and nobody
 * knows how many will follow. As one who rents skis buys them once the rent has come to their price, a compression waits until
 * what could leave has cost as much to read as the compression itself costs. After a pause in which the cache has expired it is
 * written instead of read, so a compression comes sooner where users pause. It is paid from what those before it have saved,
 * but for a small credit; an extract, which costs least, begins the savings. Pure.
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
  /** The steps that found the cache expired. */
  readonly cold: number
  readonly output: number
}

export const none: Growth = { steps: 0, read: 0, written: 0, excess: 0, expired: 0, cold: 0, output: 0 }

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
    cold: growth.cold + (isCold ? 1 : 0),
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

/** Shares of the target: the longest segment, and the least tail, which is not summarized. */
const SUMMARY = 0.2
const TAIL = 0.25

/** The tokens of the instruction. */
const TASK = 700

/** Prices the requests so far. The answers are the same with compressions and without, so that they are in no account. */
const priceSteps = ({ read, write }: Prices, growth: Growth): number =>
  read * (growth.read - growth.written) + write * growth.written

/** Prices the sending of that which a compression would have left out, so far. */
export const priceCarried = ({ read, write }: Prices, { excess, expired }: Growth): number =>
  read * (excess - expired) + write * expired

/** What a session has cost, and without compressions would have cost, with `left` tokens more in its view. */
export interface Account {
  readonly spent: number
  readonly whole: number
  readonly left: number
}

/** Adds the steps since the last compression to an account. */
export const addSteps = (cache: PromptCache, { left, spent, whole }: Account, growth: Growth): Account => {
  const steps = priceSteps(cache, growth)
  const saved = left * (cache.read * (growth.steps - growth.cold) + cache.write * growth.cold)
  return { spent: spent + steps, whole: whole + steps + saved, left }
}

/** Whether a session that pays `cost` now has cost at most `1 + tolerance` times what it would have without compressions. */
export const canPay = ({ spent, whole }: Account, cost: number, tolerance: number): boolean =>
  spent + cost <= (1 + tolerance) * whole

/** When a compression is decided about: the steps since the last one, and the account up to it. */
export interface Position {
  readonly account: Account
  readonly growth: Growth
}

/**
 * Returns who is to write the summary of a compression that pays: what could have left has cost as much to read as it
 * will cost, and the steps since the last one have cost five times as much. It is the embedded summarizer where the
 * account can pay for no other, and nobody yet, undefined, where not even for that.
 *
 * So a session costs at most `1 + tolerance` times what it would cost without compressions, at whatever step it ends: no step
 * costs more than it would have without them.
 */
export const chooseWriter = (
  cache: PromptCache,
  { account, growth }: Position,
  candidate: Candidate,
  tolerance: number
): Writer | undefined => {
  const carried = priceCarried(cache, growth)
  const cost = estimateCost(cache, candidate)
  const isRare = cost <= MOST_PART * priceSteps(cache, growth)
  if (!(carried > 0 && carried >= cost && isRare)) return undefined
  const now = addSteps(cache, account, growth)
  if (canPay(now, cost, tolerance)) return candidate.writer
  const isShort = candidate.writer !== "embedded" && canPay(now, estimateExtract(cache, candidate), tolerance)
  return isShort ? "embedded" : undefined
}

/** The part of the steps since the last compression that one may cost. Each loses something, and more would save little. */
const MOST_PART = 0.2

/** Prices an extract that stands in for a summary until the account can pay for it. Its view is smaller, to save sooner. */
export const estimateExtract = (cache: PromptCache, candidate: Candidate): number =>
  estimateCost(cache, { ...candidate, target: EXTRACT * candidate.target, writer: "embedded" })

/** The part of the target that such an extract leaves. */
export const EXTRACT = 0.5

/** Prices the summary that a model writes later of all that has left the view, and the view after it written anew. */
export const estimateHealing = (cache: PromptCache, { left }: Account, { fixed, target, view }: Candidate): number => {
  const cost = { rewritten: Math.max(0, view - fixed) + SUMMARY * target, summary: SUMMARY * target, task: TASK }
  return priceBy("model", cache, cost, { covered: left + target, view })
}

/** The tokens by which a view grows at each step; 0 before the first one. */
export const findPace = ({ steps, written }: Growth): number => (steps === 0 ? 0 : written / steps)

/** Returns the tokens of the view in which a compression will be due, if it grows as it has; infinite if never. */
export const predictDue = (
  cache: PromptCache,
  { account, growth }: Position,
  candidate: Candidate,
  tolerance: number
): number => {
  const pace = findPace(growth)
  let [now, view] = [growth, candidate.view]
  for (let steps = 0; steps < FORESEEN; steps++) {
    if (chooseWriter(cache, { account, growth: now }, { ...candidate, view }, tolerance) !== undefined) return view
    const output = growth.output / Math.max(1, growth.steps)
    now = addStep(now, { view, written: pace, output }, candidate.fixed + candidate.target)
    view += pace
  }
  return Infinity
}

/** A prediction further than this would say nothing. */
const FORESEEN = 10_000
