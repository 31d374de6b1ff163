/** Measures the time of a summary of 145,000 tokens by a slow model, on a virtual clock, against its slowest chunk. */
import { Duration, Effect, Fiber, TestClock } from "effect"
import * as Random from "../../src/cli/random.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { onVirtualClock } from "../../test/support/virtualClock.ts"
import * as Place from "./place.ts"
import * as Session from "./session.ts"
import { requireCommit, id, summary, world } from "./world.ts"

const [FASTEST, SLOWEST] = [30_000, 55_000]
const RUNS = 10
const WINDOWS = [128_000, 64_000, 48_000]

const messages = Session.messagesOf(Session.make(61))

export const figure = (place: Place.Place) =>
  Effect.map(
    Effect.forEach(WINDOWS, (window) => measure(place, window)),
    (measures) => ({ measures })
  )

const measure = (place: Place.Place, window: number) =>
  Effect.gen(function* () {
    const runs = yield* Effect.forEach(Array.from({ length: RUNS }), (_, seed) => slow(place, window, seed))
    const worst = runs.toSorted((a, b) => b.took / b.slowest - a.took / a.slowest)[0] ?? {
      took: 0,
      slowest: 1,
      calls: 0,
      tokens: 0
    }
    const seconds = (ms: number) => `${(ms / 1_000).toFixed(0)} s`
    return {
      name: `145k tokens by a summarizer of ${window / 1_000}k, 30–55 s a call, against the slowest`,
      value: worst.took / worst.slowest,
      unit: "×" as const,
      gate: { most: 1.3 },
      detail: `worst of ${RUNS}: ${seconds(worst.took)}, ${worst.calls} calls, slowest ${seconds(worst.slowest)}; ${worst.tokens} tokens`
    }
  })

const slow = (place: Place.Place, window: number, seed: number) =>
  Effect.flatMap(Place.file(place), (file) => {
    const random = Random.make(seed)
    const delays: Array<number> = []
    const outcome = () => {
      const delay = random.between(FASTEST, SLOWEST)
      delays.push(delay)
      return { text: summary, delay }
    }
    return Effect.gen(function* () {
      const store = yield* SessionStore
      yield* store.importAll([{ sessionId: id, messages }])
      const { compress } = yield* Compressor
      const fiber = yield* Effect.fork(requireCommit(compress(id)))
      yield* TestClock.adjust(Duration.minutes(10))
      const { durationMs, tokensBefore } = yield* Fiber.join(fiber)
      return { took: durationMs, slowest: Math.max(...delays), calls: delays.length, tokens: tokensBefore }
    }).pipe(
      Effect.provide(world(file, { window: 272_000, summarizer: window, mode: "manual", outcome })),
      onVirtualClock
    )
  }).pipe(Effect.scoped)
