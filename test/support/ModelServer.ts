/**
 * A model server on the loopback, speaking the streaming Responses and Chat Completions APIs as OpenAI does, and failing
 * on request in the ways the world fails. It lives on the real clock, whatever clock the test has.
 *
 * @example
 * const server = yield* ModelServer.make([ModelServer.hang, ModelServer.ok("a summary")])
 * const route = server.route({ api: "chat", timeout: "50 millis" })
 * yield* server.arrived(1) // the first request is here
 * yield* server.until(({ open }) => open === 0) // no socket is open any more
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { Clock, Deferred, Duration, Effect, FiberSet, Redacted, type Scope } from "effect"
import type { ResolvedRoute, Route } from "../../src/model/Provider.ts"
import { type ApiError, type Asked, read, type Wire, wires } from "./openAiWire.ts"

/** A request as it came. `n` counts from 1; `socket` tells connections apart. */
export interface Received extends Asked {
  readonly n: number
  readonly socket: number
  readonly headers: IncomingHttpHeaders
}

/** A request being answered. */
export interface Exchange {
  readonly received: Received
  readonly http: ServerResponse
  /** Destroys the connection from this side. */
  readonly breakOff: (how: "close" | "reset") => void
}

/** Answers a request, or fails to. */
export type Answer = (exchange: Exchange) => Effect.Effect<void>

/** The words of an answer, or who writes them. */
export type Text = string | ((received: Received) => string)

/** One answer per request, the last one repeated; or a function of the request. */
export type Script = ReadonlyArray<Answer> | ((received: Received) => Answer)

export interface Counts {
  readonly requests: number
  /** Sockets ever accepted. */
  readonly opened: number
  /** Sockets open now. */
  readonly open: number
  /** Requests whose connection the client closed before the answer was whole. */
  readonly aborted: number
}

export interface ModelServer {
  readonly url: string
  readonly requests: ReadonlyArray<Received>
  readonly counts: () => Counts
  /** `opened` and `open`. */
  readonly sockets: () => Pick<Counts, "opened" | "open">
  /** Waits until the n-th request (from 1) is here. */
  readonly arrived: (n: number) => Effect.Effect<Received>
  /** Waits until the counts are so; a test that waits for ever has failed. */
  readonly until: (holds: (counts: Counts) => boolean) => Effect.Effect<Counts>
  /** A route to this server. */
  readonly route: (options?: RouteOptions) => ResolvedRoute
}

export interface RouteOptions {
  readonly api?: Route["api"]
  readonly model?: string
  readonly apiKey?: string
  readonly contextLength?: number
  readonly timeout?: Duration.DurationInput
  readonly idleTimeout?: Duration.DurationInput
}

/** A server that closes, with every connection, at the end of its scope. `port` 0 is any free one. */
export const make = (script: Script, port = 0): Effect.Effect<ModelServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const run = yield* FiberSet.makeRuntime<never>()
    const requests: Array<Received> = []
    const sockets = new Map<Socket, number>()
    const waiting = new Set<() => void>()
    let opened = 0
    let aborted = 0

    const counts = (): Counts => ({ requests: requests.length, opened, open: sockets.size, aborted })
    const changed = () => waiting.forEach((look) => look())

    const exchange = async (request: IncomingMessage, http: ServerResponse) => {
      const socket = sockets.get(request.socket) ?? 0
      const asked = await read(request)
      const received = { ...asked, n: requests.length + 1, socket, headers: request.headers }
      let broken = false
      const breakOff = (how: "close" | "reset") => {
        broken = true
        if (how === "close") request.socket.destroy()
        else request.socket.resetAndDestroy()
      }
      // An answer may be held until after the client is gone.
      http.on("error", changed)
      http.on("close", () => {
        if (!broken && !http.writableFinished) aborted++
        changed()
      })
      const answer = typeof script === "function" ? script(received) : script[Math.min(received.n, script.length) - 1]
      requests.push(received)
      changed()
      run(Effect.withClock((answer ?? hang)({ received, http, breakOff }), Clock.make()))
    }

    const server = createServer((request, http) => void exchange(request, http).catch((error) => http.destroy(error)))
    server.on("connection", (socket) => {
      sockets.set(socket, ++opened)
      socket.on("close", () => {
        sockets.delete(socket)
        changed()
      })
      changed()
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void server.listen(port, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )

    const until = (holds: (counts: Counts) => boolean) =>
      Effect.async<Counts>((resume) => {
        const look = () => {
          if (!holds(counts())) return
          waiting.delete(look)
          resume(Effect.sync(counts))
        }
        waiting.add(look)
        look()
        return Effect.sync(() => waiting.delete(look))
      })

    const url = `http://127.0.0.1:${addressOf(server.address()).port}/v1`
    return {
      url,
      requests,
      counts,
      sockets: () => ({ opened, open: sockets.size }),
      until,
      arrived: (n) =>
        Effect.flatMap(
          until(({ requests }) => requests >= n),
          () => Effect.fromNullable(requests[n - 1])
        ).pipe(Effect.orDie),
      route: (options) => route(url, options)
    }
  })

/** A route to any URL, for servers that are not there. */
export const route = (baseUrl: string, options: RouteOptions = {}): ResolvedRoute => ({
  provider: "openai",
  model: options.model ?? "test-model",
  baseUrl,
  apiKey: Redacted.make(options.apiKey ?? "test-key"),
  api: options.api ?? "responses",
  contextLength: options.contextLength ?? 128_000,
  timeout: Duration.decode(options.timeout ?? "20 seconds"),
  idleTimeout: Duration.decode(options.idleTimeout ?? "20 seconds")
})

