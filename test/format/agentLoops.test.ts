/** Agents that speak another API all the time, in a window that is compressed again and again. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as MessageFormat from "../../src/format/MessageFormat.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { Turn } from "../../src/gateway/Turn.ts"
import type { Message } from "../../src/message/Message.ts"
import { type ForeignServer, makeAnthropicServer, makeResponsesServer } from "../support/foreignServers.ts"
import * as Models from "../support/models.ts"
import { id, readMessages, scripted } from "../support/world.ts"

type Json = { readonly [key: string]: unknown }

/** How an agent speaks an API: in what it sends, in an answer of the server, and in the results of its calls. */
interface Dialect {
  readonly format: "anthropic" | "responses"
  readonly server: ForeignServer
  readonly ask: (text: string) => unknown
  readonly answer: (blocks: ReadonlyArray<Json>) => unknown
  /** The results of the calls in an answer; undefined if it calls nothing. */
  readonly runTools: (blocks: ReadonlyArray<Json>) => ReadonlyArray<Json> | undefined
  /** All that was ever said, as one list. */
  readonly join: (said: ReadonlyArray<unknown>) => unknown
}

const CONTEXT_LENGTH = 8_000
const STEPS = 200

const output = (of: unknown): string =>
  `${String(of)}: the totals of this part add up to what the report says. `.repeat(8)

const anthropic = (): Dialect => ({
  format: "anthropic",
  server: makeAnthropicServer(CONTEXT_LENGTH),
  ask: (text) => ({ role: "user", content: [{ type: "text", text, cache_control: { type: "ephemeral" } }] }),
  answer: (content) => ({ role: "assistant", content }),
  runTools: (blocks) => {
    const calls = blocks.filter(({ type }) => type === "tool_use")
    const results = calls.map(({ id }, k) => ({
      type: "tool_result",
      tool_use_id: id,
      content: k === 0 ? [{ type: "text", text: output(id) }] : output(id),
      ...(k === 1 && { is_error: true })
    }))
    return calls.length === 0 ? undefined : [{ role: "user", content: results }]
  },
  join: (messages) => ({ messages })
})

const responses = (): Dialect => ({
  format: "responses",
  server: makeResponsesServer(CONTEXT_LENGTH),
  ask: (text) => ({ type: "message", role: "user", content: [{ type: "input_text", text }] }),
  answer: (items) => items,
  runTools: (items) => {
    const calls = items.filter(({ type }) => type === "function_call")
    return calls.length === 0
      ? undefined
      : calls.map(({ call_id }) => ({ type: "function_call_output", call_id, output: output(call_id) }))
  },
  join: (items) => items.flat()
})

/** Runs turns until the server has answered often enough. Returns everything that was said, in the shapes of the API. */
const runLoop = ({ answer, ask, format, runTools, server }: Dialect) =>
  Effect.gen(function* () {
    const { deliver, stats, turn } = yield* Gateway
    const said: Array<unknown> = []
    const read = (value: unknown): Effect.Effect<ReadonlyArray<Message>, unknown> =>
      MessageFormat.decode(format, Array.isArray(value) ? value : [value])
    const work = (handle: Turn) =>
      Effect.gen(function* () {
        for (let taken = 1; ; taken++) {
          const blocks = yield* handle.step(({ messages }) => {
            const reply = server.answer(MessageFormat.encode(format, messages))
            if ("answer" in reply) return Effect.succeed(reply.answer)
            return Effect.fail({ _tag: /too long|exceeds/.test(reply.refusal) ? "ContextOverflow" : reply.refusal })
          })
          said.push(answer(blocks))
          yield* handle.append(...(yield* read(answer(blocks))))
          const results = runTools(blocks)
          if (results === undefined) return taken
          said.push(...results)
          yield* handle.append(...(yield* read(results)))
        }
      })
    let steps = 0
    let n = 0
    while (steps < STEPS) {
      const request = ask(`Please look into matter ${n++} again.`)
      said.push(request)
      for (const message of yield* read(request)) yield* deliver(id, message)
      steps += yield* turn(id, work)
    }
    return { said, steps, log: yield* readMessages(), stats: yield* stats(id) }
  }).pipe(Effect.provide(scripted(Models.makeCountingModel([]).layer, { policy: { contextLength: CONTEXT_LENGTH } })))

describe("an agent of 200 steps, compressed at least three times", () => {
  for (const [name, makeDialect] of [
    ["Anthropic with signed thinking", anthropic],
    ["Responses with encrypted reasoning", responses]
  ] as const) {
    it.effect(`on ${name} is never refused, and loses nothing`, () =>
      Effect.gen(function* () {
        const dialect = makeDialect()
        const { log, said, stats, steps } = yield* runLoop(dialect)
        assert.isAtLeast(steps, STEPS)
        assert.isAtLeast(stats.compressions.committed + stats.compressions.degraded, 3)
        assert.deepStrictEqual<unknown>(MessageFormat.encode(dialect.format, log), dialect.join(said))
      })
    )
  }
})
