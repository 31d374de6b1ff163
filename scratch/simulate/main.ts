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
const LARGEST = 100
const variants: ReadonlyArray<Variant> = ["default", "preflight", "rotating ids", "ambient session"]

/** A hundred agents take most of the time: unless one asks for them, only the library's own variant has all the hours. */
const hoursOf = (agents: number, variant: Variant) =>
  values.agents === undefined && agents === LARGEST && variant !== "default" ? Math.min(1, hours) : hours

const virtual = (agents: number, variant: Variant) => {
  const time = hoursOf(agents, variant)
  return Effect.map(run({ agents, hours: time, seed, variant }), (story): Report.Row => ({
    name: variant,
    agents,
    hours: time,
    variant,
    findings: Findings.of(story)
  }))
}

/** Half an hour in 18 seconds. */
const real = (variant: "default" | "preflight") =>
  Effect.map(Processes.run({ agents: 9, hours: 0.5, seed, variant }), (story): Report.Row => ({
    name: `${variant}, processes`,
    agents: 9,
    hours: 0.5,
    variant,
    findings: Findings.of(story, "real")
  }))

const main = Effect.gen(function* () {
  const sizes = values.agents === undefined ? [9, 13, LARGEST] : [Number(values.agents)]
  const runs = sizes.flatMap((agents) => variants.map((variant) => virtual(agents, variant)))
  const rows = yield* Effect.all([...runs, real("default"), real("preflight")])
  console.log(values.json ? JSON.stringify({ seed, rows }, null, 2) : Report.table(rows))
  if (!rows.every(Report.isAsItMust)) process.exitCode = 1
})

await Effect.runPromise(main)
