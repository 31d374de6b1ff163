/** Agents that speak another API all the time, with a server on the loopback, in a window that is compressed again and again. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, type Scope } from "effect"
import * as MessageFormat from "../../src/format/MessageFormat.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { Turn } from "../../src/gateway/Turn.ts"
import type { Message } from "../../src/message/Message.ts"
import { type Foreign, openAnthropic, openResponses, type Window } from "../support/foreignHttp.ts"
import { isObject, type Json, listObjects } from "../support/foreignServers.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { repetitions } from "../support/repetitions.ts"
import { id, readMessages, real, summary } from "../support/world.ts"

/** How an agent speaks an API: in what it sends, in an answer of the server, and in the results of its calls. */
interface Dialect {
  readonly format: "anthropic" | "responses"
  readonly open: (window: Window) => Effect.Effect<Foreign, never, Scope.Scope>
  /** The `n`th request of the user. */
  readonly ask: (text: string, n: number) => unknown
  /** Adds what an agent adds to a request alone, and keeps nowhere. */
  readonly send: (input: unknown) => unknown
  readonly answer: (blocks: ReadonlyArray<Json>) => unknown
  /** The results of the calls in an answer; undefined if it calls nothing. */
  readonly runTools: (blocks: ReadonlyArray<Json>) => ReadonlyArray<Json> | undefined
  /** All that was ever said, as one list. */
  readonly join: (said: ReadonlyArray<unknown>) => unknown
}

const CONTEXT_LENGTH = 8_000
const STEPS = repetitions(50, 200)

const output = (of: unknown): string =>
  `${String(of)}: the totals of this part add up to what the report says. `.repeat(8)

const MARK = { cache_control: { type: "ephemeral" } }

const anthropic: Dialect = {
  format: "anthropic",
  open: openAnthropic,
  // The server takes four marks in a request, of which the agent needs one for itself.
  ask: (text, n) => ({ role: "user", content: [{ type: "text", text, ...(n % 20 === 0 ? MARK : {}) }] }),
  send: (input) => {
    if (!isObject(input)) return input
    const messages = listObjects(input.messages)
    const blocks = listObjects(messages.at(-1)?.content)
    const marked = blocks.map((block, i) => (i === blocks.length - 1 ? { ...block, ...MARK } : block))
    return { ...input, messages: [...messages.slice(0, -1), { ...messages.at(-1), content: marked }] }
  },
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
}

const responses: Dialect = {
  format: "responses",
  open: openResponses,
  send: (input) => input,
  ask: (text) => ({ type: "message", role: "user", content: [{ type: "input_text", text }] }),
  answer: (items) => items,
  runTools: (items) => {
    const calls = items.filter(({ type }) => type === "function_call")
    return calls.length === 0
      ? undefined
      : calls.map(({ call_id }) => ({ type: "function_call_output", call_id, output: output(call_id) }))
  },
  join: (items) => items.flat()
}

/** Runs turns until the server has answered often enough. Returns everything that was said, in the shapes of the API. */
const runLoop = ({ answer, ask, format, open, runTools, send }: Dialect) =>
  Effect.gen(function* () {
    const { call, counts } = yield* open({ takes: CONTEXT_LENGTH })
    const { deliver, stats, turn } = yield* Gateway
    const said: Array<unknown> = []
    const read = (value: unknown): Effect.Effect<ReadonlyArray<Message>, unknown> =>
      MessageFormat.decode(format, Array.isArray(value) ? value : [value])
    const work = (handle: Turn) =>
      Effect.gen(function* () {
        for (let taken = 1; ; taken++) {
          const blocks = yield* handle.step(({ messages }) => call(send(MessageFormat.encode(format, messages))))
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
      const request = ask(`Please look into matter ${n} again.`, n++)
      said.push(request)
      for (const message of yield* read(request)) yield* deliver(id, message)
      steps += yield* turn(id, work)
    }
    return { said, steps, counts, log: yield* readMessages(), stats: yield* stats(id) }
  })

/** The summaries come over a socket, too. */
const run = (dialect: Dialect) =>
  Effect.gen(function* () {
    const summarizer = yield* ModelServer.make([ModelServer.ok(summary("the matters"))])
    const options = { policy: { contextLength: CONTEXT_LENGTH }, routes: [summarizer.route()] }
    return yield* Effect.provide(runLoop(dialect), real(options))
  }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))

describe("an agent that is compressed at least three times", () => {
  for (const [name, dialect] of [
    ["Anthropic with signed thinking", anthropic],
    ["Responses with encrypted reasoning", responses]
  ] as const) {
    it.scopedLive(`on ${name} is never refused by its server, and loses nothing`, () =>
      Effect.gen(function* () {
        const { counts, log, said, stats, steps } = yield* run(dialect)
        assert.isAtLeast(steps, STEPS)
        assert.isAtLeast(stats.compressions.committed, 3)
        assert.strictEqual(counts.requests, steps + counts.overflows)
        assert.deepStrictEqual<unknown>(MessageFormat.encode(dialect.format, log), dialect.join(said))
      })
    )
  }
})

/** Requests that the real servers refuse, and what they say of them. */
const REFUSED: ReadonlyArray<readonly [Dialect, string, input: unknown, refusal: RegExp]> = [
  [
    anthropic,
    "a call without its result",
    {
      messages: [
        { role: "user", content: "go" },
        { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "read_file", input: {} }] },
        { role: "user", content: "and?" }
      ]
    },
    /without tool_result blocks immediately after/
  ],
  [
    anthropic,
    "a thought that it did not sign",
    {
      messages: [
        { role: "user", content: "go" },
        { role: "assistant", content: [{ type: "thinking", thinking: "hm", signature: "forged" }] },
        { role: "user", content: "and?" }
      ]
    },
    /invalid signature/
  ],
  [
    anthropic,
    "five marks for the cache",
    { messages: [{ role: "user", content: Array.from("abcde", (text) => ({ type: "text", text, ...MARK })) }] },
    /maximum of 4 blocks/
  ],
  [anthropic, "half a character", { messages: [{ role: "user", content: "\ud83d" }] }, /no low surrogate/],
  [anthropic, "a field of another API", { messages: [{ role: "user", content: "go", native: {} }] }, /extra inputs/],
  [anthropic, "too much", { messages: [{ role: "user", content: "word ".repeat(9_000) }] }, /^ContextOverflow$/],
  [
    responses,
    "a call without its output",
    [
      { role: "user", content: "go" },
      { type: "function_call", call_id: "call_1", name: "read_file", arguments: "{}" }
    ],
    /no tool output found/
  ],
  [
    responses,
    "a thought that it cannot decrypt",
    [
      { role: "user", content: "go" },
      { type: "reasoning", id: "rs_9", summary: [], encrypted_content: "forged" }
    ],
    /could not be decrypted/
  ],
  [responses, "half a character", [{ role: "user", content: "\ud83d" }], /no low surrogate/],
  [responses, "too much", [{ role: "user", content: "word ".repeat(9_000) }], /^ContextOverflow$/]
]

describe("a server of an agent", () => {
  for (const [{ format, open }, name, input, refusal] of REFUSED)
    it.scopedLive(`refuses ${name}, ${format}`, () =>
      Effect.gen(function* () {
        const { call } = yield* open({ takes: CONTEXT_LENGTH })
        assert.match((yield* Effect.flip(call(input)))._tag, refusal)
      })
    )
})
