/** `throughline doctor STATE_DB [--json] [--repair [--dry-run]]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Doctor from "../../hermes/Doctor.ts"
import { CommandError, printAnswer } from "../io.ts"
import { jsonOption } from "../options.ts"
import { formatQuantity } from "../terminal/terminal.ts"

const fileArg = Args.text({ name: "state-db" }).pipe(Args.withDescription("a Hermes database"))

const repairOption = Options.boolean("repair").pipe(
  Options.withDescription("repair the damage, after a backup; without it nothing is written")
)

const dryRunOption = Options.boolean("dry-run").pipe(
  Options.withDescription("with --repair: say what it would do, but write nothing")
)

export const command = Command.make(
  "doctor",
  { file: fileArg, repair: repairOption, dryRun: dryRunOption, json: jsonOption },
  ({ dryRun, file, json, repair }) =>
    Effect.gen(function* () {
      if (dryRun && !repair) return yield* new CommandError({ message: "--dry-run needs --repair" })
      const left = yield* repair ? repairFile(file, dryRun, json) : diagnoseFile(file, json)
      if (left > 0) return yield* new CommandError({ message: `${file} has ${formatQuantity(left, "problem")}` })
    })
).pipe(Command.withDescription("Find damage that earlier versions left in a Hermes database, and repair it"))

/** Prints the findings and returns their number. */
const diagnoseFile = (file: string, json: boolean) =>
  Effect.gen(function* () {
    const report = yield* Doctor.diagnose(file)
    yield* printAnswer(json, report, () => [
      `${file}: ${formatQuantity(report.sessions, "session")}, ${formatQuantity(report.messages, "message")}`,
      ...(report.findings.length === 0 ? ["no damage"] : report.findings.flatMap(formatFinding))
    ])
    return report.findings.length
  })

/** Repairs the file and returns the number of findings that are left. */
const repairFile = (file: string, dryRun: boolean, json: boolean) =>
  Effect.gen(function* () {
    const report = yield* Doctor.repair(file, { dryRun })
    yield* printAnswer(json, report, () => formatRepairs(report))
    return dryRun ? report.mended.flatMap(({ findings }) => findings).length : report.remaining.length
  })

const formatRepairs = ({ backup, dryRun, mended, remaining }: Doctor.RepairReport): ReadonlyArray<string> => {
  if (mended.length === 0) return ["no damage, nothing written"]
  return [
    ...mended.flatMap(({ branches, findings, merged, sessionId }) => [
      `${sessionId}: ${dryRun ? "would be mended" : "mended"}`,
      ...(merged.length > 0 ? [`  takes over the messages of ${merged.join(", ")}`] : []),
      ...(branches.length > 0 ? [`  beside it: ${branches.join(", ")}`] : []),
      ...findings.map(({ damage, repair }) => `  ${damage}: ${repair}`)
    ]),
    ...remaining.flatMap((finding) => ["still there:", ...formatFinding(finding)]),
    backup === null ? "nothing written" : `the database as it was: ${backup}`
  ]
}

const formatFinding = ({ damage, detail, noticed, repair, sessionIds }: Doctor.Finding): ReadonlyArray<string> => [
  "",
  `${damage}  ${sessionIds.join(", ")}`,
  `  ${detail}`,
  `  noticed: ${noticed}`,
  `  repair:  ${repair}`
]
