/** What Claude Code tells a hook on stdin, and what a hook may answer on stdout. */
import * as Schema from "effect/Schema"
import { SessionName } from "../options.ts"

const common = {
  session_id: SessionName,
  transcript_path: Schema.String,
  /** Only within a subagent, whose messages are not in the transcript. */
  agent_id: Schema.optional(Schema.String)
}

const SessionStart = Schema.Struct({
  ...common,
  hook_event_name: Schema.Literal("SessionStart"),
  source: Schema.String
})

const PreCompact = Schema.Struct({ ...common, hook_event_name: Schema.Literal("PreCompact") })

const PostCompact = Schema.Struct({
  ...common,
  hook_event_name: Schema.Literal("PostCompact"),
  compact_summary: Schema.String
})

const PostToolUse = Schema.Struct({
  ...common,
  hook_event_name: Schema.Literal("PostToolUse"),
  tool_name: Schema.String,
  tool_use_id: Schema.optional(Schema.String),
  tool_response: Schema.Unknown
})
export type PostToolUse = typeof PostToolUse.Type

export const HookEvent = Schema.Union(SessionStart, PreCompact, PostCompact, PostToolUse)
export type HookEvent = typeof HookEvent.Type

/** The name of an event, known here or not. */
export const AnyEvent = Schema.Struct({ hook_event_name: Schema.String })

/**
 * The answer to an event. `systemMessage` is shown to the user, `additionalContext` to the model. Claude Code refuses an
 * answer whole whose `hookSpecificOutput` the event does not have: of ours, only SessionStart and PostToolUse have one.
 */
export interface HookAnswer {
  readonly systemMessage?: string
  readonly hookSpecificOutput?:
    | { readonly hookEventName: "SessionStart"; readonly additionalContext: string }
    | { readonly hookEventName: "PostToolUse"; readonly updatedToolOutput: unknown }
}

/** Claude Code puts a longer text into a file, and shows the model only its beginning. */
export const MOST_CHARACTERS = 10_000
