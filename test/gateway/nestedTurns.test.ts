/** A turn that its own agent asks for would wait for itself for ever. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { NestedTurn } from "../../src/gateway/Turn.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { id, scripted } from "../support/world.ts"

const other = SessionId.make("chat-43")

const hello = Effect.gen(function* () {
  const gateway = yield* Gateway
  for (const session of [id, other]) yield* gateway.deliver(session, { role: "user", content: "hello" })
  return gateway
})

const run = <A, E>(effect: Effect.Effect<A, E, Gateway>) => Effect.provide(effect, scripted(Scripted.layer([])))

describe("a turn within a turn", () => {
  it.effect("of the same session is refused, also by what the agent forks, and the outer one goes on", () =>
    Effect.gen(function* () {
      const { turn } = yield* hello
      const inner = Effect.flip(turn(id, () => Effect.void))
      const errors = yield* turn(id, (outer) =>
        Effect.tap(Effect.all([inner, Effect.flatMap(Effect.fork(inner), Fiber.join), turn(other, () => inner)]), () =>
          outer.append({ role: "assistant", content: "hello" })
        )
      )
      for (const error of errors) assert.deepStrictEqual(error, new NestedTurn({ sessionId: id }))
    }).pipe(run)
  )

  it.effect("of another session runs, and so does one that was forked and begins after the end", () =>
    Effect.gen(function* () {
      const { turn } = yield* hello
      const end = yield* Deferred.make<void>()
      const forked = yield* turn(id, () =>
        Effect.zipRight(
          turn(other, () => Effect.void),
          Effect.forkDaemon(
            Effect.zipRight(
              Deferred.await(end),
              turn(id, () => Effect.succeed("later"))
            )
          )
        )
      )
      yield* Deferred.succeed(end, undefined)
      assert.strictEqual(yield* Fiber.join(forked), "later")
    }).pipe(run)
  )
})
