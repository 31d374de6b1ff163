/** What surrounds the facts: talk without consequence, and what tools print. */
import * as Output from "../../src/cli/demo/output.ts"
import type { Choices, Random } from "../../src/cli/random.ts"
import { writeSource } from "../../src/cli/demo/source.ts"

const subjects = ["The parser", "That job", "The second pass", "This module", "The queue", "The report"] as const
const doings = [
  "looks the same as yesterday",
  "reads its rows in order",
  "takes about a minute",
  "has two callers"
] as const
const asides = [
  "as far as I can tell",
  "which is fine",
  "so we go on",
  "and the tests agree",
  "like the one before"
] as const

/** A sentence that sets no rule and names no value. */
export const sentence = (random: Random): string =>
  `${random.pick(subjects)} ${random.pick(doings)}, ${random.pick(asides)}.`

export interface Use {
  readonly tool: string
  readonly input: object
  readonly lines: ReadonlyArray<string>
}

const kinds: Choices<(random: Random, length: number) => Use> = [
  (random, length) => {
    const path = `src/area${random.between(1, 40)}/part${random.between(1, 400)}.ts`
    return { tool: "read_file", input: { path }, lines: writeSource(random, path, length) }
  },
  (random, length) => ({
    tool: "bash",
    input: { command: `docker compose logs --tail ${length} worker-${random.between(1, 9)}` },
    lines: Output.printLogs(random, Math.ceil(length / 3)).split("\n")
  }),
  (random, length) => ({
    tool: "fetch",
    input: { url: `http://localhost:8433/v2/quotes/${random.hex(6)}` },
    lines: Output.printQuote(random, Math.ceil(length / 7)).split("\n")
  }),
  (random, length) => ({
    tool: "bash",
    input: { command: `psql replica -f queries/q${random.between(1, 400)}.sql` },
    lines: Output.printDifferences(random, Math.ceil(length / 2)).split("\n")
  }),
  (random, length) => ({
    tool: "bash",
    input: { command: `find area${random.between(1, 400)} -type f` },
    lines: Array.from({ length }, () => `./area/${random.hex(4)}/${random.hex(6)}.${random.pick(["ts", "sql", "md"])}`)
  })
]

/** One use of a tool that prints about `length` lines of source code's length. */
export const use = (random: Random, length: number): Use => random.pick(kinds)(random, length)
