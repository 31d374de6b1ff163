/**
 * How a provider keeps the beginning of a request for the next one, and what that costs. A compression breaks the prefix
 * that is kept, and makes every later request smaller: this says which of the two weighs more. Pure.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import {
  type CheckField,
  checkDuration,
  checkSetting,
  type InvalidPolicy,
  isAmount,
  isOneOf,
  readOptions
} from "../model/InvalidSetting.ts"

/**
 * - `anthropic`: keeps what stands before a breakpoint for five minutes from its last use, and charges for keeping it
 * - `openai-automatic`: keeps every prefix from 1,024 tokens on, in steps of 128
 * - `openai-explicit`: breakpoints, half an hour, and a price for keeping (GPT-5.6 and later)
 * - `llama.cpp`: keeps the one prefix in its slot, where reading it costs nothing
 * - `none`: keeps nothing
 *
 * @since 0.1.0
 * @category models
 */
export type Kind = "anthropic" | "openai-automatic" | "openai-explicit" | "llama.cpp" | "none"

/**
 * The prices of one token, where an input token that a cache neither has nor keeps costs 1.
 *
 * @since 0.1.0
 * @category models
 */
export interface Prices {
  /** An input token that the cache has. */
  readonly read: number
  /** An input token that the cache keeps from now on. */
  readonly write: number
  /** An output token. */
  readonly output: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface PromptCache extends Prices {
  readonly kind: Kind
  /** The time from its last use for which a prefix is kept. */
  readonly ttl: Duration.Duration
  /** A token of the model that writes summaries, where that is not the agent's own; the agent's costs 1. */
  readonly summary: number
  /** The dollars of a million input tokens that no cache has; without them nothing is counted in money. */
  readonly dollarsPerMillion?: number | undefined
}

/**
 * A kind of cache, default `anthropic`, and what differs from that kind. `read` is at most `write`; `summary` is 1 unless a
 * cheaper model writes the summaries. `dollarsPerMillion` is what a million input tokens of the agent's model cost.
 *
 * @since 0.1.0
 * @category models
 */
export interface PromptCacheOptions {
  readonly kind?: Kind | undefined
  readonly read?: number | undefined
  readonly write?: number | undefined
  readonly output?: number | undefined
  readonly summary?: number | undefined
  readonly ttl?: Duration.DurationInput | undefined
  readonly dollarsPerMillion?: number | undefined
}

/** How a cache finds a prefix. */
interface Rules {
  /** A prefix may end anywhere, even within a block; otherwise only at a breakpoint. */
  readonly isByToken: boolean
  /** A prefix of fewer tokens is not kept. */
  readonly least: number
  /** The tokens of a prefix are a multiple of this. */
  readonly step: number
  /** So many blocks before a breakpoint are looked at. */
  readonly lookback: number
}

const RULES: { readonly [K in Kind]: Rules } = {
  anthropic: { isByToken: false, least: 1_024, step: 1, lookback: 20 },
  "openai-automatic": { isByToken: true, least: 1_024, step: 128, lookback: Infinity },
  "openai-explicit": { isByToken: false, least: 1_024, step: 1, lookback: Infinity },
  "llama.cpp": { isByToken: true, least: 0, step: 1, lookback: Infinity },
  none: { isByToken: false, least: Infinity, step: 1, lookback: 0 }
}

/** As the providers publish them; for llama.cpp by the time that a token takes. */
const DEFAULTS: { readonly [K in Kind]: Omit<PromptCache, "kind" | "summary" | "dollarsPerMillion"> } = {
  anthropic: { read: 0.1, write: 1.25, output: 5, ttl: Duration.minutes(5) },
  "openai-automatic": { read: 0.1, write: 1, output: 8, ttl: Duration.minutes(5) },
  "openai-explicit": { read: 0.1, write: 1.25, output: 8, ttl: Duration.minutes(30) },
  "llama.cpp": { read: 0, write: 1, output: 20, ttl: Duration.infinity },
  none: { read: 1, write: 1, output: 5, ttl: Duration.zero }
}

const isPrice: CheckField = (field, value) =>
  checkSetting(field, typeof value === "number" && value >= 0 && value <= 1_000, "a number from 0 to 1000", value)

const FIELDS = {
  kind: isOneOf(...Object.keys(RULES)),
  read: isPrice,
  write: isPrice,
  output: isPrice,
  summary: isPrice,
  ttl: checkDuration,
  dollarsPerMillion: isAmount
}

/**
 * Makes a cache from its kind, and checks what is given beside it.
 *
 * @example
 * PromptCache.make({ kind: "openai-automatic", read: 0.25 })
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: PromptCacheOptions = {}): Either.Either<PromptCache, InvalidPolicy> =>
  Either.flatMap(readOptions<PromptCacheOptions>(options, FIELDS), (given) => {
    const kind = given.kind ?? "anthropic"
    const own = DEFAULTS[kind]
    const ttl = given.ttl === undefined ? own.ttl : Duration.decode(given.ttl)
    const {
      dollarsPerMillion,
      output = own.output,
      read = own.read,
      summary = 1,
      write = Math.max(own.write, read)
    } = given
    return Either.map(checkSetting("read", read <= write, `at most the ${write} of write`, read), () => ({
      kind,
      read,
      write,
      output,
      summary,
      ttl,
      ...(dollarsPerMillion === undefined ? {} : { dollarsPerMillion })
    }))
  })

// ── one request ──

/**
 * A part of a request that is equal to that of another one if their texts are: a message, or a part of its content.
 *
 * @since 0.1.0
 * @category models
 */
export interface Block {
  readonly text: string
  readonly tokens: number
}

/**
 * The input of a model call. A prefix ends after each of the blocks at the indexes `breakpoints`; default: after any block.
 *
 * @since 0.1.0
 * @category models
 */
export interface PricedRequest {
  readonly blocks: ReadonlyArray<Block>
  readonly breakpoints?: ReadonlyArray<number> | undefined
  /** The tokens of the answer; default 0. */
  readonly output?: number | undefined
}

/**
 * The tokens of a request by what the cache did with them, and what they cost together with the answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bill {
  readonly read: number
  readonly written: number
  /** Neither read nor kept. */
  readonly fresh: number
  readonly cost: number
}

