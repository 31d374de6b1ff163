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
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/** The result of a check. */
export type Checked = Either.Either<void, InvalidPolicy>

/** The first refusal, if there is one. */
export const checkAll = (checks: ReadonlyArray<Checked>): Checked => checks.find(Either.isLeft) ?? Either.void

/** Refuses the setting unless it `isValid`. */
export const checkSetting = (field: string, isValid: boolean, expected: string, value: unknown): Checked =>
  isValid
    ? Either.void
    : Either.left(new InvalidPolicy({ field, issue: `expected ${expected}, got ${describe(value)}` }))

/** Objects may have no text, or throw when they are asked for it. */
const describe = (value: unknown): string =>
  typeof value === "object" || typeof value === "function"
    ? value === null
      ? "null"
      : `a ${typeof value}`
    : String(value)

/** Refuses all but whole numbers from `least` on, NaN and infinity included. */
export const checkWhole = (field: string, value: number, least = 0): Checked =>
  checkSetting(field, Number.isSafeInteger(value) && value >= least, `a whole number from ${least} on`, value)

/** Refuses what `Duration.decode` throws on, and the numbers that it silently takes for zero. */
export const checkDuration = (field: string, value: unknown): Checked => {
  const isZeroByMistake = typeof value === "number" && !(value >= 0)
  const isValid = Option.isSome(Duration.decodeUnknown(value)) && !isZeroByMistake
  return checkSetting(field, isValid, "a duration", value)
}

/** Checks one field of options. Not called for a field that is not given. */
export type CheckField = (field: string, value: unknown) => Checked

export const isText: CheckField = (field, value) => checkSetting(field, typeof value === "string", "text", value)

export const isFlag: CheckField = (field, value) =>
  checkSetting(field, typeof value === "boolean", "true or false", value)

export const isObject: CheckField = (field, value) => checkSetting(field, typeof value === "object", "an object", value)

export const isAnyNumber: CheckField = (field, value) =>
  checkSetting(field, typeof value === "number", "a number", value)

export const isNumber: CheckField = (field, value) =>
  checkSetting(field, typeof value === "number" && !Number.isNaN(value), "a number", value)

export const isAmount: CheckField = (field, value) =>
  checkSetting(field, typeof value === "number" && value >= 0, "a number from 0 on", value)

export const isOneOf =
  (...texts: ReadonlyArray<string>): CheckField =>
  (field, value) =>
    checkSetting(field, typeof value === "string" && texts.includes(value), texts.join(" or "), value)

/** Accepts a list that can be sent as JSON. */
export const isJsonList: CheckField = (field, value) => {
  const canBeWritten = Array.isArray(value) && Either.isRight(Either.try(() => JSON.stringify(value)))
  return checkSetting(field, canBeWritten, "a list that can be written as JSON", value)
}

/**
 * Returns a copy of the options that a caller gave, without what is no option. Reads each field once: a getter may throw, or
 * say something else the next time.
 */
export const readOptions = <A extends object>(
  options: A | null | undefined,
  checks: { readonly [K in keyof A]-?: CheckField }
): Either.Either<Partial<A>, InvalidPolicy> => {
  const read: Partial<A> = {}
  if (options === undefined || options === null) return Either.right(read)
  const isObject = checkSetting("options", typeof options === "object", "an object", options)
  if (Either.isLeft(isObject)) return Either.left(isObject.left)
  for (const field in checks) {
    const value = Either.try({
      try: () => options[field],
      catch: () => new InvalidPolicy({ field, issue: "it cannot be read" })
    })
    if (Either.isLeft(value)) return Either.left(value.left)
    if (value.right === undefined || value.right === null) continue
    const checked = checks[field](field, value.right)
    if (Either.isLeft(checked)) return Either.left(checked.left)
    read[field] = value.right
  }
  return Either.right(read)
}
