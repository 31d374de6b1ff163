/** The proxy that the environment names, chosen by its rules and used over a loopback. */
import { createServer, type IncomingMessage } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Option, Redacted } from "effect"
import { readProxy } from "../../src/openai/proxy.ts"
import { APIS, addUp, collectEvents } from "../support/openAiCalls.ts"
import * as ModelServer from "../support/ModelServer.ts"

const withEnvironment = (variables: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

/** Where a call to the URL goes in this environment. */
const CHOICES: ReadonlyArray<readonly [Readonly<Record<string, string>>, url: string, proxy: string | null]> = [
  [{}, "https://api.example.com/v1", null],
  [{ HTTPS_PROXY: "http://proxy:3128" }, "https://api.example.com/v1", "http://proxy:3128"],
  [{ HTTPS_PROXY: "http://proxy:3128" }, "http://api.example.com/v1", null],
  [{ HTTP_PROXY: "http://proxy:3128" }, "http://api.example.com/v1", "http://proxy:3128"],
  [{ HTTP_PROXY: "http://proxy:3128" }, "https://api.example.com/v1", null],
  [{ HTTPS_PROXY: "http://a:1", https_proxy: "http://b:2" }, "https://api.example.com/v1", "http://b:2"],
  [{ HTTPS_PROXY: "proxy:3128" }, "https://api.example.com/v1", "http://proxy:3128"],
  [{ HTTPS_PROXY: "  " }, "https://api.example.com/v1", null],
  [{ HTTPS_PROXY: "http://proxy:1", NO_PROXY: "*" }, "https://api.example.com/v1", null],
  [{ HTTPS_PROXY: "http://proxy:1", NO_PROXY: "example.com" }, "https://api.example.com/v1", null],
  [{ HTTPS_PROXY: "http://proxy:1", NO_PROXY: "other.org, .example.com" }, "https://api.example.com/v1", null],
  [{ HTTPS_PROXY: "http://proxy:1", NO_PROXY: "*.EXAMPLE.com" }, "https://api.example.com/v1", null],
  [{ HTTPS_PROXY: "http://proxy:1", NO_PROXY: "ample.com" }, "https://api.example.com/v1", "http://proxy:1"],
  [{ HTTPS_PROXY: "http://proxy:1", NO_PROXY: "api.example.com:443" }, "https://api.example.com/v1", null],
  [{ HTTPS_PROXY: "http://proxy:1", NO_PROXY: "api.example.com:8443" }, "https://api.example.com/v1", "http://proxy:1"],
  [{ HTTPS_PROXY: "http://proxy:1", NO_PROXY: ",, " }, "https://api.example.com/v1", "http://proxy:1"],
  ...["localhost:11434", "127.0.0.1:8080", "[::1]:8080"].map(
    (host) => [{ HTTP_PROXY: "http://proxy:1" }, `http://${host}/v1`, null] as const
  ),
  [{ HTTPS_PROXY: "http://proxy:1" }, "no URL", null]
]

/** A proxy that leads every tunnel to one port of this machine, and the hosts it was asked for. */
const openTunnels = (port: number) =>
  Effect.gen(function* () {
    const asked: Array<string | undefined> = []
    const sockets = new Set<Socket>()
    const server = createServer()
    server.on("connect", ({ headers, url }: IncomingMessage, client: Socket) => {
      asked.push(url, headers["proxy-authorization"])
      const upstream = connect(port, "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection Established\r\n\r\n")
        client.pipe(upstream).pipe(client)
      })
      for (const socket of [client, upstream]) sockets.add(socket.on("error", () => undefined))
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.async<void>((resume) => {
          for (const socket of sockets) socket.destroy()
          server.close(() => resume(Effect.void))
        })
    )
    return { asked, port: portOf(server.address()) }
  })

const portOf = (address: AddressInfo | string | null): number => Number(Object(address).port)

describe("the proxy of a server", () => {
  for (const [variables, url, expected] of CHOICES) {
    it.effect(`is ${expected ?? "none"} for ${url} with ${JSON.stringify(variables)}`, () =>
      Effect.gen(function* () {
        const proxy = yield* readProxy(url)
        assert.strictEqual(Option.getOrNull(Option.map(proxy, Redacted.value)), expected)
      }).pipe(withEnvironment(variables))
    )
  }

  it.effect("is not of another kind than HTTP, which is said", () =>
    Effect.gen(function* () {
      const cause = yield* Effect.sandbox(readProxy("https://api.example.com")).pipe(Effect.flip)
      assert.include(String(cause), "https_proxy: not the URL of an HTTP proxy")
    }).pipe(withEnvironment({ HTTPS_PROXY: "socks5://proxy:1080" }))
  )

  for (const api of APIS) {
    it.scopedLive(`is asked for the server, with its own credential, ${api}`, () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make([ModelServer.ok("through the tunnel")])
        const { asked, port } = yield* openTunnels(Number(new URL(server.url).port))
        const call = collectEvents(ModelServer.route("http://model.invalid:8000/v1", { api }))
        const answer = yield* call.pipe(withEnvironment({ HTTP_PROXY: `http://me:secret@127.0.0.1:${port}` }))
        assert.strictEqual(addUp(answer).text, "through the tunnel")
        assert.deepStrictEqual(asked, ["model.invalid:8000", `Basic ${btoa("me:secret")}`])
        assert.notProperty((yield* server.arrived(1)).headers, "proxy-authorization")
      })
    )
  }

  it.scopedLive("that is down is a failed connection", () =>
    Effect.gen(function* () {
      const call = collectEvents(ModelServer.route("http://model.invalid:8000/v1"))
      const error = yield* Effect.flip(call.pipe(withEnvironment({ HTTP_PROXY: "http://me:hunter2@127.0.0.1:1" })))
      assert.strictEqual(error._tag, "ConnectionError")
      assert.notInclude(JSON.stringify(error), "hunter2")
    })
  )
})
