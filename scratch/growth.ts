/** Prints the table of exponents of docs/reliability.md: `npx tsx scratch/growth.ts`. */
import { isSteep, type Measured, measureExpressions, measureReaders } from "../test/support/growth.ts"

const format = ({ growth: { exponent, msPerMegabyte, pump }, name }: Measured): string =>
  `| ${name} | ${exponent.toFixed(2)} | ${msPerMegabyte.toFixed(1)} | ${JSON.stringify(pump.unit)} |`

const { count, measured } = await measureExpressions()
console.log(
  `${count} expressions, ${measured.length} measured, ${measured.filter(({ growth }) => isSteep(growth)).length} steep`
)
for (const expression of measured) console.log(format(expression))
// Loaded afterwards, since expressions are found while modules load.
const { READERS } = await import("../test/support/readers.ts")
console.log("\n| reader | exponent | ms a MB | slowest unit |\n| --- | --- | --- | --- |")
for (const [name, read] of Object.entries(READERS))
  for (const reader of measureReaders({ [name]: read })) console.log(format(reader))
