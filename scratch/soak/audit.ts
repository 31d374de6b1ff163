/** Audits the log lines of all processes of a round, in the order of the monotonic clock. */
import * as Audit from "../../src/audit/Audit.ts"
import type { Kind } from "./faults.ts"
import type { Event } from "./telling.ts"

/** A process that is killed between a commit and its line, or stopped with an operation, leaves these behind. */
const OF_KILLED: ReadonlyArray<Audit.Fault> = [
  "never-buffered",
  "never-promoted",
  "never-started",
  "never-ended",
  "overlap",
  "out-of-order"
]

/** A commit of an unknown outcome has no line, and may have been done. */
const OF_UNKNOWN: ReadonlyArray<Audit.Fault> = ["never-buffered"]

const excused: Readonly<Record<Kind, ReadonlyArray<Audit.Fault>>> = {
  none: [],
  kill: OF_KILLED,
  die: OF_KILLED,
  term: OF_KILLED,
  stop: OF_KILLED,
  commit: OF_KILLED,
  clock: OF_KILLED,
  full: OF_UNKNOWN,
  eio: OF_UNKNOWN,
  gone: []
}

export interface Audited {
  /** True if there is nothing to excuse either. */
  readonly isClean: boolean
  /** Contradictions that nothing excuses. */
  readonly findings: ReadonlyArray<string>
}

export const audit = (kind: Kind, events: ReadonlyArray<Event>): Audited => {
  const texts = events.flatMap((event) => (event._tag === "Line" ? [event.text] : []))
  const lines = texts.flatMap((text, line) => Audit.parse(text, { file: "soak", line: line + 1 }) ?? [])
  const { findings } = Audit.report(Audit.conclude(lines.reduce(Audit.check, Audit.empty)), texts.length)
  return {
    isClean: findings.length === 0,
    findings: findings.flatMap(({ fault, text }) => (excused[kind].includes(fault) ? [] : [`${fault}: ${text}`]))
  }
}
