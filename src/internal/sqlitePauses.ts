/** What the native store remembers of routes that failed. */
import * as Either from "effect/Either"
import { none, type Pause } from "../Pause.ts"
import type { Block } from "./sqliteBlock.ts"

export const make = ({ sql, writing }: Block) => {
  const pause = <A>(key: string, change: (pause: Pause) => readonly [A, Pause]) =>
    writing("pause", key, () => {
      const before = sql.pause.get(key) ?? none
      const [answer, after] = change(before)
      if (after.failures === 0) sql.clearPause.run(key)
      else if (after.until !== before.until || after.failures !== before.failures) {
        sql.savePause.run(key, after.failures, after.level, Math.ceil(after.until))
      }
      return Either.right(() => answer)
    })

  return { pause }
}
