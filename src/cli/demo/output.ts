/** Output of the demo agent's tools: test runs, stack traces, logs, API answers, tables. */
import type { Choices, Random } from "../random.ts"

const cases: Choices<string> = [
  "keeps cents whole",
  "rounds half to even",
  "reverses a refund",
  "takes the rate of the shipping address",
  "refuses an expired quote",
  "asks the API once per invoice",
  "falls back to the table when the API is down",
  "treats a missing region as exempt",
  "splits a proration over two rates",
  "writes the quote id to the ledger",
  "does not retry a validation error",
  "honours Retry-After",
  "sums lines in their order",
  "accepts a zero line"
]
const services: Choices<string> = ["billing", "taxrail-proxy", "ledger-writer", "invoice-renderer", "outbox"]
const events: Choices<string> = [
  "quote accepted",
  "quote expired",
  "retrying after 503",
  "cache hit",
  "cache miss",
  "rate table loaded",
  "outbox drained",
  "circuit half open",
  "idempotent replay",
  "slow query"
]
const regions: Choices<string> = ["DE", "FR", "AT", "NL", "IE", "ES", "IT", "SE", "PL", "DK"]

/** A failed test: its place, and the value it received instead of the expected one. */
export interface Failure {
  readonly test: string
  readonly line: number
  readonly name: string
  readonly expected: number
  readonly received: number
}

export const makeFailure = (random: Random, test: string): Failure => {
  const expected = random.between(100, 99_999)
  return {
    test,
    line: random.between(12, 160),
    name: random.pick(cases),
    expected,
    received: expected + random.pick([-1, 1, 2])
  }
}

/** Prints a test run over `files`, with the stack trace of the failure if there is one. */
export const printTestRun = (
  random: Random,
  files: ReadonlyArray<string>,
  module: string,
  failed: Failure | null
): string => {
  const suites = files.map((file) => {
    const passing = Array.from({ length: random.between(6, 14) }, () => random.pick(cases))
    const names = new Set(file === failed?.test ? [failed.name, ...passing] : passing)
    return { file, tests: [...names] }
  })
  const total = suites.reduce((sum, { tests }) => sum + tests.length, 0)
  const lines = suites.flatMap(({ file, tests }) => [
    ` ${file === failed?.test ? "❯" : "✓"} ${file} (${tests.length} tests) ${random.between(20, 900)}ms`,
    ...tests.map(
      (name) => `   ${file === failed?.test && name === failed.name ? "×" : "✓"} ${name} ${random.between(1, 90)}ms`
    )
  ])
  return [
    " RUN  v3.2.4 ~/billing",
    "",
    ...lines,
    ...(failed === null ? [] : printTrace(random, failed, module)),
    "",
    ` Test Files  ${failed === null ? "" : "1 failed | "}${suites.length - (failed === null ? 0 : 1)} passed (${suites.length})`,
    `      Tests  ${failed === null ? "" : "1 failed | "}${total - (failed === null ? 0 : 1)} passed (${total})`,
    `   Duration  ${random.between(2, 40)}.${random.between(10, 99)}s`,
    `exit code: ${failed === null ? 0 : 1}`
  ].join("\n")
}

const printTrace = (random: Random, failed: Failure, module: string): ReadonlyArray<string> => [
  "",
  ` FAIL  ${failed.test} > ${failed.name}`,
  `AssertionError: expected ${failed.received} to be ${failed.expected} // Object.is equality`,
  "",
  `- ${failed.expected}`,
  `+ ${failed.received}`,
  "",
  ` ❯ ${failed.test}:${failed.line}:${random.between(7, 40)}`,
  ` ❯ ${module}:${random.between(20, 200)}:${random.between(5, 30)}`,
  ` ❯ src/support/runner.ts:${random.between(20, 90)}:11`,
  ` ❯ node_modules/effect/src/internal/fiberRuntime.ts:${random.between(1200, 1500)}:19`
]

/** Prints `count` lines of structured logs. */
export const printLogs = (random: Random, count: number): string => {
  let millis = random.between(0, 3_000_000)
  return Array.from({ length: count }, () => {
    millis += random.between(2, 900)
    return JSON.stringify({
      at: new Date(Date.UTC(2026, 2, 9, 8) + millis).toISOString(),
      level: random.pick(["info", "info", "info", "debug", "warn", "error"]),
      service: random.pick(services),
      event: random.pick(events),
      trace: random.hex(16),
      invoice: `inv_${random.hex(10)}`,
      ms: random.between(1, 2_400)
    })
  }).join("\n")
}

/** Prints an answer of the tax API for an invoice of `count` lines. */
export const printQuote = (random: Random, count: number): string => {
  const lines = Array.from({ length: count }, (_, index) => {
    const amountCents = random.between(100, 250_000)
    const rateBasisPoints = random.pick([700, 1900, 2000, 2100, 2200, 2500])
    return {
      line: index + 1,
      sku: `sku-${random.hex(6)}`,
      region: random.pick(regions),
      amountCents,
      rateBasisPoints,
      taxCents: Math.round((amountCents * rateBasisPoints) / 10_000),
      ...(random.chance(0.2) ? { exemption: `ex-${random.hex(4)}` } : {})
    }
  })
  const taxCents = lines.reduce((sum, line) => sum + line.taxCents, 0)
  return JSON.stringify({ quoteId: `qt_${random.hex(12)}`, version: "2.3", currency: "EUR", lines, taxCents }, null, 2)
}

/** Prints `count` ledger rows that differ between the two sources, as a database client does. */
export const printDifferences = (random: Random, count: number): string => {
  const rows = Array.from({ length: count }, () => {
    const vat = random.between(100, 90_000)
    return ` inv_${random.hex(10)} | ${random.pick(regions)}     | ${String(vat).padStart(9)} | ${String(vat + random.pick([-2, -1, 1, 2])).padStart(13)} | 2026-0${random.between(1, 3)}-${random.between(10, 28)}`
  })
  return [
    "    invoice     | region | vat_cents | taxrail_cents | issued_on",
    "----------------+--------+-----------+---------------+-----------",
    ...rows,
    `(${count} rows)`,
    "exit code: 0"
  ].join("\n")
}

/** Prints the output of the type checker with `count` errors. */
export const printTypeErrors = (random: Random, paths: Choices<string>, count: number): string => {
  const complaints = Array.from({ length: count }, () => {
    const where = `${random.pick(paths)}(${random.between(5, 220)},${random.between(3, 60)})`
    return random.pick([
      `${where}: error TS2322: Type 'string | undefined' is not assignable to type 'QuoteId'.`,
      `${where}: error TS2345: Argument of type 'Quote | null' is not assignable to parameter of type 'Quote'.`,
      `${where}: error TS2339: Property 'rateBasisPoints' does not exist on type 'TaxLineV2'.`,
      `${where}: error TS2554: Expected 3 arguments, but got ${random.between(1, 2)}.`
    ])
  })
  return [...complaints, `Found ${count} errors.`, `exit code: ${count === 0 ? 0 : 2}`].join("\n")
}
