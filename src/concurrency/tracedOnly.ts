/** Spans only for those who listen: the hot path pays for none. */
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"

const silent = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/** Whether the default tracer would throw every span of this fiber away. */
export const isUntraced = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean =>
  Context.get(fiber.currentDefaultServices, Tracer.Tracer) === silent

/** A span around `effect` when a tracer is installed, nothing when the default one would throw it away. */
export const withSpanIfTraced = <A, E, R>(
  name: string,
  subject: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => (isUntraced(fiber) ? effect : withSessionSpan(name, subject, effect)))

export const withSessionSpan = <A, E, R>(
  name: string,
  subject: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withSpan(effect, name, { captureStackTrace: false, attributes: { session: subject } })
