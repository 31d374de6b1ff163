/** One compression of 1,000 messages, all but the model's time, beside a bare commit of the rows it makes. */
import { Effect } from "effect"
import { Compressor } from "../../src/compression/Compressor.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { milliseconds, spread } from "./figure.ts"
import * as Floor from "./floor.ts"
import { median, runInPairs } from "./paired.ts"
import * as Place from "./place.ts"
import * as Script from "./script.ts"
import * as Session from "./session.ts"
import { answerTurn, requireCommit, id, world } from "./world.ts"

const turns = Session.make(100)
const stored = SessionId.make("stored")

/** Everything in one range and one call. */
const options = { window: 400_000, mode: "manual" } as const

const timeCompression = (sessionId: SessionId) =>
  Effect.gen(function* () {
    const { compress } = yield* Compressor
    const begin = performance.now()
    const { messagesBefore, modelCalls, tokensBefore } = yield* requireCommit(compress(sessionId))
    return { took: performance.now() - begin, messagesBefore, modelCalls, tokensBefore }
  })

/** Of an active session, whose messages came one after the other; and of one that has just been read from disk. */
const compression = (file: string) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    for (const turn of turns) yield* answerTurn(id, turn)
    const active = yield* timeCompression(id)
    yield* store.importAll([{ sessionId: stored, messages: Session.messagesOf(turns) }])
    return { ...active, cold: (yield* timeCompression(stored)).took }
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
    const pairs = yield* runInPairs(place, (file) => bare(file, script), compression)
    const floor = median(pairs.map(({ floor }) => floor))
    const [{ measured } = { measured: null }] = pairs
    const about = `${measured?.messagesBefore} messages, ${measured?.tokensBefore} tokens, ${measured?.modelCalls} call`
    const measure = (name: string, times: ReadonlyArray<number>, gate: { readonly most: number } | null) => ({
      name,
      value: median(times),
      unit: "ms" as const,
      gate,
      detail: `${spread(times)}; floor ${milliseconds(floor)}; ${about}`
    })
    const active = pairs.map(({ measured }) => measured.took)
    const cold = pairs.map(({ measured }) => measured.cold)
    return {
      measures: [
        measure("one compression, without the model's time", active, { most: 15 }),
        measure("the same of a session that is not in memory", cold, null)
      ]
    }
  })
