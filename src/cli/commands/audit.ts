/** `throughline audit LOG… [--running] [--svg FILE]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { statSync, writeFileSync } from "node:fs"
import process from "node:process"
import { setFlagsFromString } from "node:v8"
import * as Audit from "../../audit/Audit.ts"
import { systemErrorText } from "../../message/systemErrorText.ts"
import { readHeader } from "../../sqlite/file.ts"
import { CommandError, printAnswer } from "../io.ts"
import { jsonOption } from "../options.ts"
import { formatCount, printNotice, styleOf } from "../terminal/terminal.ts"
import * as Timeline from "../audit/timeline.ts"
import * as TimelineSvg from "../audit/timelineSvg.ts"

const logs = Args.text({ name: "log" }).pipe(
  Args.atLeast(1),
  Args.withDescription(
    "log files of Hermes or throughline, plain or gzip; several files are read as one log, in order of time"
  )
)

const running = Options.boolean("running").pipe(
  Options.withDescription("the log is still being written: an operation that is open at its end is no violation")
)

const svg = Options.text("svg").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("also draw the timeline into this file"),
  Options.optional
)

export const command = Command.make("audit", { logs, json: jsonOption, running, svg }, ({ json, logs, running, svg }) =>
  Effect.gen(function* () {
    // Makes the garbage of a long log be collected early instead of filling the memory first.
    setFlagsFromString("--optimize-for-size")
    const report = yield* Audit.files(logs, { isRunning: running })
    const timeline = Timeline.makeTimeline(report)
    if (Option.isSome(svg)) yield* writeSvg(svg.value, timeline, formatVerdict(report))
    const { oneSpanIn: _, spans: __, ...value } = report
    yield* printAnswer(json, value, () => formatReport(report, timeline))
    if (report.verdict !== "clean") return yield* new CommandError({ message: formatVerdict(report) })
  })
).pipe(
  Command.withDescription(
    "Check from log lines alone that no id changed, no operations overlapped and nothing was lost"
  )
)

const writeSvg = (file: string, timeline: Timeline.Timeline | undefined, title: string) =>
  timeline === undefined
    ? printNotice(`throughline: the lines have no times: no timeline in ${file}`)
    : Effect.flatMap(
        Effect.try({
          try: () => {
            if (isOtherFile(file)) return false
            writeFileSync(file, TimelineSvg.drawTimelineSvg(timeline, title), { mode: 0o600 })
            return true
          },
          catch: (cause) => new CommandError({ message: `cannot write ${file}: ${systemErrorText(cause)}` })
        }),
        (isWritten) =>
          isWritten
            ? Effect.void
            : new CommandError({ message: `${file} is there already and is no SVG: it stays as it is` })
      )

/** True for a file that is no earlier picture, such as the database of the sessions. */
const isOtherFile = (file: string): boolean => {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return false
  const header = readHeader(file)
  return header !== "absent" && header.length > 0 && !header.includes("<svg")
}

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
