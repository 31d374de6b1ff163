/** Defines the messages between the processes of a run. */
import { Schema } from "effect"
import * as Diary from "./diary.ts"

/** From an agent's process to the one that began it: `Ring` is for another agent. */
export const Said = Schema.Union(
  Diary.Event,
  Schema.TaggedStruct("Ready", {}),
  Schema.TaggedStruct("Ring", { agent: Schema.String }),
  Schema.TaggedStruct("Line", { line: Schema.String })
)
export type Said = typeof Said.Type

/** To an agent's process: begin, or wake up. */
export const Told = Schema.Literal("go", "ring")
export type Told = typeof Told.Type

/** What an agent's process has to know; in JSON it is its argument. */
export const Place = Schema.parseJson(
  Schema.Struct({
    agent: Schema.String,
    agents: Schema.Int,
    variant: Schema.Literal("default", "preflight"),
    hours: Schema.Number,
    seed: Schema.Int,
    filename: Schema.String,
    url: Schema.String
  })
)
export type Place = typeof Place.Type

/** How many times faster than in life everybody works, the model included. */
export const SPEED = 100
