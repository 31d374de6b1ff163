/** Servers that never stop: each costs a typed error after a number of bytes that what was asked for bounds. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { ServerResponse } from "node:http"
import { ModelClients, layer } from "../../src/model/ModelClients.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import type { Route } from "../../src/model/Provider.ts"
import { REQUEST } from "../support/openAiCalls.ts"
import * as ModelServer from "../support/ModelServer.ts"

/** Writes as fast as the client reads, until it closes the connection. */
const flood = (status: number, type: string, begin: string, piece: string, onSent: (bytes: number) => void) => {
  const write = (http: ServerResponse) => {
    do onSent(piece.length)
    while (http.write(piece))
  }
  return ({ http }: ModelServer.Exchange) =>
    Effect.async<void>((resume) => {
      http.on("close", () => resume(Effect.void))
      http.on("drain", () => write(http))
      http.writeHead(status, { "content-type": type }).write(begin)
      write(http)
    })
}

const complete = (route: Route) =>
  Effect.provide(
    Effect.flatMap(ModelClients, ({ complete }) => complete(route, REQUEST)),
    Layer.provide(layer(), OpenAi.layer)
  )

const SSE = "text/event-stream"
const words = "word ".repeat(2_000)
const chunk = (delta: object) => `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`

const FLOODS: ReadonlyArray<readonly [what: string, status: number, type: string, begin: string, piece: string]> = [
  ["words", 200, SSE, "", chunk({ content: words })],
  ["reasoning", 200, SSE, "", chunk({ reasoning_content: words })],
  ["events without words", 200, SSE, "", chunk({ role: words })],
  ["comments", 200, SSE, "", `: ${words}\n\n`],
  ["one line", 200, SSE, "data: ", words],
  ["lines of one event", 200, SSE, "", `data: ${words}\n`],
  ["a body", 200, "application/json", `{"choices":[{"message":{"content":"`, words],
  ["a page", 200, "text/html", "<html>", words],
  ["whole parts", 200, SSE, "", `data: {"choices":[{"index":0,"message":{"content":"${words}"}}]}\n\n`],
  ["a refusal", 500, "application/json", `{"error":{"message":"`, words],
  ["a refusal in plain text", 429, "text/plain", "slow down ", words],
  ["a page of a proxy", 502, "text/html", "<html>", words]
]

describe("a server that never stops sending", () => {
  for (const [what, status, type, begin, piece] of FLOODS) {
    it.scopedLive(`Bounded: ${what}`, () =>
      Effect.gen(function* () {
        let sent = 0
        const server = yield* ModelServer.make([flood(status, type, begin, piece, (bytes) => (sent += bytes))])
        const error = yield* Effect.flip(complete(server.route({ api: "chat" })))
        assert.include(status === 429 ? ["RateLimited"] : ["ProviderError"], error._tag)
        // What lies in the buffers of both sides comes on top.
        assert.isBelow(sent, 2 ** 24 + 2 ** 24)
        yield* server.until(({ open }) => open === 0)
      })
    )
  }
})
