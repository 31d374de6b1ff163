/**
 * Plays a script instead of calling a model: a `Provider` for your own tests, without a network, on the Effect clock.
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
 * A whole answer. A list of texts is streamed piece by piece; `delay` passes before each piece.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScriptedAnswer {
  readonly text: string | ReadonlyArray<string>
  readonly reasoning?: string
  readonly finish?: "stop" | "length" | "refusal" | "other"
  readonly usage?: CallUsage
  readonly delay?: Duration.DurationInput
}

/**
 * An answer that breaks off after `partial`: it is cut without an end mark, hangs for ever, or ends with an error.
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
 * The outcome of one call: a text is a whole answer, an error is a refusal, a function decides by the request.
 *
 * @since 0.1.0
 * @category models
 */
export type ScriptedOutcome =
  | string
  | ScriptedAnswer
  | Broken
  | ModelError
  | ((request: ModelRequest, route: ResolvedRoute) => ScriptedOutcome)

/**
 * A call as the provider received it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call extends ModelRequest {
  readonly route: ResolvedRoute
}

/**
 * A scripted provider and a record of its calls so far.
 *
 * @since 0.1.0
 * @category models
 */
export interface Scripted {
  readonly layer: Layer.Layer<Provider>
  /** The calls in the order in which they came. */
  readonly requests: ReadonlyArray<Call>
  /** The number of clients opened so far. */
  readonly opened: number
  /** The number of those that are closed. */
  readonly closed: number
}

/**
 * The outcome of a call that is never answered.
 *
 * @since 0.1.0
 * @category constructors
 */
export const hang: ScriptedOutcome = { partial: "", end: "hang" }

/**
 * Makes a provider that plays the outcomes in order, one per call, over all its clients. The last one repeats; without
 * any, every answer is an empty text.
 *
 * @example
 * const model = Scripted.make([Scripted.hang, "a summary"])
 * const clients = ModelClients.layer().pipe(Layer.provide(model.layer))
 * // … and after the calls: model.requests.length === 2, model.opened === 2
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (outcomes: ReadonlyArray<ScriptedOutcome>): Scripted => {
  const requests: Array<Call> = []
  const clients = { opened: 0, closed: 0 }
  return {
    layer: layerTelling(outcomes, clients, (call) => void requests.push(call)),
    requests,
    get opened() {
      return clients.opened
    },
    get closed() {
      return clients.closed
    }
  }
}

/**
 * Makes the layer alone, for a test that does not look at the calls. It keeps none of them, so it can play for hours.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (outcomes: ReadonlyArray<ScriptedOutcome>): Layer.Layer<Provider> =>
  layerTelling(outcomes, { opened: 0, closed: 0 }, () => {})

/** Counts the clients, and tells of each call before it plays its outcome. */
const layerTelling = (
  outcomes: ReadonlyArray<ScriptedOutcome>,
  clients: { opened: number; closed: number },
  tell: (call: Call) => void
): Layer.Layer<Provider> => {
  let calls = 0
  const streamNext = (route: ResolvedRoute, request: ModelRequest) =>
    Stream.suspend(() => {
      const outcome = outcomes[Math.min(calls, outcomes.length - 1)] ?? ""
      calls += 1
      tell({ ...request, route })
      return playOutcome(outcome, request, route)
    })
  const openClient = Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        clients.opened += 1
        return { isOpen: true }
      }),
      (client) =>
        Effect.sync(() => {
          client.isOpen = false
          clients.closed += 1
        })
    ),
    (client): Client => ({ stream: streamNext, isOpen: () => client.isOpen })
  )
  return Layer.succeed(Provider, { open: (): Effect.Effect<Client, never, Scope.Scope> => openClient })
}

const playOutcome = (
  outcome: ScriptedOutcome,
  request: ModelRequest,
  route: ResolvedRoute
): Stream.Stream<Event, ModelError> => {
  if (typeof outcome === "function") return playOutcome(outcome(request, route), request, route)
  if (typeof outcome === "string") return streamAnswer({ text: outcome })
  if ("_tag" in outcome) return Stream.fail(outcome)
  return "partial" in outcome ? streamBroken(outcome) : streamAnswer(outcome)
}

const streamAnswer = ({
  delay,
  finish = "stop",
  reasoning = "",
  text,
  usage
}: ScriptedAnswer): Stream.Stream<Event> => {
  const thoughts: ReadonlyArray<Event> = reasoning === "" ? [] : [{ _tag: "Reasoning", text: reasoning }]
  const words = (typeof text === "string" ? [text] : text).map((text): Event => ({ _tag: "Text", text }))
  const end: Event = { _tag: "Finished", reason: finish, usage: usage ?? null }
  return isAtOnce(delay)
    ? Stream.fromIterable([...thoughts, ...words, end])
    : Stream.concat(streamPaced([...thoughts, ...words], delay), Stream.succeed(end))
}

const streamBroken = ({ delay, end, partial }: Broken): Stream.Stream<Event, ModelError> =>
  Stream.concat(streamPaced(partial === "" ? [] : [{ _tag: "Text", text: partial }], delay), breakOff(end))

const breakOff = (end: Broken["end"]): Stream.Stream<never, ModelError> => {
  if (end === "cut") return Stream.empty
  return end === "hang" ? Stream.never : Stream.fail(end)
}

const streamPaced = (events: ReadonlyArray<Event>, delay: Duration.DurationInput = 0): Stream.Stream<Event> =>
  isAtOnce(delay)
    ? Stream.fromIterable(events)
    : Stream.mapEffect(Stream.fromIterable(events), (event) => Effect.delay(Effect.succeed(event), delay))

const isAtOnce = (delay: Duration.DurationInput = 0): boolean => Duration.toMillis(delay) === 0
