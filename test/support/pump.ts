/** Looks for the text on which a reader is slowest, and measures how its time grows with the length of such a text. */
import { setImmediate as letOthersRun } from "node:timers/promises"

/** Reads a text; only its time matters. */
export type Reader = (text: string) => unknown

/** A text of any length: `unit` again and again between a start and an end. */
export interface Pump {
  readonly prefix: string
  readonly unit: string
  readonly suffix: string
}

/** How the time of a reader grows: `exponent` over five doublings, and milliseconds for 1 MB of the slowest text. */
export interface Growth {
  readonly pump: Pump
  readonly exponent: number
  readonly msPerMegabyte: number
}

export const fill = ({ prefix, suffix, unit }: Pump, length: number): string =>
  prefix + unit.repeat(Math.ceil(length / unit.length)) + suffix

/** Milliseconds of processor time, so that a busy machine changes little; the least of a few runs. */
const timeOf = (read: Reader, text: string, runs: number): number => {
  let least = Infinity
  for (let run = 0; run < runs; run++) {
    const begin = process.cpuUsage()
    read(text)
    const { system, user } = process.cpuUsage(begin)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

const LENGTHS = [65_536, 131_072, 262_144, 524_288, 1_048_576, 2_097_152]
/** A reader that needs longer for one text has failed already. */
const TOO_LONG = 3_000

export const measureGrowth = (read: Reader, pump: Pump): Growth => growthOf(pump, measureTimes(read, pump))

/**
 * Measures up to `most` times, as long as it looks steep: whatever else the machine does only adds to a time, so that the
 * least time of each length counts.
 */
export const measureSteepGrowth = (
  read: Reader,
  pump: Pump,
  isSteep: (growth: Growth) => boolean,
  most: number
): Growth => {
  let times = measureTimes(read, pump)
  for (let measured = 1; measured < most && isSteep(growthOf(pump, times)); measured++) {
    times = leastOfEach(times, measureTimes(read, pump))
  }
  return growthOf(pump, times)
}

const measureTimes = (read: Reader, pump: Pump): ReadonlyArray<number> => {
  const times: Array<number> = []
  for (const length of LENGTHS) {
    times.push(timeOf(read, fill(pump, length), 3))
    if ((times.at(-1) ?? 0) > TOO_LONG) break
  }
  return times
}

const leastOfEach = (some: ReadonlyArray<number>, others: ReadonlyArray<number>): ReadonlyArray<number> =>
  LENGTHS.slice(0, Math.max(some.length, others.length)).map((_, i) =>
    Math.min(some[i] ?? Infinity, others[i] ?? Infinity)
  )

const growthOf = (pump: Pump, times: ReadonlyArray<number>): Growth => {
  // Times below a millisecond are mostly noise.
  const slopes = times.map((ms) => Math.log2(Math.max(ms, 1)))
  const last = times.length - 1
  return {
    pump,
    exponent: last === 0 ? Infinity : ((slopes[last] ?? 0) - (slopes[0] ?? 0)) / last,
    msPerMegabyte: ((times[last] ?? 0) / (LENGTHS[last] ?? 1)) * 1_048_576
  }
}

/**
 * Tries many pumps on short texts and measures those that look steep: slow for their length, or several times slower for
 * four times the length. Without one, `isAlwaysMeasured` measures the slowest.
 */
export const findSteepest = async (
  read: Reader,
  pumps: Iterable<Pump>,
  isAlwaysMeasured: boolean
): Promise<ReadonlyArray<Growth>> => {
  const tried: Array<{ readonly pump: Pump; readonly ms: number }> = []
  for (const pump of pumps) {
    tried.push({ pump, ms: timeOf(read, fill(pump, SHORT), 1) })
    await letOthersRun()
  }
  const slowest = tried
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, 8)
    // A second look, since the first runs of an expression also compile it.
    .map(({ pump }) => ({ pump, short: timeOf(read, fill(pump, SHORT), 2), long: timeOf(read, fill(pump, LONG), 2) }))
    .toSorted((a, b) => b.long - a.long)
  const steep = slowest.filter(({ long, short }) => long > SUSPICIOUS && (long > 6 * short || long > LONG_ALLOWED))
  const growths: Array<Growth> = []
  for (const { pump } of steep.length === 0 && isAlwaysMeasured ? slowest.slice(0, 1) : steep.slice(0, 2)) {
    await letOthersRun()
    growths.push(measureGrowth(read, pump))
  }
  return growths
}

const SHORT = 8_192
const LONG = 32_768
/** Milliseconds for a long text: below the one it cannot be told from noise, above the other it is more than allowed. */
const SUSPICIOUS = 0.4
const LONG_ALLOWED = 1.6

/** All pairs and, as far as `most` allows, triples of an alphabet, with starts and ends from it; the same each time. */
export function* combineAlphabet(alphabet: ReadonlyArray<string>, most: number): Generator<Pump> {
  const next = makeRandom(alphabet.length)
  const pick = (): string => alphabet[next() % alphabet.length] ?? ""
  const pickEnd = (): string => (next() % 3 === 0 ? "" : pick())
  for (const unit of alphabet) yield { prefix: "", unit, suffix: "\u0000" }
  for (const unit of alphabet) yield { prefix: "“" + pick(), unit, suffix: pickEnd() }
  const pairs = alphabet.length ** 2 <= most
  if (pairs)
    for (const first of alphabet)
      for (const second of alphabet) yield { prefix: pickEnd(), unit: first + second, suffix: pickEnd() }
  for (let i = pairs ? alphabet.length ** 2 : 0; i < most; i++) {
    const unit = pick() + pick() + (next() % 2 === 0 ? pick() : "")
    yield { prefix: pickEnd() + pickEnd(), unit, suffix: pickEnd() }
  }
}

/** A small generator of numbers (mulberry32), so that a run can be repeated. */
const makeRandom = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

/** The pieces that an expression itself speaks of: its words, a member of each class, and a few signs. */
export const alphabetOf = ({ flags, source }: RegExp, most = 40): ReadonlyArray<string> => {
  const found = new Set<string>(SIGNS)
  let word = ""
  const endWord = () => {
    if (word !== "") found.add(word)
    word = ""
  }
  for (const [token] of source.matchAll(TOKEN)) {
    const literal = readLiteral(token)
    if (literal !== undefined) word += literal
    else {
      endWord()
      for (const member of readClass(token, flags)) found.add(member)
    }
  }
  endWord()
  return sampleEvenly(Array.from(found), most)
}

const SIGNS = ["a", "A", "0", " ", "\n", "_", "-", "\\", '"', "."]
const TOKEN =
  /\(\?<?[=!:]|\(\?<\w+>|\[(?:\\[^]|[^\]\\])*\]|\\u[0-9a-f]{4}|\\[pP]\{[\w=]+\}|\\k<\w+>|\\[^]|\{\d+(?:,\d*)?\}\??|[^]/gi

const readLiteral = (token: string): string | undefined => {
  if (/^\\u/i.test(token)) return String.fromCharCode(Number.parseInt(token.slice(2), 16))
  if (/^\\[^a-z0-9]$/i.test(token)) return token.slice(1)
  if (token === "\\n") return "\n"
  return token.length === 1 && !/[()|*+?^$.[\]{}\\]/.test(token) ? token : undefined
}

/** Two members of a class, and a character that is not in it. */
const readClass = (token: string, flags: string): ReadonlyArray<string> => {
  if (!/^\[|^\\[dwspDWSP]/.test(token)) return []
  const isMember = new RegExp(token, flags.replace(/[gy]/g, ""))
  const members = CHARACTERS.filter((character) => isMember.test(character))
  const others = CHARACTERS.filter((character) => !isMember.test(character))
  return [...members.slice(0, 1), ...members.slice(-1), ...others.slice(0, 1)]
}

const CHARACTERS = Array.from("aZ09 \t\n-_.,:;=/\\\"'`*()[]{}<>@#&|!?~é“密か한я\u0000")

const sampleEvenly = <A>(items: ReadonlyArray<A>, most: number): ReadonlyArray<A> =>
  items.length <= most
    ? items
    : items.filter((_, i) => Math.floor((i * most) / items.length) !== Math.floor(((i - 1) * most) / items.length))
