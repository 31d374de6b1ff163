/**
 * Claude Code as its hooks reference documents it: the events that it writes to a hook's stdin, and what it takes from its
 * stdout. It refuses an answer whole that does not fit.
 */
import { Schema } from "effect"

/** The example of each event, with the transcript of a session. */
export const makeEvents = (transcript: string, sessionId = "abc123") => {
  const common = { session_id: sessionId, transcript_path: transcript, cwd: "/home/user/my-project" }
  return {
    SessionStart: { ...common, hook_event_name: "SessionStart", source: "compact", model: "claude-opus-5" },
    PreCompact: { ...common, hook_event_name: "PreCompact", trigger: "manual", custom_instructions: "" },
    PostCompact: {
      ...common,
      hook_event_name: "PostCompact",
      trigger: "manual",
      compact_summary: "Summary of the compacted conversation..."
    },
    PostToolUse: {
      ...common,
      permission_mode: "default",
      hook_event_name: "PostToolUse",
      tool_name: "Write",
      tool_input: { file_path: "/path/to/file.txt", content: "file content" },
      tool_response: { filePath: "/path/to/file.txt", type: "create" },
      tool_use_id: "toolu_01ABC123...",
      duration_ms: 12
    }
  } as const
}

export type EventName = keyof ReturnType<typeof makeEvents>

/** Fields that every event takes. The strings are capped, and a longer one reaches the model only as a path. */
const Text = Schema.String.pipe(Schema.maxLength(10_000))
const universal = {
  continue: Schema.optional(Schema.Boolean),
  stopReason: Schema.optional(Schema.String),
  suppressOutput: Schema.optional(Schema.Boolean),
  systemMessage: Schema.optional(Text),
  terminalSequence: Schema.optional(Schema.String)
}
const decision = { decision: Schema.optional(Schema.Literal("block")), reason: Schema.optional(Schema.String) }

const SessionStart = Schema.Struct({
  hookEventName: Schema.Literal("SessionStart"),
  additionalContext: Schema.optional(Text),
  initialUserMessage: Schema.optional(Text),
  sessionTitle: Schema.optional(Schema.String),
  watchPaths: Schema.optional(Schema.Array(Schema.String)),
  reloadSkills: Schema.optional(Schema.Boolean)
})

const PostToolUse = Schema.Struct({
  hookEventName: Schema.Literal("PostToolUse"),
  additionalContext: Schema.optional(Text),
  classifierContext: Schema.optional(Schema.String),
  updatedToolOutput: Schema.optional(Schema.Unknown),
  updatedMCPToolOutput: Schema.optional(Schema.Unknown)
})

const readStrictly = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })

const readers: { readonly [name in EventName]: (answer: unknown) => unknown } = {
  SessionStart: readStrictly(Schema.Struct({ ...universal, hookSpecificOutput: Schema.optional(SessionStart) })),
  PreCompact: readStrictly(Schema.Struct({ ...universal, ...decision })),
  PostCompact: readStrictly(Schema.Struct(universal)),
  PostToolUse: readStrictly(
    Schema.Struct({ ...universal, ...decision, hookSpecificOutput: Schema.optional(PostToolUse) })
  )
}

/** Reads the answer to an event. Throws if it is none that the documentation allows. */
export const readAnswer = (event: EventName, stdout: string) => decodeAnswer(readers[event](JSON.parse(stdout)))

const decodeAnswer = Schema.decodeUnknownSync(
  Schema.Struct({
    systemMessage: Schema.optional(Schema.String),
    hookSpecificOutput: Schema.optional(
      Schema.Struct({
        additionalContext: Schema.optional(Schema.String),
        updatedToolOutput: Schema.optional(Schema.Unknown)
      })
    )
  })
)

const Handler = Schema.Struct({
  type: Schema.Literal("command"),
  command: Schema.NonEmptyString,
  timeout: Schema.Number
})
const Group = Schema.Struct({ matcher: Schema.optional(Schema.String), hooks: Schema.Array(Handler) })

const Groups = Schema.Array(Group)

/** The part of a settings file that names hooks. */
export const readSettings = readStrictly(
  Schema.Struct({
    hooks: Schema.Struct({
      SessionStart: Groups,
      PreCompact: Groups,
      PostCompact: Groups,
      PostToolUse: Schema.optional(Groups)
    })
  })
)

// ── transcripts ──

/** A transcript in the making. Each line names the one before as its parent, as Claude Code writes them. */
export const makeTranscript = (sessionId = "abc123") => {
  const lines: Array<string> = []
  let parentUuid: string | null = null
  const add = (row: object) => {
    const uuid = `uuid-${lines.length + 1}`
    lines.push(JSON.stringify({ parentUuid, isSidechain: false, sessionId, uuid, ...row }))
    parentUuid = uuid
  }
  const user = (content: unknown, more: object = {}) =>
    add({ type: "user", message: { role: "user", content }, ...more })
  const transcript = {
    user,
    assistant: (...content: ReadonlyArray<object>) =>
      add({ type: "assistant", message: { id: `msg_${lines.length}`, role: "assistant", content } }),
    /** A call of Bash and what it printed. */
    bash: (command: string, output: string) => {
      const id = `toolu_${lines.length}`
      transcript.assistant({ type: "tool_use", id, name: "Bash", input: { command } })
      user([{ type: "tool_result", tool_use_id: id, content: output }])
    },
    /** A file that Claude wrote. */
    write: (path: string) => {
      const id = `toolu_${lines.length}`
      transcript.assistant({ type: "tool_use", id, name: "Write", input: { file_path: path, content: "text" } })
      user([{ type: "tool_result", tool_use_id: id, content: `File created successfully at: ${path}` }])
    },
    say: (text: string) => transcript.assistant({ type: "text", text }),
    /** A compaction: what Claude Code writes of it. */
    compact: (summary: string) => {
      const logicalParentUuid = parentUuid
      parentUuid = null
      add({ type: "system", subtype: "compact_boundary", content: "Conversation compacted", logicalParentUuid })
      user(`This session is being continued from a previous conversation.\n${summary}`, { isCompactSummary: true })
    },
    text: () => lines.map((line) => `${line}\n`).join("")
  }
  return transcript
}
