/** Promise 1, identity: what a compression leaves anywhere names the session it was given. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, HashMap, Layer, Logger, LogLevel, Option, Tracer } from "effect"
import * as Audit from "../../src/audit/Audit.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Models from "../support/models.ts"
import * as Programs from "../support/programs.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import { escapeId } from "../../src/message/text.ts"
import { SessionId } from "../../src/session/Session.ts"
import { conversation, crowded, importMessages, scripted } from "../support/world.ts"

describe("promise 1, identity", () => {
  const ids = FastCheck.tuple(FastCheck.string({ maxLength: 12, unit: "grapheme" }), FastCheck.nat(9)).map(
    ([text, n]) => [SessionId.make(`a${text}${n}`), SessionId.make(`b${text}${n}`)] as const
  )

  it.effect.prop(
    "every result, row, log line and span of a compression names the id it was given",
    [ids, Programs.program, Programs.program, Models.script(Models.outcomes)],
    ([[a, b], ofA, ofB, script]) => {
      const lines: Array<{ readonly text: string; readonly session: unknown }> = []
      const logger = Logger.make(({ annotations, message }) => {
        lines.push({ text: String(message), session: Option.getOrUndefined(HashMap.get(annotations, "session")) })
      })
      const spans: Array<Tracer.Span> = []
      return Effect.gen(function* () {
        yield* importMessages(conversation(9), a)
        yield* importMessages(conversation(9), b)
        const [seenOfA, seenOfB] = yield* Effect.all(
          [Programs.run(a, ofA, () => Effect.void), Programs.run(b, ofB, () => Effect.void)],
          {
            concurrency: 2
          }
        )
        const store = yield* SessionStore
        assert.deepStrictEqual((yield* store.sessions).map(({ sessionId }) => sessionId).toSorted(), [a, b].toSorted())
        const owners = new Map<string, string>()
        for (const [session, seen] of [[a, seenOfA] as const, [b, seenOfB] as const]) {
          for (const { sessionId } of [...seen.results, ...seen.delivered.map(({ receipt }) => receipt)]) {
            assert.strictEqual(sessionId, session)
          }
          for (const { snapshotId } of yield* store.snapshots(session)) {
            assert.isTrue(snapshotId.startsWith(`${session}.snapshot.`))
          }
          for (const { operationId } of seen.results) {
            assert.strictEqual(owners.get(operationId) ?? session, session)
            owners.set(operationId, session)
          }
        }
        for (const { session, text } of lines) {
          const owner = [...owners].find(([operation]) => text.includes(operation))?.[1]
          if (owner === undefined) continue
          const shown = escapeId(owner)
          assert.include(text, ` session=${/^[^\s"=]+$/.test(shown) ? shown : `"${shown}"`} `)
          if (!text.startsWith("compression joined")) assert.strictEqual(session, shown)
        }
        for (const span of spans) {
          const owner = owners.get(String(span.attributes.get("operation")))
          if (owner !== undefined) assert.strictEqual(span.attributes.get("session"), owner)
        }
        assert.isTrue(owners.size === 0 || spans.some((span) => span.attributes.has("operation")))
      }).pipe(
        Effect.provide(
          Layer.mergeAll(
            scripted(Models.makeCountingModel(script).layer, crowded),
            Logger.replace(Logger.defaultLogger, logger),
            Audit.messageLevel(LogLevel.Info)
          )
        ),
        Effect.withTracer(recordSpans(spans)),
        onVirtualClock
      )
    },
    propertyRuns(5, 15)
  )
})

const recordSpans = (spans: Array<Tracer.Span>): Tracer.Tracer =>
  Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const span: Tracer.Span = {
        _tag: "Span",
        name,
        spanId: String(spans.length),
        traceId: "trace",
        parent,
        context,
        status: { _tag: "Started", startTime },
        attributes,
        links,
        sampled: true,
        kind,
        end: () => {},
        attribute: (key, value) => void attributes.set(key, value),
        event: () => {},
        addLinks: () => {}
      }
      spans.push(span)
      return span
    },
    context: (f) => f()
  })
