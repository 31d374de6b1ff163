/** The clients of all tasks, one for each place: opened when first needed, dropped once one is condemned. */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as ScopedCache from "effect/ScopedCache"
import { ConnectionError } from "./ModelError.ts"
import { label, Provider, type ResolvedRoute } from "./Provider.ts"
import { endpointKey } from "./endpoint.ts"

/** One client's name in the cache. No epoch is used twice, so the key of a condemned client never comes back. */
export class ClientKey extends Data.Class<{
  readonly place: string
  readonly epoch: number
  readonly route: ResolvedRoute
}> {}

const CAPACITY = 64

export const make = Effect.gen(function* () {
  const provider = yield* Provider
  const scope = yield* Effect.scope
  const current = new Map<string, ClientKey>()
  let epochs = 0

  const forget = (key: ClientKey): boolean => current.get(key.place) === key && current.delete(key.place)

  // The cache alone would leave a client open that is in use when the cache is closed; hence the scope of its own.
  const open = (key: ClientKey) =>
    Effect.acquireRelease(Scope.fork(scope, ExecutionStrategy.sequential), Scope.close).pipe(
      Effect.tap((own) =>
        Scope.addFinalizer(
          own,
          Effect.sync(() => forget(key))
        )
      ),
      Effect.flatMap((own) => Scope.extend(provider.open(key.route), own))
    )

  const clients = yield* ScopedCache.make({ capacity: CAPACITY, timeToLive: Duration.infinity, lookup: open })

  const mint = (route: ResolvedRoute): ClientKey => {
    const key = new ClientKey({ place: endpointKey(route), epoch: ++epochs, route })
    current.set(key.place, key)
    return key
  }

  /** A key that capacity has pushed out of the cache is not used again: its client may still be at work. */
  const keyOf = Effect.fnUntraced(function* (route: ResolvedRoute) {
    const key = current.get(endpointKey(route))
    return key !== undefined && (yield* clients.contains(key)) ? key : mint(route)
  })

  /** Whoever comes late finds its key forgotten and leaves the fresh client alone. */
  const condemn = (key: ClientKey) => Effect.suspend(() => (forget(key) ? clients.invalidate(key) : Effect.void))

  const takeOpen = Effect.fnUntraced(function* (route: ResolvedRoute) {
    const key = yield* keyOf(route)
    const client = yield* clients.get(key)
    if (client.isOpen()) return { client, key }
    yield* condemn(key)
    return yield* new ConnectionError({ route: label(route), detail: "the client was closed" })
  })

  // A ScopedCache hands the interruption of its first caller on to the others; hence a fiber nobody can interrupt.
  // Without a pause in it, the choice of a key and the opening of its client are one step.
  const takeAnew = (route: ResolvedRoute) =>
    takeOpen(route).pipe(
      Effect.withMaxOpsBeforeYield(Number.MAX_SAFE_INTEGER),
      Effect.forkDaemon,
      Effect.flatMap(Fiber.join),
      Effect.retry({ times: 1 })
    )

  const take = (route: ResolvedRoute) =>
    Effect.suspend(() => {
      const key = current.get(endpointKey(route))
      if (key === undefined) return takeAnew(route)
      return Effect.flatMap(clients.getOptionComplete(key), (known) =>
        Option.isSome(known) && known.value.isOpen() ? Effect.succeed({ client: known.value, key }) : takeAnew(route)
      )
    }).pipe(Effect.uninterruptible)

  return { take, condemn }
})
