/**
 * A `Provider` that plays a script: for your own tests, without a network, on the Effect clock.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ModelError } from "./ModelError.ts"
import { type CallUsage, type Client, type Event, Provider, type ModelRequest, type ResolvedRoute } from "./Provider.ts"

/**
 * A whole answer. A list of texts comes piece by piece; `delay` passes before each piece.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer {
  readonly text: string | ReadonlyArray<string>
  readonly reasoning?: string
  readonly finish?: "stop" | "length" | "refusal" | "other"
  readonly usage?: CallUsage
  readonly delay?: Duration.DurationInput
}

/**
 * An answer that breaks off: cut without an end mark, silent for ever, or with an error.
 *
 * @since 0.1.0
 * @category models
 */
export interface Broken {
  readonly partial: string
  readonly end: "cut" | "hang" | ModelError
  readonly delay?: Duration.DurationInput
}

/**
 * What happens to one call: a text is a whole answer, an error is a refusal, a function decides by the request.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = string | Answer | Broken | ModelError | ((request: ModelRequest, route: ResolvedRoute) => Outcome)

/**
 * A call as the provider saw it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call extends ModelRequest {
  readonly route: ResolvedRoute
}

/**
 * A scripted provider and what it has seen so far.
 *
 * @since 0.1.0
 * @category models
 */
export interface Scripted {
  readonly layer: Layer.Layer<Provider>
  readonly requests: ReadonlyArray<Call>
  /** How many clients were opened, ever. */
  readonly opened: number
  /** How many of them are closed. */
  readonly closed: number
}

/**
 * A call that is never answered.
 *
 * @since 0.1.0
 * @category constructors
 */
export const hang: Outcome = { partial: "", end: "hang" }

/**
 * A provider that plays the outcomes in order, one per call, over all its clients. The last one repeats; without any,
 * every answer is an empty text.
 *
 * @example
 * const model = Scripted.make([Scripted.hang, "a summary"])
 * const clients = ModelClients.layer().pipe(Layer.provide(model.layer))
 * // … and after the calls: model.requests.length === 2, model.opened === 2
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (outcomes: ReadonlyArray<Outcome>): Scripted => {
  const requests: Array<Call> = []
  let opened = 0
  let closed = 0

  const next = (route: ResolvedRoute, request: ModelRequest) =>
    Stream.suspend(() => {
      const outcome = outcomes[Math.min(requests.length, outcomes.length - 1)] ?? ""
      requests.push({ ...request, route })
      return play(outcome, request, route)
    })

  const open = Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        opened += 1
        return { isOpen: true }
      }),
      (client) =>
        Effect.sync(() => {
          client.isOpen = false
          closed += 1
        })
    ),
    (client): Client => ({ stream: next, isOpen: () => client.isOpen })
  )

  return {
    layer: Layer.succeed(Provider, { open: (): Effect.Effect<Client, never, Scope.Scope> => open }),
    requests,
    get opened() {
      return opened
    },
    get closed() {
      return closed
    }
  }
}

/**
 * The layer of a script whose calls need no looking at.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (outcomes: ReadonlyArray<Outcome>): Layer.Layer<Provider> => make(outcomes).layer

const play = (outcome: Outcome, request: ModelRequest, route: ResolvedRoute): Stream.Stream<Event, ModelError> => {
  if (typeof outcome === "function") return play(outcome(request, route), request, route)
  if (typeof outcome === "string") return answer({ text: outcome })
  if ("_tag" in outcome) return Stream.fail(outcome)
  return "partial" in outcome ? broken(outcome) : answer(outcome)
}

const answer = ({ delay, finish = "stop", reasoning = "", text, usage }: Answer): Stream.Stream<Event> => {
  const thoughts: ReadonlyArray<Event> = reasoning === "" ? [] : [{ _tag: "Reasoning", text: reasoning }]
  const words = (typeof text === "string" ? [text] : text).map((text): Event => ({ _tag: "Text", text }))
  const end: Event = { _tag: "Finished", reason: finish, usage: usage ?? null }
  return isAtOnce(delay)
    ? Stream.fromIterable([...thoughts, ...words, end])
    : Stream.concat(paced([...thoughts, ...words], delay), Stream.succeed(end))
}

const broken = ({ delay, end, partial }: Broken): Stream.Stream<Event, ModelError> =>
  Stream.concat(paced(partial === "" ? [] : [{ _tag: "Text", text: partial }], delay), breakOff(end))

const breakOff = (end: Broken["end"]): Stream.Stream<never, ModelError> => {
  if (end === "cut") return Stream.empty
  return end === "hang" ? Stream.never : Stream.fail(end)
}

const paced = (events: ReadonlyArray<Event>, delay: Duration.DurationInput = 0): Stream.Stream<Event> =>
  isAtOnce(delay)
    ? Stream.fromIterable(events)
    : Stream.mapEffect(Stream.fromIterable(events), (event) => Effect.delay(Effect.succeed(event), delay))

const isAtOnce = (delay: Duration.DurationInput = 0): boolean => Duration.toMillis(delay) === 0
