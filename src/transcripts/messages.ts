/**
 * A JSON array of chat messages.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import { type Contents, describeValue, ImportError, parseJson, parseMessage } from "./rows.ts"

/**
 * Whether a text can only be a JSON array: no row of the other formats begins with a bracket.
 *
 * @since 0.1.0
 * @category predicates
 */
export const recognizes = (text: string): boolean => text.trimStart().startsWith("[")

/**
 * Errors count the messages from 1: the lines of an array say little.
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = (text: string, file: string): Either.Either<Contents, ImportError> => {
  const place = { file, line: null }
  const value = parseJson(text)
  if (!Array.isArray(value)) {
    return Either.left(
      new ImportError({ ...place, expected: "a JSON array of chat messages", found: describeValue(value) })
    )
  }
  const elements: ReadonlyArray<unknown> = value
  const messages = elements.map((element, index) =>
    parseMessage(place, element, `element ${index + 1} of the array to be a chat message`)
  )
  return Either.map(Either.all(messages), (messages) => ({ sessions: [{ sessionId: null, messages }], skipped: {} }))
}
