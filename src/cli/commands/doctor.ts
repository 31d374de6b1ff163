/** `throughline doctor STATE_DB [--json] [--repair [--dry-run]]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Doctor from "../../hermes/Doctor.ts"
import { answer, CommandError, jsonOption } from "../services.ts"
import { count, printable } from "../terminal/terminal.ts"

const fileArg = Args.text({ name: "state-db" }).pipe(Args.withDescription("a Hermes database"))

const repairOption = Options.boolean("repair").pipe(
  Options.withDescription("mend what is found, after a backup; without it nothing is written")
)

const dryRunOption = Options.boolean("dry-run").pipe(
  Options.withDescription("with --repair: say what it would do, and do nothing")
)

export const command = Command.make(
  "doctor",
  { file: fileArg, repair: repairOption, dryRun: dryRunOption, json: jsonOption },
  ({ dryRun, file, json, repair }) =>
    Effect.gen(function* () {
      if (dryRun && !repair) return yield* new CommandError({ message: "--dry-run needs --repair" })
      const left = yield* repair ? mend(file, dryRun, json) : look(file, json)
      if (left > 0) return yield* new CommandError({ message: `${file} has ${things(left, "damage")}` })
    })
).pipe(Command.withDescription("Find what earlier versions broke in a Hermes database, and mend it"))

/** How many findings there are. */
const look = (file: string, json: boolean) =>
  Effect.gen(function* () {
    const report = yield* Doctor.diagnose(file)
    yield* answer(json, report, () =>
      [
        `${file}: ${things(report.sessions, "session")}, ${things(report.messages, "message")}`,
        ...(report.findings.length === 0 ? ["no damage"] : report.findings.flatMap(lines))
      ].map(printable)
    )
    return report.findings.length
  })

/** How many findings are left. */
const mend = (file: string, dryRun: boolean, json: boolean) =>
  Effect.gen(function* () {
    const report = yield* Doctor.repair(file, { dryRun })
    yield* answer(json, report, () => summary(report).map(printable))
    return dryRun ? report.mended.flatMap(({ findings }) => findings).length : report.remaining.length
  })

const summary = ({ backup, dryRun, mended, remaining }: Doctor.RepairReport): ReadonlyArray<string> => {
  if (mended.length === 0) return ["no damage, nothing written"]
  return [
    ...mended.flatMap(({ branches, findings, merged, sessionId }) => [
      `${sessionId}: ${dryRun ? "would be mended" : "mended"}`,
      ...(merged.length > 0 ? [`  takes over the messages of ${merged.join(", ")}`] : []),
      ...(branches.length > 0 ? [`  beside it: ${branches.join(", ")}`] : []),
      ...findings.map(({ damage, repair }) => `  ${damage}: ${repair}`)
    ]),
    ...remaining.flatMap((finding) => ["still there:", ...lines(finding)]),
    backup === null ? "nothing written" : `the database as it was: ${backup}`
  ]
}

const lines = ({ damage, detail, noticed, repair, sessionIds }: Doctor.Finding): ReadonlyArray<string> => [
  "",
  `${damage}  ${sessionIds.join(", ")}`,
  `  ${detail}`,
  `  noticed: ${noticed}`,
  `  repair:  ${repair}`
]

const things = (n: number, what: string): string => `${count(n)} ${what}${n === 1 ? "" : "s"}`
