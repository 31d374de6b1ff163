/**
 * Why a compression could not be asked for, or ended without a result.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ModelError } from "../model/ModelError.ts"
export { InvalidPolicy } from "../model/InvalidSetting.ts"
import { SessionId } from "./Session.ts"

/**
 * Every route failed and the policy says `onExhausted: "fail"`: the session is exactly as before.
 *
 * @since 0.1.0
 * @category errors
 */
export class CompressionFailed extends Schema.TaggedError<CompressionFailed>()("CompressionFailed", {
  sessionId: SessionId,
  operationId: Schema.String,
  errors: Schema.Array(ModelError)
}) {
  override get message() {
    const last = this.errors.at(-1)
    return `compression of session ${this.sessionId} failed: ${last === undefined ? "no route" : last.message}`
  }
}
