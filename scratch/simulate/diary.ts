/** What everybody remembers of a run: plain events, which processes can tell each other, and all that is judged by. */
import { Schema } from "effect"
import { createHash } from "node:crypto"
import { Outcome } from "../../src/session/CompressionResult.ts"
import type { Message } from "../../src/message/Message.ts"
import { Word } from "./words.ts"

/**
 * `agent` is the id the session was given; `named` is the id that a receipt or a view gave back. Times are milliseconds.
 *
 * - `Delivered`: acknowledged
 * - `Appended`: stored; `answers` are the words a final answer is for
 * - `Viewed`: `waited` is how long the turn was held up before it saw the view
 * - `Awaited`: a turn waits for a compression
 * - `Replied`: what an agent said when asked about a note, and where it had found it
 */
export const Event = Schema.Union(
  Schema.TaggedStruct("Delivered", {
    agent: Schema.String,
    named: Schema.String,
    digest: Schema.String,
    word: Word,
    waited: Schema.Number
  }),
  Schema.TaggedStruct("Appended", {
    agent: Schema.String,
    digest: Schema.String,
    answers: Schema.Array(Schema.String)
  }),
  Schema.TaggedStruct("Viewed", { agent: Schema.String, named: Schema.String, waited: Schema.Number }),
  Schema.TaggedStruct("Replied", {
    agent: Schema.String,
    about: Schema.String,
    told: Schema.String,
    source: Schema.Literal("view", "recall", "nowhere")
  }),
  Schema.TaggedStruct("Awaited", { agent: Schema.String }),
  Schema.TaggedStruct("Started", { named: Schema.String, at: Schema.Number }),
  Schema.TaggedStruct("Ended", { named: Schema.String, outcome: Outcome, generation: Schema.Int }),
  Schema.TaggedStruct("Failed", { agent: Schema.String, error: Schema.String })
)
export type Event = typeof Event.Type

export const ofKind = <T extends Event["_tag"]>(diary: ReadonlyArray<Event>, tag: T) =>
  diary.filter((event): event is Extract<Event, { readonly _tag: T }> => event._tag === tag)

/** Tells messages apart without keeping them. */
export const digest = (message: Message): string =>
  createHash("sha256").update(JSON.stringify(message)).digest("base64").slice(0, 16)
