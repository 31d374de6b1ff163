/** The answers of the service, as schemas. Times are in epoch milliseconds, sizes in tokens unless they say otherwise. */
import * as Schema from "effect/Schema"
import { Event as CompressionEvent } from "../../compression/CompressionEvent.ts"
import { MessageFormat } from "../../format/MessageFormat.ts"
import { Ledger } from "../../ledger/schema.ts"
import type { Message } from "../../message/Message.ts"
import { Found } from "../../recall/Recall.ts"
import { DeliveryKind, Excerpt, LearnedWindow, SessionId, UndoneRange } from "../../session/Session.ts"
import { SessionSummary, Snapshot } from "../../store/model.ts"
import { OpenRequest, Parts, Repair, Size } from "../../view/model.ts"

/** A chat message. The library itself checks what is delivered or appended, and names what is wrong with it. */
export const ChatMessage: Schema.Schema<Message, unknown> = Schema.make<Message, unknown>(
  Schema.Unknown.annotations({
    identifier: "ChatMessage",
    description: "A message of Chat Completions: system, developer, user, assistant or tool",
    jsonSchema: { type: "object", properties: { role: { type: "string" } }, required: ["role"] }
  }).ast
)

const Seq = Schema.Int
const Time = Schema.Int

/** The formats of messages that the service reads and writes. */
export const Format = MessageFormat

// ── the service ──

/**
 * `isWritable` tells whether the service was started with `--write`; `sessions` says whether the store answers now, and
 * what it fails with if it does not.
 */
export const Health = Schema.Struct({
  status: Schema.Literal("ok", "failing"),
  version: Schema.String,
  isWritable: Schema.Boolean,
  detail: Schema.NullOr(Schema.String)
}).annotations({ identifier: "Health" })

/**
 * The damage of the database that is served. `application` is whose it is. Of Hermes' a finding also says what a user may
 * have noticed, and what a repair would do.
 */
export const Diagnosis = Schema.Struct({
  application: Schema.Literal("throughline", "hermes"),
  schemaVersion: Schema.NullOr(Schema.Int),
  sessions: Schema.Int,
  messages: Schema.Int,
  findings: Schema.Array(
    Schema.Struct({
      damage: Schema.String,
      sessionIds: Schema.Array(Schema.String),
      detail: Schema.String,
      noticed: Schema.NullOr(Schema.String),
      repair: Schema.NullOr(Schema.String)
    })
  )
}).annotations({ identifier: "Diagnosis" })
export type Diagnosis = typeof Diagnosis.Type

// ── sessions ──

/**
 * A session in the list of all: messages of its log, deliveries that `waiting` for a turn, the `tokens` of its whole log,
 * and those of its `view`, which is about what the next model call would send. `contextLength` is the model's window.
 */
export const SessionEntry = Schema.Struct({
  ...SessionSummary.fields,
  view: Schema.Int,
  contextLength: Schema.Int
}).annotations({ identifier: "SessionEntry" })
export type SessionEntry = typeof SessionEntry.Type

/** A page of the list, in order of the ids. `next` is the `after` of the next page; null at the end. */
export const SessionPage = Schema.Struct({
  sessions: Schema.Array(SessionEntry),
  next: Schema.NullOr(Schema.String)
}).annotations({ identifier: "SessionPage" })

/**
 * The parts of a session that its view is made of, without their words.
 *
 * - `lastSeq`: the last message of the log
 * - `contextFrom`: the first message after the last reset; `headTo`, `tailFrom`: the end of the head, the beginning of the tail
 * - `live`: requests before the tail that no turn has answered; `excerpts`: messages that are shown shortened
 * - `segments`: ids of the segments that the handoff is made of, oldest first
 * - `undone`: what rewinds took back
 * - `windows`: windows that proved smaller than configured
 */
export const SessionDetail = Schema.Struct({
  sessionId: SessionId,
  generation: Schema.Int,
  lastSeq: Seq,
  contextLength: Schema.Int,
  view: Size,
  parts: Parts,
  open: Schema.Array(OpenRequest),
  contextFrom: Seq,
  headTo: Seq,
  tailFrom: Seq,
  live: Schema.Array(Seq),
  excerpts: Schema.Array(Excerpt),
  segments: Schema.Array(Schema.String),
  undone: Schema.Array(UndoneRange),
  windows: Schema.Array(LearnedWindow)
}).annotations({ identifier: "SessionDetail" })

/**
 * A part of a view: `messages` chat messages of `tokens`, which are the next `items` of the answer's `messages`. In Chat both
 * numbers are the same. In Anthropic's format the system prompt has no item, as it stands beside the messages, and
 * neighbours of one role become one item, which counts for the first part that it holds words of.
 */
export const ViewPart = Schema.Struct({
  part: Schema.Literal("system", "head", "handoff", "requests", "tail"),
  items: Schema.Int,
  messages: Schema.Int,
  tokens: Schema.Int
})

