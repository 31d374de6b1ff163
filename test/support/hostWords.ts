/** Lines that hosts of a cluster say about their turns, and the definition that they share with who asks them. */
import { Schema } from "effect"
import * as SessionCluster from "../../src/cluster/SessionCluster.ts"

const of = { session: Schema.String, request: Schema.String }

/** `Appended` is said once it is acknowledged; `Refused` names the error that ended a turn. */
export const Said = Schema.Union(
  Schema.TaggedStruct("Ready", {}),
  Schema.TaggedStruct("Begun", of),
  Schema.TaggedStruct("Appended", { ...of, content: Schema.String }),
  Schema.TaggedStruct("Refused", { ...of, error: Schema.String }),
  Schema.TaggedStruct("Answered", of),
  Schema.TaggedStruct("Summarizing", {})
)
export type Said = typeof Said.Type

/** The shortest there is. */
export const FAILOVER = 3_000

export const agents = SessionCluster.make({ success: Schema.String, error: Schema.Never, failover: FAILOVER })
