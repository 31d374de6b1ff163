/** Sessions whose messages are larger than what is said in them: reasoning on the wire, and batches of calls. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { type Message, toolCalls } from "../../src/message/Message.ts"
import * as Models from "../support/models.ts"
import { isThorough } from "../support/repetitions.ts"
import { type Agent, countWire, talkTo } from "../support/strictServer.ts"
import { id, importMessages, scripted } from "../support/world.ts"

const world = (contextLength: number) =>
  scripted(Models.makeCountingModel([]).layer, { routes: [], policy: { contextLength } })

const thought = (n: number): string => `Step ${n}: the totals of the second quarter do not add up yet. `.repeat(690)

/** The fields in which servers send reasoning, and want it back. */
const REASONING: Readonly<Record<string, (text: string) => Record<string, unknown>>> = {
  reasoning_content: (text) => ({ reasoning_content: text }),
  reasoning_details: (text) => ({ reasoning_details: [{ type: "reasoning.text", text, format: "unknown", index: 0 }] }),
  thinking_blocks: (text) => ({ thinking_blocks: [{ type: "thinking", thinking: text, signature: "c2lnbmF0dXJl" }] })
}

/** Each turn is two rounds of tools and an answer, all of them with 40 kB of reasoning. */
const reasonAtLength =
  (fields: (text: string) => Record<string, unknown>): Agent =>
  (n, ask, append) =>
    Effect.gen(function* () {
      for (const k of [1, 2]) {
        const call = { id: `c${n}_${k}`, type: "function", function: { name: "run", arguments: `{"n":${n}}` } } as const
        const reply: Message = { role: "assistant", content: null, tool_calls: [call] }
        yield* ask({ ...reply, ...fields(thought(n)) })
        yield* append({ role: "tool", tool_call_id: call.id, content: `total of page ${k}: ${n * 17}` })
      }
      const answer: Message = { role: "assistant", content: `The total of ${n} is ${n * 17}.` }
      yield* ask({ ...answer, ...fields(thought(n)) })
    })

describe("a session of 300 steps whose replies carry 40 kB of reasoning", () => {
  for (const [field, fields] of Object.entries(REASONING).slice(0, isThorough ? Infinity : 1)) {
    for (const [what, report] of [
      ["reported", (tokens: number) => tokens],
      ["not reported", () => undefined]
    ] as const) {
      it.effect(`in ${field}, ${what}, lives in a window of 32,768 tokens`, () =>
        Effect.gen(function* () {
          const talk = yield* talkTo({ takes: 32_768, report }, 100, reasonAtLength(fields))
          assert.deepStrictEqual(talk.failed, [])
          assert.isAtMost(talk.refusals.length, 1)
          assert.isAbove(talk.stats.compressions.committed + talk.stats.compressions.degraded, 10)
        }).pipe(Effect.provide(world(32_768)))
      )
    }
  }
})

describe("a batch of calls that a crash broke off", () => {
  for (const [calls, answered, contextLength] of [
    [20, 19, 32_768],
    [200, 100, 128_000],
    [40, 40, 16_384],
    [300, 0, 8_192]
  ] as const) {
    it.effect(`${calls} calls, ${answered} of them answered, fit a window of ${contextLength}`, () =>
      Effect.gen(function* () {
        const { turn } = yield* Gateway
        let shown = 0
        const batch = Array.from({ length: calls }, (_, k) => ({
          id: `call_${k}`,
          type: "function" as const,
          function: {
            name: "read_file",
            arguments: JSON.stringify({ path: `src/${k}.ts`, why: "to see it ".repeat(20) })
          }
        }))
        const results = batch
          .slice(0, answered)
          .map(({ id }): Message => ({ role: "tool", tool_call_id: id, content: `line of ${id}; `.repeat(560) }))
        yield* importMessages([
          { role: "user", content: "Read all of it." },
          { role: "assistant", content: null, tool_calls: batch },
          ...results
        ])
        const sent = yield* turn(id, ({ step }) =>
          step(({ messages }) => {
            shown = messages.flatMap(toolCalls).length
            const tokens = countWire(messages)
            return tokens > contextLength
              ? Effect.fail({ _tag: "ContextOverflow", detail: `${tokens} tokens are too many` } as const)
              : Effect.succeed(tokens)
          })
        )
        assert.isAtMost(sent, contextLength)
        // The excerpts may have the whole target, so that most of a batch of common size stays.
        if (calls === 20) assert.isAtLeast(shown, 15)
      }).pipe(Effect.provide(world(contextLength)))
    )
  }
})
