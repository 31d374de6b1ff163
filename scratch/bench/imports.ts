/**
 * Compares what an import of built checkouts takes: processor time, files, and memory. Run:
 * `npx tsx scratch/bench/imports.ts [--module promise/Promise.js] BEFORE NOW`, folders that `npm run build` was run in.
 */
import { spawnSync } from "node:child_process"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"

const ROUNDS = 20

/** Runs in a process of its own, since a module is loaded once. */
const PROGRAM = `
  const before = process.cpuUsage()
  await import(process.argv[1])
  const { system, user } = process.cpuUsage(before)
  console.log(JSON.stringify({ ms: (system + user) / 1000, heap: process.memoryUsage().heapUsed / 1e6 }))`

interface Import {
  readonly ms: number
  readonly heap: number
}

const measure = (file: string): Import => {
  const { stderr, stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", PROGRAM, file], {
    encoding: "utf8"
  })
  if (stdout === "") throw new Error(stderr)
  return JSON.parse(stdout)
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { module: { type: "string", default: "index.js" } }
})
const files = positionals.map((folder) => resolve(join(folder, "dist", values.module)))
const runs = new Map<string, Array<Import>>(files.map((file) => [file, []]))
for (let round = 0; round < ROUNDS; round++) {
  for (const file of round % 2 === 0 ? files : files.toReversed()) runs.get(file)?.push(measure(file))
}
const figures = Array.from(runs, ([file, imports]) => ({
  file,
  ms: median(imports.map(({ ms }) => ms)),
  heap: median(imports.map(({ heap }) => heap))
}))
for (const { file, heap, ms } of figures) {
  const [first] = figures
  const ratio = first === undefined ? 1 : ms / first.ms
  console.log(`${ratio.toFixed(2)} × (${ms.toFixed(0)} ms), heap ${heap.toFixed(1)} MB: ${file}`)
}
