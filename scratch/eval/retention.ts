/** Measures what is still in the view of the covered ranges: by place, after one compression and after all of them. */
import { type Fact, places } from "./facts.ts"
import { type Measure, share } from "./measure.ts"
import { textsCovered, type Replay, type Stage, textOf } from "./replay.ts"
import type { Session } from "./session.ts"

/** The facts a stage's segments stand for. */
export const factsCovered = ({ facts }: Session, replay: Replay, stage: Stage): ReadonlyArray<Fact> => {
  const range = textsCovered(stage, replay).join("\n")
  return facts.filter(({ value }) => range.includes(value))
}

export const measure = (session: Session, replay: Replay): ReadonlyArray<Measure> =>
  [replay.stages[0], replay.stages.at(-1)].flatMap((stage, i) => {
    if (stage === undefined) return []
    const view = textOf(stage.view)
    const left = factsCovered(session, replay, stage)
    const isIn = (value: string) => view.includes(value)
    const after = i === 0 ? "after 1 compression" : `after ${replay.stages.length}`
    // One range alone may hold no fact of some place.
    if (i === 0)
      return [
        share(
          `kept in the view ${after}`,
          left.map(({ value }) => value),
          isIn
        )
      ]
    return places.map((place) =>
      share(
        `kept in the view ${after}, ${place}`,
        left.filter((fact) => fact.place === place).map(({ value }) => value),
        isIn
      )
    )
  })

/** After each compression, the share of the facts it covers so far that are in the view: 0 to 1. */
export const curve = (session: Session, replay: Replay): ReadonlyArray<number> =>
  replay.stages.map((stage) => {
    const view = textOf(stage.view)
    const left = factsCovered(session, replay, stage)
    return left.filter(({ value }) => view.includes(value)).length / Math.max(1, left.length)
  })
