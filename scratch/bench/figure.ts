/** Defines the results of a benchmark: figures with their targets, and pictures. */
import type { Effect } from "effect"
import type { Measure } from "../eval/measure.ts"
import type { Place } from "./place.ts"

export interface Found {
  readonly measures: ReadonlyArray<Measure>
  readonly pictures?: ReadonlyArray<{ readonly name: string; readonly svg: string }>
}

export type Figure = (place: Place) => Effect.Effect<Found, unknown>

export const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`

/** Smallest to largest. */
export const spread = (values: ReadonlyArray<number>): string =>
  `${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)}`
