/** `throughline stats ID --db DB` */
import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import type { SessionStats } from "../../session/SessionStats.ts"
import { SessionCounters } from "../../store/SessionStore.ts"
import { printAnswer } from "../io.ts"
import { dbOption, jsonOption, sessionArg } from "../options.ts"
import { provideReading } from "../services.ts"
import { formatCount, alignColumns } from "../terminal/terminal.ts"

export const command = Command.make(
  "stats",
  { session: sessionArg, db: dbOption, json: jsonOption },
  ({ db, json, session }) =>
    Effect.gen(function* () {
      const stats = yield* Effect.flatMap(SessionCounters, (counters) => counters.stats(session)).pipe(
        provideReading(db)
      )
      yield* printAnswer(json, stats, () => alignColumns(formatStats(stats)))
    })
).pipe(Command.withDescription("Print the compression statistics of a session"))

const formatStats = (stats: SessionStats): ReadonlyArray<ReadonlyArray<string>> => {
  const outcomes = Object.entries(stats.compressions).filter(([, n]) => n > 0)
  return [
    [
      "compressions",
      outcomes.length === 0 ? "none" : outcomes.map(([name, n]) => `${formatCount(n)} ${name}`).join(", ")
    ],
    ["healed", formatCount(stats.healed)],
    ["model calls", formatCount(stats.modelCalls)],
    ["tokens spent", `~${formatCount(stats.tokensSpent)}`],
    ["tokens saved", `~${formatCount(stats.tokensSaved)}`],
    ["turns that waited", stats.turnsWaited === 0 ? "none" : `${formatCount(stats.turnsWaited)}, ${formatWaits(stats)}`]
  ]
}

const formatWaits = ({ longestWaitMs, waitedMs }: SessionStats): string =>
  `${formatSeconds(waitedMs)} in all, ${formatSeconds(longestWaitMs)} at most`

const formatSeconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(1)} s`
