/** A receiver of OpenTelemetry's protocol on the loopback (OTLP over HTTP, as JSON), which keeps what it is sent. */
import { Effect, Schema, type Scope } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { isObject, listObjects } from "../../src/format/json.ts"

/** A span as it came, with its attributes as plain values. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  readonly kind: number
  /** 1: ok, 2: failed. */
  readonly status: number
  readonly attributes: Attributes
  /** The ids of the spans that it is linked to. */
  readonly links: ReadonlyArray<string>
}

export interface ReceivedLog {
  readonly text: unknown
  readonly traceId: string | undefined
  readonly attributes: Attributes
}

export interface ReceivedPoint {
  readonly name: string
  readonly attributes: Attributes
}

type Attributes = Readonly<Record<string, unknown>>

export interface OtlpReceiver {
  readonly url: string
  readonly spans: Array<ReceivedSpan>
  readonly logs: Array<ReceivedLog>
  readonly points: Array<ReceivedPoint>
  /** The bodies, word for word. */
  readonly bodies: Array<string>
}

export const makeOtlpReceiver: Effect.Effect<OtlpReceiver, never, Scope.Scope> = Effect.gen(function* () {
  const received: Omit<OtlpReceiver, "url"> = { spans: [], logs: [], points: [], bodies: [] }
  const server = createServer((request, response) => {
    const pieces: Array<Buffer> = []
    request.on("data", (piece: Buffer) => pieces.push(piece))
    request.on("end", () => {
      const text = Buffer.concat(pieces).toString("utf8")
      received.bodies.push(text)
      const body: unknown = JSON.parse(text)
      if (request.url === "/v1/traces") received.spans.push(...readSpans(body))
      if (request.url === "/v1/logs") received.logs.push(...readLogs(body))
      if (request.url === "/v1/metrics") received.points.push(...readPoints(body))
      response.writeHead(200, { "content-type": "application/json" }).end("{}")
    })
  })
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.async<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  )
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, ...received }
})

/** The records of a body, which stand in scopes of resources. */
const readRecords = (body: unknown, resources: string, scopes: string, records: string) =>
  listObjects(isObject(body) ? body[resources] : undefined)
    .flatMap((resource) => listObjects(resource[scopes]))
    .flatMap((scope) => listObjects(scope[records]))

const Ids = Schema.Struct({
  traceId: Schema.String.pipe(Schema.pattern(/^[0-9a-f]{32}$/)),
  spanId: Schema.String.pipe(Schema.pattern(/^[0-9a-f]{16}$/))
})

const Span = Schema.Struct({
  ...Ids.fields,
  parentSpanId: Schema.optional(Schema.String),
  name: Schema.String,
  kind: Schema.Int,
  status: Schema.Struct({ code: Schema.Int }),
  links: Schema.Array(Ids)
})

const readSpans = (body: unknown): ReadonlyArray<ReceivedSpan> =>
  readRecords(body, "resourceSpans", "scopeSpans", "spans").map((record) => {
    const { links, status, ...span } = Schema.decodeUnknownSync(Span)(record)
    return {
      ...span,
      parentSpanId: span.parentSpanId,
      status: status.code,
      attributes: readAttributes(record.attributes),
      links: links.map(({ spanId }) => spanId)
    }
  })

const readLogs = (body: unknown): ReadonlyArray<ReceivedLog> =>
  readRecords(body, "resourceLogs", "scopeLogs", "logRecords").map(({ attributes, body, traceId }) => ({
    text: readValue(body),
    traceId: typeof traceId === "string" ? traceId : undefined,
    attributes: readAttributes(attributes)
  }))

const readPoints = (body: unknown): ReadonlyArray<ReceivedPoint> =>
  readRecords(body, "resourceMetrics", "scopeMetrics", "metrics").flatMap(({ gauge, histogram, name, sum }) =>
    [gauge, histogram, sum]
      .flatMap((data) => listObjects(isObject(data) ? data.dataPoints : undefined))
      .map(({ attributes }) => ({ name: String(name), attributes: readAttributes(attributes) }))
  )

const readAttributes = (attributes: unknown): Attributes =>
  Object.fromEntries(listObjects(attributes).map(({ key, value }) => [String(key), readValue(value)]))

/** A value stands under the name of its type. */
const readValue = (value: unknown): unknown => {
  if (!isObject(value)) return undefined
  const { arrayValue, intValue } = value
  if (isObject(arrayValue)) return listObjects(arrayValue.values).map(readValue)
  return intValue === undefined ? Object.values(value)[0] : Number(intValue)
}
