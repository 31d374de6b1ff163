import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as DemoSession from "../../src/cli/demo/session.ts"
import * as Message from "../../src/message/Message.ts"
import { propertyRuns } from "../support/repetitions.ts"

const countCharacters = (message: Message.Message) =>
  Message.text(message).length +
  Message.toolCalls(message).reduce(
    (sum, call) => sum + Message.callName(call).length + Message.callInput(call).length,
    0
  )

const seeds = FastCheck.integer()
const few = propertyRuns(4, 15)

describe("a demo session", () => {
  it.prop(
    "is valid, and every call is answered at once and in order",
    [seeds],
    ([seed]) => {
      for (const { request, steps } of DemoSession.makeSession(seed)) {
        Either.getOrThrow(Message.parse(request))
        for (const { reply, results } of steps) {
          for (const message of [reply, ...results]) Either.getOrThrow(Message.parse(message))
          const calls = Message.toolCalls(reply)
          assert.deepStrictEqual(
            results.map((result) => result.tool_call_id),
            calls.map(({ id }) => id)
          )
          for (const call of calls) assert.isObject(JSON.parse(Message.callInput(call)))
        }
      }
    },
    few
  )

  it.prop(
    "ends every turn, and only its last step does",
    [seeds],
    ([seed]) => {
      for (const { steps } of DemoSession.makeSession(seed)) {
        assert.deepStrictEqual(
          steps.map(({ reply }) => Message.endsTurn(reply)),
          steps.map((_, index) => index === steps.length - 1)
        )
      }
    },
    few
  )

  it.prop(
    "has more than 200 messages and about 145,000 tokens",
    [seeds],
    ([seed]) => {
      const messages = DemoSession.listMessages(DemoSession.makeSession(seed))
      assert.isAbove(messages.length, 200)
      const tokens = messages.reduce((sum, message) => sum + countCharacters(message), 0) / 4
      assert.isAbove(tokens, 132_000)
      assert.isBelow(tokens, 158_000)
    },
    few
  )

  it.prop(
    "is the same for the same seed, another for another",
    [seeds],
    ([seed]) => {
      assert.deepStrictEqual(DemoSession.makeSession(seed), DemoSession.makeSession(seed))
      assert.notDeepEqual(DemoSession.makeSession(seed), DemoSession.makeSession(seed + 1))
    },
    few
  )

  it("hardly repeats itself: reading a file again is the exception, call ids are unique", () => {
    const messages = DemoSession.listMessages(DemoSession.makeSession(1))
    const long = messages.map(Message.text).filter((text) => text.length > 400)
    assert.isAtLeast(new Set(long).size, 0.97 * long.length)
    const ids = messages.flatMap(Message.toolCalls).map(({ id }) => id)
    assert.strictEqual(new Set(ids).size, ids.length)
  })

  it("calls tools in parallel, sees failures and mends them", () => {
    const steps = DemoSession.makeSession(1).flatMap(({ steps }) => steps)
    assert.isTrue(steps.some(({ results }) => results.length > 1))
    const codes = steps.flatMap(({ results }) => results.map(Message.text)).join("\n")
    for (const expected of ["exit code: 0", "exit code: 1", "exit code: 2", "AssertionError"])
      assert.include(codes, expected)
  })
})
