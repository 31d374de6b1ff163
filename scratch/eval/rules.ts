/** The user's rules, word for word in the view, by language. */
import { languages } from "./constraints.ts"
import { type Measure, share } from "./measure.ts"
import { covered, type Replay, textOf } from "./replay.ts"
import type { Session } from "./session.ts"

export const measure = ({ constraints }: Session, replay: Replay, who: string): ReadonlyArray<Measure> => {
  const last = replay.stages.at(-1)
  if (last === undefined) return []
  const range = covered(last, replay).join("\n")
  const view = textOf(last.view)
  const left = constraints.filter(({ text }) => range.includes(text))
  const spoken = languages.filter((language) => left.some((rule) => rule.language === language))
  return [
    share(
      `rules word for word after ${replay.stages.length}, ${who}, ${spoken.length} languages`,
      left.map(({ text }) => text),
      (text) => view.includes(text)
    )
  ]
}
