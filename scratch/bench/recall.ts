/** Recall on a session of 3,000 messages: the first search, which fills the index, then searches of several kinds. */
import { Effect } from "effect"
import { Recall } from "../../src/recall/Recall.ts"
import { indexText, searchableText } from "../../src/store/searchQuery.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { milliseconds, spread } from "./figure.ts"
import * as Floor from "./floor.ts"
import { median, runInPairs, quantile } from "./paired.ts"
import type * as Place from "./place.ts"
import { kinds, message, MESSAGES } from "./recallSession.ts"
import { id, world } from "./world.ts"

const SEARCHES_OF_A_KIND = 40

const messages = () => Array.from({ length: MESSAGES }, (_, n) => message(n))
const queries = () => kinds.flatMap(([, query]) => Array.from({ length: SEARCHES_OF_A_KIND }, query))

const library = (file: string) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const { recall } = yield* Recall
    yield* store.importAll([{ sessionId: id, messages: messages() }])
    yield* store.state(id)
    const fill = yield* withLongestBlock(recall(id, "warm"))
    const times: Array<number> = []
    for (const query of queries()) {
      const begin = performance.now()
      yield* recall(id, query)
      times.push(performance.now() - begin)
    }
    return { fill: fill.took, block: fill.longest, times }
  }).pipe(Effect.provide(world(file)))

/** The same words, any of them, as one quoted phrase each. */
const bare = (file: string) =>
  Effect.sync(() => {
    const words = messages().map((message) => indexText(searchableText(message)))
    const floor = Floor.open(file)
    const begin = performance.now()
    floor.fill(words)
    const fill = performance.now() - begin
    const times = queries().map((query) => {
      const match = query
        .split(/\s+/)
        .map((word) => `"${indexText(word).trim()}"`)
        .join(" AND ")
      const begin = performance.now()
      floor.search(match)
      return performance.now() - begin
    })
    floor.close()
    return { fill, times }
  })

export const figure = (place: Place.Place) =>
  Effect.gen(function* () {
    const pairs = yield* runInPairs(place, bare, library)
    const fills = pairs.map(({ floor, measured }) => measured.fill / floor.fill)
    const of = (share: number) => median(pairs.map(({ measured }) => quantile(measured.times, share)))
    const floorOf = (share: number) => milliseconds(median(pairs.map(({ floor }) => quantile(floor.times, share))))
    const fill = milliseconds(median(pairs.map(({ measured }) => measured.fill)))
    const block = milliseconds(median(pairs.map(({ measured }) => measured.block)))
    return {
      measures: [
        {
          name: `first search of ${MESSAGES} messages, which fills the index`,
          value: median(fills),
          unit: "×" as const,
          gate: null,
          detail: `${spread(fills)}; ${fill}, longest block ${block}`
        },
        { name: "a search, median", value: of(0.5), unit: "ms" as const, gate: null, detail: `floor ${floorOf(0.5)}` },
        { name: "a search, p99", value: of(0.99), unit: "ms" as const, gate: null, detail: `floor ${floorOf(0.99)}` }
      ]
    }
  })

/** The longest time between two turns of the event loop while `effect` runs, in milliseconds. */
const withLongestBlock = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let last = performance.now()
    let longest = 0
    let running = true
    const look = () => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
      if (running) setImmediate(look)
    }
    setImmediate(look)
    const begin = last
    return Effect.map(effect, () => {
      running = false
      return { took: performance.now() - begin, longest: Math.max(longest, performance.now() - last) }
    })
  })
