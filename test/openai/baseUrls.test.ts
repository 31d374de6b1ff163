import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, FastCheck as fc } from "effect"
import { checkConfig } from "../../src/cli/config/check.ts"
import { checkRoute } from "../../src/model/Provider.ts"
import { APIS, collectEvents } from "../support/openAiCalls.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { propertyRuns } from "../support/repetitions.ts"

/** A server that refuses each call and says which URL was asked for, as many proxies do. */
const echo: ModelServer.Answer = (exchange) => {
  const { url = "" } = exchange.http.req
  return ModelServer.refuse(400, { message: `no route for ${url} (${decodeURIComponent(url)})` })(exchange)
}

describe("the base URL of a route", () => {
  for (const api of APIS) {
    it.scoped(`may have a query, which stands behind the path of each request (${api})`, () =>
      Effect.gen(function* () {
        const asked: Array<string | undefined> = []
        const server = yield* ModelServer.make(() => (exchange) => {
          asked.push(exchange.http.req.url)
          return ModelServer.ok("yes")(exchange)
        })
        yield* collectEvents({ ...server.route({ api }), baseUrl: `${server.url}/?api-version=2024-10-21&key=a%20b` })
        const path = api === "chat" ? "/v1/chat/completions" : "/v1/responses"
        assert.deepStrictEqual(asked, [`${path}?api-version=2024-10-21&key=a%20b`])
      })
    )
  }

  it.scoped.prop(
    "keeps the values of its query to itself, whatever the server says of them",
    [fc.string({ minLength: 6, maxLength: 30 }).filter((value) => value.isWellFormed() && /^\S+$/.test(value))],
    ([value]) =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(() => echo)
        for (const query of [new URLSearchParams({ key: value }).toString(), `key=${encodeURIComponent(value)}`]) {
          const error = yield* Effect.flip(collectEvents({ ...server.route(), baseUrl: `${server.url}?${query}` }))
          assert.notInclude(error.message, value)
          assert.notInclude(error.message, encodeURIComponent(value))
        }
      }),
    propertyRuns(10, 300)
  )

  it("is refused when it is configured if it has a user, of which no request can be made", () => {
    for (const user of ["me:hunter2", "me", ":hunter2"]) {
      const baseUrl = `http://${user}@127.0.0.1:1/v1?key=swordfish`
      const refused = checkRoute(ModelServer.route(baseUrl))
      assert.match(String(Either.getLeft(refused)), /test-model@127\.0\.0\.1:1\.baseUrl.*without a user/s)
      for (const text of [
        `model: { default: m, base_url: "${baseUrl}", api_key: k }`,
        `model: { default: m, base_url: "http://h/v1", api_key: k }\nauxiliary: { compression: { provider: openai, model: m, base_url: "${baseUrl}", api_key: k } }`
      ]) {
        const { findings, settings } = checkConfig(text, "config.yaml", {})
        assert.isNull(settings)
        assert.match(JSON.stringify(findings), /base_url.*without a user/)
        assert.notMatch(JSON.stringify(findings), /hunter2|swordfish/)
      }
    }
  })
})
