/**
 * Remembers the messages that items were written from, for what a format cannot say. It holds in this process, and only
 * for the very objects: a copy, also one through JSON, is read for what it says.
 */
import type { JsonObject } from "./json.ts"
import { type Draft, isSame } from "./template.ts"

/** Items that are written together, and the messages that they say. */
export interface Run {
  readonly messages: ReadonlyArray<Draft>
  readonly items: ReadonlyArray<JsonObject>
}

/** By item, the run that it is of, as it was written. */
const runsByItem = new WeakMap<object, Run>()
/** By what a writer returned, all that it was given. */
const messagesByWhole = new WeakMap<object, ReadonlyArray<Draft>>()

export const rememberOrigins = (whole: object, messages: ReadonlyArray<Draft>, runs: ReadonlyArray<Run>): void => {
  messagesByWhole.set(whole, messages)
  for (const { items, messages } of runs) {
    const run = { messages, items: items.map((item) => mapFields(item, copy)) }
    for (const item of items) runsByItem.set(item, run)
  }
}

/** Copies what a caller can change. Text is shared, so comparing a copy with its unchanged original costs little. */
const copy = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(copy)
  return isPlain(value) ? mapFields(value, copy) : value
}

const isPlain = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype

const mapFields = (object: JsonObject, map: (value: unknown) => unknown): JsonObject =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]))

/** The messages of all that was written at once; undefined for anything else. It may have changed since. */
export const recallWhole = (whole: unknown): ReadonlyArray<Draft> | undefined =>
  typeof whole === "object" && whole !== null ? messagesByWhole.get(whole) : undefined

/** Neighbouring items, and the messages that they were written from if these are known. */
export interface Stretch {
  readonly items: ReadonlyArray<JsonObject>
  readonly messages: ReadonlyArray<Draft> | undefined
}

/** Finds the runs that are still whole and unchanged among items. */
export const splitByOrigin = (items: ReadonlyArray<JsonObject>): ReadonlyArray<Stretch> => {
  const stretches: Array<{ readonly items: Array<JsonObject>; readonly messages: Stretch["messages"] }> = []
  for (let i = 0; i < items.length;) {
    const run = takeRun(items, i)
    const last = stretches.at(-1)
    if (last === undefined || last.messages !== undefined || run.messages !== undefined) stretches.push(run)
    else last.items.push(...run.items)
    i += run.items.length
  }
  return stretches
}

const takeRun = (items: ReadonlyArray<JsonObject>, from: number) => {
  const [first] = items.slice(from, from + 1)
  const run = first && runsByItem.get(first)
  const next = items.slice(from, from + (run?.items.length ?? 1))
  const end = next.findIndex((item) => runsByItem.get(item) !== run)
  const taken = end < 0 ? next : next.slice(0, end)
  return { items: taken, messages: isSame(taken, run?.items) ? run?.messages : undefined }
}
