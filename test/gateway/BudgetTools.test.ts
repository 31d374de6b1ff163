/** The window as a model can ask for it: how full it is, and a compression after the turn. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as CompressionHooks from "../../src/compression/CompressionHooks.ts"
import * as BudgetTools from "../../src/gateway/BudgetTools.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import {
  awaitSettled,
  compressSession,
  conversation,
  deliver,
  id,
  importRounds,
  readGeneration,
  readState,
  runTurn,
  scripted,
  summary
} from "../support/world.ts"

const POLICY = { contextLength: 16_000 } as const

const call = (name: string, args: unknown = {}): Message.ToolCall => ({
  id: "call_1",
  type: "function",
  function: { name, arguments: typeof args === "string" ? args : JSON.stringify(args) }
})

const ask = (name: string, args?: unknown, step?: Parameters<typeof BudgetTools.answer>[2]) =>
  Effect.map(BudgetTools.answer(id, call(name, args), step), (answer) => Message.text(answer))

/** The number in front of which `words` stand. */
const readNumber = (text: string, words: RegExp): number =>
  Number(new RegExp(`${words.source}\\s*([\\d,]+)`).exec(text)?.[1]?.replaceAll(",", ""))

const silent = () => Scripted.layer([() => summary("the report"), () => summary("the report")])

describe("context_budget", () => {
  it.effect("says how full the window is, what fills it, and when it will be compressed", () =>
    Effect.gen(function* () {
      yield* importRounds(8)
      const { view } = yield* (yield* Gateway).plan(id)
      const said = yield* ask("context_budget")
      assert.strictEqual(readNumber(said, /About/), view.tokens)
      assert.strictEqual(
        readNumber(said, /About [\d,]+ tokens of/),
        readNumber(said, /\),/) + view.tokens,
        "used and left make the window"
      )
      assert.include(said, "32 messages")
      assert.notInclude(said, "summary of earlier messages")
      assert.isAbove(readNumber(said, /will be summarized at about/), view.tokens)
    }).pipe(Effect.provide(scripted(silent(), { policy: POLICY })))
  )

  it.effect("counts the step's system prompt and tools, and shows the summary once there is one", () =>
    Effect.gen(function* () {
      yield* importRounds(30)
      yield* compressSession()
      const bare = yield* ask("context_budget")
      assert.match(bare, /summary of earlier messages: [\d,]+ tokens/)
      const step = { system: "Be exact. ".repeat(200), tools: BudgetTools.definitions }
      const full = yield* ask("context_budget", {}, step)
      assert.isAbove(readNumber(full, /system prompt and tools:/), 400)
      assert.isAbove(readNumber(full, /About/), readNumber(bare, /About/))
    }).pipe(Effect.provide(scripted(silent(), { policy: { ...POLICY, mode: "manual" } })))
  )

  it.effect("says so where a compression is the caller's, or due now", () =>
    Effect.gen(function* () {
      const say = (policy: object) =>
        Effect.zipRight(importRounds(40), ask("context_budget")).pipe(
          Effect.provide(scripted(silent(), { policy: { ...POLICY, ...policy } }))
        )
      assert.include(yield* say({ mode: "manual" }), "only when that is asked for")
      assert.include(yield* say({ mode: "background" }), "will be summarized now")
      assert.include(yield* say({ mode: "preflight" }), "will be summarized at about")
    })
  )
})

describe("request_compaction", () => {
  it.effect("compresses in the background once the turn has ended, with the focus", () =>
    Effect.gen(function* () {
      yield* importRounds(30)
      yield* deliver({ role: "user", content: "Go on." })
      const during = yield* runTurn(({ append, view }) =>
        Effect.gen(function* () {
          yield* view()
          const said = yield* ask("request_compaction", { focus: "invoice 131" })
          assert.match(said, /^begins: /)
          assert.match(yield* ask("request_compaction", { focus: "invoice 262" }), /^begins: /)
          yield* append({ role: "assistant", content: "Done." })
          yield* awaitSettled()
          return yield* readGeneration()
        })
      )
      yield* awaitSettled()
      const { generation, segments } = yield* readState()
      assert.deepStrictEqual([during, generation], [0, 1])
      assert.deepStrictEqual(
        segments.map(({ focus }) => focus),
        ["invoice 262"],
        "the last request counts"
      )
    }).pipe(Effect.provide(scripted(silent(), { policy: { ...POLICY, mode: "manual" } })))
  )

  it.effect("begins at once outside of a turn, and says that one is under way", () =>
    Effect.gen(function* () {
      yield* importRounds(30)
      assert.strictEqual(yield* BudgetTools.request(id, undefined), "begins")
      assert.strictEqual(yield* BudgetTools.request(id, "invoices"), "under-way")
      yield* awaitSettled()
      assert.strictEqual(yield* readGeneration(), 1)
    }).pipe(Effect.provide(scripted(silent(), { policy: { ...POLICY, mode: "manual" } })))
  )

  it.effect("says why there will be none: nothing can leave, or the last one changed nothing", () => {
    const defer = CompressionHooks.layer({
      before: () => Effect.succeed(CompressionHooks.Decision.Defer({ reason: "at work" }))
    })
    return Effect.gen(function* () {
      yield* importRounds(1)
      assert.match(yield* ask("request_compaction"), /^nothing-to-compress: /)
      yield* runTurn((turn) => turn.append(...conversation(30, 1)))
      assert.strictEqual(yield* BudgetTools.request(id, undefined), "begins")
      yield* awaitSettled()
      assert.strictEqual(yield* readGeneration(), 0)
      assert.match(yield* ask("request_compaction"), /^held-back: /)
      yield* runTurn((turn) => turn.append(...conversation(1, 31)))
      assert.strictEqual(yield* BudgetTools.request(id, undefined), "begins")
    }).pipe(Effect.provide(Layer.provide(scripted(silent(), { policy: { ...POLICY, mode: "manual" } }), defer)))
  })

  it.effect("fails for a session that is none, and explains a wrong call", () =>
    Effect.gen(function* () {
      const unknown = yield* Effect.flip(BudgetTools.request(SessionId.make("nobody"), undefined))
      assert.strictEqual(unknown._tag, "UnknownSession")
      yield* importRounds(1)
      assert.include(yield* ask("request_compaction", "{"), "not understood")
      assert.include(yield* ask("compact"), "no such tool")
      assert.deepStrictEqual(
        [...BudgetTools.definitions.map(({ function: { name } }) => call(name)), call("recall")].map(
          BudgetTools.isOurs
        ),
        [true, true, false]
      )
    }).pipe(Effect.provide(scripted(silent(), { policy: POLICY })))
  )
})
