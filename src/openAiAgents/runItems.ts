/**
 * Keeps apart which items of a run are stored. The runner shows to its filter what it sends to the model, and hands over to
 * the session what is to be stored, often only at the end of the run: each item is stored once, whichever comes first.
 */
import { isObject, type JsonObject } from "../format/json.ts"

export interface RunItems {
  /** True until a session was read or a filter called: then nothing is known of a run that was resumed. */
  readonly isUnknown: () => boolean
  /** Notes what was read of the session, with which a run begins. */
  readonly begin: (items: ReadonlyArray<object>) => void
  /** Those items of the model's input that came since it was last seen, and are not stored yet. */
  readonly takeNew: (input: ReadonlyArray<object>) => ReadonlyArray<object>
  /**
   * Notes that the input is stored, and what the model sees instead of it. Returns that, with the input's own objects in
   * the place of equal ones: by these the runner knows them again.
   */
  readonly show: <A extends object>(items: ReadonlyArray<A>, input: ReadonlyArray<A>) => Array<A>
  /** Those of the items that are handed over which are not stored yet. */
  readonly takeUnstored: (items: ReadonlyArray<object>) => ReadonlyArray<object>
}

export const makeRunItems = (): RunItems => {
  /** The keys of what was read, and of the input that was last seen, newest first. */
  let seen: ReadonlyArray<ReadonlyArray<string>> = []
  /** What the model sees and nobody said, such as a handoff. The runner may take it for its own input. */
  let made: ReadonlySet<string> = new Set()
  let isRunning = false
  /** By item, how often it was stored from the filter less how often it was handed over. */
  const ahead = new Map<string, number>()

  const see = (items: ReadonlyArray<object>) => (seen = [items.map(keyOf), ...seen.slice(0, 1)])

  /** Counts an item on its side. Returns false if it came from the other side before. */
  const claim = (item: object, side: 1 | -1): boolean => {
    const key = keyOf(item)
    const before = ahead.get(key) ?? 0
    ahead.set(key, before + side)
    return before * side >= 0
  }

  return {
    isUnknown: () => seen.length === 0,
    begin: (items) => {
      // A tool may read the session in the middle of a run.
      if (!isRunning) {
        ahead.clear()
        made = new Set()
      }
      see(items)
    },
    takeNew: (input) => {
      const keys = input.map(keyOf)
      const unmatched = seen.map((list) => findUnmatched(keys, list))
      const ofWhole = unmatched.find((places, i) => places.length === keys.length - (seen[i]?.length ?? 0))
      const places = new Set(ofWhole ?? unmatched.toSorted((a, b) => a.length - b.length)[0])
      return input.filter((item, i) => places.has(i) && claim(item, 1))
    },
    show: (items, input) => {
      isRunning = true
      see(input)
      const own = groupPlaces(input.map(keyOf))
      const shown = items.map((item) => input[own.get(keyOf(item))?.shift() ?? -1] ?? item)
      const given = new Set(input)
      made = new Set(shown.filter((item) => !given.has(item)).map(keyOf))
      return shown
    },
    takeUnstored: (items) => {
      isRunning = false
      return items.filter((item) => claim(item, -1) && !made.has(keyOf(item)))
    }
  }
}

/**
 * Leaves out the ids that a call and its result have in one answer of the server, at any depth, as the runner does before it
 * stores them. They are told apart by `callId`.
 */
export const withoutAnswerIds = (item: object): object =>
  JSON.parse(JSON.stringify(item, (_key, value: unknown) => (isObject(value) ? dropAnswerId(value) : value)))

const dropAnswerId = ({ id, ...rest }: JsonObject): JsonObject =>
  rest.type === "function_call" || rest.type === "function_call_result" || id === undefined ? rest : { ...rest, id }

/** Recognizes an item. The runner may leave out the ids of reasoning, and a `status` of null. */
const keyOf = (item: object): string => {
  const { id: _id, status, ...rest }: JsonObject = { ...item }
  return JSON.stringify({ ...rest, status: status ?? undefined }, sortFields)
}

const sortFields = (_key: string, value: unknown): unknown => {
  if (!isObject(value)) return value
  const fields = dropAnswerId(value)
  return Object.fromEntries(
    Object.keys(fields)
      .toSorted()
      .map((key) => [key, fields[key]])
  )
}

/** The places of each key, in their order. */
const groupPlaces = (keys: ReadonlyArray<string>): ReadonlyMap<string, Array<number>> => {
  const places = new Map<string, Array<number>>()
  for (const [i, key] of keys.entries()) {
    const known = places.get(key)
    if (known === undefined) places.set(key, [i])
    else known.push(i)
  }
  return places
}

/** The places of keys that do not stand in the list. Those that do stand there in the same order. */
const findUnmatched = (keys: ReadonlyArray<string>, list: ReadonlyArray<string>): ReadonlyArray<number> => {
  const places = groupPlaces(list)
  let from = 0
  return keys.flatMap((key, i) => {
    const place = places.get(key)?.find((place) => place >= from)
    if (place === undefined) return [i]
    from = place + 1
    return []
  })
}
