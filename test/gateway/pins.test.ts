/** Pins: what stays in every view word for word, and for how long. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber, Layer, TestClock } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as PinTools from "../../src/gateway/PinTools.ts"
import * as Message from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { propertyRuns } from "../support/repetitions.ts"
import {
  awaitRequests,
  compressSession,
  conversation,
  deliver,
  id,
  importMessages,
  importRounds,
  readState,
  runTurn,
  scripted,
  summary
} from "../support/world.ts"

const policy = { contextLength: 16_000, mode: "manual" } as const
const provider = () => Scripted.layer([() => summary("the report")])

/** All that the model reads, calls as well. */
const viewText = Effect.map(
  Effect.flatMap(Gateway, ({ view }) => view(id)),
  ({ messages }) => messages.flatMap((message) => [Message.text(message), ...listCalls(message)]).join("\n")
)

const listCalls = (message: Message.Message) =>
  Message.toolCalls(message).map((call) => `${Message.callName(call)} ${Message.callInput(call)}`)

/** Talks on, so that there is something to compress. */
const talk = (from: number, rounds = 6) =>
  runTurn(({ append, view }) =>
    Effect.gen(function* () {
      for (let round = from; round < from + rounds; round++) {
        const [ask, ...answer] = conversation(1, 1_000 + round)
        if (ask === undefined) continue
        yield* deliver(ask)
        yield* view()
        yield* append(...answer)
      }
    })
  )

type Action =
  | { readonly do: "pin"; readonly at: number }
  | { readonly do: "pin text"; readonly slot: string | undefined; readonly words: number }
  | { readonly do: "unpin"; readonly at: number }
  | { readonly do: "compress" }
  | { readonly do: "talk" }
  | { readonly do: "restart" }
  | { readonly do: "rewind"; readonly at: number }
  | { readonly do: "reset" }

const share = FastCheck.integer({ min: 0, max: 999 }).map((thousandths) => thousandths / 1_000)
const actions: FastCheck.Arbitrary<ReadonlyArray<Action>> = FastCheck.array(
  FastCheck.oneof(
    { weight: 4, arbitrary: FastCheck.record({ do: FastCheck.constant("pin" as const), at: share }) },
    {
      weight: 3,
      arbitrary: FastCheck.record({
        do: FastCheck.constant("pin text" as const),
        slot: FastCheck.constantFrom(undefined, "plan", "todo"),
        words: FastCheck.integer({ min: 1, max: 12 })
      })
    },
    { weight: 2, arbitrary: FastCheck.record({ do: FastCheck.constant("unpin" as const), at: share }) },
    { weight: 4, arbitrary: FastCheck.constant({ do: "compress" as const }) },
    { weight: 4, arbitrary: FastCheck.constant({ do: "talk" as const }) },
    { weight: 2, arbitrary: FastCheck.constant({ do: "restart" as const }) },
    { weight: 2, arbitrary: FastCheck.record({ do: FastCheck.constant("rewind" as const), at: share }) },
    { weight: 1, arbitrary: FastCheck.constant({ do: "reset" as const }) }
  ),
  { minLength: 4, maxLength: 14, size: "max" }
)

