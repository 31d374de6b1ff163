/** A value that was replaced: the newest is in the view, and the old one does not look like it. */
import type { Override } from "./overrides.ts"
import { type Measure, share } from "./measure.ts"
import { textsCovered, type Replay, textOf } from "./replay.ts"
import type { Session } from "./session.ts"

export const measure = ({ overrides }: Session, replay: Replay): ReadonlyArray<Measure> => {
  const last = replay.stages.at(-1)
  if (last === undefined) return []
  const range = textsCovered(last, replay).join("\n")
  const view = textOf(last.view)
  const changed = overrides.filter(({ after, before }) => range.includes(before) && range.includes(after))
  return [true, false].flatMap((isPlain) => {
    const of = new Map(changed.filter((one) => one.isPlain === isPlain).map((one) => [one.said[1], one] as const))
    const how = isPlain ? "" : ", said in other words"
    return [
      share(`newest value of what changed in the view${how}`, [...of.keys()], (said) => isShown(view, of.get(said))),
      share(`its old value gone, or marked as replaced${how}`, [...of.keys()], (said) => isMarked(view, of.get(said)))
    ]
  })
}

const isShown = (view: string, change: Override | undefined): boolean =>
  change !== undefined && view.includes(change.after)

const isMarked = (view: string, change: Override | undefined): boolean => {
  if (change === undefined) return false
  const { after, before } = change
  const naming = view.split("\n").filter((line) => line.includes(before))
  return (
    naming.length === 0 || naming.some((line) => line.includes(after) && line.indexOf(after) < line.indexOf(before))
  )
}
