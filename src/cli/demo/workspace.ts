/** The files that the demo's agent works on. Reads, searches and edits are consistent with each other. */
import type { Random } from "../random.ts"
import { writeSource } from "./source.ts"

export interface Workspace {
  /** Numbered lines, as a file reader shows them. */
  readonly read: (path: string, from: number, length: number) => string
  /** Changes a few lines in one place and returns the diff. */
  readonly edit: (path: string) => string
  readonly grep: (pattern: string, limit: number) => string
}

/** Makes a workspace whose files are written when they are first opened. */
export const make = (random: Random): Workspace => {
  const files = new Map<string, ReadonlyArray<string>>()
  const openFile = (path: string): ReadonlyArray<string> => {
    const lines = files.get(path) ?? writeSource(random, path, random.between(170, 260))
    files.set(path, lines)
    return lines
  }
  return {
    read: (path, from, length) => {
      const lines = openFile(path)
      const shown = lines
        .slice(from, from + length)
        .map((line, index) => `${String(from + index + 1).padStart(5)}\t${line}`)
      const left = lines.length - from - length
      return left > 0 ? [...shown, `(${left} more lines)`].join("\n") : shown.join("\n")
    },
    edit: (path) => {
      const lines = openFile(path)
      const sites = lines.flatMap((line, index) => (index > 3 && /\d|"vat"/.test(line) ? [index] : []))
      const at = random.pick([lines.length - 1, ...sites.slice(0, -1)])
      const removed = lines[at] ?? ""
      const added = rewriteLine(random, removed)
      files.set(path, lines.toSpliced(at, 1, ...added))
      const before = lines.slice(Math.max(0, at - 3), at)
      const after = lines.slice(at + 1, at + 4)
      const size = before.length + after.length
      return [
        `--- a/${path}`,
        `+++ b/${path}`,
        `@@ -${at - before.length + 1},${size + 1} +${at - before.length + 1},${size + added.length} @@`,
        ...before.map((line) => ` ${line}`),
        `-${removed}`,
        ...added.map((line) => `+${line}`),
        ...after.map((line) => ` ${line}`)
      ].join("\n")
    },
    grep: (pattern, limit) => {
      const hits = [...files].flatMap(([path, lines]) =>
        lines.flatMap((line, index) => (line.includes(pattern) ? [`${path}:${index + 1}:${line.trim()}`] : []))
      )
      return hits.length === 0 ? "no matches" : hits.slice(0, limit).join("\n")
    }
  }
}

const rewriteLine = (random: Random, line: string): ReadonlyArray<string> => {
  const indent = line.slice(0, line.length - line.trimStart().length)
  const changed = line
    .replace("Math.round(", "roundHalfEven(")
    .replace('"vat"', '"taxrail"')
    .replace(/\d+/, () => String(random.between(2, 4_000)))
  return random.chance(0.5) ? [`${indent}// taxrail: agreed in quote ${random.hex(8)}`, changed] : [changed]
}
