/** The endpoints that change sessions. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { PinRequest } from "../../gateway/pins.ts"
import { CompressionResult } from "../../session/CompressionResult.ts"
import { DeliveryKind, Receipt } from "../../session/Session.ts"
import * as Answers from "./answers.ts"
import * as Errors from "./errors.ts"
import { Authorization, nothing, pin, session, Writing } from "./parameters.ts"

const NewGeneration = Schema.Struct({ generation: Schema.Int, snapshotId: Schema.String })

export const operations = HttpApiGroup.make("operations")
  .add(
    HttpApiEndpoint.post("deliver")`/sessions/${session}/messages`
      .setPayload(
        Schema.Struct({
          message: Schema.Unknown,
          format: Schema.optional(Answers.Format),
          kind: Schema.optional(DeliveryKind),
          key: Schema.optional(Schema.String)
        })
      )
      .addSuccess(Receipt)
      .addError(Errors.invalidMessage)
      .addError(Errors.invalidKey)
      .addError(Errors.idempotencyConflict)
      .annotate(
        OpenApi.Description,
        "Stores a message and answers its receipt once it is on disk. A session begins with its first message. " +
          "`message` is one chat message, or one item of another `format`. The same message under the same `key` is " +
          "stored once, and gets its first receipt again."
      )
  )
  .add(
    HttpApiEndpoint.post("compress")`/sessions/${session}/compress`
      .setPayload(
        Schema.Struct({ focus: Schema.optional(Schema.String), contextLength: Schema.optional(Schema.Number) })
      )
      .addSuccess(CompressionResult)
      .addError(Errors.unknownSession)
      .addError(Errors.compressionFailed)
      .addError(Errors.invalidPolicy)
      .annotate(
        OpenApi.Description,
        "Compresses the session now, or waits for the compression under way, and answers what came of it."
      )
  )
  .add(
    HttpApiEndpoint.post("heal")`/sessions/${session}/heal`
      .setPayload(nothing)
      .addSuccess(Schema.Struct({ segments: Schema.Array(Schema.String) }))
      .addError(Errors.unknownSession)
      .annotate(
        OpenApi.Description,
        "Summarizes again what no model could summarize. Answers the ids of the segments that were replaced."
      )
  )
  .add(
    HttpApiEndpoint.put("editHandoff")`/sessions/${session}/handoff`
      .setPayload(Schema.Struct({ text: Schema.String, generation: Schema.optional(Schema.Int) }))
      .addSuccess(NewGeneration)
      .addError(Errors.invalidEdit)
      .addError(Errors.unknownSession)
      .annotate(
        OpenApi.Description,
        "Replaces the handoff by its text as a person mended it. `generation` is the one that was mended."
      )
  )
  .add(
    HttpApiEndpoint.post("restore")`/sessions/${session}/restore`
      .setPayload(Schema.Struct({ snapshotId: Schema.String }))
      .addSuccess(NewGeneration)
      .addError(Errors.invalidRestore)
      .addError(Errors.unknownSnapshot)
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Makes the view what it was at a snapshot, with all that came since.")
  )
  .add(
    HttpApiEndpoint.post("pin")`/sessions/${session}/pins`
      .setPayload(PinRequest)
      .addSuccess(Answers.Pin)
      .addError(Errors.invalidPin)
      .addError(Errors.pinTooLarge)
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Keeps messages or a text in every view, word for word.")
  )
  .add(
    HttpApiEndpoint.del("unpin")`/sessions/${session}/pins/${pin}`
      .addSuccess(Schema.Struct({ wasPinned: Schema.Boolean }))
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Lets a pin go. Answers whether there was one of this name.")
  )
  .add(
    HttpApiEndpoint.post("rewind")`/sessions/${session}/rewind`
      .setPayload(Schema.Struct({ seq: Schema.Int }))
      .addSuccess(Schema.Struct({ generation: Schema.Int, undone: Schema.Int }))
      .addError(Errors.invalidRewind)
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Takes back every message after number `seq`.")
  )
  .add(
    HttpApiEndpoint.post("reset")`/sessions/${session}/reset`
      .setPayload(nothing)
      .addSuccess(NewGeneration)
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Ends the working context. The log stays, and recall finds what it holds.")
  )
  .add(
    HttpApiEndpoint.del("forget")`/sessions/${session}`
      .addSuccess(Schema.Struct({ messages: Schema.Int, waiting: Schema.Int, lastArrival: Schema.Int }))
      .addError(Errors.unknownSession)
      .addError(Errors.sessionBusy)
      .addError(Errors.foreignSession)
      .annotate(OpenApi.Description, "Deletes a session with all that is stored of it. Nothing brings it back.")
  )
  .addError(Errors.storeUnavailable)
  .addError(Errors.storeFailed)
  .addError(Errors.notJson)
  .addError(Errors.malformed)
  .addError(Errors.bodyTooLarge)
  .middleware(Writing)
  .middleware(Authorization)
  .annotate(OpenApi.Description, "What changes sessions")
