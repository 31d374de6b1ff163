/** A view fills its target: what one part does not use, the others get. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Layer } from "effect"
import type { Compressor } from "../../src/compression/Compressor.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { Recall } from "../../src/recall/Recall.ts"
import type { Logged, State } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import type { SessionStore } from "../../src/store/SessionStore.ts"
import * as View from "../../src/view/View.ts"
import { call, calls, type Entry, logOf, request, result, says, stateOf } from "../support/histories.ts"
import { commitPlan, countConversation, planOf } from "../support/plans.ts"
import { problems } from "../support/providerShapes.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"
import { compressSession, conversation, id, importMessages, readState, scripted, summary } from "../support/world.ts"

const words = (tokens: number) => "The log says ok. ".repeat(Math.ceil(tokens / 4.25))

const outputs = FastCheck.oneof(
  { weight: 5, arbitrary: FastCheck.integer({ min: 5, max: 600 }) },
  { weight: 2, arbitrary: FastCheck.integer({ min: 600, max: 8_000 }) }
)
interface Round {
  readonly asks: number | null
  readonly outputs: ReadonlyArray<number>
  readonly says: number
}
const round: FastCheck.Arbitrary<Round> = FastCheck.record({
  asks: FastCheck.option(FastCheck.integer({ min: 5, max: 200 }), { freq: 3 }),
  outputs: FastCheck.array(outputs, { minLength: 1, maxLength: 3 }),
  says: FastCheck.integer({ min: 5, max: 150 })
})

const rounds = FastCheck.array(round, { minLength: 8, maxLength: 25, size: "max" })

/** The log of these rounds, again and again until it holds three times the target, even with its outputs pruned. */
const logOfRounds = (made: ReadonlyArray<Round>, target: number) => {
  const entries: Array<Entry> = [request("Look at the logs.")]
  for (let tokens = 0, n = 0; tokens < 3 * target; n++) {
    const { asks, outputs, says: spoken } = made[n % made.length]!
    const batch = outputs.map((size, k) => ({ call: call(`c${n}_${k}`, `{"path":"src/${n}.ts"}`), size }))
    if (asks !== null) entries.push(says(words(spoken)), request(words(asks)))
    entries.push(calls(...batch.map(({ call }) => call)))
    for (const { call, size } of batch) entries.push(result(call.id, words(size)))
    tokens = logOf(entries).reduce((sum, { tokens }) => sum + Math.min(tokens, 120), 0)
  }
  return logOf(entries)
}

const shown = ({ head, live, tail }: State): ReadonlyMap<number, Logged> =>
  new Map([...head, ...live, ...tail].map((entry) => [entry.seq, entry] as const))

describe("a view after a compression", () => {
  const windows = FastCheck.constantFrom(32_000, 64_000, 128_000)

  it.prop(
    "its parts fill at least 90 % of its target when the log holds that much, and never more than all of it",
    [rounds, windows, FastCheck.double({ min: 0, max: 1, noNaN: true })],
    ([made, contextLength, part]) => {
      const log = logOfRounds(made, 0.2 * contextLength)
      let state = stateOf(log)
      const plan = planOf(state, { contextLength })
      if (plan._tag !== "Compress") return assert.fail(plan._tag)
      state = commitPlan(log, state, plan, part)
      const { target } = plan.shares
      assert.isAtMost(countConversation(state), target)
      // Messages that are shown whole cannot grow into what a short summary leaves.
      const isWhole = !View.assemble(state, estimate).repairs.some(({ kind }) => kind === "excerpt")
      const least = isWhole ? 0.9 - (plan.kept.reserved * (1 - part)) / target : 0.9
      assert.isAtLeast(countConversation(state) / target, least)
    },
    propertyRuns(40, 300)
  )

  it.prop(
    "has the last N messages, whole or as excerpts",
    [rounds, windows, FastCheck.constantFrom(1, 5, 20)],
    ([made, contextLength, protectLastN]) => {
      const log = logOfRounds(made, 0.2 * contextLength)
      const plan = planOf(stateOf(log), { contextLength, protectLastN })
      if (plan._tag !== "Compress") return assert.fail(plan._tag)
      const state = commitPlan(log, stateOf(log), plan)
      const { repairs } = View.assemble(state, estimate)
      const left = new Set(
        repairs.flatMap((repair) => (repair.kind === "excerpt" && repair.tokens === 0 ? [repair.seq] : []))
      )
      for (const { seq } of log.slice(-protectLastN))
        assert.isTrue(shown(state).has(seq) && !left.has(seq), `${seq} of ${log.length}`)
    },
    propertyRuns(40, 300)
  )

  it("shows of a large open request what the other parts leave", () => {
    const tools = Array.from({ length: 150 }, (_, n) => [calls(call(`c${n}`)), result(`c${n}`, words(900))]).flat()
    const log = logOf([request("Hello."), says("Hello."), request(words(12_800)), ...tools])
    const plan = planOf(stateOf(log), { contextLength: 128_000 })
    if (plan._tag !== "Compress") return assert.fail(plan._tag)
    const view = View.assemble(commitPlan(log, stateOf(log), plan), estimate)
    assert.isAtLeast(view.parts.live.tokens, 2.5 * plan.shares.live)
    assert.isAtLeast(view.parts.tail.tokens, 0.95 * plan.shares.tail)
  })
})

