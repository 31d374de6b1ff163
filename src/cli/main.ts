/** The command line: `throughline COMMAND …`; exit 1 with one clear line for a failure, 2 for usage. */
import * as Command from "@effect/cli/Command"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import process from "node:process"
import manifest from "../../package.json" with { type: "json" }
import * as Compress from "./commands/compress.ts"
import * as Deliver from "./commands/deliver.ts"
import * as Demo from "./commands/demo.ts"
import * as Import from "./commands/import.ts"
import * as Look from "./commands/look.ts"
import { say } from "./shared.ts"

const throughline = Command.make("throughline").pipe(
  Command.withDescription("Sessions that outlive their model's window"),
  Command.withSubcommands([
    Demo.command,
    Import.command,
    Compress.command,
    Look.view,
    Look.log,
    Look.snapshots,
    Look.snapshot,
    Look.sessions,
    Deliver.command
  ])
)

/** A usage error has been explained already when it gets here. */
const explain = (cause: Cause.Cause<unknown>): Effect.Effect<number> => {
  const error = Cause.squash(cause)
  if (ValidationError.isValidationError(error)) return Effect.succeed(2)
  if (Cause.isInterruptedOnly(cause)) return Effect.succeed(130)
  return Effect.as(say(`throughline: ${error instanceof Error ? error.message : String(error)}`), 1)
}

Command.run(throughline, { name: "throughline", version: manifest.version })(process.argv).pipe(
  Effect.as(0),
  Effect.catchAllCause(explain),
  Effect.flatMap((code) => Effect.sync(() => void (process.exitCode = code))),
  Logger.withMinimumLogLevel(LogLevel.Warning),
  Effect.provide(Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger))),
  Effect.provide(NodeContext.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
