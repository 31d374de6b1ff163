/**
 * One `{session, message}` per line; the sessions may be interleaved.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Message } from "../message/Message.ts"
import { SessionId } from "../session/Session.ts"
import { type Contents, decodeWith, type ImportError, isObject, parseMessage, type Row } from "./rows.ts"

const line = decodeWith(Schema.Struct({ session: SessionId, message: Schema.Unknown }), "a session id and a message")

/**
 * @since 0.1.0
 * @category predicates
 */
export const recognizes = ({ value }: Row): boolean => typeof value.session === "string" && isObject(value.message)

/**
 * The sessions stand in the order of their first message.
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = (rows: ReadonlyArray<Row>): Either.Either<Contents, ImportError> =>
  Either.gen(function* () {
    const sessions = new Map<string, Array<Message>>()
    for (const row of rows) {
      const { session, message: value } = yield* line(row)
      const parsed = yield* parseMessage(row, value)
      const messages = sessions.get(session)
      if (messages === undefined) sessions.set(session, [parsed])
      else messages.push(parsed)
    }
    return { sessions: [...sessions].map(([sessionId, messages]) => ({ sessionId, messages })), skipped: {} }
  })
