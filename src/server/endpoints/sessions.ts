/** The endpoints that read sessions. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import * as CompressionReceipt from "../../session/Receipt.ts"
import { SessionStats } from "../../session/SessionStats.ts"
import * as Answers from "./answers.ts"
import * as Errors from "./errors.ts"
import { arrival, Authorization, count, inFormat, page, segment, session, snapshot } from "./parameters.ts"

export const sessions = HttpApiGroup.make("sessions")
  .add(
    HttpApiEndpoint.get("list", "/sessions")
      .setUrlParams(Schema.Struct({ ...page, after: Schema.optional(Schema.String) }))
      .addSuccess(Answers.SessionPage)
      .annotate(
        OpenApi.Description,
        "Lists the sessions in order of their ids, 100 unless `limit` says otherwise, from the one after the id " +
          "`after` on."
      )
  )
  .add(
    HttpApiEndpoint.get("detail")`/sessions/${session}`
      .addSuccess(Answers.SessionDetail)
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Answers what the view of a session is made of, without its words.")
  )
  .add(
    HttpApiEndpoint.get("view")`/sessions/${session}/view`
      .setUrlParams(inFormat)
      .addSuccess(Answers.ViewAnswer)
      .addError(Errors.unknownSession)
      .annotate(
        OpenApi.Description,
        "Answers what the model would see now. Changes nothing: what was delivered stays in the inbox."
      )
  )
  .add(
    HttpApiEndpoint.get("log")`/sessions/${session}/log`
      .setUrlParams(Schema.Struct({ ...page, from: Schema.optional(count) }))
      .addSuccess(Answers.LogPage)
      .addError(Errors.unknownSession)
      .annotate(
        OpenApi.Description,
        "Reads `limit` messages of the log from `from` on: 100 and the first unless given, at most 1,000."
      )
  )
  .add(
    HttpApiEndpoint.get("inbox")`/sessions/${session}/inbox`
      .setUrlParams(Schema.Struct(page))
      .addSuccess(Answers.Inbox)
      .addError(Errors.unknownSession)
      .annotate(
        OpenApi.Description,
        "Reads what was delivered and waits for a turn, the oldest `limit` messages: 100 unless given, at most 1,000."
      )
  )
  .add(
    HttpApiEndpoint.get("reply")`/sessions/${session}/replies/${arrival}`
      .addSuccess(Answers.Reply)
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Answers the message that answered a delivery, by the `arrival` of its receipt.")
  )
  .add(
    HttpApiEndpoint.get("segments")`/sessions/${session}/segments`
      .addSuccess(Answers.SegmentTree)
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Answers the tree of segments, without their texts.")
  )
  .add(
    HttpApiEndpoint.get("segment")`/segments/${segment}`
      .setUrlParams(Schema.Struct({ from: Schema.optional(count), maxTokens: Schema.optional(count) }))
      .addSuccess(Answers.SegmentAnswer)
      .addError(Errors.unknownSegment)
      .annotate(
        OpenApi.Description,
        "Reads a segment and the messages behind it, from `from` on, of `maxTokens` tokens at most (20,000 unless " +
          "given)."
      )
  )
  .add(
    HttpApiEndpoint.get("handoff")`/sessions/${session}/handoff`
      .addSuccess(Answers.Handoff)
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Answers the text that stands for what left.")
  )
  .add(
    HttpApiEndpoint.get("ledger")`/sessions/${session}/ledger`
      .addSuccess(Answers.Facts)
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Answers the facts that the ledger holds, each with its message.")
  )
  .add(
    HttpApiEndpoint.get("rules")`/sessions/${session}/rules`
      .addSuccess(Answers.Rules)
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Answers the rules that hold in the session.")
  )
  .add(
    HttpApiEndpoint.get("pins")`/sessions/${session}/pins`
      .addSuccess(Schema.Array(Answers.Pin))
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Lists what is pinned, oldest first.")
  )
  .add(
    HttpApiEndpoint.get("recall")`/sessions/${session}/recall`
      .setUrlParams(
        Schema.Struct({
          ...page,
          query: Schema.String,
          beside: Schema.optional(count),
          where: Schema.optional(Schema.Literal("everywhere", "out-of-view"))
        })
      )
      .addSuccess(Answers.Finds)
      .addError(Errors.unknownSession)
      .annotate(
        OpenApi.Description,
        "Searches all that was ever said in the session, or what the view does not show in full."
      )
  )
  .add(
    HttpApiEndpoint.get("stats")`/sessions/${session}/stats`
      .addSuccess(SessionStats)
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Counts the session's compressions, model calls and waits.")
  )
  .add(
    HttpApiEndpoint.get("plan")`/sessions/${session}/plan`
      .setUrlParams(Schema.Struct({ steps: Schema.optional(count) }))
      .addSuccess(Answers.Forecast)
      .addError(Errors.unknownSession)
      .addError(Errors.invalidPolicy)
      .annotate(
        OpenApi.Description,
        "Says what a compression would do now, save over the next `steps` (20 unless given), and cost, and when " +
          "one begins."
      )
  )
  .add(
    HttpApiEndpoint.get("timeline")`/sessions/${session}/timeline`
      .addSuccess(Answers.Timeline)
      .addError(Errors.unknownSession)
      .annotate(
        OpenApi.Description,
        "Answers how full the window was over time, and what would have been sent without compressions."
      )
  )
  .add(
    HttpApiEndpoint.get("snapshots")`/sessions/${session}/snapshots`
      .addSuccess(Schema.Array(Answers.SnapshotEntry))
      .addError(Errors.unknownSession)
      .annotate(OpenApi.Description, "Lists the views that the session left behind, oldest first.")
  )
  .add(
    HttpApiEndpoint.get("snapshotView")`/snapshots/${snapshot}/view`
      .setUrlParams(inFormat)
      .addSuccess(Answers.ViewAnswer)
      .addError(Errors.unknownSnapshot)
      .annotate(OpenApi.Description, "Answers what the model saw at a snapshot.")
  )
  .add(
    HttpApiEndpoint.get("comparison")`/snapshots/${snapshot}/comparison`
      .setUrlParams(Schema.Struct({ ...page, with: Schema.optional(Schema.String) }))
      .addSuccess(Answers.Comparison)
      .addError(Errors.unknownSnapshot)
      .addError(Errors.unknownSession)
      .annotate(
        OpenApi.Description,
        "Compares a snapshot with another one of its session, `with`, or with the view as it is now. Lists at most " +
          "`limit` messages of those that left and of those that came: 100 unless given, at most 1,000."
      )
  )
  .add(
    HttpApiEndpoint.get("receipt")`/snapshots/${snapshot}/receipt`
      .addSuccess(Schema.NullOr(CompressionReceipt.Receipt))
      .addError(Errors.unknownSnapshot)
      .annotate(
        OpenApi.Description,
        "Answers what the compression that left a snapshot behind can show for itself; null if none did."
      )
  )
  .addError(Errors.storeUnavailable)
  .addError(Errors.storeFailed)
  .middleware(Authorization)
  .annotate(OpenApi.Description, "What is there to read of sessions")
