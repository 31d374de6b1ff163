/** Requests that no client of ours makes, against a real server: refused with a status and a reason, and nothing changes. */
import { connect, type Socket } from "node:net"
import { request } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as FastCheck from "effect/FastCheck"
import { writeSegment } from "../../src/message/pathSegment.ts"
import { isSessionId, SessionId } from "../../src/session/Session.ts"
import { repetitions } from "../support/repetitions.ts"
import { SERVED } from "../support/served.ts"
import * as Service from "../support/service.ts"

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
}

interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** Sends a request as it is, without what `fetch` adds and forbids. */
const ask = (path: string, { body, headers = {}, method = body === undefined ? "GET" : "POST" }: Asked = {}) =>
  Effect.flatMap(Service.Address, (url) =>
    Effect.async<Answer>((resume) => {
      const { hostname, port } = new URL(url)
      const sent = request(
        { hostname, port, path, method, headers: { connection: "close", ...headers } },
        (response) => {
          const pieces: Array<Buffer> = []
          response.on("data", (piece: Buffer) => pieces.push(piece))
          response.on("end", () =>
            resume(
              Effect.succeed({
                status: response.statusCode ?? 0,
                headers: response.headers,
                body: Buffer.concat(pieces).toString("utf8")
              })
            )
          )
        }
      )
      sent.on("error", (error) => resume(Effect.die(error)))
      sent.end(body)
    })
  )

const JSON_TYPE = { "content-type": "application/json" }
const HELLO = JSON.stringify({ message: { role: "user", content: "hello" } })

/** Ids of any text, many of them of what a URL gives a meaning to. */
const anyId = FastCheck.oneof(
  FastCheck.string({ unit: FastCheck.constantFrom(..."./~%2Ee?#&;:@+\\ "), minLength: 1, maxLength: 4 }),
  FastCheck.string({ unit: "binary", minLength: 1, maxLength: 256 }),
  FastCheck.string({ unit: FastCheck.constantFrom("\uffff", "a", "."), minLength: 500, maxLength: 512 })
)
  .filter(isSessionId)
  .map((id) => SessionId.make(id))

const post = (path: string, body: string | Uint8Array, headers: Readonly<Record<string, string>> = JSON_TYPE) =>
  ask(path, { body, headers })

const tagOf = ({ body }: Answer): unknown => {
  const { _tag, reason } = JSON.parse(body)
  return reason === undefined ? _tag : `${_tag}: ${reason}`
}

interface SessionIds {
  readonly sessions: ReadonlyArray<{ readonly sessionId: string }>
}

const statusAndTag = (answer: Answer) => [answer.status, tagOf(answer)]

