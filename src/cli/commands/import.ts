/** `throughline import FILE --db DB [--session ID] [--salvage]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { basename, extname } from "node:path"
import { SessionId } from "../../session/Session.ts"
import { type Histories, SessionStore } from "../../store/SessionStore.ts"
import * as Transcripts from "../../transcripts/Transcripts.ts"
import { CommandError, printAnswer } from "../io.ts"
import { dbOption, jsonOption, SessionName } from "../options.ts"
import { layerStore } from "../services.ts"
import { formatCount } from "../terminal/terminal.ts"

const file = Args.text({ name: "file" }).pipe(
  Args.withDescription(
    "messages of any known API as JSON or JSONL, a session file of an agent, or the state.db of a Hermes Agent"
  )
)

const session = Options.text("session").pipe(
  Options.withPseudoName("id"),
  Options.withSchema(SessionName),
  Options.withDescription("the id to import under; default: the id in the file, else the file's name"),
  Options.optional
)

const formats = ["auto", ...Transcripts.Format.literals] as const

const format = Options.choice("format", formats).pipe(
  Options.withPseudoName("format"),
  Options.withDescription(`the format of the file: ${formats.join(", ")}`),
  Options.withDefault("auto")
)

const salvageOption = Options.boolean("salvage").pipe(
  Options.withDescription("import what is whole of a damaged file, and list the lines that are not")
)

const options = { file, db: dbOption, session, format, salvage: salvageOption, json: jsonOption }

export const command = Command.make("import", options, (args) =>
  Effect.gen(function* () {
    const imported = yield* readFile(args.file, args)
    const histories = yield* assignSessionIds(imported.sessions, args.file, args.session)
    yield* Effect.flatMap(SessionStore, (sessions) => sessions.importAll(histories)).pipe(
      Effect.provide(layerStore(args.db, true))
    )
    const sessions = histories.map(({ messages, sessionId }) => ({ sessionId, messages: messages.length }))
    const left = imported.left.map(({ line, expected, found }) => ({ line, expected, found }))
    const { format, numbersAsText, skipped } = imported
    yield* printAnswer(args.json, { format, sessions, skipped, numbersAsText, left }, () => [
      `read as ${format}`,
      ...sessions.map(({ messages, sessionId }) => `imported ${sessionId}: ${formatCount(messages)} messages`),
      ...Object.entries(skipped).map(
        ([kind, lines]) => `skipped ${kind}: ${formatCount(lines)} ${format === "hermes" ? "rows" : "lines"}`
      ),
      ...listNumbers(numbersAsText),
      ...imported.left.map(({ message }) => `left ${message}`)
    ])
  })
).pipe(Command.withDescription("Import the sessions of a file, all or none of them"))

/** A file of another agent may have one in each of its lines. */
const listNumbers = (numbers: ReadonlyArray<Transcripts.NumberAsText>): ReadonlyArray<string> => {
  const shown = numbers
    .slice(0, MOST_NUMBERS)
    .map(({ line, path }) => `kept as text ${line === null ? "" : `line ${line}: `}${path}, since no number holds it`)
  const more = numbers.length - shown.length
  return more > 0 ? [...shown, `kept as text ${formatCount(more)} more`] : shown
}

const MOST_NUMBERS = 20

/** Reads a file. If it is damaged, the error tells what `--salvage` would import of it. */
const readFile = (file: string, options: Transcripts.ReadOptions) => {
  const read = Transcripts.readFile(file, options)
  if (options.salvage === true) return read
  return Effect.catchTags(read, {
    ImportError: (error) => hintSalvage(file, options, error),
    UnreadableTranscript: (error) => hintSalvage(file, options, error)
  })
}

const hintSalvage = (file: string, options: Transcripts.ReadOptions, error: Error) =>
  Effect.matchEffect(Transcripts.readFile(file, { ...options, salvage: true }), {
    onFailure: () => new CommandError({ message: error.message }),
    onSuccess: ({ sessions }) => {
      const whole = formatCount(sessions.reduce((sum, { messages }) => sum + messages.length, 0))
      return new CommandError({
        message: `${error.message}; --salvage would import the ${whole} messages that are whole`
      })
    }
  })

/** Gives each session an id: the one of `--session`, the one in the file, or the name of the file. */
const assignSessionIds = (
  sessions: ReadonlyArray<Transcripts.TranscriptSession>,
  file: string,
  given: Option.Option<SessionId>
): Either.Either<Histories, CommandError> =>
  Either.gen(function* () {
    const failWith = (message: string) => Either.left(new CommandError({ message: `${file} ${message}` }))
    if (Option.isSome(given) && sessions.length > 1) {
      return yield* failWith(`holds ${sessions.length} sessions; --session names only one`)
    }
    const histories: Array<Histories[number]> = []
    for (const { messages, sessionId: idInFile } of sessions) {
      const sessionId = Option.getOrNull(
        Option.orElse(given, () => decodeSessionId(idInFile ?? basename(file, extname(file))))
      )
      if (sessionId === null) return yield* failWith("names a session of more than 512 characters; give --session")
      if (histories.some((other) => other.sessionId === sessionId))
        return yield* failWith(`holds the session ${sessionId} twice`)
      histories.push({ sessionId, messages })
    }
    return histories
  })

const decodeSessionId = Schema.decodeOption(SessionId)
