/** The benchmarks. Run: `npm run bench -- [--only NAME] [--folder DIR] [--json]` */
import { Effect } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Report from "../eval/report.ts"
import type { Figure } from "./figure.ts"
import * as Place from "./place.ts"
import * as Replay from "./replay.ts"

const OUT = "scratch/bench/out"

const figures: { readonly [name: string]: Figure } = { replay: Replay.figure }

const main = Effect.gen(function* () {
  const { values } = parseArgs({
    options: { json: { type: "boolean", default: false }, only: { type: "string" }, folder: { type: "string" } }
  })
  const { folder, json, only } = values
  const chosen = Object.entries(figures).filter(([name]) => only === undefined || name === only)
  if (chosen.length === 0) throw new RangeError(`--only: one of ${Object.keys(figures).join(", ")}`)
  const groups: Array<Report.Group> = []
  mkdirSync(OUT, { recursive: true })
  for (const place of Place.places(folder)) {
    const found = yield* Effect.forEach(chosen, ([, figure]) => figure(place))
    groups.push({ title: place.name, measures: found.flatMap(({ measures }) => measures) })
    for (const { name, svg } of found.flatMap(({ pictures = [] }) => pictures)) writeFileSync(join(OUT, name), svg)
  }
  writeFileSync(join(OUT, "results.json"), JSON.stringify(groups, null, 2))
  console.log(json ? JSON.stringify(groups, null, 2) : Report.table(groups))
  if (Report.failed(groups).length > 0) process.exitCode = 1
})

await Effect.runPromise(main)
