/**
 * Where the replay's time goes, by the time functions take themselves: replays alone, in a process of their own.
 * Run: `npm run bench -- --profile [--folder DIR]`
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Schema } from "effect"
import { type Place, file } from "./place.ts"
import { replay } from "./replay.ts"

const REPLAYS = 10
const SHOWN = 25
const MILLISECOND = 1_000

const Profile = Schema.parseJson(
  Schema.Struct({
    nodes: Schema.Array(
      Schema.Struct({
        id: Schema.Number,
        callFrame: Schema.Struct({ functionName: Schema.String, url: Schema.String, lineNumber: Schema.Number })
      })
    ),
    samples: Schema.Array(Schema.Number),
    /** Microseconds before each sample. */
    timeDeltas: Schema.Array(Schema.Number)
  })
)

/** What is profiled; the first replays warm up, as in any long-lived process. */
export const replays = (place: Place) =>
  Effect.replicateEffect(Effect.scoped(Effect.flatMap(file(place), replay)), REPLAYS, { discard: true })

/** Starts this process anew with a profiler, and reads what that wrote. */
export const top = (main: string, { folder }: Place, out: string): string => {
  const name = "replay.cpuprofile"
  const profiler = ["--cpu-prof", "--cpu-prof-dir", out, "--cpu-prof-name", name]
  execFileSync(process.execPath, [...profiler, "--import", "tsx", main, "--replays", "--folder", folder])
  return table(readFileSync(join(out, name), "utf8"))
}

const table = (text: string): string => {
  const { nodes, samples, timeDeltas } = Schema.decodeSync(Profile)(text)
  const names = new Map(nodes.map(({ callFrame, id }) => [id, nameOf(callFrame)]))
  const self = new Map<string, number>()
  samples.forEach((id, i) => {
    const name = names.get(id) ?? "?"
    self.set(name, (self.get(name) ?? 0) + (timeDeltas[i] ?? 0))
  })
  self.delete("(idle)")
  const all = Array.from(self.values()).reduce((sum, time) => sum + time, 0)
  return Array.from(self)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, SHOWN)
    .map(([name, time]) => {
      const share = ((100 * time) / all).toFixed(1).padStart(5)
      return `${share} %  ${(time / MILLISECOND / REPLAYS).toFixed(2).padStart(7)} ms a replay  ${name}`
    })
    .join("\n")
}

const nameOf = ({ functionName, url }: { readonly functionName: string; readonly url: string }): string => {
  const place = url.startsWith("file:") ? relative(dirname(fileURLToPath(import.meta.url)), fileURLToPath(url)) : url
  return `${functionName === "" ? "(nameless)" : functionName} ${place.replace(/^.*node_modules\/|^(\.\.\/)+/, "")}`
}
