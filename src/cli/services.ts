/** What several commands share: their options, their services, and how they answer. */
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import process from "node:process"
import * as ModelClients from "../model/ModelClients.ts"
import * as Compressor from "../compression/Compressor.ts"
import * as RoutePauses from "../summary/RoutePauses.ts"
import { inspectFile } from "../sqlite/file.ts"
import { systemErrorText } from "../message/systemErrorText.ts"
import * as OpenAi from "../openai/OpenAi.ts"
import { SessionId } from "../session/Session.ts"
import type { StoreError } from "../session/SessionError.ts"
import * as Hermes from "../hermes/Hermes.ts"
import * as Sqlite from "../sqlite/Sqlite.ts"
import * as Summarizer from "../summary/Summarizer.ts"
import * as Settings from "./config/settings.ts"
import { writeStdout, printNotice } from "./terminal/terminal.ts"

/** A command cannot go on; `message` is the one line the user reads. */
export class CommandError extends Schema.TaggedError<CommandError>()("CommandError", { message: Schema.String }) {}

/** A session id as a person gives it. */
export const SessionName = SessionId.annotations({
  message: () => ({ message: "expected a session id of 1 to 512 characters", override: true })
})

export const sessionArg = Args.text({ name: "session" }).pipe(
  Args.withSchema(SessionName),
  Args.withDescription("the id of the session")
)

export const dbOption = Options.text("db").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("the database of the sessions")
)

export const jsonOption = Options.boolean("json").pipe(
  Options.withDescription("print exactly one JSON value on stdout, everything else on stderr")
)

export const explainOption = Options.boolean("explain").pipe(Options.withDescription("say where everything comes from"))

export const configOption = Options.text("config").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("models, thresholds and auxiliary tasks, as YAML or JSON"),
  Options.optional
)

/** The answer of a command: one JSON value, or lines for a person. */
export const printAnswer = (
  json: boolean,
  value: unknown,
  lines: () => ReadonlyArray<string>
): Effect.Effect<void, CommandError> =>
  Effect.mapError(
    writeStdout(json ? JSON.stringify(value) : lines().join("\n")),
    (cause) => new CommandError({ message: `cannot write the answer: ${systemErrorText(cause)}` })
  )

export const readTextFile = (file: string): Effect.Effect<string, CommandError> =>
  Effect.flatMap(
    Effect.try({
      try: () => readFileSync(file),
      catch: (cause) => new CommandError({ message: `cannot read ${file}: ${systemErrorText(cause)}` })
    }),
    (bytes) => decodeUtf8(file, bytes)
  )

/** What is in another encoding would be stored with holes in it. */
export const decodeUtf8 = (name: string, bytes: Uint8Array): Either.Either<string, CommandError> =>
  Either.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => new CommandError({ message: `${name}: expected text in UTF-8` })
  })

/** The database, which must be there unless the command may begin one: a store of ours, or Hermes' own where it is. */
export const layerStore = (db: string, create = false) =>
  Layer.unwrapEffect(
    Effect.map(isHermesDatabase(db, create), (isHermes) =>
      isHermes ? Hermes.layer({ filename: db }) : Sqlite.layer({ filename: db, create })
    )
  )

/** Of what is neither, the native store says what it is; of what cannot be read, the reason is told. */
const isHermesDatabase = (db: string, create: boolean): Effect.Effect<boolean, StoreError> =>
  Effect.flatMap(Effect.isSuccess(inspectFile(db, create)), (isOurs) =>
    isOurs ? Effect.succeed(false) : Hermes.isDatabase(db)
  )

/** The settings of `--config`, or of the environment. */
export const loadSettings = (config: Option.Option<string>) =>
  Effect.gen(function* () {
    if (Option.isNone(config)) return yield* Settings.settingsFromEnvironment(process.env)
    const found = yield* Settings.parseSettings(yield* readTextFile(config.value), config.value, process.env)
    yield* printIgnoredKeys(config.value, found.ignored)
    return found
  })

/** A line for each key of a config file that means nothing here. */
export const printIgnoredKeys = (file: string, ignored: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.forEach(ignored, (key) => printNotice(`throughline: ${file}: ${key} is not a setting and is ignored`), {
    discard: true
  })

/** How long an interrupted command waits for the compression it began. */
export const SHUTDOWN_GRACE = "10 seconds"

/** A compressor on these settings. */
export const compressor = ({ instructions, policy, routes, totalTimeout }: Settings.Settings) =>
  Compressor.layer({ policy, shutdownGrace: SHUTDOWN_GRACE }).pipe(
    Layer.provide(
      Summarizer.layer({
        routes: routes("compression"),
        totalTimeout: totalTimeout("compression") ?? undefined,
        instructions: instructions ?? undefined
      })
    ),
    Layer.provide([ModelClients.layer(), RoutePauses.layer()]),
    Layer.provide(OpenAi.layer)
  )
