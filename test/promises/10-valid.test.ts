/** Promise 10, valid: every view is accepted by the four providers, and its repairs are listed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import * as WireLimits from "../../src/view/WireLimits.ts"
import * as Histories from "../support/histories.ts"
import * as Models from "../support/models.ts"
import * as Programs from "../support/programs.ts"
import { mistralIds, problems } from "../support/providerShapes.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import type { Logged } from "../../src/session/Session.ts"
import { crowded, id, importMessages, scripted } from "../support/world.ts"

/** Every view of the session, now and as compressions left it. */
const checkViews = Effect.gen(function* () {
  const store = yield* SessionStore
  const log = yield* Programs.readAcknowledged(id)
  const left = yield* Effect.forEach(yield* store.snapshots(id), ({ snapshotId }) => store.snapshot(snapshotId))
  for (const state of [...left, yield* store.state(id)]) {
    const mistral = View.assemble(state, estimate, WireLimits.mistral)
    assert.deepStrictEqual(mistralIds(mistral.messages), [])
    for (const view of [
      View.assemble(state, estimate),
      View.assemble(state, estimate, { system: "You are an agent." }),
      mistral
    ]) {
      if (view.messages.length > 0) assert.deepStrictEqual(problems(view.messages), [])
      const shown = new Set(view.messages.map((message) => JSON.stringify(message)))
      for (const entry of [...state.head, ...state.live, ...state.tail]) {
        const logged = log.find(({ seq }) => seq === entry.seq)
        if (logged === undefined || isNamedAsRepaired(view, entry)) continue
        assert.isTrue(shown.has(JSON.stringify(logged.message)), `#${entry.seq} is neither shown as it is nor repaired`)
      }
    }
  }
})

describe("promise 10, valid", () => {
  it.effect.prop(
    "every view is accepted by OpenAI, Anthropic, Mistral and Gemini, and messages it does not name as repaired are byte-identical to the log",
    [Histories.anyMessages, Histories.anyMessages, Histories.anyPolicy, Models.script(Models.outcomesWithOverflow)],
    ([first, second, policy, script]) =>
      Effect.gen(function* () {
        const { deliver, turn, compress } = yield* Gateway.Gateway
        yield* importMessages(first)
        yield* Effect.asVoid(Programs.joinInTime(compress(id)))
        yield* checkViews
        yield* turn(id, ({ append, view }) =>
          Effect.forEach(second, (message) =>
            message.role === "user" ? Effect.asVoid(Effect.zipRight(deliver(id, message), view())) : append(message)
          )
        )
        yield* checkViews
        yield* Effect.asVoid(Programs.joinInTime(compress(id)))
        yield* checkViews
      }).pipe(Effect.provide(scripted(Models.makeCountingModel(script).layer, { ...crowded, policy })), onVirtualClock),
    propertyRuns(10, 40)
  )
})

/** A call that is renamed takes its result along, which is not named itself. */
const isNamedAsRepaired = ({ repairs }: View.View, { message, seq }: Logged): boolean =>
  repairs.some(
    (repair) =>
      repair.seq === seq ||
      (repair.kind === "renamed-call" && message.role === "tool" && message.tool_call_id === repair.from)
  )
