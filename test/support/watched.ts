/** A scripted model that watches its callers: who calls, on which client, and whether that client may still be used. */
import { Cause, Effect, Exit, HashMap, Layer, Option, Schema, Stream, type Tracer } from "effect"
import { ModelError } from "../../src/model/ModelError.ts"
import * as Recovery from "../../src/model/Recovery.ts"
import { Provider } from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"

export interface Call {
  readonly client: number
  /** The operation that calls; `heal` if none is named; null for tasks beside the compression. */
  readonly operation: string | null
  /** Spans the whole call as the client cache sees it; a failure at its end may condemn the client. */
  readonly span: Tracer.AnySpan
}

export interface Watched {
  readonly layer: Layer.Layer<Provider>
  readonly calls: ReadonlyArray<Call>
  /** Calls under way. */
  readonly underWay: ReadonlySet<Call>
  /** Violations of promises 2 and 8, in words. */
  readonly misdeeds: ReadonlyArray<string>
  /** Clients that are open. */
  readonly open: () => number
}

export const make = (outcomes: ReadonlyArray<Scripted.ScriptedOutcome>): Watched => {
  const model = Scripted.make(outcomes)
  const calls: Array<Call> = []
  const underWay = new Set<Call>()
  const misdeeds: Array<string> = []
  let clients = 0

  const begin = Effect.fnUntraced(function* (client: number, task: string) {
    const annotated = HashMap.get(yield* Effect.logAnnotations, "operation")
    const operation = task === "compression" ? String(Option.getOrElse(annotated, () => "heal")) : null
    const call = { client, operation, span: yield* Effect.orDie(Effect.currentParentSpan) }
    const others = Array.from(underWay).filter((other) => other.operation !== null && other.operation !== operation)
    if (operation !== null && others.length > 0) misdeeds.push(`promise 2: ${operation} beside ${others[0]?.operation}`)
    calls.push(call)
    underWay.add(call)
    return call
  })

  /** The cache asks whether a client is open just before it hands it out. */
  const handOut = (client: number) => {
    if (calls.some((call) => call.client === client && isCondemned(call))) {
      misdeeds.push(`promise 8: somebody got client ${client}, which had failed`)
    }
  }

  const layer = Layer.effect(
    Provider,
    Effect.map(Provider, ({ open }) => ({
      open: (route) =>
        Effect.map(open(route), (client) => {
          const n = ++clients
          return {
            isOpen: () => {
              handOut(n)
              return client.isOpen()
            },
            stream: (route, request) =>
              Stream.flatMap(
                Stream.acquireRelease(begin(n, request.task), (call) => Effect.sync(() => void underWay.delete(call))),
                () => client.stream(route, request)
              )
          }
        })
    }))
  )
  return {
    layer: Layer.provide(layer, model.layer),
    calls,
    underWay,
    misdeeds,
    open: () => model.opened - model.closed
  }
}

const isModelError = Schema.is(ModelError)

/** True if the call has ended in an error that drops its client. */
const isCondemned = ({ span }: Call): boolean => {
  if (span._tag !== "Span" || span.status._tag !== "Ended" || Exit.isSuccess(span.status.exit)) return false
  const error = Cause.failureOption(span.status.exit.cause)
  return Option.isSome(error) && isModelError(error.value) && Recovery.dropsClient(Recovery.defaults, error.value)
}
