/** Writes source files of a billing service from a small grammar. */
import type { Choices, Random } from "../random.ts"

const nouns: Choices<string> = [
  "Invoice",
  "CreditNote",
  "TaxLine",
  "Jurisdiction",
  "RateTable",
  "Refund",
  "Quote",
  "LedgerEntry",
  "Exemption",
  "Customer",
  "Settlement",
  "Proration",
  "Discount",
  "Shipment",
  "Payout",
  "Adjustment"
]
const verbs: Choices<string> = [
  "resolve",
  "compute",
  "apply",
  "round",
  "settle",
  "reconcile",
  "validate",
  "merge",
  "allocate",
  "load",
  "expire",
  "split",
  "rebase",
  "index",
  "collect"
]
const fields: Choices<readonly [name: string, type: string]> = [
  ["amountCents", "number"],
  ["rateBasisPoints", "number"],
  ["currency", "Currency"],
  ["issuedAt", "Date"],
  ["customerId", "CustomerId"],
  ["exemptionCode", "string | null"],
  ["lineNumber", "number"],
  ["region", "RegionCode"],
  ["postalCode", "string"],
  ["lines", "ReadonlyArray<TaxLine>"],
  ["reversed", "boolean"],
  ["source", '"vat" | "taxrail"'],
  ["quoteId", "string | undefined"],
  ["roundedCents", "number"],
  ["attempt", "number"],
  ["validUntil", "Date"]
]
const reasons: Choices<string> = [
  "a credit note may arrive before its invoice is settled",
  "the old table rounds half up, the API half to even",
  "regions without a rate are exempt by law, not by omission",
  "a zero line still needs a jurisdiction for the audit",
  "clocks of the two services differ by up to a second",
  "the caller already holds the row lock",
  "partners send lower-case country codes",
  "an empty postal code means the billing address is a P.O. box",
  "shipping is taxed like the most expensive line",
  "refunds are negative but their tax is stored positive"
]
const codes: Choices<string> = [
  "DE-19",
  "FR-20",
  "AT-20",
  "NL-21",
  "IE-23",
  "ES-21",
  "IT-22",
  "SE-25",
  "PL-23",
  "DK-25"
]
const errors: Choices<string> = ["RateMissing", "QuoteExpired", "CurrencyMismatch", "UnknownRegion", "StaleLedger"]

const lowerFirst = (name: string) => name.charAt(0).toLowerCase() + name.slice(1)

const writeStatement = (random: Random, subject: string): ReadonlyArray<string> => {
  const other = `next${random.pick(nouns)}`
  const [field] = random.pick(fields)
  const verb = random.pick(verbs)
  const n = random.between(2, 900)
  return random.pick<() => ReadonlyArray<string>>([
    () => [`  const ${other} = await store.${verb}${random.pick(nouns)}(${subject}.${field})`],
    () => [
      `  if (${subject}.${field} === undefined) return yield* new ${random.pick(errors)}({ ${field}: ${subject}.${field} })`
    ],
    () => [
      `  for (const line of ${subject}.lines) {`,
      `    if (line.rateBasisPoints > ${n}) continue`,
      `    total += Math.round((line.amountCents * line.rateBasisPoints) / 10_000)`,
      `  }`
    ],
    () => [`  // ${random.pick(reasons)}`, `  const cutoff = subMinutes(clock.now(), ${n})`],
    () => [
      `  const ${other} = ${subject}.source === "vat"`,
      `    ? ${verb}FromTable(${subject}.region, "${random.pick(codes)}")`,
      `    : yield* client.${verb}(${subject}.quoteId, { timeoutMs: ${n * 10} })`
    ],
    () => [`  log.debug("${verb} ${lowerFirst(subject)}", { ${field}: ${subject}.${field}, budget: ${n} })`],
    () => [
      `  switch (${subject}.currency) {`,
      `    case "EUR":`,
      `      return ${verb}Euro(${subject}, ${n})`,
      `    case "SEK":`,
      `      return ${verb}Krona(${subject})`,
      `  }`
    ],
    () => [
      `  assert(Number.isSafeInteger(${subject}.amountCents), "${lowerFirst(subject)} ${n}: cents must be whole")`
    ],
    () => [
      `  metrics.${lowerFirst(random.pick(nouns))}${random.pick(nouns)}.record(${subject}.lines.length, { region: ${subject}.region })`
    ]
  ])()
}

const writeInterface = (random: Random): ReadonlyArray<string> => {
  const name = random.pick(nouns)
  const members = new Map(Array.from({ length: random.between(3, 8) }, () => random.pick(fields)))
  return [
    `/** Kept as received: ${random.pick(reasons)}. */`,
    `export interface ${name}${random.pick(["Input", "Row", "State", "Draft", "View"])} {`,
    ...[...members].map(([field, type]) => `  readonly ${field}: ${type}`),
    "}",
    ""
  ]
}

const writeTable = (random: Random): ReadonlyArray<string> => [
  `const ${lowerFirst(random.pick(nouns))}${random.pick(["Rates", "Limits", "Overrides"])}: ReadonlyMap<RegionCode, number> = new Map([`,
  ...Array.from({ length: random.between(4, 9) }, () => `  ["${random.pick(codes)}", ${random.between(400, 2500)}],`),
  "])",
  ""
]

const writeFunction = (random: Random): ReadonlyArray<string> => {
  const noun = random.pick(nouns)
  const subject = lowerFirst(noun)
  const [field] = random.pick(fields)
  return [
    `export const ${random.pick(verbs)}${noun} = Effect.fn("${noun}.${random.pick(verbs)}")(function*(${subject}: ${noun}) {`,
    ...Array.from({ length: random.between(3, 8) }, () => writeStatement(random, subject)).flat(),
    `  return { ...${subject}, ${field}: ${random.pick(verbs)}(${subject}.${field}) }`,
    "})",
    ""
  ]
}

const writeTest = (random: Random): ReadonlyArray<string> => {
  const noun = random.pick(nouns)
  const cents = random.between(100, 99_999)
  return [
    `  it("${random.pick(verbs)}s a ${lowerFirst(noun)}: ${random.pick(reasons)}", () =>`,
    "    Effect.gen(function*() {",
    `      const ${lowerFirst(noun)} = make${noun}({ amountCents: ${cents}, region: "${random.pick(codes)}" })`,
    `      const result = yield* ${random.pick(verbs)}${noun}(${lowerFirst(noun)})`,
    `      expect(result.${random.pick(fields)[0]}).toBe(${Math.round(cents * 0.19)})`,
    "    }))",
    ""
  ]
}

/** Writes the lines of a file, at least `length`: a test if its name ends in `.test.ts`, else a module. */
export const writeSource = (random: Random, path: string, length: number): ReadonlyArray<string> => {
  const isTest = path.endsWith(".test.ts")
  const lines = [
    `import { Effect } from "effect"`,
    `import { ${random.pick(nouns)}, ${random.pick(nouns)}Id } from "${isTest ? "../src" : ".."}/model/${lowerFirst(random.pick(nouns))}"`,
    isTest ? `import { describe, expect, it } from "vitest"` : `import { log } from "../support/log"`,
    "",
    ...(isTest ? [`describe("${path.replace(/^test\/|\.test\.ts$/g, "")}", () => {`] : [])
  ]
  while (lines.length < length) {
    const block = isTest
      ? writeTest
      : random.pick([writeInterface, writeTable, writeFunction, writeFunction, writeFunction, writeFunction])
    lines.push(...block(random))
  }
  return isTest ? [...lines, "})"] : lines
}
