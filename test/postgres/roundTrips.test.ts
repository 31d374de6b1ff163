import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Client } from "pg"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Postgres from "../../src/postgres/Postgres.ts"
import { SessionId } from "../../src/session/Session.ts"
import { RouteMemory, SessionStore } from "../../src/store/SessionStore.ts"
import { createDatabase, onFreshDatabase } from "../support/postgres.ts"
import { assistant, user } from "../support/stores.ts"
import { compressSession, importRounds, manual, route, runTurn, summary } from "../support/world.ts"

/** The names of the statements that clients send from now on, until the scope ends. */
const recordStatements = Effect.acquireRelease(
  Effect.sync(() => {
    const { query } = Client.prototype
    const names: Array<unknown> = []
    Reflect.set(Client.prototype, "query", function (this: Client, ...given: ReadonlyArray<unknown>): unknown {
      const [asked] = given
      names.push(typeof asked === "object" && asked !== null && "name" in asked ? asked.name : asked)
      return Reflect.apply(query, this, given)
    })
    return { names, query }
  }),
  ({ query }) => Effect.sync(() => Reflect.set(Client.prototype, "query", query))
)

const prefixed = (...names: ReadonlyArray<string>) => names.map((name) => `throughline_${name}`)

const gateway = Gateway.layer({ policy: manual, routes: [route] }).pipe(
  Layer.provideMerge(onFreshDatabase((url) => Postgres.layer({ url, connections: 1 }))),
  Layer.provide(Scripted.layer([summary("the report")]))
)

describe("round trips to PostgreSQL", () => {
  it.scopedLive("a compression of a session in memory takes two, the turn before it four with its delivery", () =>
    Effect.gen(function* () {
      const { deliver, view } = yield* Gateway.Gateway
      yield* importRounds()
      const answer = runTurn(({ append, step }) => step(() => append(assistant("an answer"))))
      const id = SessionId.make("chat-42")
      yield* deliver(id, user("a question"))
      yield* answer
      // On the one connection, after the lease that nobody waited for.
      yield* view(id)
      const { names } = yield* recordStatements
      yield* deliver(id, user("another question"))
      yield* answer
      assert.strictEqual((yield* compressSession()).outcome, "committed")
      assert.deepStrictEqual(
        // A step looks at the inbox again if its turn did not begin just now.
        names.filter((name) => name !== "throughline_promote"),
        prefixed("deliver", "begin", "append", "release_turn", "begin_an_operation", "commit_and_end")
      )
    }).pipe(Effect.provide(gateway))
  )

  it.scopedLive("a session that another host has written to is read again only from there on", () =>
    Effect.gen(function* () {
      const url = yield* Effect.promise(() => createDatabase())
      const open = Effect.map(Layer.build(Postgres.layer({ url, connections: 1 })), Context.get(SessionStore))
      const [here, there] = yield* Effect.all([open, open])
      const id = SessionId.make("shared")
      yield* here.importAll([{ sessionId: id, messages: [user("a"), assistant("b"), user("c")] }])
      yield* here.state(id)
      const begun = yield* there.begin(id, { holder: "there", ttl: 60_000 })
      if (begun._tag === "Held") return assert.fail("nobody holds it")
      yield* there.append(begun.lease, [assistant("d"), user("e")])
      const { names } = yield* recordStatements
      const state = yield* here.state(id)
      assert.deepStrictEqual(names, prefixed("read_the_session", "read_a_range_of_messages"))
      assert.deepStrictEqual(state, { ...(yield* there.state(id)), base: state.base })
    })
  )

  it.scopedLive("a pause that this host has made is seen, whatever an operation has read along before", () =>
    Effect.gen(function* () {
      const url = yield* Effect.promise(() => createDatabase())
      const services = yield* Layer.build(Postgres.layer({ url, connections: 2 }))
      const [store, routes] = [Context.get(services, SessionStore), Context.get(services, RouteMemory)]
      const id = SessionId.make("s")
      yield* store.importAll([{ sessionId: id, messages: [user("a")] }])
      const read = routes.modify(["route"], (pauses) => [pauses.map(({ failures }) => failures), pauses])
      const add = routes.modify(["route"], (pauses) => [
        undefined,
        pauses.map((pause) => ({ ...pause, failures: pause.failures + 1 }))
      ])
      for (let n = 1; n <= 5; n++) {
        const beginning = store.beginOperation(id, { holder: `holder ${n}`, ttl: 60_000 })
        const [begun] = yield* Effect.all([beginning, add], { concurrency: 2 })
        assert.deepStrictEqual(yield* read, [n])
        if (begun._tag === "Granted") yield* store.release(begun.lease)
      }
    })
  )
})