describe("old outputs of tools", () => {
  const policy = { contextLength: 32_000, mode: "manual" } as const
  const rounds = conversation(60)

  it.effect("before the last messages are pruned, and a pruned output is found by its pointer", () =>
    Effect.gen(function* () {
      yield* importMessages(rounds)
      assert.strictEqual((yield* compressSession()).outcome, "committed")
      const { recall } = yield* Recall
      const state = yield* readState()
      const messages = new Map(state.tail.map(({ seq, message }) => [seq, message] as const))
      const excerpts = View.assemble(state, estimate).repairs.filter(({ kind }) => kind === "excerpt")
      for (const { seq } of excerpts) {
        assert.strictEqual(messages.get(seq)?.role, "tool")
        const [found] = yield* recall(id, `recall seq ${seq}`, { wholeUpTo: 10_000 })
        assert.strictEqual(found?.seq, seq)
        assert.strictEqual(found?.excerpt, Message.text(messages.get(seq)!))
      }
      assert.isAbove(excerpts.filter(({ seq }) => seq <= rounds.length - 20).length, 3)
    }).pipe(Effect.provide(scripted(Scripted.layer([() => summary("the report")]), { policy })))
  )

  it.effect(
    "stay with their calls, prune after prune, and none of the outputs that the model has not read is pruned",
    () =>
      Effect.gen(function* () {
        const { turn } = yield* Gateway
        yield* importMessages(rounds)
        for (let n = 0; n < 6; n++) {
          const { outcome } = yield* compressSession()
          assert.include(["shortened", "committed"], outcome)
          const state = yield* readState()
          const { messages } = View.assemble(state, estimate)
          assert.deepStrictEqual(problems(messages), [])
          const called = messages.flatMap((message) => Message.toolCalls(message).map(({ id }) => id))
          const answered = messages.flatMap((message) => (message.role === "tool" ? [message.tool_call_id] : []))
          assert.deepStrictEqual(answered, called)
          assert.notMatch(messages.map(Message.text).join("\n"), /\[no result/)
          const [, , unread] = conversation(1, 107 + 8 * (n - 1))
          if (n > 0) assert.strictEqual(messages.findLast(({ role }) => role === "tool")?.content, unread?.content)
          yield* turn(id, ({ append }) => append(...conversation(8, 100 + 8 * n).slice(0, -1)))
        }
      }).pipe(Effect.provide(scripted(Scripted.layer([() => summary("the report")]), { policy })))
  )

  it.effect("are shown the same after a restart", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const open = <A, E>(use: Effect.Effect<A, E, Gateway | Compressor | SessionStore>) =>
        Effect.provide(
          use,
          scripted(Scripted.layer([() => summary("the report")]), { policy }, Layer.orDie(Sqlite.layer({ filename })))
        )
      const before = yield* open(
        Effect.gen(function* () {
          yield* importMessages(rounds)
          assert.strictEqual((yield* compressSession()).outcome, "committed")
          return yield* Effect.flatMap(Gateway, ({ view }) => view(id))
        })
      )
      assert.deepStrictEqual(yield* open(Effect.flatMap(Gateway, ({ view }) => view(id))), before)
    }).pipe(Effect.scoped)
  )
})
