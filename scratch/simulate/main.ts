/**
 * The simulation. Run: `npm run simulate`, or `npx tsx scratch/simulate/main.ts [--agents N] [--hours H] [--seed S]
 * [--json]`. Fails if the library does, and if a control does not.
 */
import { Effect } from "effect"
import { parseArgs } from "node:util"
import * as Findings from "./findings.ts"
import * as Processes from "./processes.ts"
import * as Report from "./report.ts"
import type { Variant } from "./scenario.ts"
import { run } from "./simulate.ts"

const { values } = parseArgs({
  options: {
    agents: { type: "string" },
    hours: { type: "string", default: "4" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false }
  }
})
const hours = Number(values.hours)
const seed = Number(values.seed)
const variants: ReadonlyArray<Variant> = ["default", "preflight", "rotating ids", "ambient session"]

const virtual = (agents: number, variant: Variant) =>
  Effect.map(run({ agents, hours, seed, variant }), (story): Report.Row => ({
    name: variant,
    agents,
    variant,
    findings: Findings.of(story)
  }))

/** Half an hour in 18 seconds. */
const processes = Effect.map(Processes.run({ agents: 9, hours: 0.5, seed }), (story): Report.Row => ({
  name: "processes",
  agents: 9,
  variant: "default",
  findings: Findings.of(story, Processes.WAIT)
}))

const main = Effect.gen(function* () {
  const sizes = values.agents === undefined ? [9, 13, 100] : [Number(values.agents)]
  const rows = yield* Effect.forEach(
    sizes.flatMap((agents) => variants.map((variant) => virtual(agents, variant))),
    (row) => row
  )
  const all = values.agents === undefined ? [...rows, yield* processes] : rows
  console.log(values.json ? JSON.stringify({ hours, seed, rows: all }, null, 2) : Report.table(all))
  if (!all.every(Report.isAsItMust)) process.exitCode = 1
})

await Effect.runPromise(main)
