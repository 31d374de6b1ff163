/** One figure of the evaluation, and the gate it has to pass, if it has one. */
export interface Measure {
  readonly name: string
  readonly value: number
  readonly unit: "%" | "×" | "ms" | "tokens" | "KiB" | "MiB" | "a second" | ""
  readonly gate: { readonly least: number } | { readonly most: number } | null
  /** What went wrong, or how it was counted. */
  readonly detail: string
}

/** Found of all, as per cent. Nothing to find is nothing shown, so it passes no gate. */
export const share = (
  name: string,
  all: ReadonlyArray<string>,
  isFound: (one: string) => boolean,
  least: number | null = 100
): Measure => {
  const missing = all.filter((one) => !isFound(one))
  return {
    name,
    value: all.length === 0 ? 0 : (100 * (all.length - missing.length)) / all.length,
    unit: "%",
    gate: least === null ? null : { least },
    detail: `${all.length - missing.length} of ${all.length}${missing.length === 0 ? "" : `, not: ${quoteFaults(missing)}`}`
  }
}

/** Counts what should never happen. */
export const countFaults = (name: string, faults: ReadonlyArray<string>, looked: string): Measure => ({
  name,
  value: faults.length,
  unit: "",
  gate: { most: 0 },
  detail: faults.length === 0 ? looked : quoteFaults(faults)
})

export const isMet = ({ gate, value }: Measure): boolean =>
  gate === null || ("least" in gate ? value >= gate.least : value <= gate.most)

const quoteFaults = (faults: ReadonlyArray<string>): string =>
  faults
    .slice(0, 2)
    .map((fault) => (fault.length > 60 ? `${fault.slice(0, 59)}…` : fault))
    .join(" | ")
