/** The command line: `throughline COMMAND …`; exit 1 with one clear line for a failure, 2 for usage, 130 if interrupted. */
import * as Command from "@effect/cli/Command"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import type { Teardown } from "@effect/platform/Runtime"
import * as Cause from "effect/Cause"
import type * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import process from "node:process"
import manifest from "../../package.json" with { type: "json" }
import * as Audit from "./commands/audit.ts"
import * as Rewind from "./commands/rewind.ts"
import * as Compress from "./commands/compress.ts"
import * as Config from "./commands/config.ts"
import * as Deliver from "./commands/deliver.ts"
import * as Demo from "./commands/demo.ts"
import * as Doctor from "./commands/doctor.ts"
import * as Export from "./commands/export.ts"
import * as Import from "./commands/import.ts"
import * as Inspect from "./commands/inspect.ts"
import * as Recall from "./commands/recall.ts"
import * as Stats from "./commands/stats.ts"
import * as Help from "./terminal/help.ts"
import { printAnswer } from "./services.ts"
import { ignoreWriteErrors, replaceControls, printNotice } from "./terminal/terminal.ts"

ignoreWriteErrors()

const description = "Sessions that outlive their model's window"

const commands = [
  Demo.command,
  Import.command,
  Export.command,
  Compress.command,
  Inspect.view,
  Inspect.log,
  Recall.recall,
  Recall.expand,
  Inspect.snapshots,
  Inspect.snapshot,
  Inspect.sessions,
  Stats.command,
  Deliver.command,
  Rewind.rewind,
  Rewind.reset,
  Config.command,
  Doctor.command,
  Audit.command
] as const

const pages = commands.map(Help.makePage)

/** Each command on `console`. */
const makeRootCommand = (console: Console.Console) =>
  Command.make("throughline").pipe(
    Command.withDescription(description),
    Command.withSubcommands(commands),
    Command.transformHandler((command) => Effect.withConsole(command, console))
  )

const runCommand = (argv: ReadonlyArray<string>) => {
  const { version } = manifest
  const args = argv.slice(2)
  if (Help.isHelpWanted(args)) {
    return printAnswer(false, null, () => [Help.formatHelp(pages, `throughline ${version}: ${description}`, args)])
  }
  // What the parser would say about a usage error, in several lines, `explain` says in one.
  return Effect.consoleWith((console) =>
    Command.run(makeRootCommand(console), { name: "throughline", version })(argv).pipe(
      Effect.withConsole({ ...console, error: () => Effect.void })
    )
  )
}

/** One line; who interrupts knows that he did. */
const printFailure = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  if (Cause.isInterruptedOnly(cause)) return Effect.void
  const error = Cause.squash(cause)
  if (ValidationError.isValidationError(error))
    return printNotice(`throughline: ${Help.explainUsageError(error, pages, process.argv[2])}`)
  return printNotice(`throughline: ${replaceControls(error instanceof Error ? error.message : String(error))}`)
}

const exitCodeOf = (cause: Cause.Cause<unknown>): number => {
  if (Cause.isInterruptedOnly(cause)) return 130
  return ValidationError.isValidationError(Cause.squash(cause)) ? 2 : 1
}

const endProcess: Teardown = (exit, end) => end(Exit.isSuccess(exit) ? 0 : exitCodeOf(exit.cause))

runCommand(process.argv).pipe(
  Effect.tapErrorCause(printFailure),
  // What a person should know is said; what happens inside is for who asks with --log-level.
  Logger.withMinimumLogLevel(LogLevel.None),
  Effect.provide(Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger))),
  Effect.provide(NodeContext.layer),
  NodeRuntime.runMain({ disableErrorReporting: true, disablePrettyLogger: true, teardown: endProcess })
)
