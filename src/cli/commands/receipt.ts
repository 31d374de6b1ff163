/** `throughline receipt SNAPSHOT --db DB` */
import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Receipt from "../../session/Receipt.ts"
import { printAnswer } from "../io.ts"
import { dbOption, jsonOption, snapshotArg } from "../options.ts"
import { useStore } from "../services.ts"
import { alignColumns, formatCount } from "../terminal/terminal.ts"

export const command = Command.make(
  "receipt",
  { id: snapshotArg, db: dbOption, json: jsonOption },
  ({ db, id, json }) =>
    Effect.gen(function* () {
      const text = yield* useStore(db, (store) => store.receipt(id))
      const receipt = text === null ? null : yield* Receipt.decode(text)
      yield* printAnswer(json, receipt, () =>
        receipt === null ? ["no receipt: no compression left this snapshot behind"] : formatReceipt(receipt)
      )
    })
).pipe(
  Command.withDescription("Print what a compression can show for itself: what left, what stays, what finds it again")
)

const formatReceipt = ({ carried, left, stays, unlisted, used, usedTo }: Receipt.Receipt): ReadonlyArray<string> => {
  const messages = left.reduce((sum, range) => sum + range.messages, 0)
  const [shown, recalled] = [used.filter(({ query }) => query === null), used.filter(({ query }) => query !== null)]
  return [
    `${formatCount(messages)} messages left the view, #${left[0]?.fromSeq ?? 0} to #${left.at(-1)?.toSeq ?? 0}:`,
    ...alignColumns(left.map(({ digest, fromSeq, toSeq }) => [`  #${fromSeq} to #${toSeq}`, digest])),
    `the view shows #1 to #${stays.headTo}, the handoff of ${stays.segments.length} segments, and from #${stays.tailFrom} on`,
    `messages up to #${usedTo} use of what left:`,
    ...alignColumns(recalled.map((use) => [`  ${describe(use)}`, `recall ${use.query ?? ""}`])),
    ...alignColumns(
      shown.map((use) => [`  ${describe(use)}`, carried.includes(use.text) ? "added to the ledger" : "in the view"])
    ),
    ...(used.length === 0 ? ["  nothing"] : []),
    ...(unlisted === 0 ? [] : [`  and ${formatCount(unlisted)} more, checked but not listed`])
  ]
}

const describe = ({ kind, seq, text }: Receipt.UsedReference): string => `${kind} ${text} (#${seq})`
