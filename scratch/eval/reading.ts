/** A handoff as its reader understands it: summaries by their sections, the ledger by its groups. */
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as Message from "../../src/message/Message.ts"
import type { View } from "../../src/view/View.ts"

export interface Reading {
  readonly index: number
  readonly text: string
  readonly summaries: ReadonlyArray<Handoff.Sections>
  readonly rules: ReadonlyArray<string>
  readonly requests: ReadonlyArray<string>
}

export const read = ({ messages }: View): Reading => {
  const index = messages.findLastIndex(Handoff.isHandoff)
  const message = messages[index]
  const text = message === undefined ? "" : Message.text(message)
  const parts = text.split(/^(?=\[throughline )/m)
  const ledger = parts.find((part) => part.startsWith("[throughline ledger]")) ?? ""
  return {
    index,
    text,
    summaries: parts
      .filter((part) => part.startsWith("[throughline #"))
      .map((part) => Handoff.parse(part.replace(/^.*\n/, ""))),
    rules: group(ledger, /rules/),
    requests: group(ledger, /^Requests/)
  }
}

const group = (ledger: string, title: RegExp): ReadonlyArray<string> => {
  const lines = ledger.split("\n")
  const from = lines.findIndex((line) => !line.startsWith("- ") && title.test(line))
  const rest = lines.slice(from + 1)
  const to = rest.findIndex((line) => !line.startsWith("- "))
  return from < 0 ? [] : rest.slice(0, to < 0 ? rest.length : to)
}
