/** `throughline export --db DB --to STATE_DB [ID…]`, or `throughline export --db DB --as FORMAT --out FILE ID` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { writeFileSync } from "node:fs"
import process from "node:process"
import * as HermesExport from "../../hermes/export.ts"
import { systemErrorText } from "../../message/systemErrorText.ts"
import { SessionId } from "../../session/Session.ts"
import type { SessionStore } from "../../store/SessionStore.ts"
import * as TranscriptWriter from "../../transcripts/TranscriptWriter.ts"
import { CommandError, printAnswer } from "../io.ts"
import { dbOption, jsonOption, SessionName } from "../options.ts"
import { useStore } from "../services.ts"
import { formatCount } from "../terminal/terminal.ts"

const to = Options.text("to").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("the state.db of a Hermes Agent, to which the sessions are added"),
  Options.optional
)

const format = Options.choice("as", TranscriptWriter.WritableFormat.literals).pipe(
  Options.withPseudoName("format"),
  Options.withDescription(`write one session as ${TranscriptWriter.WritableFormat.literals.join(", ")}`),
  Options.optional
)

const out = Options.text("out").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("the new file for --as"),
  Options.optional
)

const folder = Options.text("folder").pipe(
  Options.withDescription("the folder that the agent of the file works in; default: this one"),
  Options.optional
)

const chosen = Args.text({ name: "session" }).pipe(
  Args.withSchema(SessionName),
  Args.withDescription("the id of a session"),
  Args.repeated
)

const options = { sessions: chosen, db: dbOption, to, as: format, out, folder, json: jsonOption }

export const command = Command.make("export", options, (args) =>
  Effect.gen(function* () {
    if (Option.isSome(args.as) && Option.isNone(args.to)) return yield* exportAs(args, args.as.value)
    if (Option.isSome(args.to) && Option.isNone(args.as)) return yield* exportToHermes(args, args.to.value)
    return yield* new CommandError({
      message: "give either --to STATE_DB, or --as FORMAT --out FILE and the id of a session"
    })
  })
).pipe(
  Command.withDescription(
    "Add sessions to a Hermes Agent's database, all or none of them; without ids, every session. Or write one as a file"
  )
)

interface ExportArgs {
  readonly sessions: ReadonlyArray<SessionId>
  readonly db: string
  readonly out: Option.Option<string>
  readonly folder: Option.Option<string>
  readonly json: boolean
}

const exportToHermes = ({ db, json, sessions }: ExportArgs, to: string) =>
  Effect.gen(function* () {
    const leaving = yield* useStore(db, (store) => readSessions(store, sessions))
    const exported = yield* HermesExport.writeExport(to, leaving)
    yield* printAnswer(json, { sessions: exported }, () => exported.flatMap(formatExported))
  })

/** Writes what is said in a session, without what was undone. */
const exportAs = (args: ExportArgs, format: TranscriptWriter.WritableFormat) =>
  Effect.gen(function* () {
    const [sessionId, ...others] = args.sessions
    const out = Option.getOrUndefined(args.out)
    if (sessionId === undefined || others.length > 0 || out === undefined) {
      return yield* new CommandError({ message: "--as takes --out FILE and the id of one session" })
    }
    const log = yield* useStore(args.db, (store) => Stream.runCollect(store.log(sessionId)))
    const entries = Chunk.toReadonlyArray(log).filter(({ undone }) => !undone)
    const folder = Option.getOrElse(args.folder, () => process.cwd())
    const { changed, text } = yield* TranscriptWriter.write({ sessionId, entries, folder }, format)
    yield* writeNewFile(out, text)
    const seqs = changed.flatMap((index) => entries[index]?.seq ?? [])
    yield* printAnswer(args.json, { sessionId, format, messages: entries.length, changed: seqs }, () => [
      `exported ${sessionId}: ${formatCount(entries.length)} messages to ${out}`,
      ...(changed.length === 0 ? [] : [`${formatCount(changed.length)} messages are not whole in it${listSeqs(seqs)}`])
    ])
  })

const listSeqs = (seqs: ReadonlyArray<number>): string => {
  const shown = seqs.slice(0, MOST_SEQS).map((seq) => `#${seq}`)
  return shown.length === 0 ? "" : `: ${shown.join(", ")}${seqs.length > MOST_SEQS ? ", …" : ""}`
}

const MOST_SEQS = 20

/** Never writes over a file: it may be the only copy of a session. */
const writeNewFile = (file: string, text: string): Either.Either<void, CommandError> =>
  Either.try({
    try: () => writeFileSync(file, text, { flag: "wx", mode: 0o600 }),
    catch: (cause) => new CommandError({ message: `cannot write ${file}: ${systemErrorText(cause)}` })
  })

/** Reads the sessions that were chosen, or all of them. */
const readSessions = (store: SessionStore["Type"], chosen: ReadonlyArray<SessionId>) =>
  Effect.gen(function* () {
    const ids = chosen.length > 0 ? chosen : (yield* store.sessions).map(({ sessionId }) => SessionId.make(sessionId))
    return yield* Effect.forEach(new Set(ids), (sessionId) =>
      Effect.gen(function* () {
        const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(sessionId)))
        return { sessionId, log, state: yield* store.state(sessionId) }
      })
    )
  })

const formatExported = ({
  messages,
  notWhole,
  sessionId,
  undone
}: HermesExport.ExportResult): ReadonlyArray<string> => [
  `exported ${sessionId}: ${formatCount(messages)} messages`,
  ...(notWhole > 0
    ? [`of ${sessionId}: ${formatCount(notWhole)} messages have parts that Hermes has no column for`]
    : []),
  ...(undone > 0
    ? [`of ${sessionId}: ${formatCount(undone)} undone messages left out, as the schema cannot hide them`]
    : [])
]
