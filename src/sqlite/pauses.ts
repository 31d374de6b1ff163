/** What the native store remembers of routes that failed. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { none, type Pause } from "../model/RoutePause.ts"
import type { Block } from "./transaction.ts"

export const make = ({ reading, sql, writing }: Block) => {
  const changed = <A>(key: string, change: (pause: Pause) => readonly [A, Pause]) =>
    writing("pause", key, () => {
      const before = sql.pause.get(key) ?? none
      const [answer, after] = change(before)
      if (after.failures === 0) sql.clearPause.run(key)
      else if (after.until !== before.until || after.failures !== before.failures) {
        sql.savePause.run(key, after.failures, after.level, Math.ceil(after.until))
      }
      return Either.right(() => answer)
    })

  /** What a route that never failed answers to `change`, if that leaves it so: most of the time there is nothing to write. */
  const unchanged = <A>(key: string, change: (pause: Pause) => readonly [A, Pause]) =>
    reading("pause", key, () => {
      const [answer, after] = change(none)
      const isSo = sql.pause.get(key) === undefined && after.failures === 0
      return Either.right(() => (isSo ? Option.some(answer) : Option.none()))
    })

  const pause = <A>(key: string, change: (pause: Pause) => readonly [A, Pause]) =>
    Effect.flatMap(unchanged(key, change), Option.match({ onNone: () => changed(key, change), onSome: Effect.succeed }))

  return { pause }
}
