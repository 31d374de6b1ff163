/** Refuses settings that are out of their range. */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/**
 * A setting of a `CompressionPolicy`, a `Recovery.Policy`, a budget, a pause or a route is out of its range.
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

/** The result of a check. */
export type Checked = Either.Either<void, InvalidPolicy>

/** The first refusal, if there is one. */
export const checkAll = (checks: ReadonlyArray<Checked>): Checked => checks.find(Either.isLeft) ?? Either.void

/** Refuses the setting unless it `isValid`. */
export const checkSetting = (field: string, isValid: boolean, expected: string, value: unknown): Checked =>
  isValid ? Either.void : Either.left(new InvalidPolicy({ field, issue: `expected ${expected}, got ${String(value)}` }))

/** Refuses all but whole numbers from `least` on, NaN and infinity included. */
export const checkWhole = (field: string, value: number, least = 0): Checked =>
  checkSetting(field, Number.isSafeInteger(value) && value >= least, `a whole number from ${least} on`, value)

/** Refuses what `Duration.decode` throws on, and the numbers that it silently takes for zero. */
export const checkDuration = (field: string, value: Duration.DurationInput): Checked => {
  const isZeroByMistake = typeof value === "number" && !(value >= 0)
  const isValid = Option.isSome(Duration.decodeUnknown(value)) && !isZeroByMistake
  return checkSetting(field, isValid, "a duration", value)
}
