/**
 * Reads handoffs among the messages: an imported conversation may have been compressed before. Their message numbers
 * belong to another log and are left out.
 */
import * as Handoff from "../handoff/Handoff.ts"
import * as Message from "../message/Message.ts"
import { isImportedHandoff, LEDGER_MARK, SEGMENT_MARK, splitAtMarks } from "../message/whoseWords.ts"
import { redact } from "../message/Redaction.ts"
import type { Logged } from "../session/Session.ts"
import { readPaths, TITLES } from "../ledger/lines.ts"

/** Returns the sections of all handoffs among these messages, oldest first. */
export const sectionsOfImportedHandoffs = (entries: ReadonlyArray<Logged>): Handoff.Sections => {
  const texts = entries.filter(isImportedHandoff).map(({ message }) => Message.text(message))
  if (texts.length === 0) return Handoff.empty
  const { constraints, decisions, done, errors, facts, files, goal, said } = Handoff.merge(
    texts.flatMap((text) => parseParts(redact(text)))
  )
  return {
    ...Handoff.empty,
    goal: removeSeqs(goal).slice(-1),
    constraints: removeSeqs(constraints),
    done: removeSeqs(done),
    decisions: removeSeqs(decisions),
    errors: removeSeqs(errors),
    files: Array.from(new Set(files.flatMap(readPaths))),
    facts: removeSeqs(facts),
    said: removeSeqs(said)
  }
}

/** Parses each segment of a handoff and its ledger. Each stands under a line with throughline's mark. */
const parseParts = (text: string): ReadonlyArray<Handoff.Sections> =>
  splitAtMarks(text).flatMap((part) => {
    const [mark = "", ...lines] = part.split("\n")
    if (mark === LEDGER_MARK) return [Handoff.parse(replaceTitles(lines).join("\n"))]
    return mark.startsWith(SEGMENT_MARK) ? [Handoff.parse(lines.join("\n"))] : []
  })

/** Turns the ledger's titles into headings of a summary. Requests and successful commands are not taken over. */
const replaceTitles = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  let isTakenOver = false
  return lines.flatMap((line) => {
    if (line.startsWith("- ")) return isTakenOver ? [line] : []
    const heading = HEADINGS.find(([title]) => line.startsWith(title))
    isTakenOver = heading !== undefined
    return heading === undefined ? [] : [`## ${heading[1]}`]
  })
}

/** The titles of every version begin like this. */
const HEADINGS: ReadonlyArray<readonly [title: string, heading: string]> = [
  [TITLES.rules, "Constraints and preferences"],
  [TITLES.fileRules, "Constraints and preferences"],
  [TITLES.decisions, "Decisions"],
  ["Identifiers", "Critical facts"],
  [TITLES.written, "Files"],
  ["Commands that failed", "Errors and fixes"],
  ["Errors", "Errors and fixes"]
]

const removeSeqs = (items: ReadonlyArray<string>): ReadonlyArray<string> =>
  Array.from(new Set(items.map((item) => item.replace(/ \(#\d+\)$/, ""))))
