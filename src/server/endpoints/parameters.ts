/** Common parts of endpoints: the checks of their callers, and the parts of their paths and queries. */
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as Schema from "effect/Schema"
import { readSegment, writeSegment } from "../../message/pathSegment.ts"
import { SessionId } from "../../session/Session.ts"
import * as Answers from "./answers.ts"
import * as Errors from "./errors.ts"

/**
 * Checks the token of a request.
 *
 * @since 0.1.0
 * @category middleware
 */
export class Authorization extends HttpApiMiddleware.Tag<Authorization>()("throughline/server/Authorization", {
  failure: Errors.unauthorized,
  security: { token: HttpApiSecurity.bearer }
}) {}

/**
 * Refuses what changes something, unless the service was started with `--write`.
 *
 * @since 0.1.0
 * @category middleware
 */
export class Writing extends HttpApiMiddleware.Tag<Writing>()("throughline/server/Writing", {
  failure: Errors.readOnly
}) {}

// ── parameters ──

/** An id as one segment of a path. The router has decoded it; the client does not encode by itself. */
const inPath = <A extends string>(id: Schema.Schema<A, string>) =>
  Schema.transform(Schema.String, id, {
    strict: true,
    decode: readSegment,
    encode: writeSegment
  })

export const session = HttpApiSchema.param("session", inPath(SessionId))
export const snapshot = HttpApiSchema.param("snapshot", inPath(Schema.String))
export const segment = HttpApiSchema.param("segment", inPath(Schema.String))
export const turn = HttpApiSchema.param("turn", inPath(Schema.String))
export const pin = HttpApiSchema.param("pin", inPath(Schema.String))
export const arrival = HttpApiSchema.param("arrival", Schema.NumberFromString.pipe(Schema.int()))

export const count = Schema.NumberFromString.pipe(Schema.int(), Schema.nonNegative())
export const page = { limit: Schema.optional(count) }
export const inFormat = Schema.Struct({ format: Schema.optional(Answers.Format) })

export const eventStream = HttpApiSchema.Text({ contentType: "text/event-stream" })

/** The body of a call that says all in its path. */
export const nothing = Schema.Struct({})
