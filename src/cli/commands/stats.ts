/** `throughline stats ID --db DB` */
import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import type { SessionStats } from "../../session/SessionStats.ts"
import { SessionStore } from "../../store/SessionStore.ts"
import { answer, dbOption, jsonOption, sessionArg, store } from "../services.ts"
import { count, table } from "../terminal/terminal.ts"

export const command = Command.make(
  "stats",
  { session: sessionArg, db: dbOption, json: jsonOption },
  ({ db, json, session }) =>
    Effect.gen(function* () {
      const stats = yield* Effect.flatMap(SessionStore, (store) => store.stats(session)).pipe(Effect.provide(store(db)))
      yield* answer(json, stats, () => table(rows(stats)))
    })
).pipe(Command.withDescription("Print what a session's compressions came to so far"))

const rows = (stats: SessionStats): ReadonlyArray<ReadonlyArray<string>> => {
  const outcomes = Object.entries(stats.compressions).filter(([, n]) => n > 0)
  return [
    ["compressions", outcomes.length === 0 ? "none" : outcomes.map(([name, n]) => `${count(n)} ${name}`).join(", ")],
    ["healed", count(stats.healed)],
    ["model calls", count(stats.modelCalls)],
    ["tokens spent", `~${count(stats.tokensSpent)}`],
    ["tokens saved", `~${count(stats.tokensSaved)}`],
    ["turns that waited", stats.turnsWaited === 0 ? "none" : `${count(stats.turnsWaited)}, ${waited(stats)}`]
  ]
}

const waited = ({ longestWaitMs, waitedMs }: SessionStats): string =>
  `${seconds(waitedMs)} in all, ${seconds(longestWaitMs)} at most`

const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(1)} s`