describe("a request", () => {
  it.scopedLive("is refused if a page of another site may have sent it", () =>
    Effect.gen(function* () {
      for (const host of [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "[::1].evil",
        "10.0.0.1"
      ]) {
        assert.deepStrictEqual(statusAndTag(yield* ask("/sessions", { headers: { host } })), [
          421,
          "BadRequest: wrong-host"
        ])
        assert.strictEqual((yield* ask("/", { headers: { host } })).status, 421)
      }
      for (const host of ["localhost", "LOCALHOST:1234", "127.0.0.1:80", "127.1.2.3", "[::1]:7421"]) {
        assert.strictEqual((yield* ask("/sessions", { headers: { host } })).status, 200)
      }
      for (const type of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        ""
      ]) {
        assert.deepStrictEqual(
          statusAndTag(yield* post("/sessions/a/messages", HELLO, type === "" ? {} : { "content-type": type })),
          [415, "BadRequest: not-json"]
        )
      }
      const preflight = yield* ask("/sessions/a/messages", {
        method: "OPTIONS",
        headers: { origin: "https://evil.example", "access-control-request-method": "POST" }
      })
      assert.strictEqual(preflight.status, 404)
      const read = yield* ask("/sessions", { headers: { origin: "https://evil.example" } })
      for (const { headers } of [preflight, read]) {
        assert.deepStrictEqual(
          Object.keys(headers).filter((name) => name.startsWith("access-control") || name === "set-cookie"),
          []
        )
      }
      assert.deepStrictEqual(JSON.parse(read.body), { sessions: [], next: null })
    }).pipe(Effect.provide(Service.layer()))
  )

  it.scopedLive(
    "is refused if its body is malformed, too large, or would be changed, and what it says is not stored",
    () =>
      Effect.gen(function* () {
        const to = "/sessions/a/messages"
        const deep = "[".repeat(20_000) + "]".repeat(20_000)
        for (const body of [
          "{",
          "nothing",
          '{"message":',
          deep,
          `{"message":${deep}}`,
          Buffer.from('{"message":"caf\u00e9"}', "latin1")
        ]) {
          assert.deepStrictEqual(statusAndTag(yield* post(to, body)), [400, "BadRequest: malformed"])
        }
        for (const field of ['"n":9007199254740993', '"n":1e400', '"n":1,"n":2', '"n":[{"a":{},"a":{}}]']) {
          const inexact = yield* post(to, `{"message":{"role":"user","content":"hello",${field}}}`)
          assert.deepStrictEqual(statusAndTag(inexact), [400, "BadRequest: inexact"], field)
          assert.include(inexact.body, "message.n")
        }
        for (const body of [
          "[]",
          "null",
          "7",
          "{}",
          '{"message":{"role":"user"}}',
          '{"message":7}',
          '{"message":{"role":"user","content":"x"},"kind":"order"}'
        ]) {
          assert.strictEqual((yield* post(to, body)).status, 400, body)
        }
        const large = JSON.stringify({ message: { role: "user", content: "x".repeat(SERVED.bodyLimit) } })
        assert.deepStrictEqual(statusAndTag(yield* post(to, large)), [413, "BodyTooLarge"])
        const chunked = yield* post(to, large, { ...JSON_TYPE, "transfer-encoding": "chunked" })
        assert.deepStrictEqual(statusAndTag(chunked), [413, "BodyTooLarge"])
        const fits = JSON.stringify({ message: { role: "user", content: "x".repeat(SERVED.bodyLimit / 2) } })
        assert.strictEqual((yield* post("/sessions/b/messages", fits)).status, 200)
        assert.deepStrictEqual(
          JSON.parse((yield* ask("/sessions")).body).sessions.map(({ sessionId }: { sessionId: string }) => sessionId),
          ["b"]
        )
      }).pipe(Effect.provide(Service.layer()))
  )

  it.scopedLive("reaches a session whatever its id holds", () =>
    Effect.gen(function* () {
      const ids = [
        "a/b",
        "a%2Fb",
        "100%",
        "?x=1",
        "#1",
        "\u{1f600} \u00e4",
        "<script>alert(1)</script>",
        "a".repeat(512),
        "\u{1f600}".repeat(256),
        "..%",
        "__proto__",
        "events",
        ".",
        "..",
        "~.",
        "~~..",
        "%2E",
        "\ufffd"
      ]
      for (const id of ids) {
        const path = `/sessions/${writeSegment(id)}`
        const receipt = yield* post(`${path}/messages`, HELLO)
        assert.deepStrictEqual(JSON.parse(receipt.body).sessionId, id, receipt.body)
        assert.strictEqual(JSON.parse((yield* ask(`${path}/view`)).body).sessionId, id)
      }
      const listed: SessionIds = JSON.parse((yield* ask("/sessions")).body)
      assert.sameMembers(
        listed.sessions.map(({ sessionId }) => sessionId),
        ids
      )
      const paged: Array<string> = []
      for (let query = "limit=1"; query !== "";) {
        const page: SessionIds & { readonly next: string | null } = JSON.parse((yield* ask(`/sessions?${query}`)).body)
        paged.push(...page.sessions.map(({ sessionId }) => sessionId))
        query = page.next === null ? "" : `limit=1&after=${encodeURIComponent(page.next)}`
      }
      assert.sameMembers(paged, ids)
      for (const path of [
        `/sessions/${"b".repeat(513)}/view`,
        "/sessions/%00/view",
        "/sessions/a/log?from=-1",
        "/sessions/a/log?limit=x"
      ]) {
        assert.strictEqual((yield* ask(path)).status, 400, path)
      }
      for (const path of ["/sessions/%zz/view", "/..%2f..%2fetc/passwd", "/nothing"]) {
        assert.include([400, 404], (yield* ask(path)).status, path)
      }
    }).pipe(Effect.provide(Service.layer()))
  )

  it.scopedLive("reaches its own session and no other one, whatever characters an id has and however many", () =>
    Effect.gen(function* () {
      const client = yield* Service.client()
      const ids = new Set(FastCheck.sample(anyId, repetitions(60, 1_000)))
      for (const session of ids) {
        const path = { session }
        yield* client.operations.deliver({ path, payload: { message: { role: "user", content: `of ${session}` } } })
        yield* client.operations.pin({ path, payload: { text: "pinned", as: session.slice(0, 8).trim() || "pin" } })
      }
      for (const session of ids) {
        const path = { session }
        const { turn } = yield* client.turns.begin({ path, payload: {} })
        const { messages } = yield* client.turns.step({ path: { session, turn }, payload: {} })
        assert.include(JSON.stringify(messages), JSON.stringify(`of ${session}`))
        yield* client.turns.end({ path: { session, turn } })
        for (const { name: pin } of yield* client.sessions.pins({ path })) {
          assert.deepStrictEqual(yield* client.operations.unpin({ path: { session, pin } }), { wasPinned: true })
        }
      }
    }).pipe(Effect.provide(Service.layer()))
  )

  it.scopedLive("is cut off if it comes too slowly, and keeps nobody waiting until then", () =>
    Effect.gen(function* () {
      const url = yield* Service.Address
      const { hostname, port } = new URL(url)
      const begin = (text: string) =>
        Effect.acquireRelease(
          Effect.async<Socket>((resume) => {
            const socket = connect({ host: hostname, port: Number(port) }, () => {
              socket.write(text)
              resume(Effect.succeed(socket))
            })
          }),
          (socket) => Effect.sync(() => socket.destroy())
        )
      const ended = (socket: Socket) =>
        Effect.async<void>((resume) => {
          socket.on("error", () => {}).resume()
          socket.on("close", () => resume(Effect.void))
        })
      const head = "POST /sessions/a/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
      const slow = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? "GET /sess" : `${head}content-length: 1000\r\n\r\n{"mess`)),
        begin
      )
      assert.strictEqual((yield* ask("/sessions")).status, 200)
      yield* Effect.forEach(slow, ended, { concurrency: "unbounded" })
      assert.deepStrictEqual(JSON.parse((yield* ask("/sessions")).body).sessions, [])
    }).pipe(Effect.provide(Service.layer({ timeouts: Service.HASTY })))
  )
})

