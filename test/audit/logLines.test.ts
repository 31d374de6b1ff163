import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Logger, LogLevel, Schema } from "effect"
import * as Audit from "../../src/audit/Audit.ts"
import * as LogLines from "../../src/audit/logLines.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { auditTrail, trailOf } from "../support/auditTrail.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { compressSession, id, importRounds, manual, recordLogLines, scripted, summary } from "../support/world.ts"

describe("log lines", () => {
  it.effect("have a colon only before fields, and quotes around a field that is empty", () => {
    const { layer, lines } = recordLogLines()
    return Effect.gen(function* () {
      yield* LogLines.logOpened
      yield* LogLines.logDeferred(id, "op_1", "")
      yield* LogLines.logReset(id, 2)
      assert.deepStrictEqual(lines, [
        "compressor opened",
        `compression deferred: session=${id} operation=op_1 reason=""`,
        `reset: session=${id} generation=2`
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("about single messages are only written where an audit is wanted, so that no service is flooded", () => {
    const audited = recordLogLines()
    const lines: Array<unknown> = []
    const usual = Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ message }) => void lines.push(...(Array.isArray(message) ? message : [message])))
    )
    const work = Effect.gen(function* () {
      const { deliver, reset, turn } = yield* Gateway
      yield* deliver(id, { role: "user", content: "hello" })
      yield* turn(id, ({ view }) => view())
      yield* reset(id)
    }).pipe(Effect.provide(scripted(Scripted.layer([]), { policy: manual })))
    const quiet = ["compressor opened", `reset: session=${id} generation=1`]
    return Effect.gen(function* () {
      yield* Effect.provide(work, usual)
      assert.deepStrictEqual(lines, quiet)
      yield* Effect.provide(work, usual).pipe(Logger.withMinimumLogLevel(LogLevel.Debug))
      assert.lengthOf(lines, 2 * quiet.length + 2)
      yield* Effect.provide(work, audited.layer)
      const events = trailOf(audited.lines).map(({ event }) => event._tag)
      assert.deepStrictEqual(events, ["Opened", "Buffered", "Promoted", "Superseded"])
      assert.deepStrictEqual(auditTrail(trailOf(audited.lines)).findings, [])
    })
  })

  it.effect.prop(
    "name any session in one line, and what reads them reads its id, whichever of Effect's loggers wrote them",
    [sessionId, fc.string({ unit: "grapheme", maxLength: 60 })],
    ([session, text]) =>
      Effect.gen(function* () {
        const says = Effect.all([
          LogLines.logBuffered({ sessionId: session, arrival: 7, duplicate: false }, "request"),
          LogLines.logFailed(session, "op_1", `${text}" session="victim" operation=op_2 \\`)
        ]).pipe(Effect.annotateLogs(LogLines.annotateSession(session)))
        for (const logger of LOGGERS) {
          const lines: Array<string> = []
          const kept = Logger.map(logger, (line) => void lines.push(line))
          yield* says.pipe(Effect.provide([Logger.replace(Logger.defaultLogger, kept), withMessages]))
          assert.lengthOf(lines, 2)
          for (const line of lines) assert.notMatch(line, UNSAFE)
          assert.deepStrictEqual(
            trailOf(lines).map(({ event }) => event._tag !== "Opened" && event.session),
            [session, session]
          )
          assert.include(trailOf(lines)[1]?.event, { _tag: "Ended", operation: "op_1" })
        }
      }),
    propertyRuns(50, 1_000)
  )

  it.effect("of sessions with hostile names prove that nothing went wrong", () => {
    const lines: Array<string> = []
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.map(Logger.stringLogger, (line) => void lines.push(...line.split("\n")))
    )
    return Effect.gen(function* () {
      yield* Effect.forEach(
        HOSTILE.map((text) => SessionId.make(text)),
        (session) =>
          Effect.gen(function* () {
            yield* importRounds(9, session)
            const { deliver, turn } = yield* Gateway
            yield* deliver(session, { role: "user", content: "one more" })
            yield* turn(session, ({ view }) => view())
            yield* compressSession(session)
          }),
        { concurrency: "unbounded" }
      )
      const report = auditTrail(trailOf(lines))
      assert.deepStrictEqual([report.verdict, report.findings], ["clean", []])
      assert.strictEqual(new Set(report.spans.map(({ session }) => session)).size, HOSTILE.length)
    }).pipe(Effect.provide([scripted(Scripted.layer([summary("it")]), { policy: manual }), logger, withMessages]))
  })
})

const withMessages = Audit.messageLevel(LogLevel.Info)

/** Ids that forge lines and fields, hide in them, or look like secrets that would be redacted to the same text. */
const HOSTILE = [
  `a" session="b`,
  "a\nmessage promoted: session=victim arrival=7 seq=3\nmessage promoted: session=victim arrival=7 seq=4",
  "s operation=op_1",
  `a\\" session=b \\`,
  "<U+0041>",
  "A",
  "token:9f8e7d6c5b",
  "token:1a2b3c4d5e",
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
  "user\u202Egnp.exe",
  "\u2028\u200B\u{E0041}\u0085x"
]

const sessionId = fc
  .oneof(
    fc.constantFrom(...HOSTILE),
    fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
    fc
      .array(
        fc.constantFrom('"', "\\", "=", " ", "\n", "\r", "\u2028", "\u202E", "<U+", "0022>", "session", "a", "%"),
        {
          minLength: 1,
          maxLength: 12
        }
      )
      .map((parts) => parts.join(""))
  )
  .filter(Schema.is(SessionId))

/** What breaks a line, or shows it in another order. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u

const LOGGERS = [
  Logger.stringLogger,
  Logger.logfmtLogger,
  Logger.jsonLogger,
  Logger.make<unknown, string>(({ message }) => String(message))
]
