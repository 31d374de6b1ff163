/** Answers for the service itself, and for what happens now. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SessionId } from "../../session/Session.ts"
import { SessionStore } from "../../store/SessionStore.ts"
import { Api } from "../Api.ts"
import { Events } from "../events.ts"
import { formatMetrics } from "../prometheus.ts"
import { Settings } from "../settings.ts"

/** An id that none has. */
const NOBODY = SessionId.make("throughline/health")

export const layerService = HttpApiBuilder.group(Api, "service", (handlers) =>
  Effect.gen(function* () {
    const { isWritable, version } = yield* Settings
    const store = yield* SessionStore
    const describe = (detail: string | null) =>
      ({ status: detail === null ? "ok" : "failing", version, isWritable, detail }) as const
    // Costs one look-up, however many sessions there are: anyone may ask.
    return handlers.handle("health", () =>
      Effect.match(store.state(NOBODY), {
        onFailure: (error) => describe(error._tag === "UnknownSession" ? null : error.message),
        onSuccess: () => describe(null)
      })
    )
  })
)

export const layerObservation = HttpApiBuilder.group(Api, "observation", (handlers) =>
  Effect.gen(function* () {
    const { diagnose, drop } = yield* Settings
    const events = yield* Events

    const answerEvents = (sessionId: string | null, after: string | undefined) =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const text = yield* events.read({
          sessionId,
          after: request.headers["last-event-id"] ?? after,
          drop: drop(request)
        })
        return HttpServerResponse.stream(Stream.encodeText(text), {
          contentType: "text/event-stream",
          headers: { "cache-control": "no-store", "x-accel-buffering": "no" }
        })
      })

    return handlers
      .handle("metrics", () => formatMetrics)
      .handleRaw("events", ({ urlParams }) => answerEvents(null, urlParams.after))
      .handleRaw("sessionEvents", ({ path, urlParams }) => answerEvents(path.session, urlParams.after))
      .handle("doctor", () => diagnose)
  })
)
