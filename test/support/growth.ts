/** Measures how the time of expressions and readers grows with the texts that are slowest for them. */
import { setImmediate as letOthersRun } from "node:timers/promises"
import { listExpressions } from "./expressions.ts"
import { alphabetOf, combineAlphabet, findSteepest, type Growth, measureSteepGrowth, type Reader } from "./pump.ts"
import { FRAGMENTS } from "./fragments.ts"

/** The growth of one reader. */
export interface Measured {
  readonly name: string
  readonly growth: Growth
}

/** What is slow and in proportion to its length is allowed more time, since a busy machine takes twice as long. */
export const isSteep = ({ exponent, msPerMegabyte }: Growth): boolean =>
  msPerMegabyte > (exponent > MOST_EXPONENT ? MOST_MILLISECONDS : MOST_IN_PROPORTION)

/** A linear reader has up to 1.15, and collects garbage besides. A square has 2. */
const MOST_EXPONENT = 1.2
const MOST_MILLISECONDS = 50
const MOST_IN_PROPORTION = 100

/** A busy machine has made a linear reader look steep twice in a row. What is steep stays so however often it is measured. */
const MOST_MEASURES = 12

const confirm = (read: Reader, growth: Growth): Growth =>
  isSteep(growth) ? measureSteepGrowth(read, growth.pump, isSteep, MOST_MEASURES) : growth

/** They read a few dozen characters, whatever the text. */
const BOUNDED: ReadonlyArray<string> = [
  // `NOTHING` reads items of at most 40 characters.
  "^[\\s(*_[`]*(?:none",
  // The field of a cookie, of which at most 4,000 characters are read.
  "[\\w.-]{1,60}=[^;",
  // `SAID_BEFORE` reads the 80 characters before a word.
  "(?:passw(?:or)?[dt]|passphrase|",
  // `JOINED` and the qualifiers of a name read at most 120 characters before it.
  "(?:[\\p{L}\\p{N}]{1,40}[_-]){1,4}$",
  "((?:(?<![\\p{L}\\p{N}-])\\p{L}[\\p{L}\\p{N}_-]* ){0,2})"
]

/** Finds every match without keeping any, so that no garbage is measured. */
const findMatches =
  (pattern: RegExp): Reader =>
  (text) => {
    pattern.lastIndex = 0
    for (let last = 0; pattern.test(text); last = pattern.lastIndex) {
      if (!pattern.global) return
      if (pattern.lastIndex === last) pattern.lastIndex += 1
    }
  }

/** Measures the expressions of `src` that look steep, each with its own alphabet. A sticky one reads at one place. */
export const measureExpressions = async () => {
  const expressions = (await listExpressions()).filter(
    ({ pattern }) => !pattern.sticky && !BOUNDED.some((start) => pattern.source.startsWith(start))
  )
  const measured: Array<Measured> = []
  for (const { file, pattern } of expressions) {
    const read = findMatches(pattern)
    const growths = await findSteepest(read, combineAlphabet(alphabetOf(pattern), 200), false)
    measured.push(...growths.map((growth) => ({ name: `${file}: ${String(pattern)}`, growth: confirm(read, growth) })))
    await letOthersRun()
  }
  return { count: expressions.length, measured }
}

/** Measures each reader with the text that is slowest for it. */
export const measureReaders = async (readers: Readonly<Record<string, Reader>>): Promise<ReadonlyArray<Measured>> => {
  const measured: Array<Measured> = []
  for (const [name, read] of Object.entries(readers)) {
    const growths = await findSteepest(read, combineAlphabet(FRAGMENTS, 1_000), true)
    measured.push(...growths.map((growth) => ({ name, growth: confirm(read, growth) })))
    await letOthersRun()
  }
  return measured
}
