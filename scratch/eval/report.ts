/** The evaluation as a table. */
import { isMet, type Measure } from "./measure.ts"

export interface Group {
  readonly title: string
  readonly measures: ReadonlyArray<Measure>
}

export const table = (groups: ReadonlyArray<Group>): string => {
  const width = Math.max(...groups.flatMap(({ measures }) => measures.map(({ name }) => name.length)))
  return groups
    .flatMap(({ measures, title }) => ["", title, ...measures.map((measure) => row(measure, width))])
    .slice(1)
    .join("\n")
}

export const findFailed = (groups: ReadonlyArray<Group>): ReadonlyArray<Measure> =>
  groups.flatMap(({ measures }) => measures.filter((measure) => !isMet(measure)))

const row = (measure: Measure, width: number): string => {
  const mark = measure.gate === null ? " " : isMet(measure) ? "✓" : "✗"
  return `${mark} ${measure.name.padEnd(width)}  ${figure(measure).padStart(12)}  ${formatBound(measure).padEnd(9)}  ${measure.detail}`
}

const figure = ({ unit, value }: Measure): string => {
  const digits = unit === "×" || unit === "ms" ? 2 : unit === "%" ? 1 : 0
  return `${value.toFixed(digits)}${unit === "" ? "" : ` ${unit}`}`
}

const formatBound = ({ gate }: Measure): string =>
  gate === null ? "" : "least" in gate ? `≥ ${gate.least}` : `≤ ${gate.most}`
