import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import {
  countUndone,
  dropUndone,
  isUndone,
  restoreMessages,
  undoAfter,
  undoMessages,
  type UndoneRange
} from "../../src/session/Session.ts"

const LOG = 40
const seqs = Array.from({ length: LOG }, (_, i) => i + 1)
const places = fc.array(fc.integer({ min: 1, max: LOG }), { maxLength: 6 })

const change = fc.oneof(
  fc.record({ undo: fc.constant("after" as const), seq: fc.integer({ min: 0, max: LOG }), end: fc.nat(LOG) }),
  fc.record({ undo: fc.constant("some" as const), some: places }),
  fc.record({ undo: fc.constant("none" as const), some: places })
)

describe("ranges that are undone", () => {
  it("name exactly the messages that were taken back and not restored, in whatever order", () =>
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        const undone = new Set<number>()
        let ranges: ReadonlyArray<UndoneRange> = []
        let end = 0
        for (const step of changes) {
          if (step.undo === "after") {
            end = Math.max(end, step.end, step.seq)
            // Only what is not undone itself can be gone back to.
            if (undone.has(step.seq)) continue
            ranges = undoAfter(ranges, step.seq, end)
            for (let seq = step.seq + 1; seq <= end; seq++) undone.add(seq)
          } else {
            const some = step.some.filter((seq) => seq <= end)
            ranges = (step.undo === "some" ? undoMessages : restoreMessages)(ranges, some)
            for (const seq of some) {
              if (step.undo === "some") undone.add(seq)
              else undone.delete(seq)
            }
          }
          assert.deepStrictEqual(
            seqs.filter((seq) => isUndone(ranges, seq)),
            seqs.filter((seq) => undone.has(seq))
          )
          assert.strictEqual(countUndone(ranges), undone.size)
          assert.lengthOf(
            dropUndone(
              ranges,
              seqs.map((seq) => ({ seq }))
            ),
            LOG - undone.size
          )
        }
      })
    ))
})
