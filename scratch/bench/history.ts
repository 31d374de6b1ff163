/** Measures a step when the history is long: message 100,000 against message 100. */
import { Effect, Layer } from "effect"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { milliseconds, spread } from "./figure.ts"
import { median } from "./paired.ts"
import * as Place from "./place.ts"
import * as Session from "./session.ts"
import { brief, requireCommit, id, world } from "./world.ts"

export const SHORT = 100
export const LONG = 100_000
const WARM_UPS = 2
const ROUNDS = 5
const STEPS = 200

/** A small window, so that short messages fill it; the summarizer takes any range in one call. */
export const small = { window: 8_000, summarizer: 9_000_000, mode: "manual", outcome: brief } as const

export const lines: Session.Lines = { least: 1, most: 3, file: 12 }
/** Compressed once, so that the view is as large after a long history as after a short one. */
export const importHistory = (length: number) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const messages = Session.messagesOf(Session.make(length / 10, lines))
    yield* store.importAll([{ sessionId: id, messages }])
    const { compress } = yield* Compressor
    yield* requireCommit(compress(id))
  })

const makeReply = (n: number): Message => ({ role: "assistant", content: `Part ${n} has been read, and is in order.` })

/** The median time of a step that appends one message. */
const stepped = Effect.gen(function* () {
  const { turn } = yield* Gateway.Gateway
  const { compress } = yield* Compressor
  yield* compress(id)
  return yield* turn(id, ({ append, step }) =>
    Effect.gen(function* () {
      const times: Array<number> = []
      for (let n = 0; n < STEPS; n++) {
        const begin = performance.now()
        yield* step(() => append(makeReply(n)))
        times.push(performance.now() - begin)
      }
      return median(times)
    })
  )
})

export const figure = (place: Place.Place) =>
  Effect.gen(function* () {
    const openHistory = (length: number) =>
      Effect.gen(function* () {
        const context = yield* Layer.build(world(yield* Place.file(place), small))
        yield* Effect.provide(importHistory(length), context)
        return { stepped: Effect.provide(stepped, context) }
      })
    const [short, long] = [yield* openHistory(SHORT), yield* openHistory(LONG)]
    const pairs: Array<{ readonly short: number; readonly long: number }> = []
    for (let round = -WARM_UPS; round < ROUNDS; round++) {
      const pair = { short: yield* short.stepped, long: yield* long.stepped }
      if (round >= 0) pairs.push(pair)
    }
    const ratios = pairs.map(({ long, short }) => long / short)
    const of = (which: "short" | "long") => milliseconds(median(pairs.map((pair) => pair[which])))
    return {
      measures: [
        {
          name: "append and step at message 100,000 against message 100",
          value: median(ratios),
          unit: "×" as const,
          gate: { most: 1.2 },
          detail: `${spread(ratios)}; ${of("long")} against ${of("short")}`
        }
      ]
    }
  }).pipe(Effect.scoped)
