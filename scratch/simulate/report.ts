/** The findings as a table, and what is to be made of them. */
import type { Findings } from "./findings.ts"
import { isControl, type Variant } from "./scenario.ts"

export interface Row {
  readonly name: string
  readonly agents: number
  readonly hours: number
  readonly variant: Variant
  readonly findings: Findings
}

/**
 * Lists each broken promise, and how often it was broken. Without background compression a wait is no fault; if the sessions do not
 * cross their threshold within a minute, the run shows less than it says.
 */
export const faults = ({ findings: { faults, figures }, variant }: Row): ReadonlyArray<string> => {
  const waits = variant === "preflight" ? 0 : figures.waits.count
  const stragglers = figures.herd > 60 ? 1 : 0
  return Object.entries({ waits, ...faults, stragglers }).flatMap(([name, count]) =>
    count === 0 ? [] : [`${name} ${count}`]
  )
}

/** A control has to be found out: by the ids it changes, and by the messages this costs. */
export const isAsItMust = (row: Row): boolean => {
  if (!isControl(row.variant)) return faults(row).length === 0
  const { idChanges, lost } = row.findings.faults
  return idChanges > 0 && lost > 0
}

export const table = (rows: ReadonlyArray<Row>): string => {
  const lines = [headings, ...rows.map(cells)]
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const padded = lines.map((line) => line.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  "))
  return [...padded, "", ...rows.map(verdict)].join("\n")
}

const headings: ReadonlyArray<string> = [
  "agents",
  "variant",
  "hours",
  "messages",
  "turns",
  "herd s",
  "compressions",
  "generations",
  "waits",
  "longest s",
  "total s",
  "lost",
  "doubled",
  "phantom",
  "loops",
  "id changes",
  "questions: view, recall"
]

const cells = ({ agents, findings: { faults, figures }, hours, name }: Row): ReadonlyArray<string> =>
  [
    agents,
    name,
    hours,
    figures.messages,
    figures.turns,
    figures.herd.toFixed(1),
    Object.entries(figures.compressions)
      .map(([outcome, count]) => `${count} ${outcome}`)
      .join(", "),
    figures.generations.join("–"),
    figures.waits.count,
    figures.waits.longest.toFixed(1),
    figures.waits.total.toFixed(1),
    faults.lost,
    faults.doubled,
    faults.phantomIdle,
    faults.ackLoops,
    faults.idChanges,
    `${figures.questions.view}, ${figures.questions.recall}`
  ].map(String)

const verdict = (row: Row): string => {
  const found = faults(row)
  const list = found.length === 0 ? "nothing" : found.join(", ")
  const title = `${isAsItMust(row) ? "✓" : "✗"} ${row.agents} agents, ${row.name}`
  if (isControl(row.variant)) return `${title}: the control ${isAsItMust(row) ? "fails as it must" : "passes"}: ${list}`
  return `${title}: ${list} not as promised`
}
