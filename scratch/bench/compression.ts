/** One compression of 1,000 messages, all but the model's time, beside a bare commit of the rows it makes. */
import { Effect } from "effect"
import { Compressor } from "../../src/Compressor.ts"
import { SessionStore } from "../../src/SessionStore.ts"
import { milliseconds, spread } from "./figure.ts"
import * as Floor from "./floor.ts"
import { median, paired } from "./paired.ts"
import * as Place from "./place.ts"
import * as Script from "./script.ts"
import * as Session from "./session.ts"
import { committed, id, world } from "./world.ts"

const messages = Session.messagesOf(Session.make(100))

/** Everything in one range and one call. */
const options = { window: 400_000, mode: "manual" } as const

/** Of an active session: its view is in memory. */
const compression = (file: string) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    yield* store.importAll([{ sessionId: id, messages }])
    yield* store.state(id)
    const { compress } = yield* Compressor
    const begin = performance.now()
    const { messagesBefore, modelCalls, tokensBefore } = yield* committed(compress(id))
    return { took: performance.now() - begin, messagesBefore, modelCalls, tokensBefore }
  }).pipe(Effect.provide(world(file, options)))

const bare = (file: string, { compressions }: Script.Script) =>
  Effect.sync(() => {
    const floor = Floor.open(file)
    const begin = performance.now()
    for (const made of compressions) floor.compress("s", made)
    const took = performance.now() - begin
    floor.close()
    return took
  })

export const figure = (place: Place.Place) =>
  Effect.gen(function* () {
    const script = yield* Effect.scoped(
      Effect.flatMap(Place.file(place), (file) => Effect.map(compression(file), () => Script.read(file, id)))
    )
    const pairs = yield* paired(place, (file) => bare(file, script), compression)
    const times = pairs.map(({ measured }) => measured.took)
    const floor = median(pairs.map(({ floor }) => floor))
    const [{ measured } = { measured: null }] = pairs
    const about = `${measured?.messagesBefore} messages, ${measured?.tokensBefore} tokens, ${measured?.modelCalls} call`
    return {
      measures: [
        {
          name: "one compression, without the model's time",
          value: median(times),
          unit: "ms" as const,
          gate: { most: 15 },
          detail: `${spread(times)}; floor ${milliseconds(floor)}; ${about}`
        }
      ]
    }
  })
