import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, TestClock } from "effect"
import Database from "better-sqlite3"
import * as Doctor from "../../src/hermes/Doctor.ts"
import { build, dump, event, NOW, query } from "../support/hermesLineages.ts"
import { oddities } from "../support/hermesOddities.ts"
import { propertyRuns } from "../support/repetitions.ts"

const atNow = TestClock.setTime(NOW * 1_000)

const alter = (file: string, names: ReadonlyArray<string>) => {
  const db = new Database(file)
  db.pragma("foreign_keys = OFF")
  for (const name of names) oddities[name]?.(db)
  db.close()
}

/** What the messages say, whoever says it: a handoff may come to be said by the user. */
const words = (file: string) =>
  query(file, "SELECT hex(content) || ifnull(tool_call_id, '-') || ifnull(tool_calls, '-') AS said FROM messages").map(
    (row) => JSON.stringify(row)
  )

const assertKept = (before: ReadonlyArray<string>, after: ReadonlyArray<string>) => {
  const left = [...after]
  for (const said of before) {
    assert.include(left, said)
    left.splice(left.indexOf(said), 1)
  }
}

/** Runs a repair and checks what each one promises. */
const repaired = (file: string) =>
  Effect.gen(function* () {
    const before = words(file)
    const report = yield* Doctor.repair(file)
    assertKept(before, words(file))
    assert.deepStrictEqual(report.remaining, [])
    assert.deepStrictEqual((yield* Doctor.diagnose(file)).findings, [])
    const now = dump(file)
    assert.strictEqual((yield* Doctor.repair(file)).backup, null)
    assert.strictEqual(dump(file), now)
    return report
  })

describe("Doctor, on what nobody expects", () => {
  const odd = fc.subarray(Object.keys(oddities), { maxLength: 3 })
  it.effect.prop(
    "whatever else is odd, a repair keeps every word and leaves nothing to find, also when it is damaged again",
    [fc.constantFrom("new" as const, "old" as const), fc.array(event, { maxLength: 10 }), odd, odd],
    ([age, events, odds, later]) =>
      Effect.gen(function* () {
        yield* atNow
        const file = build(age, events)
        alter(file, odds)
        yield* repaired(file)
        yield* TestClock.adjust("1 hour")
        alter(
          file,
          later.filter((name) => !name.startsWith("titles"))
        )
        yield* repaired(file)
      }),
    propertyRuns(10, 40)
  )

  it.effect("the last request stays where a compression left more before the handoff than may be", () =>
    Effect.gen(function* () {
      yield* atNow
      const file = build("new", [{ type: "turn", rounds: 5 }, { type: "second handoff" }])
      const first = "(SELECT min(id) FROM messages WHERE content LIKE '[CONTEXT%')"
      query(file, `UPDATE messages SET content = 'one answer more' WHERE id = ${first}`)
      yield* repaired(file)
      const live = query(file, "SELECT content AS c FROM messages WHERE active = 1 AND role = 'user'")
      assert.deepStrictEqual(live, [{ c: "request 4" }])
    })
  )

  it.effect("a session of the user's that is named as a branch keeps its own conversation", () =>
    Effect.gen(function* () {
      yield* atNow
      const file = build("new", [
        { type: "split", tail: 0, summary: "made" },
        { type: "turn", rounds: 2 },
        { type: "fork", at: 2 },
        { type: "route", at: 2 }
      ])
      alter(file, ["a session named as a branch"])
      const { mended } = yield* repaired(file)
      assert.deepStrictEqual(
        mended.map(({ branches, sessionId }) => ({ branches, sessionId })),
        [{ sessionId: "s2", branches: ["s2.branch.2"] }]
      )
      const own = query(file, "SELECT content AS c FROM messages WHERE session_id = 's2.branch'")
      assert.deepStrictEqual(own, [{ c: "another talk, s2" }])
    })
  )

  it.effect("branches that began before the session they go on with are mended", () =>
    Effect.gen(function* () {
      yield* atNow
      const file = build("new", [
        { type: "split", tail: 0, summary: "made" },
        { type: "turn", rounds: 10 },
        { type: "fork", at: 1 },
        { type: "split", tail: 0, summary: "made" },
        { type: "route", at: 2 }
      ])
      alter(file, ["a clock that was set back"])
      yield* repaired(file)
      const branch = query(file, "SELECT id FROM sessions WHERE parent_session_id = 's2.branch'")
      assert.deepStrictEqual(branch, [{ id: "s3" }])
    })
  )

  for (const [what, messages] of [
    ["with", "messages"],
    ["without", "no messages"]
  ] as const) {
    it.effect(`split sessions that are each other's parents, ${what} messages, are brought to an end`, () =>
      Effect.gen(function* () {
        yield* atNow
        const file = build("new", [
          { type: "split", tail: 1, summary: "made" },
          { type: "split", tail: 1, summary: "made" },
          { type: "childless split" }
        ])
        alter(file, ["parents in a circle"])
        if (messages === "no messages") query(file, "DELETE FROM messages")
        yield* repaired(file)
      })
    )
  }
})
