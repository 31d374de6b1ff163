/** throughline, by the same rules. */
import { join } from "node:path"
import { Effect, Layer, Logger, LogLevel, ManagedRuntime } from "effect"
import { Compressor } from "../../../src/compression/Compressor.ts"
import { ConnectionError } from "../../../src/model/ModelError.ts"
import * as Gateway from "../../../src/gateway/Gateway.ts"
import { answerTurn, id, world } from "../world.ts"
import type { Peer } from "./peer.ts"

export const throughline: Peer = {
  name: "throughline, SQLite",
  open: async (folder, summarizer) => {
    const layer = world(join(folder, "sessions.db"), {
      outcome: ({ messages }) => {
        const prompt = messages.map((message) => JSON.stringify(message)).join("\n")
        summarizer.prompts.push(prompt)
        try {
          return summarizer.answer(prompt)
        } catch (error) {
          return new ConnectionError({ route: "fake", detail: String(error) })
        }
      }
    })
    const runtime = ManagedRuntime.make(Layer.provideMerge(layer, Logger.minimumLogLevel(LogLevel.None)))
    const settled = Effect.flatMap(Compressor, ({ settled }) => settled(id))
    return {
      id: () => id,
      turn: (turn) => runtime.runPromise(Effect.zipRight(answerTurn(id, turn), settled)),
      view: () =>
        runtime.runPromise(
          Effect.map(
            Effect.flatMap(Gateway.Gateway, ({ view }) => view(id)),
            ({ messages }) => messages.map((message) => JSON.stringify(message))
          )
        ),
      close: () => runtime.dispose()
    }
  }
}
