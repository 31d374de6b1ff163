/** Done against open: nothing that is answered looks open, what is open stands there as it was said. */
import * as Message from "../../src/message/Message.ts"
import { type Measure, countFaults, share } from "./measure.ts"
import * as Reading from "./reading.ts"
import { textsCovered, type Replay, type Stage } from "./replay.ts"

/** `leastDone` is how much of the completed work has to be called done, in per cent. */
export const measure = (replay: Replay, who: string, leastDone: number | null): ReadonlyArray<Measure> => {
  const looked = `${replay.stages.length} views`
  const last = replay.stages.at(-1)
  return [
    countFaults(`answered requests that look open, ${who}`, replay.stages.flatMap(looksOpen), looked),
    countFaults(`open requests not there in their own words, ${who}`, replay.stages.flatMap(notVerbatim), looked),
    countFaults(`last user message is not the live request, ${who}`, replay.stages.flatMap(notLast), looked),
    ...(last === undefined ? [] : [measureFinished(last, replay, who, leastDone)])
  ]
}

const looksOpen = (stage: Stage): ReadonlyArray<string> => {
  const { requests, summaries } = Reading.read(stage.view)
  const open = [
    ...summaries.flatMap(({ blocked, inProgress, openWork }) => [...openWork, ...inProgress, ...blocked]),
    ...requests.filter((line) => line.startsWith("- open"))
  ]
  return stage.answered.flatMap(({ title }) => open.filter((item) => item.includes(title)))
}

const notVerbatim = ({ open, view }: Stage): ReadonlyArray<string> => {
  const { index } = Reading.read(view)
  if (open === null) return []
  const isThere = view.messages.some(
    (message, i) => i > index && message.role === "user" && Message.text(message) === open.request
  )
  return isThere ? [] : [open.request]
}

const notLast = ({ open, view }: Stage): ReadonlyArray<string> => {
  const last = view.messages.findLast(({ role }) => role === "user")
  return open === null || (last !== undefined && Message.text(last) === open.request) ? [] : [open.request]
}

/** Counts requests answered in the covered ranges that the view calls done or answered. */
const measureFinished = (stage: Stage, replay: Replay, who: string, least: number | null): Measure => {
  const range = textsCovered(stage, replay).join("\n")
  const { requests, summaries } = Reading.read(stage.view)
  const done = [...summaries.flatMap(({ done }) => done), ...requests.filter((line) => line.startsWith("- answered"))]
  const titles = stage.answered.map(({ title }) => title).filter((title) => range.includes(`The ${title} is finished`))
  return share(
    `completed work called done, ${who}`,
    titles,
    (title) => done.some((item) => item.includes(title)),
    least
  )
}
