/**
 * How the ledger reads: its lines, and which of them matter most.
 */
import type { Ledger } from "../Ledger.ts"
import { isLook } from "./ledgerTools.ts"

/** A line under the title of its `group`. */
export interface Line {
  readonly group: string
  readonly rank: number
  readonly text: string
}

/** Every line the ledger could show, by group; notes and rules first. */
export const lines = (ledger: Ledger): ReadonlyArray<Line> => [
  ...linesOf(
    "Notes, word for word:",
    ledger.notes,
    ({ text }) => text,
    () => FOREMOST
  ),
  ...linesOf(
    "The user's rules, word for word:",
    ledger.constraints,
    ({ text }) => text,
    ({ strict }) => (strict ? FOREMOST : 1e4)
  ),
  ...linesOf(
    "Requests:",
    ledger.requests,
    ({ answered, text }) => `${answered ? "answered" : "open"}: ${text}`,
    ({ answered }) => (answered ? 1 : 6)
  ),
  ...linesOf(
    "Decisions:",
    ledger.decisions,
    ({ text }) => text,
    () => 3
  ),
  ...linesOf(
    "Identifiers:",
    ledger.identifiers,
    ({ name, replaced, value }) => `${name}: ${value}${replaced === null ? "" : `, before: ${replaced}`}`,
    (identifier) => (identifier.source === "tool" ? 2 : 6)
  ),
  ...linesOf(
    "Errors:",
    ledger.errors,
    ({ text }) => text,
    () => 2
  ),
  ...linesOf(
    "Files:",
    ledger.files,
    ({ access, path }) => `${access} ${path}`,
    (file) => (file.access === "read" ? 1 : 4)
  ),
  ...linesOf(
    "Commands:",
    ledger.commands,
    ({ command, exitCode }) => (exitCode === null ? command : `${command} → exit ${exitCode}`),
    (command) => (isForgettable(command) ? 0.5 : 2)
  )
]

/** The weight of what leaves last. */
const FOREMOST = 1e6

/** The lines under the titles of their groups. */
export const asText = (lines: ReadonlyArray<Line>): string =>
  lines.map(({ group, text }, i) => (lines[i - 1]?.group === group ? text : `${group}\n${text}`)).join("\n")

/** Whether a command is soon forgotten: it only looked, or it went well. */
export const isForgettable = ({ command, exitCode }: Ledger["commands"][number]): boolean =>
  isLook(command) || exitCode === 0

/** The newest line of a kind ranks first; across kinds, one line weighs as much as `weight` lines of weight 1. */
const linesOf = <A extends { readonly seq: number }>(
  group: string,
  list: ReadonlyArray<A>,
  show: (a: A) => string,
  weight: (a: A) => number
): ReadonlyArray<Line> =>
  list.map((a, i) => ({ group, text: `- ${show(a)} (#${a.seq})`, rank: (list.length - i) / weight(a) }))