describe("a page", () => {
  const page = new Map([
    ["/", { contentType: "text/html; charset=utf-8", body: new TextEncoder().encode("<!doctype html><p>page") }],
    ["/inspector.js", { contentType: "text/javascript; charset=utf-8", body: new TextEncoder().encode("1") }]
  ])

  it.scopedLive("comes without a token, and may load nothing but its own", () =>
    Effect.gen(function* () {
      for (const path of ["/", "/docs", "/inspector.js"]) {
        const { headers, status } = yield* ask(path)
        assert.strictEqual(status, 200)
        const policy = String(headers["content-security-policy"])
        for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) {
          assert.include(policy, part)
        }
        assert.notInclude(policy, "unsafe")
        assert.strictEqual(headers["x-content-type-options"], "nosniff")
      }
      const { paths } = JSON.parse((yield* ask("/openapi.json")).body)
      const docs = (yield* ask("/docs")).body
      for (const path of Object.keys(paths)) assert.include(docs, path)
      assert.notInclude(docs, "<script")
      assert.strictEqual((yield* ask("/sessions")).status, 401)
    }).pipe(Effect.provide(Service.layer({ page, token: Service.secret })))
  )
})

describe("readers of events", () => {
  it.scopedLive("200 of them, of which half never read, get what they read and hold up nobody", () =>
    Effect.gen(function* () {
      const url = yield* Service.Address
      const { hostname, port } = new URL(url)
      const read = (isReading: boolean) =>
        Effect.acquireRelease(
          Effect.async<{ readonly socket: Socket; readonly text: () => string }>((resume) => {
            let text = ""
            const socket = connect({ host: hostname, port: Number(port) }, () => {
              socket.write("GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n")
            })
            socket.setEncoding("utf8").once("data", (first) => {
              text += String(first)
              if (isReading) socket.on("data", (more) => void (text += String(more)))
              else socket.pause()
              resume(Effect.succeed({ socket, text: () => text }))
            })
          }),
          ({ socket }) => Effect.sync(() => socket.destroy())
        )
      const readers = yield* Effect.forEach(
        Array.from({ length: 200 }, (_, i) => i % 2 === 0),
        read,
        { concurrency: 50 }
      )
      const client = yield* Service.client()
      const turns = 15
      const succeed = <R>(asked: Effect.Effect<Answer, never, R>) =>
        Effect.tap(asked, ({ body, status }) => assert.isBelow(status, 300, body))
      yield* succeed(post("/sessions/a/messages", HELLO))
      const begin = Effect.map(succeed(post("/sessions/a/turns", "{}")), ({ body }): { readonly turn: string } =>
        JSON.parse(body)
      )
      for (let n = 0; n < turns; n++) {
        const { turn } = yield* begin
        yield* succeed(ask(`/sessions/a/turns/${turn}`, { method: "DELETE" }))
      }
      const seen = (text: string) => text.split("event: TurnEnded").length - 1
      yield* Effect.repeat(
        Effect.zipRight(
          client.service.health({}),
          Effect.sync(() => readers.every(({ text }, i) => i % 2 === 1 || seen(text()) === turns))
        ),
        { until: (isSeen) => isSeen }
      )
    }).pipe(Effect.provide(Service.layer()))
  )
})
