import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Schema, TestClock } from "effect"
import * as Doctor from "../src/Doctor.ts"
import { build, contents, dump, event, inUse, NOW, query, routed } from "./support/hermesLineages.ts"

const atNow = TestClock.setTime(NOW * 1_000)
const ages = FastCheck.constantFrom("new" as const, "old" as const)
const events = FastCheck.array(event, { maxLength: 14 })

const endReason = Schema.decodeUnknownSync(Schema.Struct({ end_reason: Schema.NullOr(Schema.String) }))

describe("Doctor", () => {
  it.effect.prop(
    "a repair keeps every message, and leaves nothing to find and nothing to do",
    [ages, events],
    ([age, events]) =>
      Effect.gen(function* () {
        yield* atNow
        const file = build(age, events)
        const before = contents(file)
        const damage = (yield* Doctor.diagnose(file)).findings
        const report = yield* Doctor.repair(file)
        assert.deepStrictEqual(report.remaining, [])
        assert.strictEqual(report.backup === null, damage.length === 0)
        const after = contents(file)
        for (const [said, times] of before) assert.isAtLeast(after.get(said) ?? 0, times, said)
        assert.deepStrictEqual((yield* Doctor.diagnose(file)).findings, [])
        query(file, "INSERT INTO messages_fts(messages_fts) VALUES ('integrity-check')")
        const repaired = dump(file)
        assert.strictEqual((yield* Doctor.repair(file)).backup, null)
        assert.strictEqual(dump(file), repaired)
      }),
    { fastCheck: { numRuns: 40 } }
  )

  it.effect.prop(
    "after a repair every message in use is in use once, and those that came too late are",
    [
      ages,
      FastCheck.array(
        event.filter(({ type }) => type !== "double"),
        { maxLength: 14 }
      )
    ],
    ([age, events]) =>
      Effect.gen(function* () {
        yield* atNow
        const file = build(age, events)
        yield* Doctor.repair(file)
        const used = inUse(file)
        assert.strictEqual(new Set(used.map((row) => JSON.stringify(row))).size, used.length, JSON.stringify(used))
        const late = Array.from(contents(file).keys()).filter((said) => said.includes('"user","content":"late'))
        for (const said of late) {
          assert.isTrue(
            used.some((row) => said.includes(row.said.slice("user ".length).trimEnd())),
            said
          )
        }
        for (const chat of routed(file)) assert.notMatch(String(endReason(chat).end_reason), /compression|merged/)
      }),
    { fastCheck: { numRuns: 40 } }
  )
})
