import { assert, describe, it } from "@effect/vitest"
import {
  findLastTurnEnd,
  findOpenRequests,
  findRequestsAfter,
  hasTurnEnd,
  isAnswered,
  listNewestRequests
} from "../../src/session/openRequests.ts"
import type { Logged } from "../../src/session/Session.ts"
import { any, call, calls, logOf, notification, request, result, says, stateOf } from "../support/histories.ts"

describe("open requests", () => {
  it.prop("are those since the last end of a turn", [any], ([entries]) => {
    const log = logOf(entries)
    const naive: Array<Logged> = []
    for (const entry of log) {
      const { message } = entry
      if (message.role === "assistant" && !message.tool_calls?.length && !message.function_call) naive.length = 0
      if (entry.kind === "request") naive.push(entry)
    }
    assert.deepStrictEqual(findOpenRequests(stateOf(log)), naive)
    assert.deepStrictEqual(findRequestsAfter(findLastTurnEnd(log), log), naive)
    assert.strictEqual(hasTurnEnd(log), findLastTurnEnd(log) !== undefined)
  })

  it("of a head that nothing covered follows are still open", () => {
    const log = logOf([request("one"), notification("two"), request("three")])
    const { tail, ...rest } = stateOf(log)
    const state = {
      ...rest,
      manifest: { ...rest.manifest, headTo: 2, tailFrom: 3 },
      head: tail.slice(0, 2),
      tail: tail.slice(2)
    }
    assert.deepStrictEqual(
      findOpenRequests(state).map(({ seq }) => seq),
      [1, 3]
    )
  })
})

describe("a covered range", () => {
  const working = stateOf(logOf([request("one"), calls(call("a")), result("a", "x")]))
  const done = stateOf(logOf([request("one"), calls(call("a")), result("a", "x"), says("done")]))

  it("is answered once a turn has ended after it", () => {
    assert.isFalse(isAnswered(1, [], working))
    assert.isTrue(isAnswered(1, [], done))
    assert.isFalse(isAnswered(4, [], done))
  })
  it("has nothing open while its open requests are shown by themselves", () => {
    assert.isTrue(isAnswered(1, [1], working))
  })
})

it("lists the three newest requests, oldest first", () => {
  const log = logOf([request("a"), request("b"), notification("n"), request("c"), says("yes"), request("d")])
  assert.deepStrictEqual(listNewestRequests(log), ["b", "c", "d"])
})
