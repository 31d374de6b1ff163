/** The promises, each as a property of random programs on a whole gateway whose model fails in every way. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, FastCheck, Fiber, HashMap, Layer, Logger, Option, Stream, TestClock, Tracer } from "effect"
import type { CompressionEvent } from "../../src/compression/CompressionEvent.ts"
import * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as Message from "../../src/message/Message.ts"
import { type Logged, type Segment, SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import * as Histories from "../support/histories.ts"
import * as Models from "../support/models.ts"
import * as Programs from "../support/programs.ts"
import { problems } from "../support/providerShapes.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import { conversation, id, recorded, route } from "../support/world.ts"

const routes = [route, { ...route, model: "second-model" }]
const policy = { contextLength: 6_000 }

const world = (model: ReturnType<typeof Models.counted>, options: Partial<Gateway.Options> = {}) =>
  Gateway.layer({ policy, routes, ...options }).pipe(
    Layer.provideMerge(Sqlite.layerTemporary),
    Layer.provide(model.layer)
  )

const imported = (messages: ReadonlyArray<Message.Message>, sessionId = id) =>
  Effect.flatMap(SessionStore, (store) => store.importAll(messages.length === 0 ? [] : [{ sessionId, messages }]))

const nothing = () => Effect.void

const json = (message: Message.Message): string => JSON.stringify(message)

const runs = (numRuns: number) => ({ fastCheck: { numRuns } })

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
        yield* imported(conversation(9), a)
        yield* imported(conversation(9), b)
        const [seenOfA, seenOfB] = yield* Effect.all([Programs.run(a, ofA, nothing), Programs.run(b, ofB, nothing)], {
          concurrency: 2
        })
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
          assert.include(text, ` session=${/^[^\s"=]+$/.test(owner) ? owner : JSON.stringify(owner)} `)
          if (!text.startsWith("compression joined")) assert.strictEqual(session, owner)
        }
        for (const span of spans) {
          const owner = owners.get(String(span.attributes.get("operation")))
          if (owner !== undefined) assert.strictEqual(span.attributes.get("session"), owner)
        }
        assert.isTrue(owners.size === 0 || spans.some((span) => span.attributes.has("operation")))
      }).pipe(
        Effect.provide(Layer.merge(world(Models.counted(script)), Logger.replace(Logger.defaultLogger, logger))),
        Effect.withTracer(recording(spans)),
        onVirtualClock
      )
    },
    runs(15)
  )
})

const recording = (spans: Array<Tracer.Span>): Tracer.Tracer =>
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

describe("promise 2, one at a time", () => {
  const ask = FastCheck.record({
    focus: FastCheck.constantFrom(undefined, "invoices", "routes"),
    times: FastCheck.integer({ min: 1, max: 3 }),
    elsewhere: FastCheck.boolean(),
    pause: FastCheck.constantFrom<number | "3 seconds">(0, 7, 30, "3 seconds")
  })

  it.effect.prop(
    "per session one operation runs, with one set of model calls for equal requests, in one gateway and over two on one store",
    [FastCheck.array(ask, { minLength: 1, maxLength: 4 }), Models.script(Models.outcomes)],
    ([asks, script]) => {
      const model = Models.counted(script)
      const { layer, lines } = recorded()
      return Effect.gen(function* () {
        yield* imported(conversation(12))
        const here = yield* Gateway.Gateway
        const there = yield* secondGateway(model)
        const asked = yield* Effect.forEach(asks, ({ elsewhere, focus, pause, times }) =>
          Effect.zipLeft(
            Effect.replicateEffect(Effect.fork((elsewhere ? there : here).compress(id, { focus })), times),
            typeof pause === "string" ? TestClock.adjust(pause) : Effect.replicateEffect(Effect.yieldNow(), pause)
          )
        )
        yield* Programs.untilNobodyWaits(id, asked.flat())
        const groups = yield* Effect.forEach(asked, (fibers) => Fiber.join(Fiber.all(fibers)))
        for (const group of groups) assert.strictEqual(new Set(group.map(({ operationId }) => operationId)).size, 1)
        const results = groups.flat()
        const operations = new Map(results.map((result) => [result.operationId, result]))
        const calls = [...operations.values()].reduce((sum, { modelCalls }) => sum + modelCalls, 0)
        assert.strictEqual(model.model.requests.length, calls)
        assert.isAtMost(model.calls.most, 1)
        const changed = results.filter(({ outcome }) => outcome === "committed" || outcome === "degraded")
        assert.strictEqual((yield* Effect.flatMap(SessionStore, (store) => store.state(id))).generation, changed.length)
        assert.deepStrictEqual(overlaps(lines), [])
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(world(model), layer)), onVirtualClock)
    },
    runs(18)
  )
})

/** As in another process, but for the file handle. */
const secondGateway = (model: ReturnType<typeof Models.counted>) =>
  Effect.gen(function* () {
    const store = Layer.succeed(SessionStore, yield* SessionStore)
    const gateway = Gateway.layer({ policy, routes }).pipe(Layer.provide(store), Layer.provide(model.layer))
    return Context.get(yield* Layer.build(gateway), Gateway.Gateway)
  })

