/**
 * Compares the processor time of the session replay of checkouts. Run: `npx tsx scratch/bench/replays.ts BEFORE NOW`,
 * folders with their packages installed. All replay in turns in one process, so that a busy machine slows all alike. The
 * garbage collector is not forced: it would throw away what V8 has compiled, which no process that goes on does. Each
 * replay gets copies of the messages: a checkout that remembers digests by object would have none to make otherwise.
 */
import { build } from "esbuild"
import { mkdtempSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import { median, quantile } from "./paired.ts"
import { places } from "./place.ts"

const ROUNDS = 18
/** In these V8 compiles most of the code. */
const WARM_UPS = 6

const ENTRY = `
  import { Effect, Logger, LogLevel } from "effect"
  import { replay, turns } from "./replay.ts"
  export const renew = () => turns.splice(0, Infinity, ...structuredClone(turns))
  export const run = (file) =>
    Effect.runPromise(Logger.withMinimumLogLevel(Effect.scoped(replay(file)), LogLevel.Error))`

interface Checkout {
  /** Gives the next replay copies of the messages, in the array itself: earlier checkouts take them from there only. */
  readonly renew: () => void
  readonly run: (file: string) => Promise<unknown>
}

const load = async (folder: string): Promise<Checkout> => {
  const resolveDir = resolve(folder, "scratch/bench")
  const outfile = join(resolveDir, "out/replays.js")
  const stdin = { contents: ENTRY, resolveDir }
  await build({ stdin, outfile, bundle: true, packages: "external", platform: "node", format: "esm" })
  return import(outfile)
}

/** Milliseconds. */
const measure = async ({ renew, run }: Checkout): Promise<number> => {
  const folder = mkdtempSync(join(places(undefined).at(-1)?.folder ?? ".", "throughline-replays-"))
  renew()
  const before = process.cpuUsage()
  await run(join(folder, "sessions.db"))
  const { system, user } = process.cpuUsage(before)
  rmSync(folder, { recursive: true, force: true })
  return (system + user) / 1000
}

const folders = process.argv.slice(2)
const checkouts = await Promise.all(folders.map(load))
const rounds: Array<ReadonlyArray<number>> = []
for (let round = 0; round < ROUNDS; round++) {
  const times: Array<number> = []
  for (const checkout of checkouts) times.push(await measure(checkout))
  if (round >= WARM_UPS) rounds.push(times)
}
for (const [i, folder] of folders.entries()) {
  const times = rounds.map((round) => round[i] ?? Number.NaN)
  const ratios = rounds.map((round) => (round[i] ?? Number.NaN) / (round[0] ?? Number.NaN))
  const spread = `${quantile(ratios, 0.25).toFixed(2)}–${quantile(ratios, 0.75).toFixed(2)}`
  const least = Math.min(...times).toFixed(0)
  console.log(`${median(ratios).toFixed(2)} × (${spread}; ${median(times).toFixed(0)} ms, least ${least}): ${folder}`)
}
