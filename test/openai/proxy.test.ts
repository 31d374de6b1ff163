/** The proxy that the environment names, chosen by its rules and used over a loopback. */
import { createServer, type IncomingMessage, request } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Option, Redacted } from "effect"
import { readProxy } from "../../src/openai/proxy.ts"
import { APIS, addUp, collectEvents } from "../support/openAiCalls.ts"
import * as ModelServer from "../support/ModelServer.ts"

const withEnvironment = (variables: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

const THIS_MACHINE = [
  "localhost:11434",
  "LOCALHOST.",
  "model.localhost",
  "127.0.0.1:8080",
  "127.8.9.10",
  "0x7f.1",
  "0.0.0.0:8000",
  "[::1]:8080",
  "[0:0:0:0:0:0:0:1]",
  "[::]:8000",
  "[::ffff:127.0.0.1]"
]

/** Entries of `NO_PROXY`, and hosts that they except. */
const EXCEPTED: ReadonlyArray<readonly [entry: string, host: string]> = [
  ["10.0.0.0/8", "10.200.3.4:8000"],
  ["10.1.2.3/8", "10.200.3.4"],
  ["0.0.0.0/0", "8.8.8.8"],
  ["192.168.0.0/16, 10.0.0.5/32", "10.0.0.5"],
  ["10.0.0.5", "10.0.0.5:8000"],
  ["10.0.0.5.", "10.0.0.5"],
  ["10.0.0.5:8000", "10.0.0.5:8000"],
  ["10.0.0.0/8:8000", "10.0.0.5:8000"],
  ["10.0.0.0/8", "[::ffff:10.0.0.5]"],
  ["fd00::/8", "[fd12:3456::1]:8000"],
  ["[fd00::]/8", "[fd12:3456::1]"],
  ["FD00::/8", "[FD12:3456::1]"],
  ["fe80::1", "[fe80::1]:8000"],
  ["fe80:0:0:0:0:0:0:1", "[fe80::1]"],
  ["[fe80::1]", "[fe80::1]:8000"],
  ["[fe80::1]:8000", "[fe80::1]:8000"],
  ["model.corp.", "model.corp"],
  ["model.corp", "api.model.corp.:8000"],
  [".corp.", "model.corp."],
  ["MODEL.Corp", "model.corp"],
  ["model.corp:8000", "MODEL.CORP:8000"],
  ["*.corp:8000", "model.corp:8000"],
  ["other.org,*", "model.corp"]
]

/** Entries that hold for other hosts. */
const PROXIED: ReadonlyArray<readonly [entry: string, host: string]> = [
  ["10.0.0.0/8", "11.0.0.1"],
  ["10.0.0.0/33", "10.0.0.1"],
  ["10.0.0.0/", "10.0.0.1"],
  ["10.0.0.0/8:443", "10.0.0.5:8000"],
  ["10.0.0.5", "10.0.0.50"],
  ["1.5", "10.0.1.5"],
  ["0.0.0.0", "10.0.0.5"],
  ["10.0.0.0/8", "10.example.com"],
  ["fd00::/8", "[fe80::1]"],
  ["fd00::/129", "[fd00::1]"],
  ["fe80::1:8000", "[fe80::1]:8000"],
  ["[fe80::1]:443", "[fe80::1]:8000"],
  ["::", "[fe80::1]"],
  ["model.corp:443", "model.corp:8000"],
  [".", "model.corp"],
  ["*.", "model.corp"],
  ["**", "model.corp"],
  ["[", "model.corp"]
]

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
  ...THIS_MACHINE.map((host) => [{ HTTP_PROXY: "http://proxy:1" }, `http://${host}/v1`, null] as const),
  ...EXCEPTED.map(
    ([entry, host]) => [{ HTTP_PROXY: "http://proxy:1", NO_PROXY: entry }, `http://${host}/v1`, null] as const
  ),
  ...PROXIED.map(
    ([entry, host]) =>
      [{ HTTP_PROXY: "http://proxy:1", NO_PROXY: entry }, `http://${host}/v1`, "http://proxy:1"] as const
  ),
  [{ HTTPS_PROXY: "http://proxy:1" }, "no URL", null]
]

