/**
 * Deliveries. One that comes alone is sent at once; those that come while one is under way are sent together by the next
 * statement, in the order of their calls, and are on disk with one commit.
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { createHash, randomInt } from "node:crypto"
import { withSpanIfTraced } from "../concurrency/fiberServices.ts"
import { type InvalidMessage, serialize, type SerializedMessage } from "../message/Message.ts"
import type { Counter } from "../message/Tokens.ts"
import type { Receipt, SessionId } from "../session/Session.ts"
import { IdempotencyConflict, type InvalidKey, type StoreError } from "../session/SessionError.ts"
import { checkDelivery, type Delivery } from "../store/model.ts"
import { checksumOfRow } from "../store/rows.ts"
import { type Link, MOST_TAGS } from "./link.ts"
import { statements } from "./statements.ts"

interface Arrival extends Delivery, SerializedMessage {
  readonly sessionId: SessionId
  readonly tag: number
}

interface Queued {
  readonly arrival: Arrival
  readonly resume: (result: Effect.Effect<Receipt, IdempotencyConflict | StoreError>) => void
}

type Results = Arr.NonEmptyReadonlyArray<Either.Either<Receipt, IdempotencyConflict | StoreError>>

/** One commit is to hold the sessions that it delivers to only for a moment. */
const LARGEST_GROUP = 100

export const make = ({ write }: Link, counter: Counter) => {
  const queue: Array<Queued> = []
  let isUnderWay = false

  const deliverAll = (arrivals: Arr.NonEmptyReadonlyArray<Arrival>): Effect.Effect<Results, StoreError> =>
    Effect.gen(function* () {
      const at = Math.floor(yield* Clock.currentTimeMillis)
      const tokens = arrivals.map(({ message }) => counter.message(message))
      const rows = yield* write(statements.deliver, (_, again) => [
        arrivals.map(({ sessionId }) => sessionId),
        arrivals.map(({ tag }) => tag),
        arrivals.map(({ kind }) => kind),
        tokens,
        arrivals.map(({ body }) => body),
        arrivals.map(({ body, kind, sessionId }, i) =>
          checksumOfRow(sessionId, { seq: 0, arrival: null, kind, tokens: tokens[i] ?? 0, body, at })
        ),
        arrivals.map(({ key = null }) => key),
        arrivals.map((arrival) => (arrival.key === undefined ? null : digestDelivery(arrival))),
        at,
        again
      ])
      const byPlace = new Map(rows.map((row) => [row.place, row]))
      return Arr.map(arrivals, ({ key = "", sessionId }, i) => {
        const { arrival = null, duplicate = false } = byPlace.get(i + 1) ?? {}
        return arrival === null
          ? Either.left(new IdempotencyConflict({ sessionId, key }))
          : Either.right({ sessionId, arrival, duplicate })
      })
    })

  /** One that the server refuses fails by itself. */
  const deliverGroup = (arrivals: Arr.NonEmptyReadonlyArray<Arrival>): Effect.Effect<Results> =>
    Effect.catchAll(deliverAll(arrivals), (error) =>
      error.reason === "failed" && arrivals.length > 1
        ? Effect.map(
            Effect.forEach(arrivals, (arrival) => deliverGroup([arrival])),
            Arr.map(Arr.headNonEmpty)
          )
        : Effect.succeed(Arr.map(arrivals, () => Either.left(error)))
    )

  const lead = (own: Arrival): Effect.Effect<Receipt, IdempotencyConflict | StoreError> =>
    Effect.suspend(() => {
      const others = queue.splice(0, LARGEST_GROUP - 1)
      return Effect.flatMap(deliverGroup([own, ...others.map(({ arrival }) => arrival)]), (results) => {
        for (const [{ resume }, result] of Arr.zip(others, Arr.tailNonEmpty(results))) resume(result)
        handOverLead()
        return Arr.headNonEmpty(results)
      })
    })

  const handOverLead = () => {
    const next = queue.shift()
    isUnderWay = next !== undefined
    next?.resume(lead(next.arrival))
  }

  const leadOrQueue = (arrival: Arrival) =>
    Effect.uninterruptible(
      Effect.async<Receipt, IdempotencyConflict | StoreError>((resume) => {
        if (isUnderWay) return void queue.push({ arrival, resume })
        isUnderWay = true
        resume(lead(arrival))
      })
    )

  return (
    sessionId: SessionId,
    input: unknown,
    { key, kind }: Delivery
  ): Effect.Effect<Receipt, InvalidMessage | IdempotencyConflict | InvalidKey | StoreError> => {
    const delivered = Effect.flatMap(
      Effect.suspend(() => Either.flatMap(checkDelivery(sessionId, { key, kind }), () => serialize(input))),
      (serialized) => leadOrQueue({ ...serialized, sessionId, key, kind, tag: randomInt(MOST_TAGS) })
    )
    return withSpanIfTraced("SessionStore.deliver", sessionId, delivered)
  }
}

/** The same for a message whatever the order of its keys. */
const digestDelivery = ({ kind, message }: Arrival): string =>
  createHash("sha256").update(kind).update(JSON.stringify(message, sortKeys)).digest("base64")

const sortKeys = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value
