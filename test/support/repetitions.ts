/**
 * Sets how often a test repeats what chance decides: kills, seeds, processes, runs of a property. Few by default, so that
 * the suite is quick; in full with `npm run test:thorough`.
 */

/** True if this run repeats in full. */
export const isThorough = process.env.TEST_THOROUGH === "1"

/** Picks the count for this run of the suite. */
export const repetitions = (small: number, thorough: number): number => (isThorough ? thorough : small)

/** Options of a property test. */
export const propertyRuns = (small: number, thorough: number) => ({
  fastCheck: { numRuns: repetitions(small, thorough) }
})

/** Picks every `step`th case, beginning with one that `n` chooses, so that tests with other `n` run the others. */
export const sampleCases = <A>(cases: ReadonlyArray<A>, n: number, step: number): ReadonlyArray<A> =>
  isThorough ? cases : cases.filter((_, i) => (i + n) % step === 0)
