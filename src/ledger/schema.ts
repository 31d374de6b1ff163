/** The ledger as plain data, and the schema by which it is stored. */
import * as Schema from "effect/Schema"

const seq = Schema.Int

/** Ledgers stored by earlier versions lack these fields. */
const nullByDefault = Schema.optionalWith(Schema.NullOr(Schema.String), { default: () => null })

/**
 * The facts of a session's messages by kind, oldest first. Every text is redacted and clipped.
 *
 * - `pins`: texts kept until they are unpinned, in lines of their own, never clipped; `fromSeq` is null for a text that is
 *   no message, whose `seq` is the end of the log at that time
 * - `notes`: texts the application wants kept; `seq` is the end of the range they were added with
 * - `constraints`: sentences of the user that set a rule (`strict`) or express a preference
 * - `fileRules`: sentences that set a rule in a file which the agent was told to follow, and the path of that file
 * - `requests`: texts of requests, and whether a turn has ended since
 * - `files`: the last access of each path
 * - `commands`: commands that ran, their exit code if the tool reported one, the first `error` of a failed run, and how
 *   the run `before` this one failed
 * - `errors`: the newest errors, each with the command whose newest run printed it
 * - `identifiers`: the newest value under each name; `replaced` is the value before. Values from tool calls are kept side
 *   by side, since one name may stand for many things there
 * - `calls`: tool calls whose result has not arrived yet; what recall gives back is no fact, and what is read from
 *   `followed` holds rules
 */
export const Ledger = Schema.Struct({
  /** Ledgers stored by earlier versions lack pins. */
  pins: Schema.optionalWith(
    Schema.Array(Schema.Struct({ name: Schema.String, text: Schema.String, fromSeq: Schema.NullOr(seq), seq })),
    { default: () => [] }
  ),
  /** Ledgers stored by earlier versions lack notes. */
  notes: Schema.optionalWith(Schema.Array(Schema.Struct({ text: Schema.String, seq })), { default: () => [] }),
  constraints: Schema.Array(Schema.Struct({ text: Schema.String, strict: Schema.Boolean, seq })),
  /** Ledgers stored by earlier versions lack them. */
  fileRules: Schema.optionalWith(Schema.Array(Schema.Struct({ text: Schema.String, file: Schema.String, seq })), {
    default: () => []
  }),
  requests: Schema.Array(Schema.Struct({ text: Schema.String, answered: Schema.Boolean, seq })),
  files: Schema.Array(Schema.Struct({ path: Schema.String, access: Schema.Literal("read", "written"), seq })),
  commands: Schema.Array(
    Schema.Struct({
      command: Schema.String,
      exitCode: Schema.NullOr(Schema.Int),
      error: nullByDefault,
      before: nullByDefault,
      seq
    })
  ),
  errors: Schema.Array(Schema.Struct({ text: Schema.String, command: nullByDefault, seq })),
  decisions: Schema.Array(Schema.Struct({ text: Schema.String, seq })),
  identifiers: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      value: Schema.String,
      replaced: Schema.NullOr(Schema.String),
      source: Schema.Literal("said", "tool"),
      seq
    })
  ),
  calls: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      command: Schema.NullOr(Schema.String),
      isRecall: Schema.optionalWith(Schema.Boolean, { default: () => false }),
      followed: nullByDefault,
      seq
    })
  )
})
export type Ledger = typeof Ledger.Type

/** One item of the list `K`. */
export type LedgerItem<K extends keyof Ledger> = Ledger[K][number]
