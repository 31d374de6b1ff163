/** Who may call, and what may be changed. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { createHash, timingSafeEqual } from "node:crypto"
import { ReadOnly, Unauthorized } from "./endpoints/errors.ts"
import { Authorization, Writing } from "./endpoints/parameters.ts"
import { Settings } from "./settings.ts"

export const layer = Layer.mergeAll(
  Layer.effect(
    Authorization,
    Effect.map(Settings, ({ token }) => ({
      token: (given: Redacted.Redacted<string>) =>
        token === null || isSame(Redacted.value(given), Redacted.value(token)) ? Effect.void : new Unauthorized()
    }))
  ),
  Layer.effect(
    Writing,
    Effect.map(Settings, ({ isWritable }) => (isWritable ? Effect.void : new ReadOnly()))
  )
)

/** Takes as long for any text, so that no caller learns how much of it was right. */
const isSame = (given: string, token: string): boolean => timingSafeEqual(digest(given), digest(token))

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()
