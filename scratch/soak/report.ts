/** The figures of a run, as a table and as JSON. */
import { type Kind, kinds } from "./faults.ts"
import type { Broken } from "./promises.ts"
import type { Round } from "./soak.ts"
import { StoreKind, type Usage } from "./telling.ts"

/** All rounds of one store with one kind of fault. Messages are counted by what their callers were told. */
export interface Row {
  readonly store: StoreKind
  readonly kind: Kind
  rounds: number
  faults: number
  acknowledged: number
  refused: number
  unknown: number
  lost: number
  doubled: number
  /** From nowhere, or told not to be written and there. */
  nowhere: number
  /** Every other promise. */
  otherwise: number
  /** Of rounds without a line that is missing because a process was killed. */
  cleanAudits: number
}

export interface Report {
  readonly rows: Array<Row>
  readonly verbs: Record<string, Record<string, number>>
  readonly usages: Record<string, Array<Usage>>
  readonly broken: Array<Broken & { readonly store: StoreKind; readonly kind: Kind }>
}

export const empty = (): Report => ({ rows: [], verbs: {}, usages: {}, broken: [] })

/** Store by store, and there in the order in which faults are explained. */
const placeOf = ({ kind, store }: Row): number => StoreKind.literals.indexOf(store) * kinds.length + kinds.indexOf(kind)

export const add = ({ broken, rows, usages, verbs }: Report, round: Round): void => {
  const { events, kind, store } = round
  let row = rows.find((row) => row.store === store && row.kind === kind)
  if (row === undefined) {
    const zero = { rounds: 0, faults: 0, acknowledged: 0, refused: 0, unknown: 0, lost: 0, doubled: 0, nowhere: 0 }
    row = { store, kind, ...zero, otherwise: 0, cleanAudits: 0 }
    rows.push(row)
    rows.sort((a, b) => placeOf(a) - placeOf(b))
  }
  row.rounds += 1
  row.faults += round.faults
  row.cleanAudits += round.isAuditClean ? 1 : 0
  for (const event of events) {
    if (event._tag === "Stored") row.acknowledged += event.tags.length
    else if (event._tag === "Refused") row.refused += event.tags.length
    else if (event._tag === "Unknown") row.unknown += event.tags.length
    else if (event._tag === "Did") {
      const outcomes = (verbs[event.verb] ??= {})
      outcomes[event.outcome] = (outcomes[event.outcome] ?? 0) + 1
    }
  }
  for (const found of round.broken) {
    broken.push({ ...found, store, kind })
    if (found.promise === "lost") row.lost += 1
    else if (found.promise === "doubled") row.doubled += 1
    else if (found.promise === "from nowhere" || found.promise === "told not written") row.nowhere += 1
    else row.otherwise += 1
  }
  if (round.usage !== null) (usages[store] ??= []).push(round.usage)
}

export const table = (headings: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string | number>>): string => {
  const lines = [headings, ...rows.map((row) => row.map(String))]
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) =>
      line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ")
    )
    .join("\n")
}

const FAULT_HEADINGS = [
  "store",
  "fault",
  "rounds",
  "faults",
  "acknowledged",
  "refused",
  "unknown",
  "lost",
  "doubled",
  "from nowhere",
  "otherwise",
  "audits clean"
]

const faultTable = ({ rows }: Report): string =>
  table(
    FAULT_HEADINGS,
    rows.map(
      ({
        acknowledged,
        cleanAudits,
        doubled,
        faults,
        kind,
        lost,
        nowhere,
        otherwise,
        refused,
        rounds,
        store,
        unknown
      }) => [
        store,
        kind,
        rounds,
        faults,
        acknowledged,
        refused,
        unknown,
        lost,
        doubled,
        nowhere,
        otherwise,
        `${cleanAudits} of ${rounds}`
      ]
    )
  )

const verbTable = ({ verbs }: Report): string =>
  table(
    ["verb", "outcomes", "times"],
    Object.entries(verbs).map(([verb, outcomes]) => {
      const sorted = Object.entries(outcomes).toSorted(([, a], [, b]) => b - a)
      return [
        verb,
        sorted.map(([outcome, count]) => `${count} ${outcome}`).join(", "),
        sorted.reduce((sum, [, count]) => sum + count, 0)
      ]
    })
  )

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** The median of the slopes between all pairs (Theil and Sen): a few odd rounds do not move it. In units a round. */
export const slope = (values: ReadonlyArray<number>): number =>
  median(values.flatMap((a, i) => values.slice(i + 1).map((b, k) => (b - a) / (k + 1))))

const usageTable = ({ usages }: Report): string =>
  table(
    ["store", "what the steady process holds", "rounds", "first quarter", "last quarter", "a round, later"],
    Object.entries(usages).flatMap(([store, samples]) => {
      const quarter = Math.max(1, Math.floor(samples.length / 4))
      const line = (name: string, of: (usage: Usage) => number, digits: number) => {
        const values = samples.map(of)
        const [first, last] = [median(values.slice(0, quarter)), median(values.slice(-quarter))]
        // Caches fill in the first half.
        const later = slope(values.slice(Math.floor(values.length / 2)))
        return [store, name, values.length, first.toFixed(digits), last.toFixed(digits), later.toFixed(2)]
      }
      return [
        line("heap, MB", ({ heap }) => heap / 1e6, 1),
        line("descriptors", ({ descriptors }) => descriptors, 0),
        line("timers", ({ timers }) => timers, 0),
        line("listeners", ({ listeners }) => listeners, 0),
        line("open clients", ({ clients }) => clients, 0)
      ]
    })
  )

export const render = (report: Report): string =>
  [
    faultTable(report),
    verbTable(report),
    usageTable(report),
    ...report.broken.map(({ kind, promise, store, text }) => `✗ ${store}, ${kind}: ${promise}: ${text}`),
    report.broken.length === 0 ? "✓ every promise was kept" : `✗ ${report.broken.length} times a promise was broken`
  ].join("\n\n")
