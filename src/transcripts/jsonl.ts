/**
 * One chat message per line.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import { type Contents, type ImportError, parseMessage, type Row } from "./rows.ts"

/**
 * @since 0.1.0
 * @category predicates
 */
export const recognizes = ({ value }: Row): boolean => typeof value.role === "string"

/**
 * @since 0.1.0
 * @category constructors
 */
export const read = (rows: ReadonlyArray<Row>): Either.Either<Contents, ImportError> =>
  Either.map(Either.all(rows.map((row) => parseMessage(row, row.value))), (messages) => ({
    sessions: [{ sessionId: null, messages }],
    skipped: {}
  }))
