/**
 * The user's rules, word for word in the view. The ledger promises those that a word such as "must" or "never" marks;
 * of the others the figure says how many plain code cannot tell from any other sentence.
 */
import { type Measure, share } from "./measure.ts"
import { covered, type Replay, textOf } from "./replay.ts"
import type { Session } from "./session.ts"

export const measure = ({ constraints }: Session, replay: Replay, who: string): ReadonlyArray<Measure> => {
  const last = replay.stages.at(-1)
  if (last === undefined) return []
  const range = covered(last, replay).join("\n")
  const view = textOf(last.view)
  const left = constraints.filter(({ text }) => range.includes(text))
  return [true, false].map((isMarked) => {
    const rules = left.filter((rule) => rule.isMarked === isMarked)
    const languages = new Set(rules.map(({ language }) => language)).size
    const what = isMarked ? "rules word for word" : "the same of rules without a word for it"
    return share(
      `${what}, ${who}, ${languages} languages`,
      rules.map(({ text }) => text),
      (text) => view.includes(text),
      isMarked ? 100 : null
    )
  })
}
