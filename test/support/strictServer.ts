/** An agent whose server counts what goes over the wire, refuses what is over its window, and reports what it likes. */
import { Effect } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { StepOptions, Turn } from "../../src/gateway/Turn.ts"
import type { Message } from "../../src/message/Message.ts"
import type { SessionStats } from "../../src/session/SessionStats.ts"
import { id } from "./world.ts"

/** A server's count: four characters of the request are one token, whatever field they stand in. */
export const countWire = (messages: ReadonlyArray<Message>): number =>
  Math.ceil(messages.reduce((sum, message) => sum + JSON.stringify(message).length, 0) / 4)

export interface StrictServer {
  /** The window, in the server's own tokens. */
  readonly takes: number
  /** The detail of the error that refuses a request. */
  readonly describe?: (tokens: number) => string
  /** What it reports of its `n`th answer; nothing without it. */
  readonly report?: (tokens: number, n: number) => number | undefined
  readonly options?: StepOptions
}

/** What became of a conversation with a server. */
export interface Talk {
  readonly failed: ReadonlyArray<{ readonly turn: number; readonly error: { readonly _tag: string } }>
  /** The turns in which the server refused a request. */
  readonly refusals: ReadonlyArray<number>
  /** The largest request of the server's turns, in its tokens. */
  readonly largest: number
  readonly stats: SessionStats
}

/** The messages of one turn: each call of `ask` is a request to the server. */
export type Agent = (
  n: number,
  ask: (reply: Message) => Effect.Effect<void, unknown>,
  append: Turn["append"]
) => Effect.Effect<void, unknown>

/** Two rounds of tools and an answer. */
export const workWithTools: Agent = (n, ask, append) =>
  Effect.gen(function* () {
    for (const k of [1, 2]) {
      const call = { id: `c${n}_${k}`, type: "function", function: { name: "run", arguments: "{}" } } as const
      yield* ask({ role: "assistant", content: null, tool_calls: [call] })
      yield* append({ role: "tool", tool_call_id: call.id, content: "output line; ".repeat(80) })
    }
    yield* ask({ role: "assistant", content: `answer ${n} ${"so it is. ".repeat(30)}` })
  })

/** One long answer. */
export const answerAtLength: Agent = (n, ask) =>
  ask({ role: "assistant", content: `answer ${n} ${"so it is. ".repeat(120)}` })

/** Delivers `turns` requests and answers each. */
export const talkTo = (
  { describe = (tokens) => `${tokens} tokens are too many`, options, report, takes }: StrictServer,
  turns: number,
  agent: Agent,
  from = 0
): Effect.Effect<Talk, unknown, Gateway> =>
  Effect.gen(function* () {
    const { deliver, stats, turn } = yield* Gateway
    const failed: Array<Talk["failed"][number]> = []
    const refusals: Array<number> = []
    let largest = 0
    let answers = 0
    for (let n = from; n < from + turns; n++) {
      yield* deliver(id, {
        role: "user",
        content: `Request ${n}: ${"please look into this matter again. ".repeat(20)}`
      })
      const runAgent = (handle: Turn) => {
        const ask = (reply: Message) =>
          Effect.flatMap(
            handle.step(({ messages }) => {
              const tokens = countWire(messages)
              if (tokens > takes) {
                refusals.push(n)
                return Effect.fail({ _tag: "ContextOverflow", detail: describe(tokens) } as const)
              }
              largest = Math.max(largest, tokens)
              const reported = report?.(tokens, answers++)
              return reported === undefined ? Effect.void : handle.report({ inputTokens: reported })
            }, options),
            () => handle.append(reply)
          )
        return agent(n, ask, handle.append)
      }
      yield* Effect.catchAll(turn(id, runAgent), (error) =>
        Effect.sync(() => {
          failed.push({ turn: n, error: error as { readonly _tag: string } })
        })
      )
    }
    return { failed, refusals, largest, stats: yield* stats(id) }
  })