/** Operations that began before another one had ended. */
const overlaps = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  let running: string | undefined
  return lines.flatMap((line) => {
    const [, what, operation] = /^compression (started|done|failed): .*?operation=(\S+)/.exec(line) ?? []
    if (what === undefined) return []
    const wrong = what === "started" ? running !== undefined : running !== operation
    running = what === "started" ? operation : undefined
    return wrong ? [line] : []
  })
}

describe("promise 3, shield", () => {
  const caller = FastCheck.record({ yields: FastCheck.nat(90), waits: FastCheck.boolean() })

  it.effect.prop(
    "a caller that gives up gets its interrupt at once, and the result is committed and emitted all the same",
    [FastCheck.array(caller, { minLength: 1, maxLength: 3 }), Models.answers, Models.outcomes],
    ([callers, answer, first]) => {
      const { layer, lines } = recorded()
      return Effect.gen(function* () {
        yield* imported(conversation(12))
        const { compress, events } = yield* Gateway.Gateway
        const emitted: Array<CompressionEvent> = []
        yield* Effect.forkScoped(Stream.runForEach(events, (event) => Effect.sync(() => emitted.push(event))))
        yield* Effect.replicateEffect(Effect.yieldNow(), 20)
        const fibers = yield* Effect.forEach(callers, () => Effect.fork(compress(id)))
        for (const [i, { waits, yields }] of callers.entries()) {
          yield* Effect.replicateEffect(Effect.yieldNow(), yields)
          if (waits) yield* TestClock.adjust("1 second")
          const fiber = fibers[i]
          if (fiber === undefined) continue
          yield* Fiber.interruptFork(fiber)
          yield* Effect.replicateEffect(Effect.yieldNow(), 40)
          assert.isTrue(Option.isSome(yield* Fiber.poll(fiber)), "the caller is still waiting")
        }
        const begun = lines.flatMap((line) => /^compression started: .*operation=(\S+)/.exec(line)?.[1] ?? [])
        yield* Programs.untilNobodyWaits(id, fibers)
        yield* Effect.replicateEffect(Effect.yieldNow(), 20)
        const ended = emitted.flatMap((event) => ("result" in event ? [event.result] : []))
        for (const operation of begun) {
          const result = ended.find(({ operationId }) => operationId === operation)
          assert.include(["committed", "degraded"], result?.outcome)
          assert.isTrue(lines.some((line) => line.startsWith("compression done") && line.includes(operation)))
        }
        const { generation } = yield* Effect.flatMap(SessionStore, (store) => store.state(id))
        assert.strictEqual(generation, Math.min(1, ended.length))
        assert.isAtLeast(generation, Math.min(1, begun.length))
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(world(Models.counted([first, answer])), layer)), onVirtualClock)
    },
    runs(50)
  )
})

