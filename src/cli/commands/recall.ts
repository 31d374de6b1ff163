/** The commands that search a session and open what they find: `recall` and `expand`. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Recall from "../../recall/Recall.ts"
import type { SessionId } from "../../session/Session.ts"
import { CommandError, printAnswer } from "../io.ts"
import { dbOption, jsonOption, sessionArg } from "../options.ts"
import { provideReading, useStore } from "../services.ts"
import { formatTranscript } from "../terminal/transcript.ts"

const queryArg = Args.text({ name: "query" }).pipe(
  Args.withDescription('words, a path, a "phrase" or #12 for message 12')
)

const limitOption = Options.integer("limit").pipe(
  Options.withSchema(
    Schema.Int.pipe(Schema.between(1, 1_000)).annotations({
      message: () => ({ message: "expected --limit to be 1 to 1000", override: true })
    })
  ),
  Options.withDescription("the most messages to find"),
  Options.withDefault(10)
)

/** Runs an effect on the recall of a database file. */
const useRecall = <A, E, R>(db: string, use: (recall: Recall.Recall["Type"]) => Effect.Effect<A, E, R>) =>
  provideReading(db)(Effect.provide(Effect.flatMap(Recall.Recall, use), Recall.layer))

const wholeOption = Options.boolean("whole").pipe(Options.withDescription("print each message that is found whole"))

export const recall = Command.make(
  "recall",
  { session: sessionArg, query: queryArg, db: dbOption, limit: limitOption, whole: wholeOption, json: jsonOption },
  ({ db, json, limit, query, session, whole }) =>
    Effect.gen(function* () {
      if (query.trim() === "") return yield* new CommandError({ message: "expected words to look for, found none" })
      const found = yield* useRecall(db, ({ recall }) => recall(session, query, { limit }))
      if (whole) return yield* printWhole(db, session, found, json)
      yield* printAnswer(json, found, () =>
        found.length === 0
          ? [NOTHING_FOUND]
          : found.map(
              ({ excerpt, role, segment, seq }) =>
                `#${seq} ${role}${segment === null ? "" : ` (${segment})`}  ${excerpt}`
            )
      )
    })
).pipe(Command.withDescription("Search all messages of a session, also those that left the view"))

const NOTHING_FOUND = "nothing found"

const printWhole = (db: string, session: SessionId, found: ReadonlyArray<Recall.Found>, json: boolean) =>
  Effect.gen(function* () {
    const entries = yield* useStore(db, ({ range }) => Effect.forEach(found, ({ seq }) => range(session, seq, seq)))
    const messages = entries.flat().map(({ at, message, seq }) => ({ seq, at, message }))
    yield* printAnswer(json, messages, () =>
      messages.length === 0
        ? [NOTHING_FOUND]
        : formatTranscript(messages.map(({ message, seq }) => ({ label: `#${seq} `, message })))
    )
  })

const segmentArg = Args.text({ name: "segment" }).pipe(Args.withDescription("the id of a segment"))

export const expand = Command.make("expand", { id: segmentArg, db: dbOption, json: jsonOption }, ({ db, id, json }) =>
  Effect.gen(function* () {
    const { entries, segment, sessionId } = yield* useRecall(db, ({ expand }) => expand(id))
    const messages = entries.map(({ at, message, seq }) => ({ seq, at, message }))
    yield* printAnswer(json, { sessionId, segment, messages }, () =>
      formatTranscript(entries.map(({ message, seq }) => ({ label: `#${seq} `, message })))
    )
  })
).pipe(Command.withDescription("Print the messages that a segment stands for"))
