/** The window of a summarizer's route: said to be large, found to be small, remembered, and tried again. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { estimate } from "../../src/message/Tokens.ts"
import * as Message from "../../src/message/Message.ts"
import { ContextOverflow } from "../../src/model/ModelError.ts"
import type { ModelRequest } from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import type { CompressionResult } from "../../src/session/CompressionResult.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Models from "../support/models.ts"
import { sampleCases } from "../support/repetitions.ts"
import {
  compressSession,
  conversation,
  importRounds,
  readState,
  recordLogLines,
  route,
  runTurn,
  scripted
} from "../support/world.ts"

/** What the server takes, and whether its refusal says so. */
interface Server {
  takes: number
  readonly isNamed: boolean
}

const sizeOf = ({ maxOutputTokens, messages }: ModelRequest): number =>
  messages.reduce((sum, message) => sum + estimate.text(Message.text(message)), maxOutputTokens)

const overflow = (limit: number | null) => new ContextOverflow({ route: "r", detail: "too long", limit })

/** A gateway whose only route is `said` to take so much. Its sessions are compressed only when asked. */
const makeWorld = (server: Server, said: number) => {
  const { layer: logger, lines } = recordLogLines()
  const passed: Array<number> = []
  const model = Scripted.make([
    (request) => {
      const size = sizeOf(request)
      if (size > server.takes) return overflow(server.isNamed ? server.takes : null)
      passed.push(size)
      return Models.oracle(request)
    }
  ])
  // So narrow that most of a dozen rounds leave the view.
  const policy = { contextLength: 8_000, mode: "manual" } as const
  const gateway = scripted(model.layer, { policy, routes: [{ ...route, contextLength: said }] })
  const listTold = () => lines.filter((line) => line.startsWith("window learned: "))
  return { layer: Layer.merge(gateway, logger), listTold, passed }
}

let sessions = 0

/** Compresses a new session of so many rounds, about 370 tokens a round. */
const compressNew = (rounds: number) => {
  const sessionId = SessionId.make(`session-${++sessions}`)
  return Effect.zipRight(importRounds(rounds, sessionId), compressSession(sessionId))
}

const countRefusals = ({ attempts }: CompressionResult): number =>
  attempts.filter(({ error }) => error === "ContextOverflow").length

const times = (n: number, rounds: number) => Array.from({ length: n }, () => rounds)

const COMMITTED = { outcome: "committed", reason: null } as const

const CASES = [128_000, 200_000, 1_000_000].flatMap((said) =>
  [4_096, 8_192, 16_384, 65_536].flatMap((takes) => [true, false].map((isNamed) => ({ said, takes, isNamed })))
)

describe("a route said to take", () => {
  for (const { isNamed, said, takes } of sampleCases(CASES, 1, 5)) {
    it.effect(
      `${said} of a server that takes ${takes}${isNamed ? "" : " and does not say so"} is found out once`,
      () => {
        const { layer, listTold } = makeWorld({ takes, isNamed }, said)
        const rounds = takes > 60_000 ? 260 : 100
        return Effect.gen(function* () {
          const first = yield* compressNew(rounds)
          assert.deepInclude(first, COMMITTED)
          assert.isAtLeast(countRefusals(first), 1)
          assert.isAtMost(countRefusals(first), isNamed ? 1 : 4)
          const material = rounds * 370
          // No chunk holds less than an eighth of the window, beside the prompt and the answer.
          assert.isAtMost(first.modelCalls, countRefusals(first) + Math.ceil(material / (takes / 8)))
          assert.match(
            listTold().join("\n"),
            new RegExp(`^window learned: route=\\S+ configured=${said} learned=~?\\d+$`)
          )
          const second = yield* compressNew(rounds)
          assert.deepInclude(second, COMMITTED)
          assert.isAtMost(countRefusals(second), 1)
          assert.strictEqual(listTold().length, 1)
        }).pipe(Effect.provide(layer))
      }
    )
  }

  it.effect("less than the range refuses each chunk once, and only one of them finds out", () => {
    const { layer, listTold } = makeWorld({ takes: 4_096, isNamed: false }, 12_000)
    return Effect.gen(function* () {
      const first = yield* compressNew(150)
      assert.deepInclude(first, COMMITTED)
      const chunks = Math.ceil((150 * 370) / 9_000)
      assert.isAbove(countRefusals(first), 1)
      assert.isAtMost(countRefusals(first), chunks + 2)
      assert.strictEqual(listTold().length, 1)
    }).pipe(Effect.provide(layer))
  })
})

describe("a window that was learned of a route", () => {
  for (const isNamed of [true, false]) {
    const how = isNamed ? "names it" : "does not name it"

    it.effect(`whose server ${how} is tried ever more rarely while the server takes no more`, () => {
      const { layer, listTold } = makeWorld({ takes: 8_192, isNamed }, 128_000)
      return Effect.gen(function* () {
        yield* compressNew(100)
        let refusals = 0
        for (let n = 0; n < 20; n++) {
          const result = yield* compressNew(40)
          assert.deepInclude(result, COMMITTED)
          assert.isAtMost(countRefusals(result), 1)
          refusals += countRefusals(result)
        }
        // The waits double from 2 tasks on, or from 64.
        assert.isAtLeast(refusals, isNamed ? 0 : 2)
        assert.isAtMost(refusals, isNamed ? 0 : 4)
        assert.strictEqual(listTold().length, 1)
      }).pipe(Effect.provide(layer))
    })

    it.effect(`whose server ${how} grows with the server`, () => {
      const server: Server = { takes: 4_096, isNamed }
      const { layer, passed } = makeWorld(server, 128_000)
      return Effect.gen(function* () {
        yield* compressNew(60)
        server.takes = 32_768
        for (const rounds of [...(isNamed ? times(64, 12) : []), ...times(8, 100)]) {
          const result = yield* compressNew(rounds)
          assert.deepInclude({ ...result, refusals: countRefusals(result) }, { ...COMMITTED, refusals: 0 })
        }
        assert.isAbove(Math.max(...passed), 8_192)
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("is not remembered where nothing smaller has passed", () => {
    const server: Server = { takes: 1_000, isNamed: false }
    const { layer, listTold, passed } = makeWorld(server, 128_000)
    return Effect.gen(function* () {
      assert.strictEqual((yield* compressNew(100)).outcome, "degraded")
      server.takes = 128_000
      assert.deepInclude(yield* compressNew(100), { ...COMMITTED, modelCalls: 1 })
      assert.isAbove(passed[0] ?? 0, 30_000)
      assert.deepStrictEqual(listTold(), [])
    }).pipe(Effect.provide(layer))
  })
})

it.effect("segments that are too large to be condensed leave their route to the messages", () => {
  const model = Scripted.make([(request) => (Models.isMerge(request) ? overflow(null) : Models.oracle(request))])
  return Effect.gen(function* () {
    yield* importRounds(40)
    let merges = 0
    for (let n = 1; n <= 8; n++) {
      const result = yield* compressSession()
      assert.deepInclude(result, COMMITTED)
      merges += countRefusals(result)
      yield* runTurn(({ append }) => append(...conversation(40, n * 40)))
    }
    assert.isAbove(merges, 0)
    assert.isAbove((yield* readState()).segments.length, 4)
  }).pipe(Effect.provide(scripted(model.layer, { policy: { contextLength: 32_000, mode: "manual" } })))
})
