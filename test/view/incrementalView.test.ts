import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as IncrementalView from "../../src/view/incrementalView.ts"
import type { State } from "../../src/session/Session.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import * as WireLimits from "../../src/view/WireLimits.ts"
import { any, call, calls, type Entry, logOf, request, result, says, stateOf } from "../support/histories.ts"

/** The state as its tail grows by one message after the other; all but the tail stays the same objects. */
const growing = (entries: ReadonlyArray<Entry>): ReadonlyArray<State> => {
  const whole = stateOf(logOf(entries))
  const ledger = entries.length % 2 === 0 ? "" : "- a fact"
  const base = { ...whole, manifest: { ...whole.manifest, ledger } }
  return Array.from({ length: whole.tail.length + 1 }, (_, n) => ({ ...base, tail: whole.tail.slice(0, n) }))
}

describe("the view of a session that grows", () => {
  it("is the view as it is assembled anew, whatever the history, the limits, and whenever it is looked at", () => {
    const looks = FastCheck.array(FastCheck.boolean(), { maxLength: 40 })
    const options = FastCheck.record({
      system: FastCheck.constantFrom(undefined, "be brief"),
      maxRequestBytes: FastCheck.constantFrom(undefined, 3_000, 6_000),
      maxImages: FastCheck.constantFrom(undefined, 1, 4),
      maxImageBytes: FastCheck.constantFrom(undefined, 1_000),
      imagesInToolResults: FastCheck.boolean(),
      callIds: FastCheck.constantFrom(undefined, "common", "mistral"),
      cacheMarks: FastCheck.boolean()
    })
    FastCheck.assert(
      FastCheck.property(
        any,
        looks,
        FastCheck.array(options, { minLength: 1, maxLength: 2 }),
        (entries, looks, steps) => {
          for (const [n, state] of growing(entries).entries()) {
            if (looks[n % Math.max(1, looks.length)] === false) continue
            const step = steps[n % steps.length] ?? {}
            assert.deepStrictEqual(
              IncrementalView.assembleView(state, estimate, { ...step, limits: WireLimits.resolve(step) }),
              View.assemble(state, estimate, step)
            )
          }
        }
      )
    )
  })

  it("is the same in steps, whatever others look at in between", () => {
    const slice = FastCheck.integer({ min: 1, max: 4 })
    FastCheck.assert(
      FastCheck.property(any, slice, FastCheck.infiniteStream(FastCheck.nat()), (entries, slice, looks) => {
        const states = growing(entries)
        for (const state of states) {
          const work = IncrementalView.assembleInSlices(state, estimate, {}, slice)
          let step = work.next()
          while (step.done !== true) {
            const other = states[(looks.next().value ?? 0) % states.length]
            if (other !== undefined) IncrementalView.assembleView(other, estimate)
            step = work.next()
          }
          assert.deepStrictEqual(step.value, IncrementalView.assembleWhole(state, estimate))
        }
      })
    )
  })

  it("looks at no message twice once its calls are answered", () => {
    let counted = 0
    const counter = {
      ...estimate,
      message: (message: Parameters<typeof estimate.message>[0]) => {
        counted++
        return estimate.message(message)
      }
    }
    const turn = (n: number) => [
      request(`look at ${n}`),
      calls(call(`c${n}`)),
      result(`c${n}`, "it is fine"),
      says("ok")
    ]
    const states = growing(Array.from({ length: 50 }, (_, n) => turn(n)).flat())
    const first = states[4]
    if (first === undefined) return assert.fail("there is no state")
    IncrementalView.assembleView(first, counter, { system: "be brief" })
    const once = counted
    for (const [n, state] of states.entries()) {
      if (n > 4 && n % 4 === 0) IncrementalView.assembleView(state, counter, { system: "be brief" })
    }
    assert.strictEqual(counted, once)
  })

  describe("a long tail, read in slices", () => {
    const ids = Array.from({ length: 400 }, (_, n) => `c${n}`)
    it.each([
      ["all calls, then all results", [...ids.map((id) => calls(call(id))), ...ids.map((id) => result(id, "r"))]],
      ["pairs that slices part", ids.flatMap((id) => [calls(call(id)), result(id, "r")])],
      ["calls that are never answered", ids.map((id) => calls(call(id)))]
    ])("takes each message a few times only: %s", (_, entries) => {
      let taken = 0
      const whole = stateOf([])
      const tail = logOf([request("go"), ...entries]).map(({ message, ...entry }) => ({
        ...entry,
        get message() {
          taken++
          return message
        }
      }))
      const work = IncrementalView.assembleInSlices({ ...whole, tail }, estimate, {}, 9)
      while (work.next().done !== true);
      assert.isAtMost(taken, 4 * tail.length)
    })
  })

  it("begins anew with another system prompt", () => {
    const [, , state] = growing([request("hello"), says("hi")])
    if (state === undefined) return assert.fail("there is no state")
    for (const system of ["one", "two", undefined, "one"]) {
      assert.deepStrictEqual(
        IncrementalView.assembleView(state, estimate, { system }),
        View.assemble(state, estimate, { system })
      )
    }
  })
})