/**
 * Prices a request. `previous` is the request before it, made `elapsed` before; undefined if there was none.
 *
 * @since 0.1.0
 * @category pricing
 */
export const price = (
  cache: PromptCache,
  request: PricedRequest,
  previous?: PricedRequest,
  elapsed: Duration.DurationInput = 0
): Bill => {
  const rules = RULES[cache.kind]
  const tokens = sumTokens(request.blocks)
  const isKept = previous !== undefined && Duration.lessThan(elapsed, cache.ttl)
  const read = isKept ? roundPrefix(countShared(rules, request, previous), rules) : 0
  const end = rules.isByToken ? tokens : sumTokens(request.blocks.slice(0, 1 + findLastBreakpoint(request)))
  const written = Math.max(0, roundPrefix(end, { ...rules, step: 1 }) - read)
  const fresh = tokens - read - written
  const cost = cache.read * read + cache.write * written + fresh + cache.output * (request.output ?? 0)
  return { read, written, fresh, cost }
}

const sumTokens = (blocks: ReadonlyArray<Block>): number => blocks.reduce((sum, { tokens }) => sum + tokens, 0)

const roundPrefix = (tokens: number, { least, step }: Rules): number =>
  tokens < least ? 0 : Math.floor(tokens / step) * step

const findLastBreakpoint = ({ blocks, breakpoints }: PricedRequest): number =>
  Math.min(blocks.length - 1, breakpoints === undefined ? Infinity : Math.max(-1, ...breakpoints))

/** Counts the tokens of the longest beginning that the previous request left in the cache. */
const countShared = ({ isByToken, lookback }: Rules, request: PricedRequest, previous: PricedRequest): number => {
  const { blocks } = request
  let same = 0
  while (same < blocks.length && blocks[same]?.text === previous.blocks[same]?.text) same++
  if (isByToken) return sumTokens(blocks.slice(0, same)) + countWithin(blocks[same], previous.blocks[same])
  const ends = request.breakpoints ?? [blocks.length - 1]
  const isReached = (index: number) =>
    request.breakpoints === undefined || ends.some((end) => end >= index && end - index < lookback)
  for (let index = same - 1; index >= 0; index--) {
    const isKept = previous.breakpoints === undefined || previous.breakpoints.includes(index)
    if (isKept && isReached(index)) return sumTokens(blocks.slice(0, index + 1))
  }
  return 0
}

