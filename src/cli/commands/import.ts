/** `throughline import FILE --db DB [--session ID] [--strict] [--salvage] [--check]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { basename, extname } from "node:path"
import * as Message from "../../message/Message.ts"
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

const strictOption = Options.boolean("strict").pipe(
  Options.withDescription(
    "refuse a file of which one entry cannot be read; default: up to a tenth are left out and listed"
  )
)

const subagents = Options.choice("subagents", ["import", "skip"]).pipe(
  Options.withDescription("import sub-agents as sessions of their own, or leave them out"),
  Options.withDefault("import")
)

const check = Options.boolean("check").pipe(Options.withDescription("show what would be imported, and store nothing"))

const options = {
  file,
  db: dbOption,
  session,
  format,
  strict: strictOption,
  salvage: salvageOption,
  subagents,
  check,
  json: jsonOption
}

export const command = Command.make("import", options, (args) =>
  Effect.gen(function* () {
    const imported = yield* readFile(args.file, args)
    const histories = yield* assignSessionIds(imported.sessions, args.file, args.session)
    if (!args.check) {
      yield* Effect.flatMap(SessionStore, (sessions) => sessions.importAll(histories)).pipe(
        Effect.provide(layerStore(args.db, true))
      )
    }
    const done = args.check ? "would import" : "imported"
    const sessions = histories.map(({ messages, sessionId }) => ({
      sessionId,
      messages: messages.length,
      ...countMessages(messages)
    }))
    const left = imported.left.map(({ line, expected, found }) => ({ line, expected, found }))
    const { format, numbersAsText, skipped } = imported
    yield* printAnswer(args.json, { format, sessions, skipped, numbersAsText, left }, () => [
      `read as ${format}`,
      ...sessions.map(
        ({ messages, sessionId, ...counts }) =>
          `${done} ${sessionId}: ${formatCount(messages)} messages${formatCounts(counts)}`
      ),
      ...Object.entries(skipped).map(
        ([kind, lines]) => `skipped ${kind}: ${formatCount(lines)} ${format === "hermes" ? "rows" : "lines"}`
      ),
      ...listNumbers(numbersAsText),
      ...imported.left.map(({ message }) => `left ${message}`)
    ])
  })
).pipe(Command.withDescription("Import the sessions of a file, all or none of them"))

interface Counts {
  readonly roles: { readonly [role: string]: number }
  readonly calls: number
  readonly answered: number
}

const countMessages = (messages: ReadonlyArray<Message.Message>): Counts => {
  const roles: { [role: string]: number } = {}
  for (const { role } of messages) roles[role] = (roles[role] ?? 0) + 1
  const { results } = Message.pairToolCalls(messages)
  const answers = results.flat()
  return { roles, calls: answers.length, answered: answers.filter((answer) => answer !== undefined).length }
}

const formatCounts = ({ answered, calls, roles }: Counts): string => {
  const parts = Object.entries(roles).map(([role, count]) => `${formatCount(count)} ${role}`)
  const open = calls === answered ? "" : `; ${formatCount(calls - answered)} of ${formatCount(calls)} calls unanswered`
  return ` (${parts.join(", ")}${open})`
}

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

/**
 * Gives each session an id: the one of `--session`, the one in the file, or the name of the file, with a number if the file
 * has several sessions without an id. A sub-agent has its own name after the id of its session.
 */
const assignSessionIds = (
  sessions: ReadonlyArray<Transcripts.TranscriptSession>,
  file: string,
  given: Option.Option<SessionId>
): Either.Either<Histories, CommandError> =>
  Either.gen(function* () {
    const failWith = (message: string) => Either.left(new CommandError({ message: `${file} ${message}` }))
    const own = sessions.filter(({ subagent }) => subagent === undefined)
    if (Option.isSome(given) && own.length > 1) {
      return yield* failWith(`holds ${own.length} sessions; --session names only one`)
    }
    const isNumbered = own.filter(({ sessionId }) => sessionId === null).length > 1
    const ids = new Set<SessionId>()
    const histories: Array<Histories[number]> = []
    let number = 0
    for (const { messages, notices, sessionId: idInFile, subagent } of sessions) {
      const of = Option.getOrUndefined(given) ?? subagent?.of ?? basename(file, extname(file))
      const named = Option.isSome(given) || idInFile === null ? of : idInFile
      const full = subagent === undefined || named === idInFile ? named : `${of}.${subagent.name}`
      const sessionId = Option.getOrNull(
        decodeSessionId(isNumbered && idInFile === null && subagent === undefined ? `${full}.${++number}` : full)
      )
      if (sessionId === null) return yield* failWith("names a session of more than 512 characters; give --session")
      if (ids.has(sessionId)) return yield* failWith(`holds the session ${sessionId} twice`)
      ids.add(sessionId)
      histories.push({ sessionId, messages, notices })
    }
    return histories
  })

const decodeSessionId = Schema.decodeOption(SessionId)
