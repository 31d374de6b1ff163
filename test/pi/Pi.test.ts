import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { join } from "node:path"
import { makeExtension } from "../../src/pi/Pi.ts"
import * as Message from "../../src/message/Message.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { repetitions } from "../support/repetitions.ts"
import { startPi } from "../support/piSession.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const FILLER = "The harbour was full that day, and ships of all lands lay there. ".repeat(12)

const startSession = Effect.map(makeTemporaryFolder(), (folder) => {
  const filename = join(folder, "sessions", "pi.db")
  const pi = startPi(makeExtension({ filename }))
  /** Turns in which files are read, of about 400 tokens each. */
  const read = (from: number, to: number) => {
    for (let n = from; n < to; n++) {
      pi.user(`Read page ${n} and tell me about it.`)
      pi.bash(`cat page${n}.txt`, `${FILLER}On page ${n} the keeper is called Name${n}. ${FILLER}`)
      pi.say(`Page ${n} is about the harbour.`)
    }
  }
  const readLog = Effect.flatMap(SessionStore, (store) => store.range(SessionId.make("pi-session"), 1, 100_000)).pipe(
    Effect.map((entries) => entries.map(({ message }) => Message.text(message))),
    Effect.provide(Sqlite.layer({ filename }))
  )
  return { folder, filename, pi, read, readLog }
})

/** The words of the messages that pi would go on with after a compaction. */
const wordsFrom = (pi: ReturnType<typeof startPi>, id: string) => {
  const entries = pi.entries()
  return JSON.stringify(entries.slice(entries.findIndex((entry) => entry.id === id)))
}

describe("the extension of pi", () => {
  it.scopedLive("its handoff is the compaction, twice, and recall finds what left", () =>
    Effect.gen(function* () {
      const { pi, read } = yield* startSession
      assert.include(yield* Effect.promise(() => pi.call("recall", { query: "keeper" })), "Nothing has left")
      pi.user("Never touch the files under legacy/.")
      pi.say("I will not.")
      read(1, 40)
      for (const round of [1, 2]) {
        const compaction = yield* Effect.promise(() => pi.compact())
        assert.match(compaction?.summary ?? "", /^\[throughline handoff\] /)
        assert.include(compaction?.summary, "Never touch the files under legacy/.")
        assert.deepInclude(compaction, { tokensBefore: 12_345 })
        assert.deepInclude(compaction?.details, { by: "throughline", generation: round, model: "embedded" })
        const kept = wordsFrom(pi, compaction?.firstKeptEntryId ?? "")
        assert.isBelow(kept.length, 40_000)
        assert.notInclude(kept, "Name3.")
        assert.include(kept, `Name${round * 40 - 1}.`)
        read(round * 40, round * 40 + 40)
      }
      for (const name of ["Name3", "Name44"]) {
        assert.include(
          yield* Effect.promise(() => pi.call("recall", { query: name, where: null })),
          `is called ${name}.`
        )
      }
      assert.deepStrictEqual(pi.notices, [])
    })
  )

  it.scopedLive("a request that is not answered yet stays word for word, however long its turn is", () =>
    Effect.gen(function* () {
      const { pi, read } = yield* startSession
      read(1, 30)
      assert.isDefined(yield* Effect.promise(() => pi.compact()))
      const request = `Compare all pages. ${"Mind every name on them, and their order. ".repeat(40)}The last word is Seemöwe.`
      pi.user(request)
      for (let n = 0; n < 60; n++) pi.bash(`cat page${n}.txt`, FILLER)
      const compaction = yield* Effect.promise(() => pi.compact())
      assert.include(compaction?.summary, request)
    })
  )

  it.scopedLive("where the user goes back, the database follows the branch", () =>
    Effect.gen(function* () {
      const { pi, read, readLog } = yield* startSession
      read(1, 20)
      const branch = pi.say("Here it forks.")
      read(20, 40)
      yield* Effect.promise(() => pi.compact())
      assert.include(yield* readLog, "Page 39 is about the harbour.")
      pi.goBack(branch)
      read(50, 70)
      yield* Effect.promise(() => pi.compact())
      const log = yield* readLog
      assert.include(log, "Here it forks.")
      assert.include(log, "Page 69 is about the harbour.")
      assert.notInclude(log, "Page 39 is about the harbour.")
      assert.include(
        yield* Effect.promise(() => pi.call("recall", { query: "Name5", where: null })),
        "is called Name5."
      )
    })
  )

  it.scopedLive("a compaction that fails is left to pi, which is told why; one that is aborted is no failure", () =>
    Effect.gen(function* () {
      const { folder, pi, read } = yield* startSession
      pi.user("hello")
      assert.isUndefined(yield* Effect.promise(() => pi.compact()))
      assert.deepStrictEqual(pi.notices.splice(0), ["throughline: nothing could leave; pi compacts by itself"])
      read(1, 40)
      const aborted = AbortSignal.abort()
      assert.isUndefined(yield* Effect.promise(() => pi.compact(aborted)))
      assert.deepStrictEqual(pi.notices, [])
      const broken = startPi(makeExtension({ filename: folder }))
      broken.user("hello")
      assert.isUndefined(yield* Effect.promise(() => broken.compact()))
      assert.match(broken.notices.join(), /^throughline: could not open the database: .*; pi compacts by itself$/)
      const reason = yield* Effect.flip(Effect.tryPromise(() => broken.call("recall", { query: "x", where: null })))
      assert.match(String(reason.cause), /throughline: could not open the database/)
    })
  )

  it.effect("the log is the conversation, whatever branches it took and wherever it was compacted", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ back: fc.nat(6), more: fc.integer({ min: 1, max: 5 }) }), {
            minLength: 1,
            maxLength: 4
          }),
          (steps) =>
            Effect.runPromise(
              Effect.scoped(
                Effect.gen(function* () {
                  const { pi, readLog } = yield* startSession
                  let told: ReadonlyArray<readonly [id: string, text: string]> = []
                  for (const [step, { back, more }] of steps.entries()) {
                    told = told.slice(0, Math.max(1, told.length - back))
                    if (step > 0) pi.goBack(told.at(-1)?.[0] ?? "")
                    for (let n = 0; n < more; n++) {
                      const text = `message ${n % 2 === 0 ? n : "again"}`
                      told = [...told, [n % 2 === 0 ? pi.user(text) : pi.say(text), text]]
                    }
                    yield* Effect.promise(() => pi.compact())
                    assert.deepStrictEqual(
                      yield* readLog,
                      told.map(([, text]) => text)
                    )
                  }
                })
              )
            )
        ),
        { numRuns: repetitions(15, 200) }
      )
    )
  )
})
