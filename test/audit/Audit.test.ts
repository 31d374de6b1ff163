import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Logger, LogLevel } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Audit from "../../src/audit/Audit.ts"
import * as LogLines from "../../src/audit/logLines.ts"
import { SessionId } from "../../src/session/Session.ts"
import { correct, faults, SIX, writeLog } from "../support/auditLog.ts"
import { auditTrail, trailOf } from "../support/auditTrail.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const findFaults = (lines: ReadonlyArray<string>) =>
  auditTrail(trailOf(lines)).findings.map(({ fault, lines }) => [fault, ...lines.map(({ line }) => line)])

const hermesLine = (time: string, session: string, says: string, level = "INFO") =>
  `2026-05-28 ${time},123 ${level} [${session}] agent.conversation_compression: ${says}`

const startLine = (time: string, session: string, messages = 50) =>
  hermesLine(
    time,
    session,
    `context compression started: session=${session} messages=${messages} tokens=~9 model=m focus=None`
  )

const doneLine = (time: string, session: string, messages = 50) =>
  hermesLine(
    time,
    session,
    `context compression done: session=${session} messages=${messages}->8 rough_tokens=~9 awaiting_real_usage=true`
  )

describe("Audit", () => {
  it("names the session that mutates its id and the one that compresses another's history, and nothing else", () => {
    assert.deepStrictEqual(findFaults(SIX), [
      ["another-session", 3, 4],
      ["changed-id", 5, 6]
    ])
  })

  it("any interleaving of correct sessions has no violation", () => {
    fc.assert(fc.property(correct, (log) => assert.deepStrictEqual(findFaults(writeLog(log)), [])))
  })

  for (const [name, plant] of Object.entries(faults)) {
    it(`finds one violation when ${name}, wherever that is`, () => {
      const planted = fc
        .tuple(correct, fc.nat())
        .map(([log, n]) => plant(log, n % log.length))
        .filter((log) => log !== undefined)
      fc.assert(fc.property(planted, (log) => assert.lengthOf(findFaults(writeLog(log)), 1)))
    })
  }

  const arrives = (n: number) => `message buffered: session=a arrival=${n} kind=request`
  const isTakenUp = (n: number, seq: number) => `message promoted: session=a arrival=${n} seq=${seq}`
  const isForgotten = (upTo: number) => `session forgotten: session=a messages=1 waiting=1 upto=${upTo}`

  it("what is forgotten is not lost: neither what waited, nor the numbers of the log, nor an operation that was cut off", () => {
    const starts = "compression started: session=a operation=op_1 generation=0 messages=4 tokens=~9"
    const before = [arrives(1), isTakenUp(1, 1), arrives(2), starts]
    const after = [arrives(9), isTakenUp(9, 1)]
    const lines = [...before, isForgotten(7), ...after]
    assert.deepStrictEqual(findFaults(lines), [])
    // Without the line, what waited was lost, and the log began again.
    assert.include(findFaults([...before, ...after]).flat(), "out-of-order")
    for (const [written, line] of Object.entries({
      logfmt: (says: string) =>
        `timestamp=2026-05-28T10:00:00.000Z level=INFO fiber=#1 message=${JSON.stringify(says)}`,
      json: (says: string) => JSON.stringify({ message: says, annotations: {} })
    })) {
      assert.deepStrictEqual(findFaults(lines.map(line)), [], written)
    }
  })

  it("excuses of a forgotten session only what came before, in whatever order two processes write their lines", () => {
    assert.deepStrictEqual(findFaults([isForgotten(7), arrives(7), isTakenUp(7, 1), arrives(8), isTakenUp(8, 1)]), [])
    assert.deepStrictEqual(findFaults([arrives(8), isForgotten(7), isTakenUp(8, 1)]), [])
    assert.deepStrictEqual(findFaults([isForgotten(7), arrives(8)]), [["never-promoted", 2]])
    assert.deepStrictEqual(findFaults([arrives(8), isForgotten(7)]), [["never-promoted", 1]])
    const ofOther = "session forgotten: session=b messages=1 waiting=1 upto=7"
    assert.deepStrictEqual(findFaults([arrives(2), ofOther]), [["never-promoted", 1]])
    assert.deepStrictEqual(findFaults([arrives(2), "session forgotten: session=a messages=1 waiting=1 upto"]), [
      ["never-promoted", 1]
    ])
  })

  it("a line of throughline is annotated with the session it is about", () => {
    const logfmt = (what: string, session: string) =>
      `timestamp=2026-05-28T10:00:00.000Z level=INFO fiber=#1 message="compression ${what}: session=a operation=op_1" session=${session}`
    const json = JSON.stringify({
      message: "compression done: session=a operation=op_1",
      annotations: { session: "b" }
    })
    const said = "message buffered: session=a arrival=1 kind=request"
    const taken = "message promoted: session=a arrival=1 seq=1"
    assert.deepStrictEqual(findFaults([said, taken, logfmt("started", "a"), logfmt("done", "a")]), [])
    assert.deepStrictEqual(findFaults([said, taken, logfmt("started", "b"), logfmt("done", "b")]), [
      ["another-session", 3, 4]
    ])
    assert.deepStrictEqual(findFaults([said, taken, logfmt("started", "a"), json]), [["another-session", 3, 4]])
  })

  it("two starts of a session are no overlap when the second gives way", () => {
    const skipped =
      "compression skipped: another path is compressing session=a (holder=pid=1:tid=2) — returning messages unchanged"
    const lines = [
      startLine("10:00:00", "a"),
      startLine("10:00:01", "a"),
      hermesLine("10:00:01", "a", skipped, "WARNING"),
      doneLine("10:00:30", "a")
    ]
    assert.deepStrictEqual(findFaults(lines), [])
    assert.deepStrictEqual(findFaults(lines.toSpliced(2, 1, doneLine("10:00:20", "a"))), [["overlap", 1, 2]])
  })

  it("finds the id that appears only in a done line, whose bracket has changed with it", () => {
    assert.deepStrictEqual(findFaults([startLine("10:00:00", "a", 71), doneLine("10:00:30", "b", 71)]), [
      ["changed-id", 1, 2]
    ])
    assert.deepStrictEqual(findFaults([doneLine("10:00:30", "b")]), [["never-started", 1]])
  })

  it("a start ends with the gateway that wrote it", () => {
    const gateway = "2026-05-28 10:05:00,001 INFO gateway.run: Starting Hermes Gateway..."
    assert.deepStrictEqual(findFaults([startLine("10:00:00", "a")]), [["never-ended", 1]])
    assert.deepStrictEqual(findFaults([startLine("10:00:00", "a"), gateway]), [])
    const again = [startLine("10:00:00", "a"), gateway, startLine("10:06:00", "a"), doneLine("10:07:00", "a")]
    assert.deepStrictEqual(findFaults(again), [])
  })

  it("an operation of throughline ends with the process that was killed", () => {
    const message = ["message buffered: session=s arrival=1", "message promoted: session=s arrival=1 seq=1"]
    const killed = [...message, "compression started: session=s operation=op_1"]
    const after = ["compression started: session=s operation=op_2", "compression done: session=s operation=op_2"]
    assert.deepStrictEqual(findFaults([...killed, ...after]), [["overlap", 3, 4]])
    for (const opened of ["compressor opened", "compressor opened:"]) {
      assert.deepStrictEqual(findFaults([...killed, opened, ...after]), [])
    }
    assert.deepStrictEqual(findFaults([...killed, "compressor opened: or not", ...after]), [["overlap", 3, 5]])
  })

  it("an operation that a reset or rewind took the lease from may end after the next one has begun", () => {
    const message = ["message buffered: session=s arrival=1", "message promoted: session=s arrival=1 seq=1"]
    const line = (what: string, operation: number) => `compression ${what}: session=s operation=op_${operation}`
    const late = [line("started", 2), line("failed", 1), line("done", 2)]
    assert.deepStrictEqual(findFaults([...message, line("started", 1), ...late]), [["overlap", 3, 4]])
    for (const superseded of ["rewind: session=s to=1 undone=2 generation=3", "reset: session=s generation=3"]) {
      assert.deepStrictEqual(findFaults([...message, line("started", 1), superseded, ...late]), [])
      // The process that took the lease may be slower to say so than the one that goes on.
      assert.deepStrictEqual(
        findFaults([...message, line("started", 1), line("started", 2), superseded, ...late.slice(1)]),
        []
      )
      const other = superseded.replace("=s ", "=t ")
      assert.deepStrictEqual(findFaults([...message, line("started", 1), other, ...late]), [["overlap", 3, 5]])
    }
  })

  it("an operation may end after another process opened and the next one began", () => {
    const message = ["message buffered: session=s arrival=1", "message promoted: session=s arrival=1 seq=1"]
    const line = (what: string, operation: number) => `compression ${what}: session=s operation=op_${operation}`
    const lines = [line("started", 1), "compressor opened", line("started", 2), line("failed", 1), line("done", 2)]
    assert.deepStrictEqual(findFaults([...message, ...lines]), [])
  })

  it("operations do not overlap where the generations say that one was over, or where it was refused", () => {
    const message = ["message buffered: session=s arrival=1", "message promoted: session=s arrival=1 seq=1"]
    const line = (what: string, operation: number, rest: string) =>
      `compression ${what}: session=s operation=op_${operation} ${rest}`
    const first = line("started", 1, "generation=3 messages=9")
    const refused = (why: string) => line("failed", 1, `error="the operation lease was ${why}"`)
    const after = [line("started", 2, "generation=4 messages=5"), line("done", 2, "outcome=compressed generation=5")]
    const ends: ReadonlyArray<readonly [end: string, faults: ReturnType<typeof findFaults>]> = [
      // A busy process may say late what it did before its lease ended.
      [line("done", 1, "outcome=compressed generation=4"), []],
      [refused("taken over"), []],
      // The lease was acquired before the rewind, and the line of its start written after it.
      [refused("superseded by a reset or rewind"), []],
      // What it wrote while the other was at work would have had to be refused.
      [line("done", 1, "outcome=compressed generation=5"), [["overlap", 3, 4]]],
      [line("failed", 1, "error=shutdown"), [["overlap", 3, 4]]]
    ]
    for (const [end, faults] of ends) {
      assert.deepStrictEqual(findFaults([...message, first, ...after, end]), faults, end)
      const within = [...message, first, ...after.toSpliced(1, 0, end)]
      assert.deepStrictEqual(
        findFaults(within).map(([fault]) => fault),
        faults.map(([fault]) => fault),
        end
      )
    }
    assert.deepStrictEqual(findFaults([...message, first, ...after]), [["overlap", 3, 4]])
    // Its line may come when the operation after the next one runs.
    const third = [line("started", 3, "generation=5 messages=4"), line("done", 3, "outcome=compressed generation=6")]
    const late = refused("superseded by a reset or rewind")
    assert.deepStrictEqual(findFaults([...message, first, ...after, ...third.toSpliced(1, 0, late)]), [])
    assert.deepStrictEqual(findFaults([...message, first, ...after, ...third]), [["overlap", 3, 4]])
  })

  it("operations do not overlap where a rewind took the lease of one before its first line was written", () => {
    const rewind = "rewind: session=s to=2 undone=1 generation=4"
    const line = (what: string, operation: number, generation: number) =>
      `compression ${what}: session=s operation=op_${operation} generation=${generation}`
    const full = `compression failed: session=s operation=op_1 error="StoreError: could not commit: disk I/O error"`
    const message = ["message buffered: session=s arrival=1", "message promoted: session=s arrival=1 seq=1"]
    const [first, second, done] = [line("started", 1, 3), line("started", 2, 4), line("done", 2, 5)]
    assert.deepStrictEqual(findFaults([...message, rewind, first, second, full, done]), [])
    assert.deepStrictEqual(findFaults([...message, rewind, second, first, full, done]), [])
    assert.deepStrictEqual(findFaults([...message, first, second, full, done]), [["overlap", 3, 4]])
  })

  it("a log of throughline without lines of messages proves nothing about them", () => {
    const lines = ["compression started: session=s operation=op_1", "compression done: session=s operation=op_1"]
    assert.deepStrictEqual(findFaults(lines), [["no-message-lines", 1]])
  })

  it("what is open at the end is no violation while the log is being written", () => {
    const trail = trailOf([startLine("10:00:00", "a"), "message buffered: session=s arrival=1 kind=request"])
    const state = trail.reduce(Audit.check, Audit.empty)
    assert.strictEqual(Audit.report(Audit.conclude(state), 2).violations, 2)
    assert.strictEqual(Audit.report(Audit.conclude(state, { isRunning: true }), 2).verdict, "clean")
  })

  it("a message may be promoted a second before the line that says it was buffered, not more", () => {
    const says = (seconds: string, what: string) =>
      `timestamp=2026-05-28T10:00:0${seconds}Z level=INFO fiber=#1 message="message ${what}: session=s arrival=1 seq=1"`
    assert.deepStrictEqual(findFaults([says("0.000", "promoted"), says("0.900", "buffered")]), [])
    assert.deepStrictEqual(findFaults([says("0.000", "promoted"), says("1.100", "buffered")]), [["out-of-order", 1, 2]])
    const twice = [says("0.000", "buffered"), says("1.000", "promoted"), says("2.000", "promoted")]
    const state = trailOf(twice).reduce(Audit.check, Audit.empty)
    assert.strictEqual(state.violations, 0)
    const next = says("4.000", "buffered").replace("arrival=1", "arrival=2")
    const { findings } = Audit.report(trailOf([next]).reduce(Audit.check, state), 4)
    assert.strictEqual(findings[0]?.fault, "never-buffered")
  })

  it("a message left behind is found at once, by the arrivals alone", () => {
    const says = (what: string, arrival: number) => `message ${what}: session=s arrival=${arrival}`
    const lines = [says("buffered", 1), says("buffered", 2), says("promoted", 2)]
    assert.deepStrictEqual(findFaults(lines), [["out-of-order", 1, 3]])
    assert.deepStrictEqual(findFaults([...lines, says("promoted", 1)]), [["out-of-order", 1, 3]])
  })

  it("counts every violation of a log that never ends anything, and remembers a bounded part", () => {
    const starts = Array.from({ length: 5_000 }, (_, n) => startLine("10:00:00", `s${n}`))
    const waiting = Array.from({ length: 15_000 }, (_, n) => `message buffered: session=s arrival=${n}`)
    const trail = trailOf([...starts, ...waiting])
    const state = trail.reduce(Audit.check, Audit.empty)
    assert.isAtLeast(state.violations, 3_000 + 5_000)
    const report = Audit.report(Audit.conclude(state), trail.length)
    assert.strictEqual(report.violations, trail.length)
    assert.lengthOf(report.findings, 1_000)
    assert.isAtMost(report.spans.length, 4_000)
  })

  it("a line within a line is none, and neither is one cut off", () => {
    const [line = ""] = SIX
    const quoting = `2026-05-28 16:12:31 INFO [a] agent.tools: output: ${line}`
    const said = "message buffered: session=s arrival=1 kind=request"
    assert.deepStrictEqual(trailOf([quoting, `message=${said}`, `user: ${said}`, line.slice(0, -80), "{", ""]), [])
  })

  it.effect("reads throughline's own lines as each of Effect's loggers writes them", () =>
    Effect.gen(function* () {
      const sessionId = SessionId.make(`my "chat" \\ 1`)
      const says = Effect.all([
        LogLines.logBuffered({ sessionId, arrival: 7, duplicate: false }, "request"),
        LogLines.logFailed(sessionId, "op_1", `it said session=other and "no"\nand so on`)
      ])
      const linesOf = (logger: Logger.Logger<unknown, string>) => {
        const lines: Array<string> = []
        const kept = Logger.map(logger, (line) => void lines.push(line))
        return Effect.as(says, lines).pipe(
          Effect.provide([Logger.replace(Logger.defaultLogger, kept), Audit.messageLevel(LogLevel.Info)])
        )
      }
      const bare = Logger.make<unknown, string>(({ message }) => String(message))
      const events = (lines: ReadonlyArray<string>) => trailOf(lines).map(({ event }) => event)
      const expected = events(yield* linesOf(bare))
      assert.include(expected[0], { _tag: "Buffered", session: sessionId, arrival: 7 })
      assert.include(expected[1], { _tag: "Ended", session: sessionId, operation: "op_1" })
      for (const logger of [Logger.logfmtLogger, Logger.jsonLogger]) {
        assert.deepStrictEqual(events(yield* linesOf(logger)), expected)
      }
      const pretty = (yield* linesOf(bare)).map(
        (line) => `\u001B[37m[12:00:00.123]\u001B[0m \u001B[32mINFO\u001B[0m (#1): \u001B[1m\u001B[36m${line}\u001B[0m`
      )
      assert.deepStrictEqual(events(pretty), expected)
    })
  )

  it.scoped("several files are one log in the order of time, gzip too", () =>
    Effect.gen(function* () {
      const folder = yield* makeTemporaryFolder()
      const file = (name: string, bytes: string | Uint8Array) => {
        writeFileSync(join(folder, name), bytes)
        return join(folder, name)
      }
      const newer = file("agent.log", `${SIX.slice(3).join("\r\n")}\r\n`)
      const older = file("agent.log.1", gzipSync(`${SIX.slice(0, 3).join("\n")}\nTraceback (most recent call last):\n`))
      const report = yield* Audit.files([newer, older])
      assert.deepStrictEqual(
        report.findings.map(({ fault, lines }) => [fault, ...lines.map(({ file, line }) => [file, line])]),
        [
          ["another-session", [older, 3], [newer, 1]],
          ["changed-id", [newer, 2], [newer, 3]]
        ]
      )
      assert.deepStrictEqual(report.lines, { read: 7, skipped: 1 })
    })
  )

  it.scoped("the files of processes that work side by side are taken line by line", () =>
    Effect.gen(function* () {
      const folder = yield* makeTemporaryFolder()
      const says = (second: number, what: string) =>
        `timestamp=2026-05-28T10:00:0${second}.000Z level=INFO fiber=#1 message="message ${what}`
      const files = {
        delivers: [
          says(0, `buffered: session=s arrival=1"`),
          says(4, `buffered: session=s arrival=2"`),
          says(8, `buffered: session=s arrival=3"`)
        ],
        answers: [says(2, `promoted: session=s arrival=1 seq=1"`), says(9, `promoted: session=s arrival=3 seq=3"`)],
        alsoAnswers: [says(6, `promoted: session=s arrival=2 seq=2"`)]
      }
      const names = Object.entries(files).map(([name, lines]) => {
        writeFileSync(join(folder, name), lines.join("\n"))
        return join(folder, name)
      })
      assert.strictEqual((yield* Audit.files(names)).verdict, "clean")
      assert.strictEqual((yield* Audit.files(names.toReversed())).verdict, "clean")
    })
  )

  it.scoped("a file that cannot be read to its end is named", () =>
    Effect.gen(function* () {
      const folder = yield* makeTemporaryFolder()
      const cut = join(folder, "cut.gz")
      writeFileSync(cut, gzipSync(SIX.join("\n")).subarray(0, 60))
      for (const file of [cut, join(folder, "none.log"), folder]) {
        const error = yield* Effect.flip(Audit.files([file]))
        assert.strictEqual(error.file, file)
      }
    })
  )
})
