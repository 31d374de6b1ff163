/** The benchmarks. Run: `npm run bench -- [--only NAME] [--folder DIR] [--json] [--profile]` */
import { Effect, Logger, LogLevel } from "effect"
import { writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Report from "../eval/report.ts"
import * as Chunks from "./chunks.ts"
import * as Compression from "./compression.ts"
import type { Figure } from "./figure.ts"
import * as History from "./history.ts"
import * as Loop from "./loop.ts"
import * as Place from "./place.ts"
import * as Profile from "./profile.ts"
import * as Recall from "./recall.ts"
import * as Replay from "./replay.ts"
import * as Sessions from "./sessions.ts"
import * as Writes from "./writes.ts"

/** Bundled, as this is run, it stands in the folder for results. */
const MAIN = fileURLToPath(import.meta.url)
const OUT = dirname(MAIN)

const figures: { readonly [name: string]: Figure } = {
  replay: Replay.figure,
  compression: Compression.figure,
  loop: Loop.figure,
  history: History.figure,
  writes: Writes.figure,
  chunks: Chunks.figure,
  recall: Recall.figure,
  sessions: Sessions.figure
}

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    folder: { type: "string" },
    json: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    /** What a profile is made of: replays and nothing else. */
    replays: { type: "boolean", default: false }
  }
})

const measured = Effect.gen(function* () {
  const chosen = Object.entries(figures).filter(([name]) => values.only === undefined || name === values.only)
  if (chosen.length === 0) throw new RangeError(`--only takes one of ${Object.keys(figures).join(", ")}`)
  const groups: Array<Report.Group> = []
  for (const place of Place.places(values.folder)) {
    const found = yield* Effect.forEach(chosen, ([, figure]) => figure(place))
    const group = { title: place.name, measures: found.flatMap(({ measures }) => measures) }
    groups.push(group)
    if (!values.json) console.log(Report.table([group]))
    for (const { name, svg } of found.flatMap(({ pictures = [] }) => pictures)) writeFileSync(join(OUT, name), svg)
  }
  writeFileSync(join(OUT, "results.json"), JSON.stringify(groups, null, 2))
  if (values.json) console.log(JSON.stringify(groups, null, 2))
  if (Report.findFailed(groups).length > 0) process.exitCode = 1
})

const profiled = Effect.sync(() => {
  for (const place of Place.places(values.folder)) {
    console.log(`${place.name}\n${Profile.top(MAIN, place)}\n`)
  }
})

const replayed = Effect.forEach(Place.places(values.folder), Profile.replays, { discard: true })

await Effect.runPromise(
  // Whoever wants log lines pays for where they go.
  Logger.withMinimumLogLevel(values.replays ? replayed : values.profile ? profiled : measured, LogLevel.Error)
)