describe("promise 5, nothing lost, nothing twice", () => {
  const expected = ["UnknownSession", "IdempotencyConflict", "CompressionFailed", "TurnInterrupted"]

  it.effect.prop(
    "log plus inbox are exactly the acknowledged messages, once each, in order; the next step sees every message delivered before it; a commit covers nothing above its high-water mark",
    [
      FastCheck.nat(12),
      Programs.program,
      Models.script(Models.outcomesWithOverflow),
      FastCheck.constantFrom("extract" as const, "fail" as const),
      FastCheck.constantFrom("background" as const, "preflight" as const)
    ],
    ([rounds, program, script, onExhausted, mode]) =>
      Effect.gen(function* () {
        const history = conversation(rounds)
        yield* imported(history)
        const seen = yield* Programs.run(id, program, seesAllBefore)
        for (const error of seen.errors) assert.include(expected, tagOf(error), String(error))
        const log = (yield* Programs.acknowledged(id)).slice(history.length)

        const seqs = log.flatMap(({ seq }) => (seq === null ? [] : [seq]))
        assert.deepStrictEqual(
          seqs,
          seqs.map((_, i) => history.length + i + 1)
        )
        assert.isTrue(
          log.slice(seqs.length).every(({ seq }) => seq === null),
          "the inbox comes last"
        )
        assert.deepStrictEqual(
          log.flatMap(({ arrival, message }) => (arrival === null ? [] : [[arrival, Message.text(message)]])),
          seen.delivered.map(({ receipt, text }) => [receipt.arrival, text])
        )
        assert.deepStrictEqual(
          seen.delivered.map(({ receipt }) => receipt.arrival),
          seen.delivered.map(({ receipt }) => receipt.arrival).toSorted((a, b) => a - b)
        )
        const first = new Map(seen.keyed.toReversed().map((keyed) => [keyed.key, keyed] as const))
        for (const keyed of seen.keyed) {
          const original = first.get(keyed.key)
          if (keyed === original) assert.match(keyed.answer, /^first \d+$/)
          else if (keyed.body !== original?.body) assert.strictEqual(keyed.answer, "IdempotencyConflict")
          else assert.strictEqual(keyed.answer, original.answer.replace("first", "again"))
        }
        const appended = log.filter(({ arrival }) => arrival === null).map(({ message }) => json(message))
        assert.deepStrictEqual(
          appended.filter((text) => seen.appended.includes(text)),
          seen.appended
        )
        assert.deepStrictEqual(
          appended,
          seen.tried.filter((text) => appended.includes(text))
        )
        yield* coversItsMaterial
      }).pipe(
        Effect.provide(world(Models.counted(script), { policy: { ...policy, mode, onExhausted } })),
        onVirtualClock
      ),
    runs(100)
  )
})

describe("promise 5, what the handoff says of requests", () => {
  const ask = { role: "user", content: "Please refund the ticket." } as const
  const rounds = conversation(14).filter(({ role }) => role !== "user" && role !== "system")
  const work = rounds.filter((message) => !Message.endsTurn(message))

  const handoffAfter = Effect.fnUntraced(function* (messages: ReadonlyArray<Message.Message>) {
    yield* imported([...conversation(1), { role: "user", content: "Hello." }, says("Hello."), ask, ...messages])
    const { compress, view } = yield* Gateway.Gateway
    assert.strictEqual((yield* compress(id)).outcome, "committed")
    const { segments } = yield* Effect.flatMap(SessionStore, (store) => store.state(id))
    const { messages: shown } = yield* view(id)
    return { shown, ledger: Message.text(shown.find(Handoff.isHandoff) ?? ask).split("ledger]")[1], segments }
  })

  it.effect("one that was answered after the summarized range is not called open", () =>
    Effect.gen(function* () {
      const { ledger, segments } = yield* handoffAfter([...work, says("It is refunded.")])
      assert.include(ledger, "- answered: Please refund the ticket.")
      assert.notInclude(ledger, "- open:")
      assert.deepStrictEqual(
        segments.map(({ text }) => Handoff.parse(text).openWork),
        [[]]
      )
    }).pipe(Effect.provide(world(Models.counted([]), { routes: [] })))
  )

  it.effect("one that is live is a message of its own, and the ledger does not call it open for ever", () =>
    Effect.gen(function* () {
      const { ledger, shown } = yield* handoffAfter(work)
      assert.deepInclude(shown, ask)
      assert.notInclude(ledger, "Please refund the ticket.")
    }).pipe(Effect.provide(world(Models.counted([]), { routes: [] })))
  )
})

