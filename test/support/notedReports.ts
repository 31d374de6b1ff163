/** Sessions that note what their turns report of the tokens of model calls. */
import type { Sessions, StepUsage } from "../../src/promise/Promise.ts"

export const noteReports = (opened: Sessions): { sessions: Sessions; reports: ReadonlyArray<StepUsage> } => {
  const reports: Array<StepUsage> = []
  const turn: Sessions["turn"] = (id, agent, options) =>
    opened.turn(
      id,
      (turn) => {
        const report = (usage: StepUsage) => {
          reports.push(usage)
          return turn.report(usage)
        }
        return agent({ ...turn, report })
      },
      options
    )
  return { sessions: { ...opened, turn }, reports }
}