// ── answers that are whole ──

/** The text, word by word, ended as it should be. */
export const ok = (text: Text): Answer =>
  streamPieces((wire, received) => [...splitText(wire, text, received), ...wire.end("stop")])

/** The output limit was reached. */
export const length = (text: Text): Answer =>
  streamPieces((wire, received) => [...splitText(wire, text, received), ...wire.end("length")])

/** The server says that it could not go on. */
export const brokenOff = (text: Text): Answer =>
  streamPieces((wire, received) => [...splitText(wire, text, received), ...wire.end("broken")])

/** The model refuses. */
export const refusal = (text: string): Answer => streamPieces((wire) => [wire.refusal(text), ...wire.end("stop")])

/** The provider's filter ended the answer. */
export const filtered = (text: string): Answer =>
  streamPieces((wire, received) => [...splitText(wire, text, received), ...wire.end("filtered")])

/** The model thought and said nothing. */
export const reasoningOnly = (text: string): Answer =>
  streamPieces((wire) => [wire.reasoning(text), ...wire.end("stop")])

/** Waits for the gate, then answers. */
export const answerAfter =
  (gate: Deferred.Deferred<void>, answer: Answer): Answer =>
  (exchange) =>
    Effect.zipRight(Deferred.await(gate), answer(exchange))

// ── answers that are not ──

/** Nothing, not even headers. */
export const hang: Answer = () => Effect.never

/** Begins well, then silence. */
export const hangAfter = (text: Text): Answer =>
  streamPieces((wire, received) => splitText(wire, text, received), "stay")

/** One piece of the stream, as it stands, then silence. */
export const onlyPiece =
  (piece: string): Answer =>
  ({ http }) =>
    Effect.zipRight(
      Effect.sync(() => http.writeHead(200, { "content-type": "text/event-stream" }).write(piece)),
      Effect.never
    )

/** One word every so often, for ever. */
export const trickle =
  (word: string, every: Duration.DurationInput): Answer =>
  ({ http, received }) => {
    const wire = wires[received.api]
    const write = Effect.sync(() => http.write(wire.text(word)))
    return Effect.zipRight(
      Effect.sync(() => beginStream(http, wire)),
      Effect.forever(Effect.zipRight(write, Effect.sleep(every)))
    )
  }

/** The connection is reset before a byte is sent. */
export const reset: Answer = ({ breakOff }) => Effect.sync(() => breakOff("reset"))

/** The connection is closed in the middle of the stream. */
export const cut = (text: Text): Answer => streamPieces((wire, received) => splitText(wire, text, received), "cut")

/** The stream ends in good order, without its end mark. */
export const endless = (text: Text): Answer => streamPieces((wire, received) => splitText(wire, text, received), "end")

/** The last chunk of the body is shorter than it says. */
export const incompleteChunk = (text: Text): Answer =>
  streamPieces((wire, received) => splitText(wire, text, received), "short")

/** An error object within a stream that had begun with 200. */
export const errorInStream = (error: ApiError): Answer => streamPieces((wire) => [wire.error(error)], "end")

/** A piece of the stream that is no JSON. */
export const invalidJson: Answer = streamPieces(() => [`data: {"oops\n\n`], "end")

/** A refusal with a status and a JSON error body. */
export const refuse =
  (status: number, error: ApiError = {}, headers: Record<string, string> = {}): Answer =>
  ({ http }) =>
    Effect.sync(() => {
      http.writeHead(status, { "content-type": "application/json", ...headers })
      http.end(JSON.stringify({ error: { message: `status ${status}`, type: "error", ...error } }))
    })

/** A body of any kind, without a content type if it is null. */
export const raw =
  (status: number, contentType: string | null, body: string): Answer =>
  ({ http }) =>
    Effect.sync(() => http.writeHead(status, contentType === null ? {} : { "content-type": contentType }).end(body))

/** A proxy's error page. */
export const html = (status: number): Answer =>
  raw(status, "text/html", `<html><head><title>${status}</title></head><body>proxy</body></html>`)

// ── private ──

const splitText = (wire: Wire, text: Text, received: Received): ReadonlyArray<string> => {
  const whole = typeof text === "string" ? text : text(received)
  return (whole.match(/\s*\S+\s*/g) ?? []).map(wire.text)
}

const beginStream = (http: ServerResponse, wire: Wire) =>
  http
    .writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" })
    .write(wire.begin)

/** A stream, and what becomes of the connection after its last piece. */
function streamPieces(
  pieces: (wire: Wire, received: Received) => ReadonlyArray<string>,
  then: "end" | "stay" | "cut" | "short" = "end"
): Answer {
  return ({ breakOff, http, received }) =>
    Effect.async<void>((resume) => {
      const wire = wires[received.api]
      beginStream(http, wire)
      http.write(pieces(wire, received).join("") || ": nothing\n\n", () => {
        if (then === "end") http.end()
        if (then === "cut") breakOff("close")
        if (then === "short") http.socket?.write("ff\r\ndata: {", () => breakOff("close"))
        resume(then === "stay" ? Effect.never : Effect.void)
      })
    })
}

const addressOf = (address: AddressInfo | string | null): AddressInfo => {
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port")
  return address
}
