/**
 * Prints how time grows with the length of a text, for docs/reliability.md: `npx tsx scratch/growth.ts` for the texts that
 * were slow once, `npx tsx scratch/growth.ts --search` looks for others, in every expression and reader.
 */
import { KNOWN_TEXTS } from "../test/support/fragments.ts"
import { isSteep, type Measured, measureExpressions, measureReaders } from "../test/support/growth.ts"
import { measureGrowth } from "../test/support/pump.ts"

const format = ({ growth: { exponent, msPerMegabyte, pump }, name }: Measured): string =>
  `| ${name} | ${JSON.stringify(pump.prefix + pump.unit)} | ${exponent.toFixed(2)} | ${msPerMegabyte.toFixed(0)} |`

const isSearch = process.argv.includes("--search")
if (isSearch) {
  const { count, measured } = await measureExpressions()
  const steep = measured.filter(({ growth }) => isSteep(growth)).length
  console.log(`${count} expressions, ${measured.length} measured, ${steep} steep`)
  for (const expression of measured) console.log(format(expression))
}
// Loaded afterwards, since expressions are found while modules load.
const { READERS } = await import("../test/support/readers.ts")
console.log("| reader | text | exponent | ms a MB |\n| --- | --- | --- | --- |")
if (isSearch) for (const reader of await measureReaders(READERS)) console.log(format(reader))
else
  for (const [name, pump] of KNOWN_TEXTS) {
    const read = READERS[name]
    if (read !== undefined) console.log(format({ name, growth: measureGrowth(read, pump) }))
  }