/**
 * A view, as a model call would send it. `messages` are in the format that was asked for; `system` is there in Anthropic's alone.
 * `parts` come in the order of the messages. `open` is what awaits an answer: without any there is nothing to ask the model.
 */
export const ViewAnswer = Schema.Struct({
  sessionId: SessionId,
  generation: Schema.Int,
  format: Format,
  system: Schema.optional(Schema.Unknown),
  messages: Schema.Array(Schema.Unknown),
  tokens: Schema.Int,
  parts: Schema.Array(ViewPart),
  repairs: Schema.Array(Repair),
  open: Schema.Array(OpenRequest)
}).annotations({ identifier: "View" })
export type ViewAnswer = typeof ViewAnswer.Type

/**
 * A message of the log. `segment` is the finest segment that covers it, null if none does. `place` is where the view shows
 * it: whole in `system`, `head`, `requests` or `tail`, as an `excerpt`, in the `handoff` alone, or nowhere, as it came before
 * a reset (`before`). `unreadable` says how what is stored of it is damaged.
 */
export const LogEntry = Schema.Struct({
  seq: Seq,
  at: Time,
  kind: Schema.NullOr(DeliveryKind),
  arrival: Schema.NullOr(Schema.Int),
  tokens: Schema.Int,
  place: Schema.Literal("system", "head", "handoff", "requests", "tail", "excerpt", "before"),
  segment: Schema.NullOr(Schema.String),
  message: ChatMessage,
  unreadable: Schema.optional(Schema.String)
}).annotations({ identifier: "LogEntry" })
export type LogEntry = typeof LogEntry.Type

/**
 * Messages `from` on, in order, without those that a rewind took back, which are in `undone`. `next` is the `from` of the
 * next page, null at the end of the log, which is `lastSeq` now.
 */
export const LogPage = Schema.Struct({
  entries: Schema.Array(LogEntry),
  undone: Schema.Array(UndoneRange),
  lastSeq: Seq,
  next: Schema.NullOr(Seq)
}).annotations({ identifier: "LogPage" })

/** Messages that were delivered and wait for a turn, oldest first: they are on disk, and the log has no number for them yet. */
export const Inbox = Schema.Array(
  Schema.Struct({
    arrival: Schema.NullOr(Schema.Int),
    at: Time,
    kind: Schema.NullOr(DeliveryKind),
    message: ChatMessage,
    unreadable: Schema.optional(Schema.String)
  }).annotations({ identifier: "Waiting" })
)

/** The answer to a delivery: the message that ended the turn which took it up. Null while there is none. */
export const Reply = Schema.NullOr(Schema.Struct({ seq: Seq, at: Time, tokens: Schema.Int, message: ChatMessage }))

/**
 * A segment of a handoff without its text: the messages it stands for and who wrote it. At level 0 it was made from the
 * messages, above from its `children`. `isShown` tells whether the view shows it itself.
 */
export const SegmentNode = Schema.Struct({
  id: Schema.String,
  level: Schema.Int,
  children: Schema.Array(Schema.String),
  fromSeq: Seq,
  toSeq: Seq,
  tokens: Schema.Int,
  degraded: Schema.NullOr(Schema.String),
  focus: Schema.NullOr(Schema.String),
  model: Schema.String,
  isShown: Schema.Boolean
}).annotations({ identifier: "Segment" })
export type SegmentNode = typeof SegmentNode.Type

/** Every segment that covers a message of the log, parents before their children; `roots` are those without a parent. */
export const SegmentTree = Schema.Struct({
  roots: Schema.Array(Schema.String),
  segments: Schema.Array(SegmentNode)
}).annotations({ identifier: "SegmentTree" })

/** A segment, its text, and the messages it stands for. `next` is the `from` of the next page, null at the end. */
export const SegmentAnswer = Schema.Struct({
  sessionId: SessionId,
  segment: Schema.Struct({ ...SegmentNode.fields, text: Schema.String }).pipe(Schema.omit("isShown")),
  entries: Schema.Array(Schema.Struct({ seq: Seq, at: Time, tokens: Schema.Int, message: ChatMessage })),
  next: Schema.NullOr(Seq)
}).annotations({ identifier: "SegmentAnswer" })

/** The text of the handoff as the model reads it; null if the view shows every message itself. */
export const Handoff = Schema.Struct({
  sessionId: SessionId,
  generation: Schema.Int,
  handoff: Schema.NullOr(Schema.String)
})

/**
 * The facts of a session, each with the `seq` of the message that it came from: what the ledger holds of messages that
 * left, and what those that are shown would add to it.
 */
export const Facts = Ledger.annotations({ identifier: "Ledger" })

/** The standing rules of the user, rules of files that were followed, notes of the application. */
export const Rules = Schema.Struct({
  constraints: Ledger.fields.constraints,
  fileRules: Schema.Array(Schema.Struct({ text: Schema.String, file: Schema.String, seq: Seq })),
  notes: Schema.Array(Schema.Struct({ text: Schema.String, seq: Seq }))
})

