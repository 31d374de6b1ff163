/** Answers for the service itself, and for what happens now. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SessionStore } from "../../store/SessionStore.ts"
import { Api } from "../Api.ts"
import { Events } from "../Events.ts"
import { formatMetrics } from "../prometheus.ts"
import { Settings } from "../Settings.ts"

export const layerService = HttpApiBuilder.group(Api, "service", (handlers) =>
  Effect.gen(function* () {
    const { isWritable, version } = yield* Settings
    const store = yield* SessionStore
    return handlers.handle("health", () =>
      Effect.match(store.sessions, {
        onFailure: ({ message }) => ({ status: "failing" as const, version, isWritable, detail: message }),
        onSuccess: () => ({ status: "ok" as const, version, isWritable, detail: null })
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
