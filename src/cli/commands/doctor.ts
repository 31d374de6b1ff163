/** `throughline doctor FILE [--json] [--repair [--dry-run]]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as Doctor from "../../hermes/Doctor.ts"
import { SessionId } from "../../session/Session.ts"
import * as NativeDoctor from "../../sqlite/doctor.ts"
import { inspectFile } from "../../sqlite/file.ts"
import type { SessionStore } from "../../store/SessionStore.ts"
import { CommandError, printAnswer } from "../io.ts"
import { jsonOption } from "../options.ts"
import { isPostgres, useStore } from "../services.ts"
import { formatQuantity } from "../terminal/terminal.ts"

const fileArg = Args.text({ name: "file" }).pipe(
  Args.withDescription("a database of throughline or of Hermes, or postgres://…")
)

const repairOption = Options.boolean("repair").pipe(
  Options.withDescription(
    "repair what can be repaired, in a Hermes database after a backup; without it nothing is written"
  )
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
      if (isPostgres(file) && repair) {
        return yield* new CommandError({ message: "--repair is for files; restore a PostgreSQL from a backup" })
      }
      const left = isPostgres(file)
        ? yield* diagnoseServer(file, json)
        : yield* (yield* Effect.isSuccess(inspectFile(file, false)))
            ? repair
              ? repairNative(file, dryRun, json)
              : diagnoseNative(file, json)
            : repair
              ? repairFile(file, dryRun, json)
              : diagnoseFile(file, json)
      const name = isPostgres(file) ? "the database" : file
      if (left > 0) return yield* new CommandError({ message: `${name} has ${formatQuantity(left, "problem")}` })
    })
).pipe(
  Command.withDescription(
    "Find damage in a database, and what earlier versions of Hermes broke in theirs, and repair it"
  )
)

/** Prints the findings and returns their number. */
const diagnoseNative = (file: string, json: boolean) =>
  Effect.gen(function* () {
    const report = yield* NativeDoctor.diagnoseFile(file)
    yield* printAnswer(json, report, () => [
      `${file}: ${formatQuantity(report.sessions, "session")}, ${formatQuantity(report.messages, "message")}`,
      ...(report.findings.length === 0 ? ["no damage"] : report.findings.map((finding) => formatNative(file, finding)))
    ])
    return report.findings.length
  })

/** Reads all that views and logs are made of. Prints what cannot be read and returns its number. */
const diagnoseServer = (url: string, json: boolean) =>
  useStore(url, (store) =>
    Effect.gen(function* () {
      const sessions = yield* store.sessions
      const findings = yield* Effect.forEach(sessions, ({ sessionId }) =>
        findUnreadable(store, SessionId.make(sessionId))
      )
      const messages = sessions.reduce((sum, session) => sum + session.messages, 0)
      const report = { sessions: sessions.length, messages, findings: findings.flat() }
      yield* printAnswer(json, report, () => [
        `${formatQuantity(report.sessions, "session")}, ${formatQuantity(messages, "message")}`,
        ...(report.findings.length === 0 ? ["no damage"] : report.findings.map(describeNative))
      ])
      return report.findings.length
    })
  )

const findUnreadable = (store: SessionStore["Type"], sessionId: SessionId) =>
  Effect.gen(function* () {
    const damaged = yield* Stream.runFold(store.log(sessionId), new Array<string>(), (found, { seq, unreadable }) =>
      unreadable === undefined ? found : [...found, `message ${seq ?? "in the inbox"}: ${unreadable}`]
    )
    const read = yield* Effect.either(Effect.all([store.state(sessionId), store.ledger(sessionId)]))
    const details = Either.isLeft(read) ? [...damaged, read.left.message] : damaged
    return details.map((detail) => ({ damage: "unreadable", sessionId, detail }))
  })

/** Repairs the file and returns the number of findings that are left. */
const repairNative = (file: string, dryRun: boolean, json: boolean) =>
  Effect.gen(function* () {
    const report = yield* NativeDoctor.repairFile(file, dryRun)
    const { mended, remaining } = report
    yield* printAnswer(json, report, () =>
      mended.length + remaining.length === 0
        ? ["no damage, nothing written"]
        : [
            ...mended.map((finding) => `${dryRun ? "would be mended" : "mended"}: ${describeNative(finding)}`),
            ...remaining.map((finding) => formatNative(file, finding))
          ]
    )
    return dryRun ? mended.length + remaining.length : remaining.length
  })

const formatNative = (file: string, finding: NativeDoctor.Finding): string =>
  `${describeNative(finding)}; ${
    NativeDoctor.isRepairable(finding)
      ? `\`throughline doctor ${file} --repair\` mends it`
      : `\`throughline salvage ${file} --out NEW\` brings out what can be read`
  }`

const describeNative = ({
  damage,
  detail,
  sessionId
}: Pick<NativeDoctor.Finding, "detail" | "sessionId"> & { readonly damage: string }): string =>
  `${damage}${sessionId === null ? "" : `  ${sessionId}`}  ${detail}`

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
