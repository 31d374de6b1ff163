/** A value that was replaced: the newest is in the view, and the old one does not look like it. */
import { type Measure, share } from "./measure.ts"
import { covered, type Replay, textOf } from "./replay.ts"
import type { Session } from "./session.ts"

export const measure = ({ overrides }: Session, replay: Replay): ReadonlyArray<Measure> => {
  const last = replay.stages.at(-1)
  if (last === undefined) return []
  const range = covered(last, replay).join("\n")
  const view = textOf(last.view)
  const changed = overrides.filter(({ after, before }) => range.includes(before) && range.includes(after))
  const of = new Map(changed.map((override) => [override.said[1], override] as const))
  const names = [...of.keys()]
  const isMarked = (before: string, after: string) =>
    view
      .split("\n")
      .some((line) => line.includes(before) && line.indexOf(after) >= 0 && line.indexOf(after) < line.indexOf(before))
  return [
    share("newest value of a changed identifier in the view", names, (said) =>
      view.includes(of.get(said)?.after ?? "?")
    ),
    share("its old value gone, or marked as replaced", names, (said) => {
      const { after = "?", before = "?" } = of.get(said) ?? {}
      return !view.includes(before) || isMarked(before, after)
    })
  ]
}
