/** An overflow is believed: a session learns that the server takes less than configured, and keeps within it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import type { CompressionEvent } from "../../src/compression/CompressionEvent.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import type { SessionStore } from "../../src/store/SessionStore.ts"
import * as Models from "../support/models.ts"
import { isThorough } from "../support/repetitions.ts"
import { answerAtLength, countWire, type StrictServer, talkTo } from "../support/strictServer.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"
import { id, readState, recordLogLines, scripted } from "../support/world.ts"

const world = (contextLength: number) => {
  const { layer, lines } = recordLogLines()
  const gateway = scripted(Models.makeCountingModel([]).layer, {
    routes: [],
    policy: { contextLength, threshold: 0.5 }
  })
  return { layer: Layer.merge(gateway, layer), lines }
}

/** The events of the window that are told while `effect` runs. */
const watchWindow = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const { events } = yield* Gateway
    const told: Array<CompressionEvent> = []
    const watching = yield* Effect.fork(
      Stream.runForEach(events, (event) =>
        Effect.sync(() => {
          if (event._tag === "WindowLearned") told.push(event)
        })
      )
    )
    yield* Effect.yieldNow()
    const result = yield* effect
    yield* Effect.yieldNow()
    yield* Fiber.interrupt(watching)
    return { ...result, told }
  })

const turnsToFill = (takes: number) => Math.ceil((takes * 4) / 1_900) * 3

describe("a window said to be", () => {
  let row = 0
  for (const [said, takes] of [128_000, 200_000, 1_000_000].flatMap((said) =>
    [4_096, 8_192, 16_384, 65_536].map((takes) => [said, takes] as const)
  )) {
    const servers = [
      ["that reports", { report: (tokens: number) => tokens }],
      ["that names its limit", { describe: () => `This model's maximum context length is ${takes} tokens.` }],
      ["that says no more than no", {}]
    ] as const satisfies ReadonlyArray<readonly [string, Partial<StrictServer>]>
    // Each window with one server by default, and each server in turn.
    const turn = row++ % servers.length
    for (const [what, server] of servers.filter((_, k) => isThorough || k === turn)) {
      it.effect(`${said}, of a server ${what} and takes ${takes}, fails no turn, and tells the user once`, () => {
        const { layer, lines } = world(said)
        const { report, describe } = server as Partial<StrictServer>
        const fields = { takes, ...(report ? { report } : {}), ...(describe ? { describe } : {}) }
        return Effect.gen(function* () {
          const talk = yield* watchWindow(talkTo(fields, turnsToFill(takes), answerAtLength))
          assert.deepStrictEqual(talk.failed, [])
          // At the soft threshold, half of what was said, the server has refused nothing yet.
          const times = takes < said / 2 ? 1 : 0
          assert.strictEqual(talk.told.length, times)
          assert.strictEqual(
            lines.filter((line) => line.startsWith("window learned: session=chat-42")).length > 0,
            times > 0
          )
          assert.isAtMost(talk.refusals.length, 6)
        }).pipe(Effect.provide(layer))
      })
    }
  }
})

describe("500,000 tokens that came at once", () => {
  for (const shape of ["as requests", "in the results of one turn"] as const) {
    it.effect(`${shape} are answered by a server of 4,096 within few calls`, () =>
      Effect.gen(function* () {
        const { deliver, turn } = yield* Gateway
        const text = "word and ".repeat(2_200)
        const sizes: Array<number> = []
        const requests = shape === "as requests" ? 100 : 1
        for (let n = 0; n < requests; n++) yield* deliver(id, { role: "user", content: `say ${n}: ${text}` })
        yield* turn(id, ({ append, step, view }) =>
          Effect.gen(function* () {
            yield* view()
            for (let n = requests; n < 100; n++) {
              const call = { id: `c${n}`, type: "function", function: { name: "run", arguments: "{}" } } as const
              yield* append(
                { role: "assistant", content: null, tool_calls: [call] },
                { role: "tool", tool_call_id: call.id, content: text }
              )
            }
            yield* step(({ messages }) => {
              sizes.push(countWire(messages))
              return (sizes.at(-1) ?? 0) > 4_096
                ? Effect.fail({ _tag: "ContextOverflow", detail: "no" } as const)
                : Effect.void
            })
          })
        )
        assert.isAbove(sizes[0] ?? 0, 400_000)
        assert.isAtMost(sizes.length, 5, sizes.join())
      }).pipe(Effect.provide(world(1_000_000).layer))
    )
  }
})

describe("a window that a session has learned", () => {
  it.scoped("is known after a restart, so that no later turn meets an overflow, and a reset forgets it", () =>
    Effect.gen(function* () {
      const file = yield* temporaryDatabase
      const afterStart = <A, E>(program: Effect.Effect<A, E, Gateway | SessionStore>) =>
        Effect.provide(
          program,
          scripted(
            Models.makeCountingModel([]).layer,
            { routes: [], policy: { contextLength: 128_000 } },
            Sqlite.layer({ filename: file })
          )
        )
      const server = { takes: 8_192, describe: () => "This model's maximum context length is 8192 tokens." }
      const first = yield* afterStart(talkTo(server, 60, answerAtLength))
      assert.isNotEmpty(first.refusals)
      assert.isEmpty(first.failed)
      const second = yield* afterStart(talkTo(server, 60, answerAtLength, 60))
      assert.isEmpty(second.refusals)
      assert.isEmpty(second.failed)
      const forgotten = yield* afterStart(
        Effect.zipRight(
          Effect.flatMap(Gateway, ({ reset }) => reset(id)),
          Effect.map(readState(), ({ windows }) => windows)
        )
      )
      assert.isEmpty(forgotten)
    })
  )

  for (const [what, describe] of [
    ["names no window", undefined],
    ["names its window", (takes: number) => () => `This model's maximum context length is ${takes} tokens.`]
  ] as const) {
    it.effect(`of a server that ${what} grows with the server, which refuses few calls on the way`, () => {
      const { layer } = world(128_000)
      const server = (takes: number) => ({ takes, ...(describe ? { describe: describe(takes) } : {}) })
      return Effect.gen(function* () {
        const small = yield* talkTo(server(4_096), 60, answerAtLength)
        const grown = yield* talkTo(server(16_384), describe ? 900 : 300, answerAtLength, 60)
        assert.deepStrictEqual([...small.failed, ...grown.failed], [])
        assert.isAbove(grown.largest, 8_192)
        assert.isAtMost(grown.refusals.length, 6)
      }).pipe(Effect.provide(layer))
    })

    it.effect(`of a server that ${what} and never grows is tried ever more rarely`, () => {
      const { layer } = world(128_000)
      return Effect.gen(function* () {
        const talk = yield* talkTo(
          { takes: 4_096, ...(describe ? { describe: describe(4_096) } : {}) },
          900,
          answerAtLength
        )
        assert.deepStrictEqual(talk.failed, [])
        // The waits double from 64 messages on, or from 1,024, and 1,800 messages hold few of them.
        assert.isAtMost(talk.refusals.length, describe ? 4 : 9)
        if (!describe) assert.isAtLeast(talk.refusals.length, 3)
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("of a server that names none is never smaller than 2,048 tokens", () =>
    Effect.gen(function* () {
      yield* talkTo({ takes: 1_500 }, 30, answerAtLength)
      const { windows } = yield* readState()
      assert.isAtLeast(Math.min(...windows.map(({ contextLength }) => contextLength)), 2_048)
    }).pipe(Effect.provide(world(128_000).layer))
  )
})
