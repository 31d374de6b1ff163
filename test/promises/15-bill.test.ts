/** Promise 15: a session costs at most its tolerance more than without compressions, at whatever step it ends. */
import { assert, describe, it } from "@effect/vitest"
import { Either, Effect, FastCheck as fc, Layer } from "effect"
import { estimate } from "../../src/message/Tokens.ts"
import * as Message from "../../src/message/Message.ts"
import * as PromptCache from "../../src/cost/PromptCache.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { repetitions } from "../support/repetitions.ts"
import { awaitSettled, deliver, readGeneration, route, runTurn, scripted, summary } from "../support/world.ts"

const KINDS = ["anthropic", "openai-automatic", "openai-explicit", "llama.cpp", "none"] as const

type Messages = ReadonlyArray<Message.Message>

const toBlock = (message: Message.Message): PromptCache.Block => {
  const calls = Message.toolCalls(message).map((call) => `${call.id} ${Message.callInput(call)}`)
  return {
    text: [message.role, Message.text(message), ...calls].join("\n"),
    tokens: estimate.message(message)
  }
}

/** The bill after each step of an agent, for its requests alone. */
const billSteps = (cache: PromptCache.PromptCache, requests: ReadonlyArray<Messages>): ReadonlyArray<number> => {
  const priced = requests.map((messages) => ({ blocks: messages.map(toBlock) }))
  let bill = 0
  return priced.map((request, i) => (bill += PromptCache.price(cache, request, priced[i - 1]).cost))
}

/** Words that differ, so that no two messages are alike. */
const speak = (of: string, tokens: number): string =>
  Array.from({ length: Math.ceil(tokens / 3) }, (_, i) => `${of}${i}`).join(" ")

interface Setting {
  readonly kind: PromptCache.Kind
  /** Undefined is the default of 0.02. */
  readonly costTolerance: number | undefined
  readonly isEmbedded: boolean
  readonly rounds: ReadonlyArray<readonly [result: number, reply: number]>
}

/** A round is a request, a call with its result, and a reply: two steps. Each compression ends before the next step. */
const live = ({ costTolerance, isEmbedded, kind, rounds }: Setting) => {
  const model = Scripted.make([() => summary("the reports")])
  const policy = { contextLength: 1_000_000, targetTokens: 2_000, costTolerance, promptCache: { kind } }
  return Effect.gen(function* () {
    const requests: Array<Messages> = []
    const spent: Array<number> = []
    for (const [n, [result, reply]] of rounds.entries()) {
      const call = { id: `call${n}`, type: "function", function: { name: "read", arguments: `{"n":${n}}` } } as const
      yield* deliver({ role: "user", content: `Report ${n}, please.` })
      yield* runTurn(({ append, step }) => {
        const note = step(({ messages }) =>
          Effect.sync(() => {
            requests.push(messages)
            spent.push(model.requests.length)
          })
        )
        return Effect.gen(function* () {
          yield* note
          yield* append(
            { role: "assistant", content: null, tool_calls: [call] },
            { role: "tool", tool_call_id: call.id, content: speak(`r${n}w`, result) }
          )
          yield* awaitSettled()
          yield* note
          yield* append({ role: "assistant", content: speak(`a${n}w`, reply) })
        })
      })
      yield* awaitSettled()
    }
    const calls = model.requests.map(({ messages }) => messages.reduce((sum, m) => sum + estimate.message(m), 0))
    return { requests, spent, calls, generation: yield* readGeneration() }
  }).pipe(
    Effect.provide(scripted(model.layer, { policy, routes: isEmbedded ? [] : [route] }).pipe(Layer.fresh)),
    Effect.map((run) => ({ ...run, summaryTokens: estimate.text(summary("the reports")) }))
  )
}

/** What the agent would have sent without compressions. */
const listWhole = ({ rounds }: Setting): ReadonlyArray<Messages> => {
  const log: Array<Message.Message> = []
  return rounds.flatMap(([result, reply], n) => {
    const call = { id: `call${n}`, type: "function", function: { name: "read", arguments: `{"n":${n}}` } } as const
    log.push({ role: "user", content: `Report ${n}, please.` })
    const first = [...log]
    log.push(
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: call.id, content: speak(`r${n}w`, result) }
    )
    const second = [...log]
    log.push({ role: "assistant", content: speak(`a${n}w`, reply) })
    return [first, second]
  })
}

const sizes = fc.tuple(
  fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 3, max: 400 }) },
    { weight: 1, arbitrary: fc.integer({ min: 3, max: 4_000 }) }
  ),
  fc.integer({ min: 3, max: 200 })
)
const settings: fc.Arbitrary<Setting> = fc.record({
  kind: fc.constantFrom(...KINDS),
  costTolerance: fc.constantFrom(undefined, 0, 0.15),
  isEmbedded: fc.boolean(),
  rounds: fc.array(sizes, { minLength: 20, maxLength: 70 })
})

describe("15: a session costs at most its tolerance more than without compressions", () => {
  const generations = new Map<string, number>()

  it("at whatever step it ends, on generated sessions and with every kind of cache", () =>
    fc.assert(
      fc.asyncProperty(settings, async (setting) => {
        const cache = Either.getOrThrow(PromptCache.make({ kind: setting.kind }))
        const { calls, generation, requests, spent, summaryTokens } = await Effect.runPromise(live(setting))
        const whole = billSteps(cache, listWhole(setting))
        const steps = billSteps(cache, requests)
        const auxiliary = (n: number) =>
          calls.slice(0, n).reduce((sum, tokens) => sum + tokens + cache.output * summaryTokens, 0)
        // The agent's own answers are the same in both, and make the bill that may grow by the tolerance only larger.
        for (const [i, bill] of whole.entries()) {
          assert.isAtMost((steps[i] ?? 0) + auxiliary(spent[i] ?? 0), bill * (1 + (setting.costTolerance ?? 0.02)) + 1)
        }
        const key = `${setting.kind} ${setting.costTolerance}`
        generations.set(key, Math.max(generations.get(key) ?? 0, generation))
      }),
      { numRuns: repetitions(15, 150) }
    ))

  it("has compressed some of them", () => assert.isAbove(Math.max(...generations.values()), 0))
})
