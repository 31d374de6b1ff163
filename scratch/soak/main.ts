/**
 * Soaks throughline: load, faults, restarts and wrong clocks beside a model of the promises. Run: `npm run soak --
 * [--minutes N] [--seed S] [--json FILE]`. Fails if a promise was broken.
 */
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Random from "../../src/cli/random.ts"
import { bundleScript } from "../../test/support/bundledScript.ts"
import * as Disk from "./disk.ts"
import * as Faults from "./faults.ts"
import * as Report from "./report.ts"
import * as Soak from "./soak.ts"
import { monotonic, StoreKind } from "./telling.ts"

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    json: { type: "string" },
    /** Rounds of one store or of one kind of fault only. */
    store: { type: "string" },
    fault: { type: "string" }
  }
})
const minutes = Number(values.minutes)
const seed = Number(values.seed)

const main = Effect.gen(function* () {
  console.log(`seed ${seed}`)
  const until = monotonic() + minutes * 60_000
  const folder = mkdtempSync(join(tmpdir(), "throughline-soak-"))
  const library = yield* Disk.compile(folder)
  if (library === null) console.log("there is no C compiler: disks do not fail in this run")
  const kinds = Faults.kinds.filter(
    (kind) => (library !== null || !Faults.isOfDisk(kind)) && (values.fault ?? kind) === kind
  )
  const pairs = StoreKind.literals
    .filter((store) => (values.store ?? store) === store)
    .flatMap((store) => kinds.map((kind) => ({ store, kind })))
  if (pairs.length === 0) throw new RangeError("there is no such store, or no such fault")

  const script = yield* bundleScript("scratch/soak/process.ts")
  const milliseconds = Math.round(Math.min(30_000, Math.max(4_000, (minutes * 60_000) / (2 * pairs.length))))
  const work = { milliseconds, verbs: 1_000_000, fibers: 6, pause: 200 }
  const plan = { seed, folder, script, library, sessions: 10, mortals: 2, work, isServed: true }
  const play = yield* Soak.make(plan)
  const random = Random.make(seed)
  const report = Report.empty()
  while (monotonic() < until) {
    for (const { kind, store } of shuffle(random, pairs)) {
      if (monotonic() >= until) break
      const round = yield* play(store, kind)
      Report.add(report, round)
      // After each round: a run that is ended early has its figures.
      if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ seed, minutes, ...report }, null, 2))
      for (const { promise, text } of round.broken) console.log(`✗ ${store}, ${kind}: ${promise}: ${text}`)
    }
  }
  console.log(Report.render(report))
  if (report.broken.length === 0) return rmSync(folder, { recursive: true })
  console.log(`journals and databases: ${folder}\nagain: npm run soak -- --minutes ${minutes} --seed ${seed}`)
  process.exitCode = 1
})

const shuffle = <A>(random: Random.Random, items: ReadonlyArray<A>): ReadonlyArray<A> =>
  items
    .map((item) => ({ item, at: random.between(0, 1e9) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)

await Effect.runPromise(Effect.scoped(main))
