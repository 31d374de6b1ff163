/** `throughline audit [LOG…] [--db FILE] [--running] [--svg FILE]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import process from "node:process"
import { setFlagsFromString } from "node:v8"
import * as Audit from "../../audit/Audit.ts"
import * as ReceiptAudit from "../../compression/ReceiptAudit.ts"
import * as Recall from "../../recall/Recall.ts"
import { SessionId } from "../../session/Session.ts"
import { SessionStore } from "../../store/SessionStore.ts"
import { CommandError, printAnswer, writeSvgFile } from "../io.ts"
import { jsonOption } from "../options.ts"
import { provideReading } from "../services.ts"
import { formatCount, printNotice, styleOf } from "../terminal/terminal.ts"
import * as Timeline from "../audit/timeline.ts"
import * as TimelineSvg from "../audit/timelineSvg.ts"

const logs = Args.text({ name: "log" }).pipe(
  Args.repeated,
  Args.withDescription(
    "log files of Hermes or throughline, plain or gzip; several files are read as one log, in order of time"
  )
)

const db = Options.text("db").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("a database of sessions: also check the receipts of their compressions"),
  Options.optional
)

const running = Options.boolean("running").pipe(
  Options.withDescription("the log is still being written: an operation that is open at its end is no violation")
)

const svg = Options.text("svg").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("also draw the timeline into this file"),
  Options.optional
)

export const command = Command.make(
  "audit",
  { logs, db, json: jsonOption, running, svg },
  ({ db, json, logs, running, svg }) =>
    Effect.gen(function* () {
      if (logs.length === 0 && Option.isNone(db)) {
        return yield* new CommandError({ message: "expected log files, or --db for the receipts of a database" })
      }
      const ofLogs = logs.length === 0 ? [] : [yield* auditLogs(logs, { running, svg })]
      const ofReceipts = Option.isNone(db) ? [] : [yield* checkReceipts(db.value)]
      const value = { ...ofLogs[0]?.value, ...(ofReceipts[0] && { receipts: ofReceipts[0] }) }
      yield* printAnswer(json, value, () => [
        ...ofLogs.flatMap(({ lines }) => lines),
        ...ofReceipts.flatMap(formatReceipts)
      ])
      const faults = [
        ...ofLogs.flatMap(({ verdict }) => verdict ?? []),
        ...ofReceipts.flatMap(({ findings }) => (findings.length === 0 ? [] : countLosses(findings.length)))
      ]
      if (faults.length > 0) return yield* new CommandError({ message: faults.join("; ") })
    })
).pipe(
  Command.withDescription(
    "Check from log lines that no id changed, no operations overlapped and nothing was lost; with --db, receipts too"
  )
)

/** The verdict is null if there is nothing to complain of. */
const auditLogs = (
  logs: ReadonlyArray<string>,
  { running, svg }: { readonly running: boolean; readonly svg: Option.Option<string> }
) =>
  Effect.gen(function* () {
    // Makes the garbage of a long log be collected early instead of filling the memory first.
    setFlagsFromString("--optimize-for-size")
    const report = yield* Audit.files(logs, { isRunning: running })
    const timeline = Timeline.makeTimeline(report)
    if (Option.isSome(svg)) yield* writeSvg(svg.value, timeline, formatVerdict(report))
    const { oneSpanIn: _, spans: __, ...value } = report
    const verdict = report.verdict === "clean" ? null : formatVerdict(report)
    return { value, lines: formatReport(report, timeline), verdict }
  })

// ── receipts ──

/** Checks the receipts of every session. */
const checkReceipts = (file: string) =>
  Effect.gen(function* () {
    const { sessions } = yield* SessionStore
    const reports = yield* Effect.forEach(yield* sessions, ({ sessionId }) =>
      ReceiptAudit.checkSession(SessionId.make(sessionId))
    )
    const addUp = (numberOf: (report: ReceiptAudit.ReceiptReport) => number) =>
      reports.reduce((sum, report) => sum + numberOf(report), 0)
    return {
      sessions: reports.length,
      receipts: addUp(({ receipts }) => receipts),
      references: addUp(({ references }) => references),
      without: addUp(({ without }) => without),
      findings: reports.flatMap(({ findings }) => findings)
    }
  }).pipe(Effect.provide(Recall.layer), provideReading(file))

const formatReceipts = (report: Effect.Effect.Success<ReturnType<typeof checkReceipts>>): ReadonlyArray<string> => [
  ...report.findings.flatMap(({ fault, snapshotId, text }) => [`${fault}: ${text}`, `  ${snapshotId}`, ""]),
  `${report.findings.length === 0 ? "no loss" : countLosses(report.findings.length)}: ` +
    `${formatCount(report.receipts)} receipts of ${formatCount(report.sessions)} sessions, with ` +
    `${formatCount(report.references)} references` +
    (report.without === 0 ? "" : `; ${formatCount(report.without)} compressions have none`)
]

const countLosses = (losses: number): string => (losses === 1 ? "1 loss" : `${formatCount(losses)} losses`)

// ── logs ──

const writeSvg = (file: string, timeline: Timeline.Timeline | undefined, title: string) =>
  timeline === undefined
    ? printNotice(`throughline: the lines have no times: no timeline in ${file}`)
    : writeSvgFile(file, TimelineSvg.drawTimelineSvg(timeline, title))

const formatReport = (report: Audit.Report, timeline: Timeline.Timeline | undefined): ReadonlyArray<string> => {
  const more = report.violations - report.findings.length
  return [
    ...report.findings.flatMap(({ fault, lines, text }) => [
      `${fault}: ${text}`,
      ...lines.map(({ file, line, text }) => `  ${file}:${line}: ${text}`),
      ""
    ]),
    ...(more > 0 ? [`and ${formatCount(more)} more`, ""] : []),
    ...(timeline === undefined ? [] : [...Timeline.drawTimeline(timeline, styleOf(process.stdout)), ""]),
    `${formatVerdict(report)}: ${formatCounts(report)}`
  ]
}

const formatVerdict = ({ verdict, violations }: Audit.Report): string => {
  if (verdict === "clean") return "no violation"
  if (verdict === "nothing") return "no line of an operation or a message, so nothing is proven"
  return violations === 1 ? "1 violation" : `${formatCount(violations)} violations`
}

const formatCounts = ({ counts, lines }: Audit.Report): string =>
  `${formatCount(lines.read)} lines, ${formatCount(counts.operations)} of operations, ${formatCount(counts.messages)} of messages, ` +
  `${formatCount(lines.skipped)} others`
