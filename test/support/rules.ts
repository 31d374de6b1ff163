/** The rules that a ledger takes from what the user says. */
import * as Ledger from "../../src/ledger/Ledger.ts"

/** Returns the rules after messages of the user, in the order of the ledger. */
export const rulesAfter = (...said: ReadonlyArray<string>): ReadonlyArray<string> =>
  Ledger.add(
    Ledger.empty,
    said.map((content, i) => ({
      seq: i + 1,
      message: { role: "user", content },
      tokens: 0,
      kind: "request",
      arrival: i + 1,
      at: 0
    }))
  ).constraints.map(({ text }) => text)

/** Returns whether the ledger takes a sentence for a rule, word for word; of two short ones, the longer. */
export const isTakenForRule = (sentence: string): boolean =>
  rulesAfter(sentence).some((text) => sentence.includes(text) && text.length * 2 > sentence.length)
