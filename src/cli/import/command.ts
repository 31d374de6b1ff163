/** `throughline import FILE [--db DB] [--session ID] [--branch NAME] [--strict] [--salvage] [--show-left] [--check]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { setFlagsFromString } from "node:v8"
import { streamMessages } from "../../store/histories.ts"
import { type Histories, SessionStore } from "../../store/SessionStore.ts"
import * as Transcripts from "../../transcripts/Transcripts.ts"
import { CommandError, printAnswer } from "../io.ts"
import { dbOption, jsonOption, SessionName } from "../options.ts"
import { layerStore } from "../services.ts"
import { makePrintable } from "../terminal/printable.ts"
import { alignColumns, formatCount, replaceLine } from "../terminal/terminal.ts"
import { assignIds, type OpenHistory } from "./assignIds.ts"
import { countCommon, countMessages, formatSession, formatTable, makeTable } from "./table.ts"

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

const branch = Options.text("branch").pipe(
  Options.withPseudoName("name"),
  Options.withDescription(
    "of a tree: live, all with each as a session of its own, the one of a name alone, or list, which stores nothing"
  ),
  Options.withDefault("live")
)

const showLeft = Options.boolean("show-left").pipe(
  Options.withDescription("also print the entries that could not be read, as they stand in the file")
)

const check = Options.boolean("check").pipe(Options.withDescription("show what would be imported, and store nothing"))

const options = {
  file,
  db: Options.optional(dbOption),
  session,
  format,
  strict: strictOption,
  salvage: salvageOption,
  subagents,
  branch,
  showLeft,
  check,
  json: jsonOption
}

export const command = Command.make("import", options, (args) =>
  Effect.gen(function* () {
    const isList = args.branch === "list"
    const isStored = !isList && !args.check
    if (isStored && Option.isNone(args.db)) return yield* Effect.fail(missingDb)
    yield* collectSooner
    const read = yield* openFile(args.file, isList ? { ...args, branch: "all" } : args)
    const histories = yield* assignIds(read, args.file, args.session)
    if (isList) return yield* printBranches(args.json, histories)
    if (isStored && Option.isSome(args.db)) {
      yield* Effect.flatMap(SessionStore, (sessions) => sessions.importAll(showProgress(histories))).pipe(
        Effect.provide(layerStore(args.db.value, true))
      )
    }
    yield* replaceLine("")
    yield* printImport(args, read, histories)
  }).pipe(
    Effect.scoped,
    Effect.onInterrupt(() => replaceLine(""))
  )
).pipe(Command.withDescription("Import the sessions of a file, all or none of them"))

/** V8 collects when the heap is four times what was in use; what is in use is small here, and what passes through is not. */
const collectSooner = Effect.sync(() => setFlagsFromString("--heap-growing-percent=60"))

const missingDb = ValidationError.missingFlag(
  HelpDoc.p("Expected to find option: '--db'; only --check and --branch list do without it")
)

/** Tells on a terminal how many messages have been read to be stored. */
const showProgress = (histories: ReadonlyArray<OpenHistory>): Histories<Transcripts.UnreadableTranscript> => {
  const all = histories.reduce((sum, { count }) => sum + count, 0)
  let taken = 0
  return histories.map((history) => ({
    ...history,
    messages: Stream.mapChunksEffect(streamMessages(history), (messages) => {
      taken += messages.length
      return Effect.as(replaceLine(`storing ${formatCount(taken)} of ${formatCount(all)} messages`), messages)
    })
  }))
}

const printImport = (
  { check, json, showLeft }: { readonly check: boolean; readonly json: boolean; readonly showLeft: boolean },
  { format, left, numbersAsText, ...read }: Transcripts.OpenTranscript,
  histories: ReadonlyArray<OpenHistory>
) => {
  const counted = histories.map((history) => ({ ...history, counts: countMessages(history.outline) }))
  const sessions = counted.map(({ counts, origin, sessionId }) => ({
    sessionId,
    ...(origin === undefined ? {} : { origin }),
    ...counts
  }))
  const { skipped } = read
  const table = makeTable({ format, left, numbersAsText, ...read }, counted)
  const entries = left.map(({ error: { expected, found, line }, text }) => ({
    line,
    expected,
    found,
    ...(showLeft ? { text } : {})
  }))
  const done = check ? "would import" : "imported"
  return printAnswer(json, { format, table, sessions, skipped, numbersAsText, left: entries }, () => [
    `read as ${format}`,
    ...formatTable(table),
    ...sessions.map(({ origin, sessionId, ...counts }) => `${done} ${formatSession(sessionId, origin, counts)}`),
    ...Object.entries(skipped).map(
      ([kind, lines]) => `skipped ${kind}: ${formatCount(lines)} ${format === "hermes" ? "rows" : "lines"}`
    ),
    ...listNumbers(numbersAsText),
    ...left.flatMap(({ error, text }) => [`left ${error.message}`, ...(showLeft ? [makePrintable(text)] : [])])
  ])
}

/** Names each branch, and where it leaves the live one. */
const printBranches = (json: boolean, histories: ReadonlyArray<OpenHistory>) => {
  const outlines = new Map<string, OpenHistory["outline"]>(
    histories.map(({ outline, sessionId }) => [sessionId, outline])
  )
  const branches = histories.map(({ count, origin, outline, sessionId }) => {
    const of = origin?.as === "branch" ? origin.of : null
    const common = of === null ? count : countCommon(outlines.get(of) ?? [], outline)
    return { sessionId, of, messages: count, common }
  })
  return printAnswer(json, branches, () =>
    alignColumns(
      branches.map(({ common, messages, of, sessionId }) => [
        sessionId,
        `${formatCount(messages)} messages`,
        of === null ? "live" : `leaves ${of} after ${formatCount(common)}`
      ])
    )
  )
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

/** Opens a file. If it is damaged, the error tells what `--salvage` would import of it. */
const openFile = (file: string, options: Transcripts.ReadOptions) => {
  const opened = Transcripts.openFile(file, {
    ...options,
    onProgress: (bytes, size) =>
      replaceLine(`reading ${file}: ${size === 0 ? 100 : Math.floor((100 * bytes) / size)} %`)
  })
  if (options.salvage === true) return opened
  return Effect.catchTags(opened, {
    ImportError: (error) => hintSalvage(file, options, error),
    UnreadableTranscript: (error) => hintSalvage(file, options, error)
  })
}

const hintSalvage = (file: string, options: Transcripts.ReadOptions, error: Error) =>
  Effect.matchEffect(Effect.scoped(Transcripts.openFile(file, { ...options, salvage: true })), {
    onFailure: () => new CommandError({ message: error.message }),
    onSuccess: ({ sessions }) => {
      const whole = formatCount(sessions.reduce((sum, { count }) => sum + count, 0))
      return new CommandError({
        message: `${error.message}; --salvage would import the ${whole} messages that are whole`
      })
    }
  })
