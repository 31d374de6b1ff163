/** What is stored of a run, whatever the runner shows first and hands over last. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { makeRunItems } from "../../src/openAiAgents/runItems.ts"

const say = (content: string) => ({ type: "message", role: "user", content })

/** What the runner does after it has made the items before it: shows all to the filter, hands over what it has not yet. */
const step = fc.record({
  says: fc.array(fc.constantFrom("yes", "no", "go on"), { maxLength: 3 }),
  shows: fc.boolean(),
  handsOver: fc.boolean(),
  isRead: fc.boolean()
})

describe("the items of a run", () => {
  it("are stored once each, in whatever order the runner shows them and hands them over", () => {
    fc.assert(
      fc.property(fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { maxLength: 4 }), (runs) => {
        const runItems = makeRunItems()
        const stored: Array<object> = []
        const said: Array<object> = []
        for (const steps of runs) {
          const history = [...stored]
          runItems.begin(history)
          const input = [...history]
          let handedOver = history.length
          const handOver = () => {
            stored.push(...runItems.takeUnstored(input.slice(handedOver)))
            handedOver = input.length
          }
          for (const { handsOver, isRead, says, shows } of steps) {
            const items = says.map(say)
            input.push(...items)
            said.push(...items)
            if (shows) {
              stored.push(...runItems.takeNew(input))
              runItems.show(stored, input)
            }
            // A tool reads the session, right after the model has called it.
            if (shows && isRead) runItems.begin([...stored])
            if (handsOver) handOver()
          }
          handOver()
          assert.sameDeepMembers(stored, said)
        }
      })
    )
  })

  it("are new in a later run, also where the same was said before", () => {
    const runItems = makeRunItems()
    for (let n = 1; n < 4; n++) {
      const history = Array.from({ length: n - 1 }, () => say("yes"))
      runItems.begin(history)
      assert.deepStrictEqual(runItems.takeNew([...history, say("yes")]), [say("yes")])
      runItems.show([], [...history, say("yes")])
      assert.deepStrictEqual(runItems.takeUnstored([say("yes")]), [])
    }
  })

  it("do not hold what the model was shown and nobody said", () => {
    const runItems = makeRunItems()
    runItems.begin([say("a"), say("b")])
    const handoff = say("what was said before")
    const shown = runItems.show([handoff, say("c")], [say("a"), say("b"), say("c")])
    assert.deepStrictEqual(shown, [handoff, say("c")])
    assert.deepStrictEqual(runItems.takeUnstored([handoff, say("d")]), [say("d")])
  })
})
