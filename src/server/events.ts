/** Tells readers over HTTP what happens to sessions: compressions of this process, and changes that any process made. */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import { monotonicMillis } from "../concurrency/fiberServices.ts"
import { Gateway } from "../gateway/Gateway.ts"
import { ServerEvent } from "./endpoints/answers.ts"
import { Unavailable } from "./endpoints/errors.ts"
import { SessionList } from "./sessionList.ts"

/** A reader's wishes: one session or all, and the id of the last event that it has. `drop` closes its connection. */
export interface Reading {
  readonly sessionId: string | null
  readonly after: string | undefined
  readonly drop: Effect.Effect<void>
}

export class Events extends Context.Tag("throughline/server/Events")<
  Events,
  {
    readonly publish: (event: ServerEvent) => Effect.Effect<void>
    /** Returns the text of the stream. Fails if there are too many readers. */
    readonly read: (reading: Reading) => Effect.Effect<Stream.Stream<string>, Unavailable>
    /** Ends all streams, and takes no more readers. */
    readonly stop: Effect.Effect<void>
  }
>() {}

const MOST_READERS = 1_000

/** Events that are kept for a reader that is slow, and for those that were away. */
const MOST_WAITING = 256
const MOST_KEPT = 1_024

/** A reader that took nothing for so long, though its events overflow, is gone or does not mean to read. */
const PATIENCE = 60_000

const HEARTBEAT = "15 seconds"
const LOOK_EVERY = 1_000

interface Reader {
  readonly sessionId: string | null
  readonly drop: Effect.Effect<void>
  readonly latch: Effect.Latch
  waiting: Array<string>
  hasMissed: boolean
  tookAt: number
}

interface Kept {
  readonly number: number
  readonly sessionId: string | null
  readonly text: string
}

const encode = Schema.encodeSync(Schema.parseJson(ServerEvent))

const format = (event: ServerEvent, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}event: ${event._tag}\ndata: ${encode(event)}\n\n`

const STILL_HERE = ": still here\n\n"
const MISSED = format({ _tag: "Missed" })

const make = Effect.gen(function* () {
  const { events } = yield* Gateway
  const list = yield* SessionList
  /** Numbers of another process mean nothing here. */
  const epoch = randomUUID().slice(0, 8)
  const readers = new Set<Reader>()
  const kept: Array<Kept> = []
  const hasReaders = yield* Effect.makeLatch(false)
  const stopped = yield* Deferred.make<void>()
  let published = 0

  const offer = (reader: Reader, text: string, now: number): Effect.Effect<void> => {
    reader.waiting.push(text)
    reader.latch.unsafeOpen()
    if (reader.waiting.length <= MOST_WAITING) return Effect.void
    reader.waiting.shift()
    reader.hasMissed = true
    if (now - reader.tookAt <= PATIENCE) return Effect.void
    readers.delete(reader)
    return reader.drop
  }

  const publish = (event: ServerEvent) =>
    Effect.flatMap(monotonicMillis, (now) => {
      const number = ++published
      const sessionId = "sessionId" in event ? event.sessionId : null
      const text = format(event, `${epoch}.${number}`)
      kept.push({ number, sessionId, text })
      if (kept.length > MOST_KEPT) kept.shift()
      const wanting = Array.from(readers).filter((reader) => wants(reader.sessionId, sessionId))
      return Effect.forEach(wanting, (reader) => offer(reader, text, now), { discard: true })
    })

  /** The events after the one that a reader has; with a `Missed` before them if some are no longer known. */
  const catchUp = ({ after, sessionId }: Reading): Pick<Reader, "waiting" | "hasMissed"> => {
    if (after === undefined) return { waiting: [], hasMissed: false }
    const [of, number] = after.split(".")
    const last = of === epoch ? Number(number) : Number.NaN
    const oldest = kept[0]?.number ?? published + 1
    if (!(last >= oldest - 1 && last <= published)) return { waiting: [], hasMissed: true }
    const missed = kept.filter((event) => event.number > last && wants(sessionId, event.sessionId))
    return { waiting: missed.slice(-MOST_WAITING).map(({ text }) => text), hasMissed: missed.length > MOST_WAITING }
  }

  const take = (reader: Reader) =>
    Effect.zipRight(
      reader.latch.await,
      Effect.map(monotonicMillis, (now) => {
        const text = (reader.hasMissed ? MISSED : "") + reader.waiting.join("")
        reader.waiting = []
        reader.hasMissed = false
        reader.tookAt = now
        reader.latch.unsafeClose()
        return text
      })
    )

  const read = (reading: Reading) =>
    Effect.gen(function* () {
      if (readers.size >= MOST_READERS)
        return yield* new Unavailable({ detail: "there are too many readers of events" })
      if (yield* Deferred.isDone(stopped)) return yield* new Unavailable({ detail: "the service is stopping" })
      const { drop, sessionId } = reading
      const begin = Effect.gen(function* () {
        const caughtUp = catchUp(reading)
        const latch = yield* Effect.makeLatch(caughtUp.hasMissed || caughtUp.waiting.length > 0)
        const reader: Reader = { sessionId, drop, latch, ...caughtUp, tookAt: yield* monotonicMillis }
        readers.add(reader)
        hasReaders.unsafeOpen()
        return reader
      })
      const leave = (reader: Reader) =>
        Effect.sync(() => {
          readers.delete(reader)
          if (readers.size === 0) hasReaders.unsafeClose()
        })
      return Stream.flatMap(Stream.acquireRelease(begin, leave), (reader) =>
        // The first bytes tell the reader that it is connected.
        Stream.concat(Stream.make(": connected\n\n"), Stream.repeatEffect(take(reader)))
      ).pipe(Stream.interruptWhenDeferred(stopped))
    })

  /** Tells idle readers that the connection lives: one fiber for all of them. */
  const beat = Effect.sync(() =>
    readers.forEach((reader) => {
      if (reader.waiting.length > 0) return
      reader.waiting.push(STILL_HERE)
      reader.latch.unsafeOpen()
    })
  )

  /** Looks at what other processes do only while someone reads, and never for more than a tenth of the time. */
  const lookOnce = Effect.gen(function* () {
    yield* hasReaders.await
    const [duration, changes] = yield* Effect.timed(list.findChanges)
    yield* Effect.forEach(changes, publish, { discard: true })
    return Math.max(LOOK_EVERY, 10 * Duration.toMillis(duration))
  })
  const look = lookOnce.pipe(
    Effect.catchAll((error) =>
      Effect.as(Effect.logDebug(`sessions could not be listed: ${error.message}`), LOOK_EVERY)
    ),
    Effect.flatMap(Effect.sleep),
    Effect.forever
  )

  yield* Effect.forkScoped(Stream.runForEach(events, publish))
  yield* Effect.forkScoped(look)
  yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.sleep(HEARTBEAT), beat)))
  return Events.of({ publish, read, stop: Effect.asVoid(Deferred.succeed(stopped, undefined)) })
})

const wants = (wanted: string | null, sessionId: string | null): boolean =>
  wanted === null || sessionId === null || wanted === sessionId

export const layer = Layer.scoped(Events, make)
