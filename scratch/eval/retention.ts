/** Measures what is still in the view of the covered ranges: after the first that holds a fact, and by place after all of them. */
import { type Fact, places } from "./facts.ts"
import { type Measure, share } from "./measure.ts"
import { textsCovered, type Replay, type Stage, textOf } from "./replay.ts"
import type { Session } from "./session.ts"

/** The facts a stage's segments stand for. */
export const factsCovered = ({ facts }: Session, replay: Replay, stage: Stage): ReadonlyArray<Fact> => {
  const range = textsCovered(stage, replay).join("\n")
  return facts.filter(({ value }) => range.includes(value))
}

export const measure = (session: Session, replay: Replay): ReadonlyArray<Measure> => {
  // With a large target the first ranges are short, and nothing may have been planted there yet.
  const n = replay.stages.findIndex((stage) => factsCovered(session, replay, stage).length > 0)
  const last = replay.stages.length
  return [
    shareKept(session, replay, n + 1, "kept in the view of the first to leave", () => true),
    ...places.map((place) =>
      shareKept(session, replay, last, `kept in the view after ${last}, ${place}`, (fact) => fact.place === place)
    )
  ]
}

/** The share of the facts covered by the first `n` compressions that is in the view after them. */
const shareKept = (
  session: Session,
  replay: Replay,
  n: number,
  name: string,
  isCounted: (fact: Fact) => boolean
): Measure => {
  const stage = replay.stages[n - 1]
  const facts = stage === undefined ? [] : factsCovered(session, replay, stage).filter(isCounted)
  const view = stage === undefined ? "" : textOf(stage.view)
  return share(
    name,
    facts.map(({ value }) => value),
    (value) => view.includes(value)
  )
}

/** After each compression, the share of the facts it covers so far that are in the view: 0 to 1. */
export const curve = (session: Session, replay: Replay): ReadonlyArray<number> =>
  replay.stages.map((stage) => {
    const view = textOf(stage.view)
    const left = factsCovered(session, replay, stage)
    return left.filter(({ value }) => view.includes(value)).length / Math.max(1, left.length)
  })
