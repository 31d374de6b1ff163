/** Keys that expire, keys that are refused, and that no key is ever shown. */
import { assert, describe, it } from "@effect/vitest"
import { setImmediate } from "node:timers/promises"
import { inspect } from "node:util"
import { Cause, Duration, Effect, Fiber, Layer, Option, Redacted, TestClock } from "effect"
import { Unauthorized } from "../../src/model/ModelError.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import { type Credential, label, type Route } from "../../src/model/Provider.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { conversation, policy, recordLogLines, route, scripted, summary } from "../support/world.ts"

const TEXT = summary("what counts")
const unauthorized = new Unauthorized({ route: "r", detail: "expired" })
const sessions = ["one", "two"].map((name) => SessionId.make(name))

/** A token that gets a new number whenever it is renewed. */
const oauth = (options: { readonly renewal?: Effect.Effect<void, string> } = {}) => {
  const seen = { asked: 0, renewed: 0 }
  const credential: Credential = {
    name: "oauth",
    current: Effect.sync(() => {
      seen.asked += 1
      return Redacted.make(`oauth-token-${seen.renewed}`)
    }),
    renew: Effect.zipRight(
      Effect.sync(() => void (seen.renewed += 1)),
      options.renewal ?? Effect.void
    )
  }
  return { seen, credential }
}

const compressAll = Effect.gen(function* () {
  const store = yield* SessionStore
  const { compress } = yield* Gateway.Gateway
  yield* store.importAll(sessions.map((sessionId) => ({ sessionId, messages: conversation(12) })))
  return yield* Effect.forEach(sessions, (sessionId) => compress(sessionId))
})

/** Long work yields to the event loop, and continues one slice per turn of it. */
const turnOfTheLoop = Effect.promise(() => setImmediate())

const other = { ...route, model: "other", baseUrl: "http://elsewhere.invalid/v1" }

const keysOf = (model: Scripted.Scripted) => model.requests.map(({ route }) => Redacted.value(route.apiKey))

