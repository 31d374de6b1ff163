/**
 * The command line: `throughline COMMAND …`. A failure prints one line and exits with 1, a usage error with 2, an
 * interrupt with 130.
 */
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
import { printAnswer } from "./io.ts"
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

/** The commands, which print to `console`. */
const makeRootCommand = (console: Console.Console) =>
  Command.make("throughline").pipe(
    Command.withDescription(description),
    Command.withSubcommands(commands),
    Command.transformHandler((command) => Effect.withConsole(command, console))
  )

const runCommand = (argv: ReadonlyArray<string>) => {
  const { version } = manifest
  const args = argv.slice(2)
  if (Help.isHelpWanted(pages, args)) {
    return printAnswer(false, null, () => [Help.formatHelp(pages, `throughline ${version}: ${description}`, args)])
  }
  // Without the help option, which makes the parser print the help of all commands for a command that does not exist.
  const call = argv.filter((arg) => !Help.isHelpOption(arg))
  // Silences the parser, which explains a usage error in several lines: `printFailure` needs one.
  return Effect.consoleWith((console) =>
    Command.run(makeRootCommand(console), { name: "throughline", version })(call).pipe(
      Effect.withConsole({ ...console, error: () => Effect.void })
    )
  )
}

/** Prints one line. An interrupt needs none: the user caused it. */
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
  // Log lines are printed only with `--log-level`. The commands print what a user needs to know.
  Logger.withMinimumLogLevel(LogLevel.None),
  Effect.provide(Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger))),
  Effect.provide(NodeContext.layer),
  NodeRuntime.runMain({ disableErrorReporting: true, disablePrettyLogger: true, teardown: endProcess })
)
