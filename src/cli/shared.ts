/** What several commands share: their options, their services, and how they answer. */
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import process from "node:process"
import * as AuxiliaryClients from "../AuxiliaryClients.ts"
import * as Compressor from "../Compressor.ts"
import * as OpenAi from "../Provider/OpenAi.ts"
import { SessionId } from "../Session.ts"
import * as Sqlite from "../SessionStore/Sqlite.ts"
import * as Summarizer from "../Summarizer.ts"
import * as Config from "./config.ts"

/** A command cannot go on; `message` is the one line the user reads. */
export class CommandError extends Schema.TaggedError<CommandError>()("CommandError", { message: Schema.String }) {}

export const sessionArg = Args.text({ name: "session" }).pipe(
  Args.withSchema(SessionId),
  Args.withDescription("the id of the session")
)

export const dbOption = Options.text("db").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("the database of the sessions")
)

export const jsonOption = Options.boolean("json").pipe(
  Options.withDescription("print exactly one JSON value on stdout, log lines on stderr")
)

export const explainOption = Options.boolean("explain").pipe(Options.withDescription("say where everything comes from"))

export const configOption = Options.text("config").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("models, thresholds and auxiliary tasks, as YAML or JSON"),
  Options.optional
)

/** The answer of a command: one JSON value, or lines for a person. */
export const answer = (json: boolean, value: unknown, lines: () => ReadonlyArray<string>): Effect.Effect<void> =>
  Console.log(json ? JSON.stringify(value) : lines().join("\n"))

/** A word to the person who waits; never on stdout. */
export const say = (text: string): Effect.Effect<void> => Console.error(text)

export const readFile = (file: string): Effect.Effect<string, CommandError> =>
  Effect.try({
    try: () => readFileSync(file, "utf8"),
    catch: (cause) =>
      new CommandError({ message: `cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}` })
  })

/** The database, which must be there unless the command may begin one. */
export const store = (db: string, create = false) => Sqlite.layer({ filename: db, create })

/** The settings of `--config`, or of the environment; what they ignore or lack is said at once. */
export const settings = (config: Option.Option<string>) =>
  Effect.gen(function* () {
    const parsed = Option.isSome(config)
      ? Config.parse(yield* readFile(config.value), config.value, process.env)
      : Config.fromEnv(process.env)
    const found = yield* parsed
    for (const key of found.ignored) yield* say(`throughline: ignored unknown setting ${key}`)
    if (found.offline) yield* say("throughline: no model configured, using the embedded summarizer (works offline)")
    return found
  })

/** A compressor on these settings. */
export const compressor = (found: Config.Settings) =>
  Compressor.layer({ policy: found.policy }).pipe(
    Layer.provide(
      Summarizer.layer({
        routes: found.routes("compression"),
        totalTimeout: found.totalTimeout("compression") ?? undefined
      })
    ),
    Layer.provide(AuxiliaryClients.layer),
    Layer.provide(OpenAi.layer)
  )