/** The tokens that the beginnings of two blocks have in common. */
const countWithin = (block: Block | undefined, other: Block | undefined): number => {
  if (block === undefined || other === undefined) return 0
  let same = 0
  while (same < block.text.length && block.text[same] === other.text[same]) same++
  return Math.floor((block.tokens * same) / Math.max(1, block.text.length))
}

// ── when a compression pays ──

/**
 * A compression, in tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompressionCost {
  /** Those of the view after it that the cache does not have. */
  readonly rewritten: number
  /** Those that the summarizer writes. */
  readonly summary: number
  /** Those that it is told beside the messages it summarizes. */
  readonly task: number
}

/**
 * Prices a compression that takes `covered` tokens out of the view: the summarizer's call, uncached, and the view after it,
 * which is written instead of read once.
 *
 * @since 0.1.0
 * @category pricing
 */
export const priceCompression = (prices: Prices, cost: CompressionCost, covered: number): number =>
  priceWithoutMaterial(prices, cost) + covered

/**
 * The writer of a summary: `in-place` continues the agent's last request, which it reads from the cache; a `model` reads
 * what leaves; `embedded` is no model and costs nothing.
 *
 * @since 0.1.0
 * @category models
 */
export type Writer = "in-place" | "model" | "embedded"

/**
 * Prices a compression by its writer. `view` are the tokens of the request before it.
 *
 * @since 0.1.0
 * @category pricing
 */
export const priceBy = (
  writer: Writer,
  cache: PromptCache,
  cost: CompressionCost,
  { covered, view }: { readonly covered: number; readonly view: number }
): number => {
  const rewriting = (cache.write - cache.read) * cost.rewritten
  const told = { ...cost, rewritten: 0 }
  if (writer === "embedded") return rewriting
  if (writer === "in-place") return rewriting + cache.read * view + priceWithoutMaterial(cache, told)
  return rewriting + cache.summary * priceCompression(cache, told, covered)
}

const priceWithoutMaterial = ({ output, read, write }: Prices, { rewritten, summary, task }: CompressionCost): number =>
  (write - read) * rewritten + output * summary + task

/**
 * Returns the steps after which a compression has paid for itself: each of them reads `covered` tokens less. Infinite
 * where reading is free.
 *
 * @since 0.1.0
 * @category pricing
 */
export const countStepsToPayBack = (prices: Prices, cost: CompressionCost, covered: number): number =>
  priceCompression(prices, cost, covered) / (prices.read * covered)

/**
 * Returns the tokens that a view should grow by between two compressions, in steps of `tokensPerStep`, so that carrying
 * them and compressing them cost least together. Where reading is free, no compression pays: infinite.
 *
 * A step reads on average half of the growth D, which costs `read · D / 2`; its share of a compression is
 * `(cost without the material) · tokensPerStep / D`. The sum is least at the root of
 * `2 · cost · tokensPerStep / read`. The material itself is summarized once, whatever D.
 *
 * @since 0.1.0
 * @category pricing
 */
export const findBestGrowth = (prices: Prices, cost: CompressionCost, tokensPerStep: number): number =>
  prices.read === 0 ? Infinity : Math.sqrt((2 * priceWithoutMaterial(prices, cost) * tokensPerStep) / prices.read)

/**
 * Returns the least growth that pays for its compression before the next one is due.
 *
 * @since 0.1.0
 * @category pricing
 */
export const findLeastGrowth = (prices: Prices, cost: CompressionCost, tokensPerStep: number): number => {
  const { read } = prices
  // The root of `read · D² = tokensPerStep · (cost + D)`.
  return read === 0
    ? Infinity
    : (tokensPerStep + Math.sqrt(tokensPerStep ** 2 + 4 * read * tokensPerStep * priceWithoutMaterial(prices, cost))) /
        (2 * read)
}
