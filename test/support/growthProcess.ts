/**
 * Measures how the time of every expression or every reader grows; its argument says which. Prints how many there are, and
 * each that is steep as a line. It is a process of its own, since the heap of a test worker is so large that to collect
 * its garbage looks steep, and since the expressions that modules build are found while they load.
 */
import { isSteep, measureExpressions, measureReaders } from "./growth.ts"

const measure = async () => {
  if (process.argv[2] === "expressions") return measureExpressions()
  const { READERS } = await import("./readers.ts")
  return { count: Object.keys(READERS).length, measured: await measureReaders(READERS) }
}

const { count, measured } = await measure()
console.log(count)
for (const one of measured) if (isSteep(one.growth)) console.log(JSON.stringify(one))