const says = (content: string): Message.Message => ({ role: "assistant", content })

const tagOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : String(error)

/** What was delivered before is in the view, or a handoff stands for it; the newest open request is always shown. */
const seesAllBefore: Programs.Onlooker<SessionStore> = Effect.fnUntraced(function* (view, before) {
  const store = yield* SessionStore
  const log = yield* Effect.orDie(Programs.acknowledged(id))
  const { head, live, tail } = yield* Effect.orDie(store.state(id))
  const kept = new Set([...head, ...live, ...tail].map(({ seq }) => seq))
  const shown = view.messages.map((message) => Message.text(message).slice(0, 8))
  const leftOut = new Set(view.repairs.flatMap((r) => (r.kind === "excerpt" && r.tokens === 0 ? [r.seq] : [])))
  const end = log.findLastIndex(({ message }) => Message.endsTurn(message))
  for (const { receipt, text } of before) {
    const place = log.findIndex(({ arrival }) => arrival === receipt.arrival)
    const seq = log[place]?.seq ?? null
    if (seq === null) assert.fail(`${text} was delivered before the step, which did not take it up`)
    const isVisible = shown.includes(text.slice(0, 8))
    const isNewestOpen = place > end && before.findLast(({ kind }) => kind === "request")?.text === text
    if (isNewestOpen) assert.isTrue(isVisible, `the open request ${text} is not in the view`)
    if (kept.has(seq) && !leftOut.has(seq)) assert.isTrue(isVisible, `${text} is neither shown nor covered`)
  }
})

/**
 * The segments stand for the log without gap or overlap, each for just what its model was given to read. One that was
 * healed is there twice: degraded in old snapshots, and once more.
 */
const coversItsMaterial = Effect.gen(function* () {
  const store = yield* SessionStore
  if ((yield* store.sessions).length === 0) return
  const now = yield* store.state(id)
  const before = yield* Effect.forEach(yield* store.snapshots(id), ({ snapshotId }) => store.snapshot(snapshotId))
  const segments = new Map([...before, now].flatMap(({ segments }) => segments.map((s) => [s.id, s] as const)))
  const places = new Map([...segments.values()].map((s) => [`${s.level} ${s.fromSeq} ${s.toSeq}`, s] as const))
  const healed = [...segments.values()].filter((s) => ![...places.values()].includes(s))
  assert.isTrue(healed.every(({ degraded }) => degraded !== null))
  let next = now.manifest.headTo + 1
  for (const { children, degraded, fromSeq, text, toSeq } of [...places.values()].sort(byPlace)) {
    assert.isAtLeast(toSeq, fromSeq)
    if (degraded === null) assert.deepStrictEqual(Models.rangeOf(text), [fromSeq, toSeq])
    if (children.length > 0) {
      const ends = [children.at(0), children.at(-1)].map((id) => segments.get(id ?? ""))
      assert.deepStrictEqual([ends[0]?.fromSeq, ends[1]?.toSeq], [fromSeq, toSeq])
      continue
    }
    assert.strictEqual(fromSeq, next)
    next = toSeq + 1
  }
  if (segments.size > 0) assert.strictEqual(now.manifest.tailFrom, next)
})

const byPlace = (a: Segment, b: Segment): number => a.fromSeq - b.fromSeq

