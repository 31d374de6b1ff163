import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { condenseSegments, planGrowth, type SegmentLimits, selectShown } from "../../src/handoff/segmentTree.ts"
import type { Segment } from "../../src/session/Session.ts"

type Segments = ReadonlyArray<Segment>

const limits: SegmentLimits = { room: 5_000, least: 200, sizeOf: ({ tokens }) => tokens + 20 }

const leaf = (n: number, tokens: number, degraded: string | null = null): Segment => ({
  id: `s${n}`,
  level: 0,
  children: [],
  fromSeq: 10 * n + 1,
  toSeq: 10 * n + 10,
  text: `summary ${n}`,
  tokens,
  degraded,
  focus: null,
  model: "m"
})

/** How one compression goes: how much of its room the summary takes, if a model writes it, and which merges succeed. */
interface Fate {
  readonly part: number
  readonly isDegraded: boolean
  readonly succeeds: boolean
}

const fate: FastCheck.Arbitrary<Fate> = FastCheck.record({
  part: FastCheck.double({ min: 0.2, max: 1, noNaN: true }),
  isDegraded: FastCheck.boolean(),
  succeeds: FastCheck.boolean()
})

const fine: Fate = { part: 1, isDegraded: false, succeeds: true }

/** The segments shown after one more compression, and those that were condensed in it. */
const compress = (segments: Segments, n: number, { isDegraded, part, succeeds }: Fate) => {
  const { maxTokens, merges } = planGrowth(segments, limits)
  const merged = (succeeds ? merges : []).map(({ children, maxTokens }, i) =>
    condenseSegments(children, { id: `m${n}_${i}`, text: "merged", model: "m", tokens: maxTokens })
  )
  const added = leaf(n, Math.floor(part * maxTokens), isDegraded ? "no route" : null)
  return { merges, merged, added, segments: selectShown(segments, merged, added, limits) }
}

const size = (segments: Segments) => segments.reduce((sum, segment) => sum + limits.sizeOf(segment), 0)
const ids = (segments: Segments) => segments.map(({ id }) => id)

const run = (fates: ReadonlyArray<Fate>, look: (before: Segments, step: ReturnType<typeof compress>) => void) =>
  fates.reduce<Segments>((before, fate, n) => {
    const step = compress(before, n, fate)
    look(before, step)
    return step.segments
  }, [])

describe("segments", () => {
  it("four neighbours of a level become one of the next, beside the next compression", () => {
    const shapes: Array<ReadonlyArray<number>> = []
    run(
      Array.from({ length: 22 }, () => fine),
      (_, { segments }) => shapes.push(segments.map(({ level }) => level))
    )
    assert.deepStrictEqual(shapes.slice(3, 6), [
      [0, 0, 0, 0],
      [1, 0],
      [1, 0, 0]
    ])
    assert.deepStrictEqual(shapes[16], [1, 1, 1, 1, 0])
    assert.deepStrictEqual(shapes[21], [2, 1, 0, 0])
  })

  it("a condensed segment stands for the ranges of its children and names them", () => {
    const [a, b] = [leaf(0, 300), leaf(1, 300)]
    const parent = condenseSegments([a, b], { id: "m", text: "both", model: "m", tokens: 90 })
    assert.deepStrictEqual(parent, {
      ...a,
      id: "m",
      text: "both",
      tokens: 90,
      level: 1,
      children: ["s0", "s1"],
      toSeq: 20
    })
  })

  it("short segments stay as they are as long as the next one has room", () => {
    const step = (before: Segments, n: number) => {
      const { maxTokens, merges } = planGrowth(before, limits)
      return { merges, segments: selectShown(before, [], leaf(n, Math.min(300, maxTokens)), limits) }
    }
    const ends = Array.from({ length: 12 }).reduce<ReadonlyArray<ReturnType<typeof step>>>(
      (steps, _, n) => [...steps, step(steps.at(-1)?.segments ?? [], n)],
      []
    )
    assert.deepStrictEqual(
      ends.map(({ merges }) => merges.length),
      ends.map(() => 0)
    )
    assert.isAtLeast(ends.at(-1)?.segments.length ?? 0, 12)
  })

  it("what no model wrote is not condensed, and parts its neighbours", () => {
    const four = [leaf(0, 1_100), leaf(1, 1_100, "no route"), leaf(2, 1_100), leaf(3, 1_100)]
    assert.deepStrictEqual(planGrowth(four, limits).merges, [])
    const two = [leaf(4, 100), leaf(5, 100)]
    const [merge] = planGrowth([...four, ...two], limits).merges
    assert.deepStrictEqual(ids(merge?.children ?? []), ["s2", "s3", "s4", "s5"])
  })

  it("whatever happens, the newest is shown, in order, without gaps, and all fit", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(fate, { maxLength: 60 }), (fates) => {
        run(fates, (_, { added, segments }) => {
          assert.strictEqual(segments.at(-1), added)
          for (const [i, { fromSeq }] of segments.slice(1).entries())
            assert.strictEqual(fromSeq, (segments[i]?.toSeq ?? 0) + 1)
          assert.isAtMost(size(segments), limits.room)
        })
      })
    )
  })

  it("what stands before the newest changes only by a merge, while merges succeed", () => {
    const healthy = FastCheck.array(
      fate.map((any) => ({ ...any, isDegraded: false, succeeds: true })),
      { maxLength: 60 }
    )
    FastCheck.assert(
      FastCheck.property(healthy, (fates) => {
        run(fates, (before, { added, merged, segments }) => {
          if (merged.length === 0) assert.deepStrictEqual(ids(segments), [...ids(before), added.id])
        })
      })
    )
  })

  it("a passage goes through three summaries at most, and the handoff does not grow", () => {
    const counts: Array<number> = []
    const end = run(
      Array.from({ length: 300 }, () => fine),
      (_, { segments }) => counts.push(segments.length)
    )
    assert.isAtMost(Math.max(...end.map(({ level }) => level)), 2)
    assert.isAtMost(Math.max(...counts), 12)
    assert.strictEqual(Math.max(...counts.slice(0, 100)), Math.max(...counts.slice(200)))
  })

  it("a failed merge takes nothing away: it is due again at the next compression", () => {
    const four = run([fine, fine, fine, fine], () => {})
    const failed = compress(four, 4, { ...fine, succeeds: false })
    assert.deepStrictEqual(ids(failed.segments), ["s0", "s1", "s2", "s3", "s4"])
    const again = compress(failed.segments, 5, fine)
    assert.deepStrictEqual(ids(again.segments), ["m5_0", "s4", "s5"])
  })
})
