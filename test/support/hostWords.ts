/** Lines that hosts of a cluster say about their turns, and the definition that they share with who asks them. */
import { Schema } from "effect"
import * as SessionCluster from "../../src/cluster/SessionCluster.ts"
import { SessionId } from "../../src/session/Session.ts"

const of = { session: Schema.String, request: Schema.String }

/**
 * `Appended` and `Delivered` are said once they are acknowledged. A turn that is not answered is `Refused`, with the error
 * that ended it, or `Interrupted`, because its session leaves the host.
 */
export const Said = Schema.Union(
  Schema.TaggedStruct("Ready", {}),
  Schema.TaggedStruct("Begun", of),
  Schema.TaggedStruct("Appended", { ...of, content: Schema.String }),
  Schema.TaggedStruct("Refused", { ...of, error: Schema.String }),
  Schema.TaggedStruct("Interrupted", of),
  Schema.TaggedStruct("Answered", of),
  Schema.TaggedStruct("Delivering", { session: Schema.String, content: Schema.String }),
  Schema.TaggedStruct("Delivered", { session: Schema.String, content: Schema.String }),
  Schema.TaggedStruct("Summarizing", {}),
  Schema.TaggedStruct("Measured", { metrics: Schema.Record({ key: Schema.String, value: Schema.Number }) })
)
export type Said = typeof Said.Type

/**
 * What a host is told on its stdin, one JSON value a line: to deliver to sessions in turn, as fast as it can, or to stop; or
 * to say its metrics, those of all labels together.
 */
export const Told = Schema.Union(
  Schema.TaggedStruct("Deliver", { sessions: Schema.Array(SessionId) }),
  Schema.TaggedStruct("Rest", {}),
  Schema.TaggedStruct("Measure", {})
)
export type Told = typeof Told.Type

/** What a turn appends, one after the other. */
export const STEPS = 4

/** The shortest there is. */
export const FAILOVER = 3_000

export const agents = SessionCluster.make({ success: Schema.String, error: Schema.Never, failover: FAILOVER })