describe("promise 7, the gate", () => {
  it.effect.prop(
    "a summary that is empty, an error text, a refusal, reasoning only, cut off, missing sections or no smaller is never committed; the reason is typed",
    [
      FastCheck.array(FastCheck.constantFrom(...Models.rejected), { minLength: 1, maxLength: 5 }),
      FastCheck.constantFrom("extract" as const, "fail" as const)
    ],
    ([rejected, onExhausted]) => {
      const model = Models.counted([...rejected.map(([, outcome]) => outcome), Models.oracle])
      return Effect.gen(function* () {
        yield* imported(conversation(12))
        const { compress, view } = yield* Gateway.Gateway
        const store = yield* SessionStore
        const before = yield* store.state(id)
        const result = yield* Effect.either(compress(id))
        const after = yield* store.state(id)
        const asked = rejected.slice(0, 4).map(([reason]) => reason)
        if (result._tag === "Left") {
          assert.strictEqual(result.left._tag, "CompressionFailed")
          const errors = result.left._tag === "CompressionFailed" ? result.left.errors : []
          assert.deepStrictEqual(errors.map(reasonOf), asked)
          assert.deepStrictEqual(after, before)
        } else {
          const told = result.right.attempts.filter(({ error }) => error !== null)
          assert.deepStrictEqual(
            told.map(({ detail, error }) => [error, /\((\S+)\)/.exec(detail ?? "")?.[1]]),
            asked.map((reason) => ["InvalidSummary", reason])
          )
          assert.strictEqual(result.right.outcome, rejected.length < 4 ? "committed" : "degraded")
        }
        assert.strictEqual(result._tag, onExhausted === "fail" && rejected.length >= 4 ? "Left" : "Right")
        const stored = [after, yield* view(id), yield* store.ledger(id), yield* store.snapshots(id)]
        assert.notInclude(JSON.stringify(stored), Models.REJECTED)
      }).pipe(Effect.provide(world(model, { policy: { ...policy, onExhausted } })), onVirtualClock)
    },
    runs(60)
  )
})

const reasonOf = (error: { readonly _tag: string; readonly reason?: unknown }): unknown => error.reason

/** Histories of one shape each in which something is out of proportion, beside the random ones. */
const lopsided: FastCheck.Arbitrary<ReadonlyArray<Message.Message>> = FastCheck.tuple(
  FastCheck.constantFrom("rounds", "outputs", "burst", "giant"),
  FastCheck.integer({ min: 1, max: 150 }),
  FastCheck.integer({ min: 1, max: 400 })
).map(([shape, count, size]) => {
  const words = (n: number) => "Invoice 4711 was looked at again. ".repeat(n)
  const round = (n: number) => [
    Histories.calls(Histories.call(`call_${n}`)).message,
    Histories.result(`call_${n}`, words(shape === "outputs" ? 20 : 2)).message
  ]
  const rounds = Array.from({ length: count }, (_, n) => round(n)).flat()
  const asks = Array.from({ length: shape === "burst" ? count : 1 }, (_, n) => Histories.request(`Ask ${n}.`).message)
  if (shape === "giant") return [...asks, ...rounds.slice(0, 40), Histories.request(words(10 * size)).message]
  return shape === "burst" ? [...rounds, ...asks] : [...asks, ...rounds]
})

const anyHistory = FastCheck.oneof(
  Histories.any.map((entries) => entries.map(({ message }) => message)),
  lopsided
)

const anyPolicy = FastCheck.record({
  contextLength: FastCheck.constantFrom(2_048, 4_096, 8_000, 32_000),
  mode: FastCheck.constant("manual" as const),
  targetRatio: FastCheck.constantFrom(0.1, 0.2, 0.4)
})

