import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, TestClock } from "effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ConnectionError } from "../../src/model/ModelError.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as SessionStats from "../../src/session/SessionStats.ts"
import { SessionCounters } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import {
  compressSession,
  conversation,
  id,
  importRounds,
  manual,
  route,
  scripted,
  summary,
  viewStep
} from "../support/world.ts"
import { idle, onVirtualClock } from "../support/virtualClock.ts"
import * as Programs from "../support/programs.ts"

const down = new ConnectionError({ route: "r", detail: "refused" })
const usage = { inputTokens: 4_000, outputTokens: 300 }
const answer = (what: string): Scripted.ScriptedOutcome => ({ text: summary(what), delay: "7 seconds", usage })

const stats = Effect.flatMap(Gateway.Gateway, ({ stats }) => stats(id))

const nothing = SessionStats.makeStats(id, {})

describe("the statistics of a session", () => {
  it.effect("are zero at first, and unknown of an unknown session", () =>
    Effect.gen(function* () {
      yield* importRounds(1)
      assert.deepStrictEqual(yield* stats, nothing)
      const counters = yield* SessionCounters
      const nobody = SessionId.make("nobody")
      yield* counters.count(nobody, { committed: 1 })
      assert.strictEqual((yield* Effect.flip(counters.stats(nobody)))._tag, "UnknownSession")
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )

  it.effect("add up to what a script of compressions did, whoever failed on the way", () =>
    Effect.gen(function* () {
      yield* importRounds(12)
      const first = yield* Programs.joinInTime(Effect.all([compressSession(), compressSession()], { concurrency: 2 }))
      assert.deepStrictEqual(
        first.map(({ outcome, tokensSpent }) => [outcome, tokensSpent]),
        [
          ["committed", 4_300],
          ["joined", 4_300]
        ]
      )
      yield* Programs.joinInTime(compressSession())
      const { turn } = yield* Gateway.Gateway
      yield* turn(id, ({ append }) => append(...conversation(12, 20)))
      const second = yield* Programs.joinInTime(compressSession())
      assert.strictEqual(second.outcome, "degraded")
      const { heal } = yield* Gateway.Gateway
      assert.lengthOf(yield* Programs.joinInTime(heal(id)), 1)
      const saved = [...first.slice(0, 1), second].reduce((sum, r) => sum + r.tokensBefore - r.tokensAfter, 0)
      assert.deepStrictEqual(yield* stats, {
        ...nothing,
        compressions: { ...nothing.compressions, committed: 1, degraded: 1, joined: 1, "nothing-to-compress": 1 },
        healed: 1,
        modelCalls: 1 + second.modelCalls + 1,
        tokensSpent: 4_300 + second.tokensSpent + 4_300,
        tokensSaved: saved
      })
      assert.isAbove(second.tokensSpent, 0)
    }).pipe(
      Effect.provide(scripted(Scripted.layer([answer("x"), down, down, answer("healed")]), { policy: manual })),
      onVirtualClock
    )
  )

  it.effect("count what was spent in vain", () =>
    Effect.gen(function* () {
      yield* importRounds(12)
      yield* Effect.flip(Programs.joinInTime(compressSession()))
      const { compressions, modelCalls, tokensSaved, tokensSpent } = yield* stats
      assert.deepStrictEqual([compressions.failed, modelCalls, tokensSaved], [1, 2, 0])
      assert.isAbove(tokensSpent, 2_000)
    }).pipe(
      Effect.provide(scripted(Scripted.layer([down]), { policy: { ...manual, onExhausted: "fail" } })),
      onVirtualClock
    )
  )

  it.effect("say which turns waited, and how long; one that did not is not counted", () =>
    Effect.gen(function* () {
      yield* importRounds(2)
      yield* viewStep()
      assert.deepStrictEqual(yield* stats, nothing)
      const { turn } = yield* Gateway.Gateway
      yield* turn(id, ({ append }) => append(...conversation(24, 20)))
      yield* Programs.joinInTime(viewStep())
      const { longestWaitMs, turnsWaited, waitedMs } = yield* stats
      assert.deepStrictEqual(
        { longestWaitMs, turnsWaited, waitedMs },
        { longestWaitMs: 7_000, turnsWaited: 1, waitedMs: 7_000 }
      )
      yield* turn(id, ({ append }) => append(...conversation(24, 50)))
      const fiber = yield* Effect.fork(Effect.timeoutOption(viewStep(), "3 seconds"))
      yield* idle
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(fiber)
      yield* idle
      const given = yield* stats
      assert.deepStrictEqual([given.turnsWaited, given.waitedMs, given.longestWaitMs], [2, 10_000, 7_000])
      yield* TestClock.adjust("1 minute")
      yield* viewStep()
      assert.strictEqual((yield* stats).turnsWaited, 2)
    }).pipe(Effect.provide(scripted(Scripted.layer([answer("x")]))), onVirtualClock)
  )

  it.effect("outlive a restart", () =>
    Effect.gen(function* () {
      const store = Sqlite.layer({ filename: join(mkdtempSync(join(tmpdir(), "stats-")), "s.db") })
      const started = Gateway.layer({ policy: manual, routes: [route] }).pipe(
        Layer.provideMerge(store),
        Layer.provide(Scripted.layer([answer("x")]))
      )
      const before = yield* Effect.provide(
        Effect.zipRight(importRounds(12), Effect.zipRight(Programs.joinInTime(compressSession()), stats)),
        started
      )
      assert.strictEqual(before.compressions.committed, 1)
      assert.deepStrictEqual(yield* Effect.provide(stats, started), before)
      const more = yield* Effect.provide(Effect.zipRight(compressSession(), stats), started)
      assert.strictEqual(more.compressions["nothing-to-compress"], 1)
      assert.strictEqual(more.compressions.committed, 1)
    }).pipe(onVirtualClock)
  )
})
