/** `throughline salvage DB --out NEW` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import type { LostPart, SalvageReport } from "../../sqlite/bringOver.ts"
import { salvageFile } from "../../sqlite/salvage.ts"
import { printAnswer } from "../io.ts"
import { jsonOption } from "../options.ts"
import { formatCount, formatQuantity } from "../terminal/terminal.ts"

const fileArg = Args.text({ name: "db" }).pipe(Args.withDescription("a damaged database, which is only read"))

const outOption = Options.text("out").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("the new database, which must not be there yet")
)

export const command = Command.make(
  "salvage",
  { file: fileArg, out: outOption, json: jsonOption },
  ({ file, json, out }) =>
    Effect.gen(function* () {
      const report = yield* salvageFile(file, out)
      yield* printAnswer(json, report, () => formatReport(out, report))
    })
).pipe(Command.withDescription("Bring what can be read of a damaged database into a new one, and list what is lost"))

const formatReport = (out: string, report: SalvageReport): ReadonlyArray<string> => [
  `${out}: ${[
    formatQuantity(report.sessions, "session"),
    formatQuantity(report.messages, "message"),
    `${formatCount(report.waiting)} waiting`,
    formatQuantity(report.segments, "segment"),
    formatQuantity(report.generations, "generation")
  ].join(", ")}`,
  ...(report.lost.length === 0 ? ["nothing is lost"] : report.lost.map(formatLost))
]

const formatLost = ({ sessionId, what }: LostPart): string =>
  `lost ${sessionId === null ? "" : `of ${sessionId}: `}${what}`
