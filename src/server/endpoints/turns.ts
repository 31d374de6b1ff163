/** The endpoints of a turn. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Errors from "./errors.ts"
import { Authorization, nothing, session, turn, Writing } from "./parameters.ts"
import * as Turns from "./turnAnswers.ts"

export const turns = HttpApiGroup.make("turns")
  .add(
    HttpApiEndpoint.post("begin")`/sessions/${session}/turns`
      .setPayload(Turns.BeginTurn)
      .addSuccess(Turns.TurnBegun)
      .addError(Errors.sessionBusy)
      .addError(Errors.unavailable)
      .annotate(
        OpenApi.Description,
        "Begins a turn and answers once it has the session, after at most `wait` milliseconds (30,000 unless " +
          "given). The turn is lost once its client was silent for `ttl` milliseconds (60,000 unless given, at most " +
          "600,000); every call extends it."
      )
  )
  .add(
    HttpApiEndpoint.post("step")`/sessions/${session}/turns/${turn}/view`
      .setPayload(Turns.StepRequest)
      .addSuccess(Turns.StepAnswer)
      .addError(Errors.invalidMessage)
      .annotate(
        OpenApi.Description,
        "Takes up what was delivered, and answers the messages for the next model call. They fit the window."
      )
  )
  .add(
    HttpApiEndpoint.post("rescue")`/sessions/${session}/turns/${turn}/rescue`
      .setPayload(Turns.Refusal)
      .addSuccess(Turns.StepAnswer)
      .addError(Errors.invalidMessage)
      .annotate(
        OpenApi.Description,
        "Answers a smaller view in place of the latest one, which the model's server refused as too long. Call it " +
          "again if that one is refused, too; once nothing more can leave, it fails with `WindowExceeded`. Any other " +
          "call of the turn but `heartbeat` tells that the view was taken, and the session keeps within that window."
      )
  )
  .add(
    HttpApiEndpoint.post("append")`/sessions/${session}/turns/${turn}/messages`
      .setPayload(Turns.AppendRequest)
      .addSuccess(Turns.AppendAnswer)
      .addError(Errors.invalidMessage)
      .addError(Errors.idempotencyConflict)
      .annotate(
        OpenApi.Description,
        "Appends messages to the log, all or none, and answers when they are on disk. The same call again under " +
          "the same `key` appends nothing and gets the first answer. An agent that lost an answer with its turn " +
          "compares `lastSeq` of the next turn with the last that it knows."
      )
  )
  .add(
    HttpApiEndpoint.post("report")`/sessions/${session}/turns/${turn}/report`
      .setPayload(Turns.UsageReport)
      .addSuccess(Turns.Extended)
      .annotate(
        OpenApi.Description,
        "Reports the input tokens that the provider counted for the latest view, so that later estimates are " +
          "calibrated."
      )
  )
  .add(
    HttpApiEndpoint.post("heartbeat")`/sessions/${session}/turns/${turn}/heartbeat`
      .setPayload(nothing)
      .addSuccess(Turns.Extended)
      .annotate(OpenApi.Description, "Says that the client is still there, as while its model answers.")
  )
  .add(
    HttpApiEndpoint.del("end")`/sessions/${session}/turns/${turn}`
      .addSuccess(Turns.TurnEnd)
      .annotate(OpenApi.Description, "Ends a turn: the next one may begin. Answers only once it may.")
  )
  .addError(Errors.turnLost)
  .addError(Errors.superseded)
  .addError(Errors.unknownSession)
  .addError(Errors.compressionFailed)
  .addError(Errors.invalidPolicy)
  .addError(Errors.windowExceeded)
  .addError(Errors.storeUnavailable)
  .addError(Errors.storeFailed)
  .addError(Errors.notJson)
  .addError(Errors.malformed)
  .addError(Errors.bodyTooLarge)
  .middleware(Writing)
  .middleware(Authorization)
  .annotate(OpenApi.Description, "Turns of agents in any language")
