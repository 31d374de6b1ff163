/** Measures whether the summarizer is shown what it has to keep: facts of the covered ranges in the prompts, by place. */
import type { ModelRequest } from "../../src/model/Provider.ts"
import { places } from "./facts.ts"
import { type Measure, share } from "./measure.ts"
import { read } from "./prompts.ts"
import { textsCovered, type Replay } from "./replay.ts"
import type { Session } from "./session.ts"

export const measure = (
  session: Session,
  replay: Replay,
  requests: ReadonlyArray<Pick<ModelRequest, "messages">>,
  name = "visible to the summarizer"
): ReadonlyArray<Measure> => {
  const last = replay.stages.at(-1)
  const range = last === undefined ? "" : textsCovered(last, replay).join("\n")
  const prompts = requests.map((request) => read(request).material).join("\n")
  return places.map((place) => {
    const facts = session.facts.filter((fact) => fact.place === place && range.includes(fact.value))
    return share(
      `${name}, ${place}`,
      facts.map(({ value }) => value),
      (value) => prompts.includes(value)
    )
  })
}
