/** A refusal of bytes is believed as a limit of bytes, and of nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Models from "../support/models.ts"
import { answerAtLength, talkTo } from "../support/strictServer.ts"
import { id, readState, recordLogLines, scripted } from "../support/world.ts"

/** The server's bytes: it counts four as one of its tokens. */
const TAKES = 120_000

const talk = (describe: string, policy = {}, options = {}) => {
  const { layer, lines } = recordLogLines()
  const gateway = scripted(Models.makeCountingModel([]).layer, {
    routes: [],
    policy: { contextLength: 200_000, ...policy }
  })
  return Effect.gen(function* () {
    const talk = yield* talkTo({ takes: TAKES / 4, describe: () => describe, options }, 120, answerAtLength)
    return { ...talk, state: yield* readState(id), lines }
  }).pipe(Effect.provide(Layer.merge(gateway, layer)))
}

describe("a session of words on a server that takes 120,000 bytes of a window of 200,000 tokens", () => {
  for (const [text, refusals] of [
    ["Request exceeds the maximum allowed size of 120,000 bytes", 1],
    ["Invalid 'messages[9].content': string too long. Expected a string with maximum length 120000.", 1],
    ["413 status code (no body)", 1]
  ] as const)
    it.effect(
      `and refuses with "${text}" is answered in every turn, is refused ${refusals} time, and learns no window`,
      () =>
        Effect.gen(function* () {
          const { failed, largest, lines, refusals: refused, state } = yield* talk(text)
          assert.deepStrictEqual(failed, [])
          assert.lengthOf(refused, refusals)
          assert.isAbove(largest * 4, TAKES / 2)
          assert.deepStrictEqual(state.windows, [])
          const told = lines.filter((line) => line.startsWith("limit learned: session=chat-42 limit=maxRequestBytes"))
          assert.lengthOf(told, refusals)
        })
    )

  it.effect("is never refused where the step says so, and is rescued where compressions are manual", () =>
    Effect.gen(function* () {
      const said = yield* talk("413", {}, { maxRequestBytes: TAKES })
      assert.deepStrictEqual([said.failed, said.refusals], [[], []])
      const manual = yield* talk("413", { mode: "manual" })
      assert.deepStrictEqual(manual.failed, [])
    })
  )
})
