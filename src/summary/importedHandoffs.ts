/**
 * What a handoff in the material says, so that it can be carried on: somebody imported a conversation that had been
 * compressed before. Its numbers are those of another log and are left out.
 */
import * as Handoff from "../handoff/Handoff.ts"
import * as Message from "../message/Message.ts"
import { LEDGER_MARK, SEGMENT_MARK, splitAtMarks } from "../message/ownMarks.ts"
import { redact } from "../message/Redaction.ts"
import type { Logged } from "../session/Session.ts"
import { readPaths, TITLES } from "../ledger/lines.ts"

/** The sections of all handoffs among these messages, oldest first. */
export const sectionsOfImportedHandoffs = (entries: ReadonlyArray<Logged>): Handoff.Sections => {
  const texts = entries.filter(({ message }) => Handoff.isHandoff(message)).map(({ message }) => Message.text(message))
  if (texts.length === 0) return Handoff.empty
  const { constraints, decisions, done, errors, facts, files, goal } = Handoff.merge(
    texts.flatMap((text) => parts(redact(text)))
  )
  return {
    ...Handoff.empty,
    goal: unnumbered(goal).slice(-1),
    constraints: unnumbered(constraints),
    done: unnumbered(done),
    decisions: unnumbered(decisions),
    errors: unnumbered(errors),
    files: Array.from(new Set(files.flatMap(readPaths))),
    facts: unnumbered(facts)
  }
}

/** Each segment of a handoff, and its ledger; each under a line with throughline's mark. */
const parts = (text: string): ReadonlyArray<Handoff.Sections> =>
  splitAtMarks(text).flatMap((part) => {
    const [mark = "", ...lines] = part.split("\n")
    if (mark === LEDGER_MARK) return [Handoff.parse(underHeadings(lines).join("\n"))]
    return mark.startsWith(SEGMENT_MARK) ? [Handoff.parse(lines.join("\n"))] : []
  })

/** The ledger's titles as the headings of a summary. What was asked and what went well is not carried on. */
const underHeadings = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  let isCarried = false
  return lines.flatMap((line) => {
    if (line.startsWith("- ")) return isCarried ? [line] : []
    const heading = HEADINGS.find(([title]) => line.startsWith(title))
    isCarried = heading !== undefined
    return heading === undefined ? [] : [`## ${heading[1]}`]
  })
}

const HEADINGS: ReadonlyArray<readonly [title: string, heading: string]> = [
  [TITLES.rules, "Constraints and preferences"],
  [TITLES.decisions, "Decisions"],
  [TITLES.identifiers, "Critical facts"],
  [TITLES.written, "Files"],
  [TITLES.failed, "Errors and fixes"],
  [TITLES.errors, "Errors and fixes"]
]

const unnumbered = (items: ReadonlyArray<string>): ReadonlyArray<string> =>
  Array.from(new Set(items.map((item) => item.replace(/ \(#\d+\)$/, ""))))
