/** `throughline config check FILE` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Effect from "effect/Effect"
import process from "node:process"
import * as CompressionPolicy from "../../compression/CompressionPolicy.ts"
import { checkConfig, type CheckedConfig } from "../config/check.ts"
import type { Settings } from "../config/settings.ts"
import { CommandError, printAnswer, readTextFile } from "../io.ts"
import { jsonOption } from "../options.ts"
import { printIgnoredKeys } from "../services.ts"
import { formatCount } from "../terminal/terminal.ts"

const file = Args.text({ name: "file" }).pipe(Args.withDescription("a config file of throughline or of a Hermes Agent"))

const checkCommand = Command.make("check", { file, json: jsonOption }, ({ file, json }) =>
  Effect.gen(function* () {
    const checked = checkConfig(yield* readTextFile(file), file, process.env)
    yield* printIgnoredKeys(file, checked.ignored)
    yield* printAnswer(json, { findings: checked.findings, ignored: checked.ignored }, () =>
      formatChecked(file, checked)
    )
    const { length } = checked.findings
    if (length > 0) {
      return yield* new CommandError({ message: `${file}: ${length} ${length === 1 ? "problem" : "problems"}` })
    }
  })
).pipe(Command.withDescription("Say what is wrong with a config file and what to do about it"))

export const command = Command.make("config", {}, () =>
  Effect.fail(ValidationError.missingSubcommand(HelpDoc.p("Missing subcommand check")))
).pipe(
  Command.withSubcommands([checkCommand]),
  Command.withDescription("Check a config file: throughline config check FILE [--json]")
)

const formatChecked = (file: string, { findings, settings }: CheckedConfig): ReadonlyArray<string> =>
  findings.length === 0 && settings !== null
    ? [`${file}: no problems`, ...summarizeSettings(settings)]
    : findings.map(({ issue, path }) => (path === null ? issue : `${path}: ${issue}`))

const summarizeSettings = ({ enabled, main, policy, routes }: Settings): ReadonlyArray<string> => [
  `main model: ${main.model}, a window of ${formatCount(main.contextLength)} tokens`,
  enabled
    ? `compressed beside the turns ${policy.threshold === "cost" ? "once that saves money, at the latest " : ""}from ` +
      `${formatCount(CompressionPolicy.softLimit(policy))} tokens on, before a step from ` +
      `${formatCount(CompressionPolicy.hardLimit(policy))} on`
    : "not compressed: compression.enabled is false",
  `summaries by: ${routes("compression")
    .map(({ model }) => model)
    .join(", then ")}`
]
