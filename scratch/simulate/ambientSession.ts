/**
 * A control: workers that take their session from what is current when they get going, instead of from what they were
 * asked. Between asking and going another may have become current.
 */
import { Effect, Layer } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { SessionId } from "../../src/session/Session.ts"

export const layer = Layer.effect(
  Gateway,
  Effect.map(Gateway, (gateway) => {
    let current: SessionId | undefined
    const turn: typeof gateway.turn = (sessionId, agent, options) =>
      Effect.suspend(() => {
        current = sessionId
        return Effect.delay(
          Effect.suspend(() => gateway.turn(current ?? sessionId, agent, options)),
          STARTUP
        )
      })
    return Gateway.of({ ...gateway, turn })
  })
)

/** A process is begun for each turn. */
const STARTUP = "2 seconds"
