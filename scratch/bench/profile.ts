/**
 * Measures the time that each function takes by itself in replays, in a process of their own.
 * Run: `npm run bench -- --profile [--folder DIR]`
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { SourceMap, type SourceMapping } from "node:module"
import { basename, dirname, join } from "node:path"
import { Effect, Schema } from "effect"
import { type Place, file } from "./place.ts"
import { replay } from "./replay.ts"

const REPLAYS = 10
const SHOWN = 25
/** Of names: V8 calls a regular expression by its source. */
const LONGEST = 60
const MILLISECOND = 1_000

const Frame = Schema.Struct({
  functionName: Schema.String,
  url: Schema.String,
  lineNumber: Schema.Number,
  columnNumber: Schema.Number
})
type Frame = typeof Frame.Type

const Profile = Schema.parseJson(
  Schema.Struct({
    nodes: Schema.Array(
      Schema.Struct({
        id: Schema.Number,
        callFrame: Frame
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

/** Starts `main` anew with a profiler, and reads what that wrote. */
export const top = (main: string, { folder }: Place): string => {
  const [out, name] = [dirname(main), "replay.cpuprofile"]
  const profiler = ["--cpu-prof", "--cpu-prof-dir", out, "--cpu-prof-name", name]
  execFileSync(process.execPath, [...profiler, main, "--replays", "--folder", folder])
  const sources = new SourceMap(JSON.parse(readFileSync(`${main}.map`, "utf8")))
  return table(readFileSync(join(out, name), "utf8"), (frame) => nameOf(frame, basename(main), sources))
}

const table = (text: string, nameOf: (frame: Frame) => string): string => {
  const { nodes, samples, timeDeltas } = Schema.decodeSync(Profile)(text)
  const names = new Map(nodes.map(({ callFrame, id }) => [id, nameOf(callFrame)]))
  const self = new Map<string, number>()
  samples.forEach((id, i) => {
    const name = names.get(id) ?? "?"
    self.set(name, (self.get(name) ?? 0) + (timeDeltas[i] ?? 0))
  })
  const entries = Array.from(self).filter(([name]) => !name.startsWith("(idle)"))
  const all = entries.reduce((sum, [, time]) => sum + time, 0)
  return entries
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, SHOWN)
    .map(([name, time]) => {
      const share = ((100 * time) / all).toFixed(1).padStart(5)
      return `${share} %  ${(time / MILLISECOND / REPLAYS).toFixed(2).padStart(7)} ms a replay  ${name}`
    })
    .join("\n")
}

/** A function by its name and where it was written. */
const nameOf = ({ columnNumber, functionName, lineNumber, url }: Frame, bundle: string, sources: SourceMap): string => {
  const name = functionName.length > LONGEST ? `${functionName.slice(0, LONGEST)}…` : functionName || "(nameless)"
  const written = url.endsWith(bundle) ? sources.findEntry(lineNumber, columnNumber) : {}
  const place = isKnown(written) ? `${written.originalSource}:${written.originalLine + 1}` : `${url}:${lineNumber + 1}`
  return url === "" ? name : `${name} ${place.replace(/^.*node_modules\/|^(\.\.\/)+/, "")}`
}

const isKnown = (entry: SourceMapping | {}): entry is SourceMapping => "originalLine" in entry
