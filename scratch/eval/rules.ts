/**
 * The user's rules, word for word in the view. The ledger promises those that a word such as "must" or "never" marks;
 * others it knows by the turns of phrase people use for them, and cannot know all.
 */
import { type Measure, share } from "./measure.ts"
import { textsCovered, type Replay, textOf } from "./replay.ts"
import type { Session } from "./session.ts"

export interface Run {
  readonly session: Session
  readonly replay: Replay
}

export const measure = (runs: ReadonlyArray<Run>, who: string): ReadonlyArray<Measure> => {
  const rules = runs.flatMap(checkCoveredRules)
  const languages = new Set(rules.map(({ language }) => language)).size
  return [true, false].map((isMarked) => {
    const kept = new Map(rules.filter((rule) => rule.isMarked === isMarked).map(({ isKept, text }) => [text, isKept]))
    const what = isMarked ? `rules word for word, ${languages} languages` : "rules without a word for it"
    return share(`${what}, ${who}`, [...kept.keys()], (text) => kept.get(text) === true, isMarked ? 100 : 90)
  })
}

/** The rules that the last handoff stands for, and whether its view has them. */
const checkCoveredRules = ({ replay, session }: Run) => {
  const last = replay.stages.at(-1)
  if (last === undefined) return []
  const range = textsCovered(last, replay).join("\n")
  const view = textOf(last.view)
  return session.constraints
    .filter(({ text }) => range.includes(text))
    .map((rule) => ({ ...rule, isKept: view.includes(rule.text) }))
}
