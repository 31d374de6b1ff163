/** A gateway whose options come from the environment. */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer, Redacted } from "effect"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Provider from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { layerMemory } from "../../src/store/SessionStore.ts"

const route = Provider.routeConfig({
  model: Config.string("MODEL"),
  apiKey: Config.redacted("KEY"),
  baseUrl: Config.withDefault(Config.string("URL"), undefined)
})

const layer = Gateway.layerConfig({
  policy: { contextLength: Config.integer("CONTEXT_LENGTH") },
  routes: Config.all([route])
}).pipe(Layer.provide([layerMemory, Scripted.layer([])]))

const withEnvironment = (entries: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(entries))))

describe("Gateway.layerConfig", () => {
  it.effect("reads each option from a Config", () =>
    Effect.map(Effect.provide(Compressor, layer), ({ policy }) => assert.strictEqual(policy.contextLength, 9_000)).pipe(
      withEnvironment({ CONTEXT_LENGTH: "9000", MODEL: "m", KEY: "k" })
    )
  )

  it.effect("fails with what is missing or out of its range", () =>
    Effect.gen(function* () {
      const build = Effect.flip(Effect.provide(Compressor, layer))
      const missing = yield* build.pipe(withEnvironment({ CONTEXT_LENGTH: "9000", MODEL: "m" }))
      assert.include(String(missing), "KEY")
      const small = yield* build.pipe(withEnvironment({ CONTEXT_LENGTH: "9", MODEL: "m", KEY: "k" }))
      assert.include(small, { _tag: "InvalidPolicy", field: "contextLength" })
    })
  )

  it.effect("makes a route of one", () =>
    Effect.map(route, (made) => {
      assert.include(made, { model: "m", baseUrl: "http://localhost:1/v1", api: "chat" })
      assert.isTrue(Redacted.isRedacted(made.apiKey))
    }).pipe(withEnvironment({ MODEL: "m", KEY: "k", URL: "http://localhost:1/v1" }))
  )
})