describe("promise 10, valid", () => {
  it.effect.prop(
    "every view is accepted by OpenAI, Anthropic, Mistral and Gemini, and messages it does not name as repaired are byte-identical to the log",
    [anyHistory, anyHistory, anyPolicy, Models.script(Models.outcomesWithOverflow)],
    ([first, second, policy, script]) =>
      Effect.gen(function* () {
        const { deliver, turn, compress } = yield* Gateway.Gateway
        const store = yield* SessionStore
        const looked = Effect.gen(function* () {
          const log = yield* Programs.acknowledged(id)
          const left = yield* Effect.forEach(yield* store.snapshots(id), ({ snapshotId }) => store.snapshot(snapshotId))
          for (const state of [...left, yield* store.state(id)]) {
            for (const view of [
              View.assemble(state, estimate),
              View.assemble(state, estimate, { system: "You are an agent." })
            ]) {
              if (view.messages.length > 0) assert.deepStrictEqual(problems(view.messages), [])
              const shown = new Set(view.messages.map(json))
              for (const entry of [...state.head, ...state.live, ...state.tail]) {
                const logged = log.find(({ seq }) => seq === entry.seq)
                if (logged === undefined || isRepaired(view, entry)) continue
                assert.isTrue(shown.has(json(logged.message)), `#${entry.seq} is neither shown as it is nor repaired`)
              }
            }
          }
        })
        yield* imported(first)
        yield* Effect.asVoid(inTime(compress(id)))
        yield* looked
        yield* turn(id, ({ append, view }) =>
          Effect.forEach(second, (message) =>
            message.role === "user" ? Effect.zipRight(deliver(id, message), view()) : append(message)
          )
        )
        yield* looked
        yield* Effect.asVoid(inTime(compress(id)))
        yield* looked
      }).pipe(Effect.provide(world(Models.counted(script), { policy })), onVirtualClock),
    runs(40)
  )
})

/** A call that is renamed takes its result along, which is not named itself. */
const isRepaired = ({ repairs }: View.View, { message, seq }: Logged): boolean =>
  repairs.some(
    (repair) =>
      repair.seq === seq ||
      (repair.kind === "renamed-call" && message.role === "tool" && message.tool_call_id === repair.from)
  )

const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    yield* Programs.untilNobodyWaits(id, [fiber])
    return yield* Fiber.join(fiber)
  })

describe("promise 11, fits", () => {
  it.effect("a session that grows by a few words is under its target after each compression", () =>
    Effect.gen(function* () {
      const { compress, deliver, turn, view } = yield* Gateway.Gateway
      yield* imported(conversation(8))
      for (let n = 0; n < 30; n++) {
        yield* deliver(id, { role: "user", content: `And what about invoice ${n} of the second quarter?` })
        yield* turn(id, ({ append, view }) =>
          Effect.zipRight(view(), append(says(`Invoice ${n} is paid, see page ${n}.`)))
        )
        const { outcome } = yield* compress(id)
        assert.isAtMost((yield* view(id)).tokens, 819, `${outcome} after ${n} more`)
      }
    }).pipe(Effect.provide(world(Models.counted([]), { routes: [], policy: { contextLength: 4_096 } })))
  )

  it.effect.prop(
    "after a compression the view is under its target whatever the history looks like",
    [anyHistory, anyHistory, anyPolicy, Models.script(Models.outcomesWithOverflow)],
    ([first, second, settings, script]) =>
      Effect.gen(function* () {
        const { deliver, turn, compress, view } = yield* Gateway.Gateway
        const policy = yield* CompressionPolicy.make(settings)
        const fits = Effect.gen(function* () {
          const { outcome } = yield* inTime(compress(id))
          const { parts, tokens } = yield* view(id)
          const target = CompressionPolicy.shares(policy, parts.system.tokens)?.target
          if (target === undefined) assert.strictEqual(outcome, "no-headroom")
          else assert.isAtMost(tokens - parts.system.tokens, target, outcome)
        })
        yield* imported(first)
        yield* fits
        yield* turn(id, ({ append, view }) =>
          Effect.forEach(second, (message) =>
            message.role === "user" ? Effect.zipRight(deliver(id, message), view()) : append(message)
          )
        )
        yield* fits
      }).pipe(Effect.provide(world(Models.counted(script), { policy: settings })), onVirtualClock),
    runs(40)
  )
})
