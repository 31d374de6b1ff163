/** `throughline import FILE --db DB [--session ID]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { basename, extname } from "node:path"
import { SessionId } from "../../Session.ts"
import { SessionStore } from "../../SessionStore.ts"
import * as Formats from "../formats.ts"
import { answer, CommandError, dbOption, jsonOption, readFile, store } from "../shared.ts"

const file = Args.text({ name: "file" }).pipe(Args.withDescription("chat messages, as JSON or JSONL"))

const session = Options.text("session").pipe(
  Options.withSchema(SessionId),
  Options.withDescription("the id to import under; default: the file's own, else its name"),
  Options.optional
)

const format = Options.choice("format", ["auto", ...Formats.Format.literals]).pipe(
  Options.withDescription("what the file is"),
  Options.withDefault("auto")
)

export const command = Command.make("import", { file, db: dbOption, session, format, json: jsonOption }, (args) =>
  Effect.gen(function* () {
    const text = yield* readFile(args.file)
    const imported = yield* Formats.read(text, { file: args.file, format: args.format })
    const histories = yield* named(imported.sessions, args.file, args.session)
    yield* Effect.flatMap(SessionStore, (sessions) => sessions.importAll(histories)).pipe(
      Effect.provide(store(args.db, true))
    )
    const sessions = histories.map(({ messages, sessionId }) => ({ sessionId, messages: messages.length }))
    yield* answer(args.json, { format: imported.format, sessions, skipped: imported.skipped }, () =>
      sessions.map(({ messages, sessionId }) => `imported ${sessionId}: ${messages} messages (${imported.format})`)
    )
  })
).pipe(Command.withDescription("Import the sessions of a file, all of them or none"))

const named = (
  sessions: ReadonlyArray<Formats.ImportedSession>,
  file: string,
  given: Option.Option<SessionId>
): Effect.Effect<
  ReadonlyArray<{ sessionId: SessionId; messages: Formats.ImportedSession["messages"] }>,
  CommandError
> => {
  if (Option.isSome(given) && sessions.length > 1) {
    return new CommandError({ message: `${file} holds ${sessions.length} sessions; --session names only one` })
  }
  const own = basename(file, extname(file))
  return Effect.succeed(
    sessions.map(({ messages, sessionId }) => ({
      messages,
      sessionId: Option.getOrElse(given, () => SessionId.make(sessionId ?? own))
    }))
  )
}
