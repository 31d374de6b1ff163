/** A setting that is out of its range. */
import * as Schema from "effect/Schema"

/**
 * A setting of a `CompressionPolicy` or a route is out of its range.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidPolicy extends Schema.TaggedError<InvalidPolicy>()("InvalidPolicy", {
  field: Schema.String,
  issue: Schema.String
}) {
  override get message() {
    return `${this.field}: ${this.issue}`
  }
}