describe("credentials", () => {
  it.effect("an expiring key is asked before each call", () => {
    const { credential, seen } = oauth()
    const model = Scripted.make([TEXT])
    return Effect.gen(function* () {
      yield* compressAll
      assert.deepStrictEqual(seen, { asked: 2, renewed: 0 })
      assert.deepStrictEqual(keysOf(model), ["oauth-token-0", "oauth-token-0"])
    }).pipe(Effect.provide(scripted(model.layer, { routes: [{ ...route, apiKey: credential }] })))
  })

  it.effect("refused, it is renewed once, and the same route asked again", () => {
    const { credential, seen } = oauth()
    const model = Scripted.make([unauthorized, TEXT])
    return Effect.gen(function* () {
      const [first] = yield* compressAll
      assert.deepInclude(first, { outcome: "committed", modelCalls: 2 })
      assert.deepStrictEqual(seen, { asked: 3, renewed: 1 })
      assert.deepStrictEqual(keysOf(model), ["oauth-token-0", "oauth-token-1", "oauth-token-1"])
    }).pipe(Effect.provide(scripted(model.layer, { routes: [{ ...route, apiKey: credential }, other] })))
  })

  it.effect("refused again, the next route is asked, and this one is left alone", () => {
    const { credential, seen } = oauth()
    const model = Scripted.make([(_, { model }) => (model === "other" ? TEXT : unauthorized)])
    return Effect.gen(function* () {
      const results = yield* compressAll
      assert.deepStrictEqual(
        results.map(({ attempts }) => attempts.map(({ error }) => error)),
        [["Unauthorized", "Unauthorized", null], [null]]
      )
      assert.deepStrictEqual(seen, { asked: 2, renewed: 1 })
    }).pipe(Effect.provide(scripted(model.layer, { routes: [{ ...route, apiKey: credential }, other] })))
  })

  it.effect("where renewing fails the next route is asked", () => {
    const { credential, seen } = oauth({ renewal: Effect.fail("revoked") })
    const model = Scripted.make([(_, { model }) => (model === "other" ? TEXT : unauthorized)])
    return Effect.gen(function* () {
      const [first] = yield* compressAll
      assert.deepStrictEqual(
        first?.attempts.map(({ error }) => error),
        ["Unauthorized", null]
      )
      assert.deepStrictEqual(seen, { asked: 1, renewed: 1 })
    }).pipe(Effect.provide(scripted(model.layer, { routes: [{ ...route, apiKey: credential }, other] })))
  })

  it.effect("a key that cannot be had counts as refused", () => {
    const credential: Credential = {
      name: "broken",
      current: Effect.fail("the keychain is locked"),
      renew: Effect.void
    }
    const model = Scripted.make([TEXT])
    return Effect.gen(function* () {
      const [first] = yield* compressAll
      assert.deepStrictEqual(
        first?.attempts.map(({ error }) => error),
        ["Unauthorized", "Unauthorized", null]
      )
      assert.include(first?.attempts[0]?.detail ?? "", "the keychain is locked")
      assert.deepStrictEqual(keysOf(model), ["test-key", "test-key"])
    }).pipe(Effect.provide(scripted(model.layer, { routes: [{ ...route, apiKey: credential }, other] })))
  })

  const NEVER: ReadonlyArray<readonly [string, Partial<Credential>]> = [
    ["a key that never comes", { current: Effect.never }],
    ["a renewal that never ends", { renew: Effect.never }],
    ["a key store that throws", { current: Effect.die("broken") }],
    ["a renewal that throws", { renew: Effect.die("broken") }]
  ]

  for (const [name, broken] of NEVER) {
    it.effect(`Bounded: ${name} leaves time for the next route`, () => {
      const { credential } = oauth()
      const model = Scripted.make([(_, { model }) => (model === "other" ? TEXT : unauthorized)])
      const routes = [
        {
          ...route,
          apiKey: { ...credential, ...broken },
          timeout: Duration.minutes(1),
          idleTimeout: Duration.minutes(1)
        },
        other
      ]
      return Effect.gen(function* () {
        const fiber = yield* Effect.fork(compressAll)
        yield* Effect.repeat(Effect.zipRight(turnOfTheLoop, TestClock.adjust("1 second")), {
          until: () => Effect.map(Fiber.poll(fiber), Option.isSome)
        })
        for (const { attempts, durationMs, outcome } of yield* Fiber.join(fiber)) {
          assert.strictEqual(outcome, "committed")
          assert.strictEqual(attempts.at(-1)?.route, label(other))
          assert.isAtMost(durationMs, 180_000)
        }
      }).pipe(Effect.provide(scripted(model.layer, { routes, totalTimeout: "3 minutes" })))
    })
  }

  it.effect("a fixed key is never tried a second time", () => {
    const model = Scripted.make([unauthorized, TEXT])
    return Effect.gen(function* () {
      const [first] = yield* compressAll
      assert.deepStrictEqual(
        first?.attempts.map(({ error }) => error),
        ["Unauthorized", null]
      )
    }).pipe(Effect.provide(scripted(model.layer, { routes: [route, other] })))
  })

  for (const api of ["responses", "chat"] as const) {
    it.scopedLive(`the real client sends the renewed key, ${api}`, () =>
      Effect.gen(function* () {
        const { credential } = oauth()
        const server = yield* ModelServer.make(({ headers }) =>
          headers.authorization === "Bearer oauth-token-1" ? ModelServer.ok(TEXT) : ModelServer.refuse(401)
        )
        const routes = [{ ...server.route({ api }), apiKey: credential }]
        const results = yield* Effect.provide(compressAll, live(routes))
        assert.deepStrictEqual(
          results.map(({ outcome }) => outcome),
          ["committed", "committed"]
        )
        assert.deepStrictEqual(
          server.requests.map(({ headers }) => headers.authorization),
          ["Bearer oauth-token-0", "Bearer oauth-token-1", "Bearer oauth-token-1"]
        )
      })
    )

    it.scopedLive(`Secrets stay: no key is shown by a route, an error, a result or a log line, ${api}`, () =>
      Effect.gen(function* () {
        const KEY = "plain-words-as-a-key"
        const server = yield* ModelServer.make([ModelServer.refuse(401, { message: `Incorrect API key: ${KEY}` })])
        const { layer, lines } = recordLogLines()
        const routes = [server.route({ api, apiKey: KEY })]
        const exit = yield* compressAll.pipe(
          Effect.provide(Layer.mergeAll(live(routes, "fail"), layer)),
          Effect.sandbox,
          Effect.flip
        )
        const shown = [JSON.stringify(routes), inspect(routes, { depth: 9 }), String(routes[0]?.apiKey), ...lines]
        const failed = [JSON.stringify(exit), inspect(exit, { depth: 9 }), Cause.pretty(exit)]
        assert.isTrue(failed.every((text) => text.includes("401") || text.includes("Incorrect API key")))
        assert.isNotEmpty(lines)
        for (const text of [...shown, ...failed]) assert.notInclude(text, KEY)
      })
    )
  }
})

const live = (routes: ReadonlyArray<Route>, onExhausted: "extract" | "fail" = "extract") =>
  Gateway.layer({ policy: { ...policy, onExhausted }, routes }).pipe(
    Layer.provideMerge(Sqlite.layerTemporary),
    Layer.provide(OpenAi.layer)
  )
