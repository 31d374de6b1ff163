/** Compares a summary that another agent wrote with the facts of its session. */
import * as Either from "effect/Either"
import { basename } from "node:path"
import { empty, type Ledger } from "../../ledger/Ledger.ts"
import { isFailed } from "../../ledger/lines.ts"
import { estimate } from "../../message/Tokens.ts"
import { weighKeys } from "../../store/wordKeys.ts"
import { checkSummary } from "../../summary/Gate.ts"

/** The same facts in two ledgers: those that a summary should say and does not, and all others. */
export interface Comparison {
  readonly missing: Ledger
  readonly others: Ledger
}

/**
 * Finds the pins, notes, rules, open requests, decisions, written files, failed commands and identifiers that a summary
 * leaves out. A sentence is said if most of its words are; a path, a command and an identifier as they are written. Without a summary nothing is missing.
 */
export const compareFacts = (ledger: Ledger, summary: string | null): Comparison => {
  if (summary === null) return { missing: empty, others: ledger }
  const words = new Set(weighKeys(summary).keys())
  const saysWords = (text: string) => {
    const keys = Array.from(weighKeys(text).keys())
    return keys.filter((key) => words.has(key)).length >= LEAST_SHARE * keys.length
  }
  const select = (isTaken: boolean): Ledger => {
    const take = <A>(list: ReadonlyArray<A>, isMissing: (item: A) => boolean) =>
      list.filter((item) => isMissing(item) === isTaken)
    const isUnsaid = ({ text }: { readonly text: string }) => !saysWords(text)
    return {
      pins: take(ledger.pins, isUnsaid),
      notes: take(ledger.notes, isUnsaid),
      constraints: take(ledger.constraints, isUnsaid),
      // The agent reads its instruction files again by itself.
      fileRules: take(ledger.fileRules, () => false),
      requests: take(ledger.requests, (request) => !request.answered && isUnsaid(request)),
      files: take(ledger.files, ({ access, path }) => access === "written" && !summary.includes(basename(path))),
      commands: take(
        ledger.commands,
        (run) => isFailed(run) && !summary.includes(run.command) && !(run.error !== null && saysWords(run.error))
      ),
      errors: take(ledger.errors, () => false),
      decisions: take(ledger.decisions, isUnsaid),
      identifiers: take(ledger.identifiers, ({ source, value }) => source === "said" && !summary.includes(value)),
      calls: take(ledger.calls, () => false)
    }
  }
  return { missing: select(true), others: select(false) }
}

/** Who rewords a sentence keeps most of its telling words. */
const LEAST_SHARE = 0.6

/** Counts the facts of a ledger, e.g. `2 rules, 1 written file`; the empty text without any. */
export const countFacts = (ledger: Ledger): string =>
  COUNTED.flatMap(([kind, one, many]) => {
    const { length } = ledger[kind]
    return length === 0 ? [] : [`${length} ${length === 1 ? one : many}`]
  }).join(", ")

const COUNTED: ReadonlyArray<readonly [kind: keyof Ledger, one: string, many: string]> = [
  ["pins", "pin", "pins"],
  ["notes", "note", "notes"],
  ["constraints", "rule", "rules"],
  ["requests", "open request", "open requests"],
  ["decisions", "decision", "decisions"],
  ["files", "written file", "written files"],
  ["commands", "failed command", "failed commands"],
  ["identifiers", "identifier", "identifiers"]
]

/** Says why a text is no summary at all, such as a refusal or an error of a server; null if it is one. */
export const findFault = (summary: string): string | null =>
  Either.match(
    checkSummary({
      route: "the agent",
      text: summary,
      finish: "stop",
      counter: estimate,
      // How large its summary is and how it is divided is the agent's own affair.
      coveredTokens: Infinity,
      maxTokens: Infinity,
      missing: () => []
    }),
    { onLeft: ({ detail, reason }) => `${reason}: ${detail}`, onRight: () => null }
  )
