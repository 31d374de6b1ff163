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
import { containsRanges, countSameRanges } from "../../src/store/residentSessions.ts"

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

  const ranges = fc.array(fc.constantFrom(...seqs), { maxLength: 12 }).map((some) => undoMessages([], some))

  it("lie within others only if these name all of their messages", () =>
    fc.assert(
      fc.property(ranges, ranges, (all, some) => {
        const isWithin = seqs.every((seq) => !isUndone(some, seq) || isUndone(all, seq))
        assert.strictEqual(containsRanges(all, some), isWithin)
        assert.isTrue(
          containsRanges(
            undoMessages(
              all,
              seqs.filter((seq) => isUndone(some, seq))
            ),
            some
          )
        )
      })
    ))

  it("are the same up to the first that is not", () =>
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        const count = countSameRanges(a, b)
        assert.deepStrictEqual(a.slice(0, count), b.slice(0, count))
        assert.isTrue(count === a.length || JSON.stringify(a[count]) !== JSON.stringify(b[count]))
      })
    ))
})
