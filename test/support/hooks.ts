/** A session about to be compressed by a gateway with hooks. */
import { Effect, Layer } from "effect"
import * as CompressionHooks from "../../src/compression/CompressionHooks.ts"
import type * as Gateway from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import type { State } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import { id, recordLogLines, scripted, summary } from "./world.ts"

export const textOf = (state: State): string => View.assemble(state, estimate).messages.map(Message.text).join("\n")
export const shown = Effect.flatMap(SessionStore, (store) => Effect.map(store.state(id), textOf))

/** A gateway with hooks, and the log lines it writes. */
export const world = (
  hooks: CompressionHooks.Hooks,
  script: ReadonlyArray<Scripted.ScriptedOutcome> = [summary("x")],
  options: Partial<Gateway.GatewayOptions> = {}
) => {
  const { layer, lines } = recordLogLines()
  const gateway = scripted(Scripted.layer(script), options).pipe(Layer.provide(CompressionHooks.layer(hooks)))
  return {
    lines,
    findWarnings: () => lines.filter((line) => line.startsWith("hook failed")),
    layer: [gateway, layer] as const
  }
}

/** Never ends, and keeps no timer for it. */
export const hang = Effect.async<never>(() => {})