describe("pins", () => {
  it.effect.prop(
    "what is pinned stays in the view word for word through compressions, restarts and rewinds until it is unpinned or taken back",
    [actions],
    ([actions]) =>
      Effect.gen(function* () {
        const folder = mkdtempSync(join(tmpdir(), "pins-"))
        yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
        const open = <A, E>(use: Effect.Effect<A, E, Gateway | SessionStore>) =>
          Effect.provide(
            use,
            scripted(provider(), { policy }, Layer.orDie(Sqlite.layer({ filename: join(folder, "sessions.db") })))
          )
        const model = new Map<string, { readonly text: string; readonly seq: number }>()
        let n = 0
        const perform = (action: Exclude<Action, { readonly do: "restart" }>) =>
          Effect.gen(function* () {
            const { compress, pin, reset, rewind, unpin } = yield* Gateway
            const store = yield* SessionStore
            const { lastSeq } = yield* store.state(id)
            switch (action.do) {
              case "pin": {
                const pinned = yield* Effect.either(pin(id, { fromSeq: 1 + Math.floor(action.at * lastSeq) }))
                if (pinned._tag === "Right") {
                  model.set(pinned.right.name, { text: pinned.right.text, seq: pinned.right.toSeq ?? 0 })
                } else assert.include(["InvalidPin", "PinTooLarge"], pinned.left._tag)
                return
              }
              case "pin text": {
                const text = Array.from({ length: action.words }, (_, i) => `- [ ] step ${++n} of ${i}`).join("\n")
                const pinned = yield* Effect.either(pin(id, { text, as: action.slot }))
                if (pinned._tag === "Right") model.set(pinned.right.name, { text, seq: lastSeq })
                else assert.strictEqual(pinned.left._tag, "PinTooLarge")
                return
              }
              case "unpin": {
                const name = Array.from(model.keys())[Math.floor(action.at * model.size)] ?? "nothing"
                assert.strictEqual(yield* unpin(id, name), model.delete(name))
                return
              }
              case "compress":
                return yield* compress(id)
              case "talk":
                return yield* talk((n += 6))
              case "rewind": {
                const seq = Math.floor(lastSeq * (0.5 + action.at / 2))
                const back = yield* Effect.either(rewind(id, seq))
                if (back._tag === "Left" || back.right.undone === 0) return
                for (const [name, pinned] of model) if (pinned.seq > seq) model.delete(name)
                return
              }
              case "reset":
                yield* reset(id)
                return model.clear()
            }
          })
        const look = Effect.gen(function* () {
          const { pins } = yield* Gateway
          assert.sameMembers(
            (yield* pins(id)).map(({ name }) => name),
            Array.from(model.keys())
          )
          const text = (yield* viewText).replaceAll("\n  ", "\n")
          for (const pinned of model.values()) assert.include(text, pinned.text)
        })
        const all = actions.reduce<Array<Array<Exclude<Action, { readonly do: "restart" }>>>>(
          (runs, action) => {
            if (action.do === "restart") runs.push([])
            else runs.at(-1)?.push(action)
            return runs
          },
          [[]]
        )
        yield* open(importRounds(8))
        for (const run of all) {
          yield* open(
            Effect.gen(function* () {
              yield* look
              for (const action of run) {
                yield* perform(action)
                yield* look
              }
            })
          )
        }
      }).pipe(Effect.scoped),
    propertyRuns(8, 60)
  )

  it.effect("a pin of a message leaves the view at the first compression after it is unpinned", () =>
    Effect.gen(function* () {
      const { pin, unpin } = yield* Gateway
      yield* importRounds(40)
      yield* compressSession()
      assert.notInclude(yield* viewText, "Part 4 is fine.")
      yield* pin(id, { fromSeq: 20 })
      assert.include(yield* viewText, "- 20: Part 4 is fine. (#20)")
      assert.isTrue(yield* unpin(id, "20"))
      assert.isFalse(yield* unpin(id, "20"))
      assert.include(yield* viewText, "Part 4 is fine.")
      yield* talk(0, 40)
      yield* compressSession()
      assert.notInclude(yield* viewText, "Part 4 is fine.")
    }).pipe(Effect.provide(scripted(provider(), { policy })))
  )

  it.effect("a pin of words that the view shows changes no byte of it until the next compression", () =>
    Effect.gen(function* () {
      const { pin } = yield* Gateway
      yield* importRounds(12)
      const before = yield* viewText
      yield* pin(id, { fromSeq: 20 })
      assert.strictEqual(yield* viewText, before)
      yield* compressSession()
      assert.include(yield* viewText, "Part 4 is fine.")
    }).pipe(Effect.provide(scripted(provider(), { policy })))
  )

  it.effect("a pin waits for the compression under way, and both hold", () => {
    const model = Scripted.make([{ text: summary("the report"), delay: "30 seconds" }])
    return Effect.gen(function* () {
      const { pin } = yield* Gateway
      yield* importRounds(12)
      const compression = yield* Effect.fork(compressSession())
      yield* awaitRequests(model, 1)
      const pinning = yield* Effect.fork(pin(id, { as: "plan", text: "1. wait" }))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(compression)).generation, 1)
      yield* Fiber.join(pinning)
      assert.strictEqual((yield* readState()).generation, 2)
      assert.include(yield* viewText, "- plan: 1. wait")
    }).pipe(Effect.provide(scripted(model.layer, { policy })))
  })

  it.effect("messages that can only be shortened leave room for what is pinned", () =>
    Effect.gen(function* () {
      const { compress, pin, view } = yield* Gateway
      const words = Array.from({ length: 3_000 }, (_, i) => `word${i}`).join(" ")
      const call = { id: "call_1", type: "function", function: { name: "read", arguments: "{}" } } as const
      yield* importMessages([
        { role: "user", content: "Read it." },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: call.id, content: words }
      ])
      yield* pin(id, { as: "plan", text: "step by step ".repeat(20) })
      const { outcome } = yield* compress(id)
      assert.strictEqual(outcome, "shortened")
      assert.include(yield* viewText, "- plan: step by step")
      assert.isAtMost((yield* view(id)).tokens, 0.2 * policy.contextLength)
    }).pipe(Effect.provide(scripted(provider(), { policy: { ...policy, targetRatio: 0.2 } })))
  )

  it.effect("the newest plan replaces the older one", () =>
    Effect.gen(function* () {
      const { pin, pins } = yield* Gateway
      yield* importRounds(2)
      yield* pin(id, { as: "plan", text: "1. read\n2. write" })
      yield* pin(id, { as: "plan", text: "1. test\n2. land" })
      assert.deepStrictEqual(yield* pins(id), [{ name: "plan", text: "1. test\n2. land", fromSeq: null, toSeq: null }])
      assert.notInclude(yield* viewText, "1. read")
    }).pipe(Effect.provide(scripted(provider(), { policy })))
  )

  it.effect("what does not fit is refused and says how much room there is; what has no words is refused", () =>
    Effect.gen(function* () {
      const { pin } = yield* Gateway
      yield* importRounds(12)
      const { generation } = yield* readState()
      const tooLarge = yield* Effect.flip(pin(id, { fromSeq: 1, toSeq: 48 }))
      assert(tooLarge._tag === "PinTooLarge")
      assert.isAbove(tooLarge.room, 100)
      assert.isAbove(tooLarge.tokens, tooLarge.room)
      for (const [request, reason] of [
        [{ text: " " }, "empty"],
        [{ fromSeq: 60 }, "no-such-message"],
        [{ fromSeq: 5, toSeq: 3 }, "no-such-message"],
        [{ fromSeq: 1.5 }, "malformed"]
      ] as const) {
        const refused = yield* Effect.flip(pin(id, request))
        assert(refused._tag === "InvalidPin")
        assert.strictEqual(refused.reason, reason)
      }
      assert.strictEqual((yield* readState()).generation, generation)
    }).pipe(Effect.provide(scripted(provider(), { policy })))
  )

  it.effect("an agent pins its plan by a tool, is told how much room there is, and lets it go", () =>
    Effect.gen(function* () {
      yield* importRounds(2)
      const call = (name: string, args: unknown) =>
        Effect.map(
          PinTools.answer(id, {
            id: "call_1",
            type: "function",
            function: { name, arguments: typeof args === "string" ? args : JSON.stringify(args) }
          }),
          (answer) => Message.text(answer)
        )
      assert.strictEqual(yield* call("pin", { text: "1. read", as: "plan" }), "Pinned as plan.")
      assert.include(yield* viewText, "- plan: 1. read (#8)")
      assert.match(yield* call("pin", { text: "word ".repeat(9_000), as: null }), /room for \d+\. Pinned are: plan\.$/)
      assert.match(yield* call("pin", { text: " ", as: null }), /no words/)
      assert.match(yield* call("pin", "{"), /not understood/)
      assert.match(yield* call("unpin", { name: "todo" }), /no pin of that name\. Pinned are: plan\.$/)
      assert.strictEqual(yield* call("unpin", { name: "plan" }), "Unpinned.")
      assert.deepStrictEqual(
        PinTools.definitions.map(({ function: { name } }) => name),
        ["pin", "unpin"]
      )
    }).pipe(Effect.provide(scripted(provider(), { policy })))
  )

  it.effect("a turn goes on after a pin, and a secret is not pinned", () =>
    Effect.gen(function* () {
      const { pin } = yield* Gateway
      yield* importRounds(2)
      yield* runTurn(({ append, view }) =>
        Effect.gen(function* () {
          yield* deliver({ role: "user", content: "Plan it." })
          yield* view()
          const { text } = yield* pin(id, { text: "Deploy with password=Xk29!fjQ7zzPw0 today." })
          assert.notInclude(text, "Xk29!fjQ7zzPw0")
          yield* append({ role: "assistant", content: "Planned." })
        })
      )
      assert.notInclude(yield* viewText, "Xk29!fjQ7zzPw0")
    }).pipe(Effect.provide(scripted(provider(), { policy })))
  )
})