/** A proxy that leads everything to one port of this machine, and lists what it was asked for. */
const openProxy = (port: number) =>
  Effect.gen(function* () {
    const asked: Array<string | undefined> = []
    const sockets = new Set<Socket>()
    const server = createServer((incoming, answer) => {
      const { headers, method, url } = incoming
      asked.push(url, headers["proxy-authorization"])
      const { "proxy-authorization": _, ...others } = headers
      const onward = request({ port, method, headers: others, path: new URL(url ?? "").pathname }, (upstream) => {
        answer.writeHead(upstream.statusCode ?? 502, upstream.headers)
        upstream.pipe(answer)
      })
      incoming.pipe(onward)
    })
    server.on("connect", ({ headers, url }: IncomingMessage, client: Socket) => {
      asked.push(url, headers["proxy-authorization"])
      const upstream = connect(port, "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection Established\r\n\r\n")
        client.pipe(upstream)
        upstream.pipe(client)
      })
      for (const socket of [client, upstream]) sockets.add(socket.on("error", () => undefined))
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
          for (const socket of sockets) socket.destroy()
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
        const server = yield* ModelServer.make([ModelServer.ok("through the proxy")])
        const { asked, port } = yield* openProxy(Number(new URL(server.url).port))
        const call = collectEvents(ModelServer.route("http://model.invalid:8000/v1", { api }))
        const answer = yield* call.pipe(withEnvironment({ HTTP_PROXY: `http://me:secret@127.0.0.1:${port}` }))
        assert.strictEqual(addUp(answer).text, "through the proxy")
        const path = api === "chat" ? "chat/completions" : "responses"
        assert.deepStrictEqual(asked, [`http://model.invalid:8000/v1/${path}`, `Basic ${btoa("me:secret")}`])
        const { headers } = yield* server.arrived(1)
        assert.strictEqual(headers.host, "model.invalid:8000")
        assert.notProperty(headers, "proxy-authorization")
      })
    )
  }

  it.scopedLive("is asked for a tunnel to a server with TLS, which speaks at its end", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([])
      const { asked, port } = yield* openProxy(Number(new URL(server.url).port))
      const call = collectEvents(ModelServer.route("https://model.invalid/v1"))
      const error = yield* Effect.flip(
        call.pipe(withEnvironment({ HTTPS_PROXY: `http://me:secret@127.0.0.1:${port}` }))
      )
      // The server has no certificate: it takes the handshake for a request, and the client its answer for no handshake.
      assert.include(error.message, "wrong version number")
      assert.strictEqual(server.counts().opened, 1)
      assert.deepStrictEqual(asked, ["model.invalid:443", `Basic ${btoa("me:secret")}`])
    })
  )

  it.scopedLive("that wants a credential is a failed connection", () =>
    Effect.gen(function* () {
      const proxy = yield* ModelServer.make([ModelServer.raw(407, "text/html", "<html>407</html>")])
      const call = collectEvents(ModelServer.route("http://model.invalid/v1"))
      const error = yield* Effect.flip(call.pipe(withEnvironment({ HTTP_PROXY: new URL(proxy.url).host })))
      assert.strictEqual(error._tag, "ConnectionError")
    })
  )

  it.scopedLive("that closes a tunnel before it is one is a failed connection, and is not asked again", () =>
    Effect.gen(function* () {
      const proxy = yield* ModelServer.make([])
      const call = collectEvents(ModelServer.route("https://model.invalid/v1"))
      const error = yield* Effect.flip(call.pipe(withEnvironment({ HTTPS_PROXY: new URL(proxy.url).host })))
      assert.strictEqual(error._tag, "ConnectionError")
      assert.strictEqual(proxy.counts().opened, 1)
    })
  )

  it.scopedLive("that is down is a failed connection", () =>
    Effect.gen(function* () {
      const call = collectEvents(ModelServer.route("http://model.invalid:8000/v1"))
      const error = yield* Effect.flip(call.pipe(withEnvironment({ HTTP_PROXY: "http://me:hunter2@127.0.0.1:1" })))
      assert.strictEqual(error._tag, "ConnectionError")
      assert.notInclude(JSON.stringify(error), "hunter2")
    })
  )
})
