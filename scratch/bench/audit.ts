/**
 * The memory and the time that `throughline audit` takes for a large log: `tsx scratch/bench/audit.ts [MEGABYTES]`.
 * The log is made anew each time: correct sessions, new ones all the time, in every format, other lines between.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import process from "node:process"

/** That many at a time, and then others. */
const SESSIONS = 500
const START = Date.UTC(2026, 4, 28)

/** What `/usr/bin/time` would tell, wherever the system has none. */
const TELLS = `process.on("exit", () => process.stderr.write("maxRSS " + process.resourceUsage().maxRSS + "\\n"))`

const generate = (file: string, bytes: number) => {
  const fd = openSync(file, "w")
  for (let round = 0, size = 0; size < bytes; round++) size += writeSync(fd, block(round))
  closeSync(fd)
}

/** The sessions of a round do each of their steps at the same time. */
const block = (round: number): string => {
  const steps = Array.from({ length: SESSIONS }, (_, i) => linesOf(round * SESSIONS + i))
  const times = Math.max(...steps.map((lines) => lines.length))
  const lines = Array.from({ length: times }, (_, step) => {
    const at = new Date(START + (round * times + step) * 1_000).toISOString()
    return steps.flatMap((lines) => lines[step]?.(at) ?? [])
  })
  return `${lines.flat().join("\n")}\n`
}

type Write = (at: string) => ReadonlyArray<string>

const linesOf = (n: number): ReadonlyArray<Write> => {
  if (n % 3 === 0) return hermes(`20260528_${String(n).padStart(6, "0")}_68dc5996`)
  const says = throughline(`telegram:chat:${n}`, n)
  return n % 3 === 1 ? says.map(logfmt) : says.map(json)
}

const hermes = (session: string): ReadonlyArray<Write> => {
  const line = (at: string, logger: string, says: string) =>
    `${at.slice(0, 19).replace("T", " ")},${at.slice(20, 23)} INFO [${session}] agent.${logger}: ${says}`
  const said =
    (...says: ReadonlyArray<string>): Write =>
    (at) => [
      ...says.map((text) => line(at, "conversation_compression", `context compression ${text}`)),
      line(at, "run_agent", "API call #5: model=claude-opus-4.7 in=65101 out=202 total=65303 latency=7.5s cache=97%")
    ]
  return [
    said(`started: session=${session} messages=156 tokens=~145,003 model=claude-opus-4.7 focus=None`),
    said(),
    said(`done: session=${session} messages=156->8 rough_tokens=~29,548 awaiting_real_usage=true`)
  ]
}

const throughline = (session: string, n: number): ReadonlyArray<string> => [
  `message buffered: session=${session} arrival=${2 * n} kind=request`,
  `message promoted: session=${session} arrival=${2 * n} seq=1`,
  `compression started: session=${session} operation=op_${n} generation=0 messages=156 tokens=~145003 model=m`,
  `message buffered: session=${session} arrival=${2 * n + 1} kind=notification`,
  `message promoted: session=${session} arrival=${2 * n + 1} seq=2`,
  `compression done: session=${session} operation=op_${n} outcome=committed generation=1 messages=156->8 tokens=~29548`
]

const logfmt =
  (message: string): Write =>
  (at) => [
    `timestamp=${at} level=INFO fiber=#12 message=${JSON.stringify(message)}`,
    `timestamp=${at} level=INFO fiber=#13 message="request answered" status=200 path=/v1/messages duration=1812ms`
  ]

const json =
  (message: string): Write =>
  (timestamp) => [
    JSON.stringify({ message, logLevel: "INFO", timestamp, annotations: {}, spans: {}, fiberId: "#12" }),
    JSON.stringify({ message: "request answered", logLevel: "INFO", timestamp, annotations: { status: 200 } })
  ]

const folder = mkdtempSync(join(tmpdir(), "throughline-audit-"))
const main = resolve("scratch/bench/out/cli.js")
try {
  const file = join(folder, "agent.log")
  generate(file, Number(process.argv[2] ?? 1_024) * 2 ** 20)
  execFileSync(process.execPath, ["build.js", main], { stdio: "inherit" })
  const began = performance.now()
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(TELLS)}`, main, "audit", file, "--json"],
    { encoding: "utf8" }
  )
  const seconds = (performance.now() - began) / 1_000
  const kilobytes = Number(/maxRSS (\d+)/.exec(stderr)?.[1])
  console.log(stdout.trim().slice(0, 400))
  console.log(stderr.trim())
  console.log(`exit ${status}, ${(statSync(file).size / 2 ** 20).toFixed(0)} MB in ${seconds.toFixed(1)} s`)
  console.log(`memory ${(kilobytes / 1_024).toFixed(0)} MB at most`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
