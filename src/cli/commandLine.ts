/**
 * The command line: `throughline COMMAND …`. A failure prints one line and exits with 1, a usage error with 2, an
 * interrupt with 130.
 *
 * `main.ts` runs it as a process. A test may run it without one.
 */
import * as Command from "@effect/cli/Command"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Cause from "effect/Cause"
import type * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import manifest from "../../package.json" with { type: "json" }
import { messageLevel } from "../audit/logLines.ts"
import * as Audit from "./commands/audit.ts"
import * as Rewind from "./commands/rewind.ts"
import * as Picture from "./commands/picture.ts"
import * as Pin from "./commands/pin.ts"
import * as Cluster from "./cluster/command.ts"
import * as Compress from "./commands/compress.ts"
import * as Config from "./commands/config.ts"
import * as Deliver from "./commands/deliver.ts"
import * as Demo from "./commands/demo.ts"
import * as Doctor from "./commands/doctor.ts"
import * as Export from "./commands/export.ts"
import * as Forget from "./commands/forget.ts"
import * as Handoff from "./commands/handoff.ts"
import * as Hook from "./hook/command.ts"
import * as Import from "./import/command.ts"
import * as Inspect from "./commands/inspect.ts"
import * as Mcp from "./mcp/command.ts"
import * as Plan from "./commands/plan.ts"
import * as Recall from "./commands/recall.ts"
import * as Receipt from "./commands/receipt.ts"
import * as Salvage from "./commands/salvage.ts"
import * as Serve from "./commands/serve.ts"
import * as Stats from "./commands/stats.ts"
import * as Help from "./terminal/help.ts"
import { CommandError, printAnswer } from "./io.ts"
import { escapeHidden } from "./terminal/printable.ts"
import { printNotice } from "./terminal/terminal.ts"

const description = "Sessions that outlive their model's window"

const commands = [
  Demo.command,
  Import.command,
  Export.command,
  Compress.command,
  Plan.command,
  Inspect.view,
  Handoff.command,
  Inspect.log,
  Recall.recall,
  Recall.expand,
  Inspect.snapshots,
  Inspect.snapshot,
  Receipt.command,
  Inspect.sessions,
  Inspect.leftOut,
  Stats.command,
  Picture.command,
  Deliver.command,
  Rewind.rewind,
  Rewind.restore,
  Rewind.reset,
  Forget.command,
  Pin.pin,
  Pin.unpin,
  Config.command,
  Doctor.command,
  Salvage.command,
  Hook.command,
  Mcp.command,
  Serve.command,
  Cluster.command,
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
    return printAnswer(false, null, () => Help.formatHelp(pages, `throughline ${version}: ${description}`, args))
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
const printFailure = (cause: Cause.Cause<unknown>, args: ReadonlyArray<string>): Effect.Effect<void> => {
  if (Cause.isInterruptedOnly(cause)) return Effect.void
  return printNotice(`throughline: ${explain(Cause.squash(cause), args)}`)
}

const explain = (error: unknown, args: ReadonlyArray<string>): string => {
  if (ValidationError.isValidationError(error)) return Help.explainUsageError(error, pages, args)
  return error instanceof Error ? error.message : String(error)
}

/** The exit code of a process that ran the command line. */
export const exitCodeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.isInterruptedOnly(exit.cause)) return 130
  return ValidationError.isValidationError(Cause.squash(exit.cause)) ? 2 : 1
}

/** Session ids and whatever else a line names come from outside. */
const stderrLogger = Logger.withConsoleError(Logger.map(Logger.logfmtLogger, escapeHidden))

/** Runs the command of `argv`, which is laid out like `process.argv`, and prints why it failed. */
export const runCommandLine = (argv: ReadonlyArray<string>) =>
  runCommand(argv).pipe(
    Effect.catchIf(
      (error) => argv[2] === "hook" && ValidationError.isValidationError(error),
      // Claude Code takes a 2 for the order to stop what it is about to do.
      (error) => new CommandError({ message: explain(error, argv.slice(2)) })
    ),
    Effect.tapErrorCause((cause) => printFailure(cause, argv.slice(2))),
    // Log lines are printed only with `--log-level`. The commands print what a user needs to know. A log of the command
    // line is there to be audited.
    Logger.withMinimumLogLevel(LogLevel.None),
    Effect.locally(messageLevel, LogLevel.Info),
    Effect.provide(Logger.replace(Logger.defaultLogger, stderrLogger)),
    Effect.provide(NodeContext.layer)
  )