/** A pinned text, redacted. `fromSeq` and `toSeq` are null if it is no message's. */
export const Pin = Schema.Struct({
  name: Schema.String,
  text: Schema.String,
  fromSeq: Schema.NullOr(Seq),
  toSeq: Schema.NullOr(Seq)
})

/** The messages that a search found, best first. */
export const Finds = Schema.Array(Found)

// ── snapshots ──

/** A view that was left behind. `hasReceipt` tells that a compression left it. */
export const SnapshotEntry = Schema.Struct({ ...Snapshot.fields, hasReceipt: Schema.Boolean })
export type SnapshotEntry = typeof SnapshotEntry.Type

/** A message in a comparison: its place in the log, who spoke, and about 240 characters of it. */
export const Mention = Schema.Struct({
  seq: Seq,
  role: Schema.String,
  at: Time,
  tokens: Schema.Int,
  excerpt: Schema.String
})

const Side = Schema.Struct({
  generation: Schema.Int,
  lastSeq: Seq,
  view: Size,
  parts: Parts,
  segments: Schema.Array(Schema.String),
  handoff: Schema.NullOr(Schema.String)
})

/**
 * Two views of a session side by side. `left` are the messages that only the first shows, `came` those that only the second
 * does: the oldest of `leftCount` and `cameCount`. `shortened` are shown by both, and as an excerpt by the second alone.
 */
export const Comparison = Schema.Struct({
  sessionId: SessionId,
  before: Side,
  after: Side,
  left: Schema.Array(Mention),
  leftCount: Schema.Int,
  came: Schema.Array(Mention),
  cameCount: Schema.Int,
  shortened: Schema.Array(Excerpt)
}).annotations({ identifier: "Comparison" })
export type Comparison = typeof Comparison.Type

/**
 * The window of a session over time. Each point is after message `seq`: `view` is about what a model call would have sent,
 * `whole` what it would have sent without compression. At most 1,000 points, those around each commit among them.
 * `commits` are the generations that began: after a `compression` its summary's figures stand beside.
 */
export const Timeline = Schema.Struct({
  contextLength: Schema.Int,
  points: Schema.Array(Schema.Struct({ seq: Seq, at: Time, view: Schema.Int, whole: Schema.Int })),
  commits: Schema.Array(
    Schema.Struct({
      snapshotId: Schema.String,
      generation: Schema.Int,
      at: Time,
      lastSeq: Seq,
      hasReceipt: Schema.Boolean,
      before: Schema.Int,
      after: Schema.Int
    })
  )
}).annotations({ identifier: "Timeline" })
export type Timeline = typeof Timeline.Type

const Amount = Schema.Finite
const Unbounded = Schema.NullOr(Schema.Finite)

/** A forecast of a compression, as `Gateway.plan` answers it, with null for the infinite. */
export const Forecast = Schema.Struct({
  window: Schema.Struct({ usable: Amount, hard: Unbounded, lastSeq: Seq }),
  view: Schema.Struct({ ...Size.fields, fixed: Amount, parts: Parts }),
  leaving: Schema.NullOr(Schema.Struct({ ...Size.fields, fromSeq: Seq, toSeq: Seq })),
  after: Size,
  writer: Schema.Literal("in-place", "model", "embedded"),
  cost: Amount,
  savedPerStep: Amount,
  steps: Amount,
  savedLater: Amount,
  stepsToPayBack: Unbounded,
  threshold: Schema.Struct({
    isDue: Schema.Boolean,
    carried: Amount,
    spent: Amount,
    whole: Amount,
    tokensPerStep: Amount,
    expected: Unbounded,
    latest: Unbounded
  })
}).annotations({ identifier: "Forecast" })

// ── events ──

/**
 * Something happened to a session that an observer may want to read again.
 *
 * - `Changed`: it has other figures than before, whichever process changed it; also a session that is new
 * - `Gone`: it was forgotten
 * - `TurnBegan`, `TurnEnded`: a turn over HTTP. `outcome` is `ended` by its client, or `lost` as its client was silent
 * - `Missed`: the reader was away or slow, and events were dropped; read again what is shown
 */
export const ChangeEvent = Schema.Union(
  Schema.TaggedStruct("Changed", { sessionId: Schema.String, session: SessionEntry }),
  Schema.TaggedStruct("Gone", { sessionId: Schema.String }),
  Schema.TaggedStruct("TurnBegan", { sessionId: Schema.String, at: Time }),
  Schema.TaggedStruct("TurnEnded", { sessionId: Schema.String, at: Time, outcome: Schema.Literal("ended", "lost") }),
  Schema.TaggedStruct("Missed", {})
)

/** The JSON in the `data` of an event of `/events`: a compression's event, or one of `ChangeEvent`. */
export const ServerEvent = Schema.Union(...CompressionEvent.members, ...ChangeEvent.members)
export type ServerEvent = typeof ServerEvent.Type
