/** The endpoints of the service itself, of what happens now, and of its database. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import * as Answers from "./answers.ts"
import * as Errors from "./errors.ts"
import { Authorization, eventStream, session } from "./parameters.ts"

export const service = HttpApiGroup.make("service")
  .add(
    HttpApiEndpoint.get("health", "/health")
      .addSuccess(Answers.Health)
      .annotate(
        OpenApi.Description,
        "Answers whether the service and its store work. Needs no token, and tells nothing of any session."
      )
  )
  .annotate(OpenApi.Description, "The service itself")

export const observation = HttpApiGroup.make("observation")
  .add(
    HttpApiEndpoint.get("metrics", "/metrics")
      .addSuccess(HttpApiSchema.Text({ contentType: "text/plain; version=0.0.4; charset=utf-8" }))
      .annotate(OpenApi.Description, "Answers the metrics of this process in the text format of Prometheus.")
  )
  .add(
    HttpApiEndpoint.get("events", "/events")
      .setUrlParams(Schema.Struct({ after: Schema.optional(Schema.String) }))
      .addSuccess(eventStream)
      .addError(Errors.unavailable)
      .annotate(
        OpenApi.Description,
        "Streams what happens to all sessions as server-sent events: `data` is a `ServerEvent` as JSON, `event` " +
          "its `_tag`, `id` its number. A comment comes every 15 seconds. `Last-Event-ID`, or `?after=` with such " +
          "an id, continues where a reader was interrupted; what is no longer known is told as `Missed`. A slow " +
          "reader misses the oldest events."
      )
  )
  .add(
    HttpApiEndpoint.get("sessionEvents")`/sessions/${session}/events`
      .setUrlParams(Schema.Struct({ after: Schema.optional(Schema.String) }))
      .addSuccess(eventStream)
      .addError(Errors.unavailable)
      .annotate(OpenApi.Description, "The same of one session, which need not be there yet.")
  )
  .add(
    HttpApiEndpoint.get("doctor", "/doctor")
      .addSuccess(Answers.Diagnosis)
      .annotate(OpenApi.Description, "Looks for damage in the database that is served. Reads all of it.")
  )
  .addError(Errors.storeUnavailable)
  .addError(Errors.storeFailed)
  .middleware(Authorization)
  .annotate(OpenApi.Description, "What happens now, and whether the database is whole")
