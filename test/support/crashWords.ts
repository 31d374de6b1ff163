/** The reports of an agent of `crashAgent.ts`. The content of each message begins with a tag of its own. */
import { Schema } from "effect"
import { Outcome } from "../../src/session/CompressionResult.ts"
import * as Message from "../../src/message/Message.ts"
import { SessionId } from "../../src/session/Session.ts"

export const id = SessionId.make("chat-42")

export const Said = Schema.Union(
  Schema.TaggedStruct("Ready", {}),
  Schema.TaggedStruct("Delivered", { arrival: Schema.Int, tag: Schema.String }),
  Schema.TaggedStruct("Appended", { tag: Schema.String }),
  Schema.TaggedStruct("Compressed", { outcome: Outcome, operationId: Schema.String, generation: Schema.Int }),
  Schema.TaggedStruct("Failed", { error: Schema.String, operationId: Schema.String }),
  Schema.TaggedStruct("Called", { calls: Schema.Int, failures: Schema.Int, merges: Schema.Int })
)
export type Said = typeof Said.Type

export const tagOf = (message: Message.Message): string => Message.text(message).split("\n")[0] ?? ""
