/** Collects the maps and sets that a service creates, so that a test can see what they hold later. */
import { Effect } from "effect"

export type Collection = ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>

/** Runs `make` and returns its result with every map and set created meanwhile. */
export const collectMapsAndSets = <A, E, R>(make: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(beginCollecting),
    ({ collections }) => Effect.map(make, (made) => ({ made, collections })),
    ({ end }) => Effect.sync(end)
  )

const beginCollecting = () => {
  const collections: Array<Collection> = []
  const { Map, Set } = globalThis
  globalThis.Map = class<K, V> extends Map<K, V> {
    constructor(entries?: Iterable<readonly [K, V]> | null) {
      super(entries)
      collections.push(this)
    }
  }
  globalThis.Set = class<A> extends Set<A> {
    constructor(items?: Iterable<A> | null) {
      super(items)
      collections.push(this)
    }
  }
  const end = () => {
    globalThis.Map = Map
    globalThis.Set = Set
  }
  return { collections, end }
}
