/** Journals: what a process was told, one JSON value a line, written before its next instruction. */
import { Schema } from "effect"
import { existsSync, openSync, readFileSync, writeSync } from "node:fs"
import { Event } from "./telling.ts"

/**
 * Appends to a journal at once and whole, so that nothing that was acknowledged goes with a killed process. Kills its
 * process at line `diesAt`.
 */
export const open = (file: string, diesAt: number | null = null): ((event: Event) => void) => {
  const descriptor = openSync(file, "a")
  let lines = 0
  return (event) => {
    writeSync(descriptor, `${JSON.stringify(event)}\n`)
    lines += 1
    if (lines === diesAt) process.kill(process.pid, "SIGKILL")
  }
}

const decode = Schema.decodeUnknownSync(Schema.parseJson(Event))

/** Reads what was added to a journal since the last call. A line that the end of its process cut off tells nothing. */
export const reader = (file: string): (() => ReadonlyArray<Event>) => {
  let offset = 0
  return () => {
    if (!existsSync(file)) return []
    const bytes = readFileSync(file).subarray(offset)
    const end = bytes.lastIndexOf("\n") + 1
    offset += end
    const lines = bytes.subarray(0, end).toString().split("\n").slice(0, -1)
    return lines.map((line) => decode(line))
  }
}
