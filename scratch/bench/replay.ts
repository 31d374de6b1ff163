/** A session of 3,000 messages, answered turn by turn, durable and in the end searchable, beside its floor. */
import { Effect } from "effect"
import { Compressor } from "../../src/compression/Compressor.ts"
import { Recall } from "../../src/recall/Recall.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import type { Found } from "./figure.ts"
import { milliseconds, spread } from "./figure.ts"
import * as Floor from "./floor.ts"
import { median, runInPairs, quantile } from "./paired.ts"
import * as Picture from "./picture.ts"
import * as Place from "./place.ts"
import * as Script from "./script.ts"
import * as Session from "./session.ts"
import { answerTurn, id, world } from "./world.ts"

const TURNS = 300
const QUERY = "report"

export const turns = Session.make(TURNS)

/**
 * `times` is what a user waits for each turn; `whole` is the same until the compression it began is done, as if the
 * model thought for longer than that; `total` is everything, `search` the first search in it.
 */
export const replay = (file: string) =>
  Effect.gen(function* () {
    const { settled } = yield* Compressor
    const { recall } = yield* Recall
    const times: Array<number> = []
    const whole: Array<number> = []
    const begin = performance.now()
    for (const turn of turns) {
      const from = performance.now()
      yield* answerTurn(id, turn)
      times.push(performance.now() - from)
      yield* settled(id)
      whole.push(performance.now() - from)
    }
    const searched = performance.now()
    yield* recall(id, QUERY)
    const end = performance.now()
    const { generation } = yield* Effect.flatMap(SessionStore, ({ state }) => state(id))
    return { total: end - begin, search: end - searched, times, whole, compressions: generation }
  }).pipe(Effect.provide(world(file)))

export const figure = (place: Place.Place) =>
  Effect.gen(function* () {
    const script = yield* readScript(place)
    const floor = (file: string) => Effect.sync(() => Floor.replay(file, script, QUERY))
    const pairs = yield* runInPairs(place, floor, replay)
    const ratios = pairs.map(({ floor, measured }) => measured.total / floor.total)
    const of = (share: number, times: "times" | "whole" = "times") =>
      median(pairs.map(({ measured }) => quantile(measured[times], share)))
    const ofFloor = (share: number) => milliseconds(median(pairs.map(({ floor }) => quantile(floor.times, share))))
    const totals = {
      floor: median(pairs.map(({ floor }) => floor.total)),
      measured: median(pairs.map(({ measured }) => measured.total)),
      search: median(pairs.map(({ measured }) => measured.search))
    }
    const compressions = median(pairs.map(({ measured }) => measured.compressions))
    const size = `${TURNS * 10} messages, ${Math.round(script.tokens / 1_000)}k tokens, ${compressions} compressions`
    return {
      measures: [
        {
          name: "session replay, all of it",
          value: median(ratios),
          unit: "×",
          gate: { most: place.isMemory ? 3 : 1.5 },
          detail: `${spread(ratios)}; ${milliseconds(totals.measured)}, floor ${milliseconds(totals.floor)}; ${size}`
        },
        {
          name: "its first search, which fills the index",
          value: totals.search,
          unit: "ms",
          gate: null,
          detail: "counted above, on both sides"
        },
        { name: "a turn of it, p50", value: of(0.5), unit: "ms", gate: null, detail: `floor ${ofFloor(0.5)}` },
        { name: "a turn of it, p99", value: of(0.99), unit: "ms", gate: { most: 5 }, detail: `floor ${ofFloor(0.99)}` },
        {
          name: "the same, the compression it began included",
          value: of(0.99, "whole"),
          unit: "ms",
          gate: null,
          detail: "floor: as above"
        }
      ],
      pictures: pairs.slice(-1).map(({ floor, measured }) => ({
        name: `replay-${place.isMemory ? "tmpfs" : "disk"}.svg`,
        svg: Picture.svg(`Time of each turn ${place.name}, its compression included`, [
          { name: "throughline", color: "#1a7f37", times: measured.whole },
          { name: "floor", color: "#8250df", times: floor.times }
        ])
      }))
    } satisfies Found
  })

/** The rows of a session like it, which the floor is to write. */
const readScript = (place: Place.Place) =>
  Effect.scoped(Effect.flatMap(Place.file(place), (file) => Effect.map(replay(file), () => Script.read(file, id))))
