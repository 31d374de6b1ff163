/** Promise 11, fits: after a compression the view is under its target, whatever the history looks like. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Histories from "../support/histories.ts"
import * as Models from "../support/models.ts"
import * as Programs from "../support/programs.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import { assistant } from "../support/stores.ts"
import { conversation, crowded, id, importMessages, scripted } from "../support/world.ts"

type Messages = ReadonlyArray<Message>

/** Compresses a session of the first messages, and again with the second ones. Each time the view is under its target. */
const compressTwice = (first: Messages, second: Messages, settings: CompressionPolicy.PolicyOptions) =>
  Effect.gen(function* () {
    const { deliver, turn, compress, view } = yield* Gateway.Gateway
    const policy = yield* CompressionPolicy.make(settings)
    const fits = Effect.gen(function* () {
      const { outcome } = yield* Programs.joinInTime(compress(id))
      const { parts, tokens } = yield* view(id)
      const target = CompressionPolicy.shares(policy, parts.system.tokens)?.target
      if (target === undefined) assert.strictEqual(outcome, "no-headroom")
      else assert.isAtMost(tokens - parts.system.tokens, target, outcome)
    })
    yield* importMessages(first)
    yield* fits
    yield* turn(id, ({ append, view }) =>
      Effect.forEach(second, (message) => {
        if (message.role !== "user") return append(message)
        return Effect.zipRight(deliver(id, message), view())
      })
    )
    yield* fits
  })

describe("promise 11, fits", () => {
  it.effect("a session that grows by a few words is under its target after each compression", () =>
    Effect.gen(function* () {
      const { compress, deliver, turn, view } = yield* Gateway.Gateway
      yield* importMessages(conversation(8))
      for (let n = 0; n < 30; n++) {
        yield* deliver(id, { role: "user", content: `And what about invoice ${n} of the second quarter?` })
        yield* turn(id, ({ append, view }) =>
          Effect.zipRight(view(), append(assistant(`Invoice ${n} is paid, see page ${n}.`)))
        )
        const { outcome } = yield* compress(id)
        assert.isAtMost((yield* view(id)).tokens, 819, `${outcome} after ${n} more`)
      }
    }).pipe(
      Effect.provide(scripted(Models.makeCountingModel([]).layer, { routes: [], policy: { contextLength: 4_096 } }))
    )
  )

  it.effect.prop(
    "after a compression the view is under its target whatever the history looks like",
    [Histories.anyMessages, Histories.anyMessages, Histories.anyPolicy, Models.script(Models.outcomesWithOverflow)],
    ([first, second, settings, script]) => {
      const world = scripted(Models.makeCountingModel(script).layer, { ...crowded, policy: settings })
      return compressTwice(first, second, settings).pipe(Effect.provide(world), onVirtualClock)
    },
    propertyRuns(10, 40)
  )
})
