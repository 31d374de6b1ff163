import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Context, Effect, Exit, FastCheck as fc, Layer, Predicate, Stream } from "effect"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as CompressionHooks from "../../src/compression/CompressionHooks.ts"
import * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import * as MessageFormat from "../../src/format/MessageFormat.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { Turn } from "../../src/gateway/Turn.ts"
import * as Doctor from "../../src/hermes/Doctor.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { Recall } from "../../src/recall/Recall.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { layerMemory, SessionCounters, SessionIndex, SessionStore } from "../../src/store/SessionStore.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import { InvalidMessage } from "../../src/message/Message.ts"
import { wholeLog } from "../../src/session/Session.ts"
import { segment } from "../support/stores.ts"
import { propertyRuns } from "../support/repetitions.ts"
import {
  compressSession,
  conversation,
  id,
  importMessages,
  manual,
  recordLogLines,
  scripted,
  summary
} from "../support/world.ts"

/** What a caller without types, or with wrong ones, may give. */
const cyclic: Record<string, unknown> = { role: "user", content: "x" }
cyclic.self = cyclic
const refuse = () => {
  throw new Error("not to be read")
}
const anything: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>(
      null,
      undefined,
      7,
      -1,
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      "3",
      "",
      "\u0000",
      "\uD800",
      "x".repeat(600),
      Symbol("s"),
      1n,
      cyclic,
      Object.create(null),
      { toJSON: refuse },
      { [Symbol.toPrimitive]: refuse },
      // It can be printed, as the test's report of a failure does.
      new Proxy({}, { get: (_, key) => (typeof key === "symbol" ? undefined : refuse()) }),
      refuse,
      [cyclic],
      [1n]
    )
  },
  { weight: 3, arbitrary: fc.constantFrom<unknown>(id, "segment", { role: "user", content: "x" }, {}, [], 0, 1, 2) }
)

/** Options whose names are right. */
const optionsOf = (...names: ReadonlyArray<string>) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.dictionary(fc.constantFrom(...names), anything, { maxKeys: 3 }) },
    { weight: 1, arbitrary: anything }
  )

type Answer<R> = Effect.Effect<unknown, unknown, R>

/** Calls a method with what its type does not allow. It may fail, but neither throw nor die nor go on for ever. */
const callWith = <R>(method: (...given: Array<never>) => Answer<R>, given: ReadonlyArray<unknown>): Answer<R> =>
  Effect.suspend((): Answer<R> => Reflect.apply(method, undefined, given))

const requireTyped = <R>(name: string, answer: Answer<R>): Effect.Effect<void, never, R> =>
  Effect.map(Effect.exit(Effect.timeoutFail(answer, { duration: "20 seconds", onTimeout: () => "late" })), (exit) => {
    if (Exit.isSuccess(exit)) return
    const failures = Array.from(Cause.failures(exit.cause))
    assert.isTrue(
      Chunk.isEmpty(Cause.defects(exit.cause)) &&
        failures.length > 0 &&
        failures.every((error) => Predicate.hasProperty(error, "_tag")),
      `${name}: ${Cause.pretty(exit.cause)}`
    )
    for (const error of failures) assert.isString(Predicate.hasProperty(error, "message") ? error.message : "")
  })

type Method<R> = readonly [
  name: string,
  call: (...given: Array<never>) => Answer<R>,
  given: fc.Arbitrary<ReadonlyArray<unknown>>
]

const list = fc.array(anything, { maxLength: 4 })
const after = (...first: ReadonlyArray<fc.Arbitrary<unknown>>) => fc.oneof(fc.tuple(...first), list)
/** Not the session that has to go on. */
const others = fc.array(
  anything.filter((given) => given !== id),
  { maxLength: 4 }
)
const session = fc.oneof({ weight: 4, arbitrary: fc.constant(id) }, { weight: 1, arbitrary: anything })
const lease = optionsOf("sessionId", "name", "holder", "token", "epoch")
const step = optionsOf(
  "system",
  "tools",
  "model",
  "contextLength",
  "reservedOutput",
  "maxImages",
  "maxImageBytes",
  "maxRequestBytes",
  "imagesInToolResults"
)

const histories = fc.array(optionsOf("sessionId", "messages", "notices", "origin", "left"), { maxLength: 2 })

const inTurn = <E>(use: (turn: Turn) => Effect.Effect<unknown, E>) =>
  Effect.flatMap(Gateway, ({ turn }) => turn(id, use))

const methods: Effect.Effect<
  ReadonlyArray<Method<never>>,
  never,
  Gateway | Compressor | Recall | SessionStore | SessionIndex | SessionCounters
> = Effect.gen(function* () {
  const gateway = yield* Gateway
  const compressor = yield* Compressor
  const { expand, recall } = yield* Recall
  const store = yield* SessionStore
  const index = yield* SessionIndex
  const counters = yield* SessionCounters
  const provide = Effect.provideService(Gateway, gateway)
  const message = fc.oneof(anything, fc.constant({ role: "user", content: "x" }))
  const recalled = optionsOf("limit", "where", "fromSeq", "maxTokens")
  const request = optionsOf("focus", "overhead", "learnedWindow", "isUrgent", "model", "contextLength")
  return [
    ["deliver", gateway.deliver, after(session, message, optionsOf("kind", "key"))],
    [
      "turn",
      (sessionId: never, options: never) => gateway.turn(sessionId, () => Effect.void, options),
      after(session, optionsOf("wait"))
    ],
    ["turn.view", (options: never) => provide(inTurn((turn) => turn.view(options))), after(step)],
    ["turn.step", (options: never) => provide(inTurn((turn) => turn.step(() => Effect.void, options))), after(step)],
    ["turn.append", (...all: ReadonlyArray<never>) => provide(inTurn((turn) => turn.append(...all))), list],
    [
      "turn.report",
      (usage: never) => provide(inTurn((turn) => Effect.zipRight(turn.view(), turn.report(usage)))),
      after(optionsOf("inputTokens", "model"))
    ],
    ["compress", gateway.compress, after(session, request)],
    ["heal", gateway.heal, after(session)],
    ["stats", gateway.stats, after(session)],
    ["view", gateway.view, after(session)],
    ["reset", gateway.reset, list],
    ["rewind", gateway.rewind, after(session, anything)],
    ["forget", gateway.forget, others],
    ["pin", gateway.pin, after(session, optionsOf("text", "as", "fromSeq", "toSeq"))],
    ["unpin", gateway.unpin, after(session, anything)],
    ["pins", gateway.pins, after(session)],
    ["restore", gateway.restore, after(session, anything)],
    ["auxiliary", gateway.auxiliary, after(session, optionsOf("task", "messages", "maxOutputTokens"))],
    ["interrupt", gateway.interrupt, after(session)],
    ["start", compressor.start, after(session, anything, request)],
    ["settled", compressor.settled, after(session)],
    ["recall", recall, after(session, anything, recalled)],
    ["expand", expand, after(anything, recalled)],
    ["store.deliver", store.deliver, after(session, message, optionsOf("kind", "key"))],
    ["store.importAll", store.importAll, after(histories)],
    ["store.forget", store.forget, others],
    ["store.acquire", store.acquire, list],
    ["store.renew", store.renew, after(lease, anything)],
    ["store.release", store.release, after(lease)],
    ["store.promote", store.promote, after(lease)],
    ["store.append", store.append, after(lease, fc.array(message, { maxLength: 2 }))],
    ["store.state", store.state, after(session)],
    ["store.stateAt", store.stateAt, after(session, anything)],
    ["store.ledger", store.ledger, after(session)],
    ["store.commit", store.commit, after(lease, optionsOf("manifest", "segments", "ledger", "base"))],
    [
      "store.commit under a lease",
      (made: never, ofIt: never) => Effect.provideService(commitUnderLease(made, ofIt), SessionStore, store),
      generation
    ],
    ["store.publish", store.publish, after(optionsOf("sessionId", "operationId", "requestKey", "outcome"))],
    ["store.learnWindow", store.learnWindow, after(session, anything, anything, anything)],
    ["store.report", store.report, after(session, optionsOf("generation", "seq", "model", "inputTokens", "estimate"))],
    ["store.outcome", store.outcome, list],
    ["store.range", store.range, after(session, anything, anything)],
    ["store.log", (sessionId: never) => Stream.runCollect(store.log(sessionId)), after(session)],
    ["store.snapshots", store.snapshots, after(session)],
    ["store.snapshot", store.snapshot, list],
    ["index.search", index.search, after(session, anything, optionsOf("scope", "limit"))],
    ["index.segment", index.segment, list],
    ["counters.stats", counters.stats, after(session)],
    [
      "MessageFormat.decode",
      MessageFormat.decode,
      after(
        fc.oneof(
          anything,
          fc.constantFrom("chat", "anthropic", "responses", "ai-sdk-ui", "ai-sdk-model", "legacy-functions")
        ),
        anything
      )
    ],
    [
      "MessageFormat.encode",
      (...given: ReadonlyArray<never>) => encodeOrFail(given),
      after(
        fc.oneof(anything, fc.constantFrom("chat", "anthropic", "responses", "ai-sdk-ui", "ai-sdk-model")),
        fc.oneof(anything, fc.array(optionsOf("role", "content", "tool_calls", "native"), { maxLength: 2 })),
        optionsOf("tools")
      )
    ],
    ["MessageFormat.detect", (input: never) => Effect.sync(() => MessageFormat.detect(input)), list],
    [
      "CompressionPolicy.make",
      CompressionPolicy.make,
      after(optionsOf("mode", "contextLength", "threshold", "onExhausted"))
    ],
    ["Transcripts.parse", Transcripts.parse, after(anything, optionsOf("file", "format", "salvage"))],
    ["Transcripts.readFile", Transcripts.readFile, after(anything, optionsOf("format", "salvage"))],
    ["Doctor.diagnose", Doctor.diagnose, list],
    ["Doctor.repair", Doctor.repair, after(anything, optionsOf("dryRun"))]
  ]
})

/** What replaces a field of a commit, and a field of its manifest and of its segment. */
const generation = fc.tuple(
  fc.dictionary(fc.constantFrom("operationId", "manifest", "segments", "ledger"), anything, { maxKeys: 1 }),
  fc.dictionary(
    fc.constantFrom(...Object.keys(wholeLog), ...Object.keys(segment("any", 1, 2))),
    fc.oneof(anything, fc.constant([{ seq: 1 }]), fc.constant(-1)),
    { maxKeys: 1 }
  )
)

/** Commits a generation that is right but for what is given. */
const commitUnderLease = (made: object, ofIt: object) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const acquired = yield* store.acquire(id, { name: "operation", holder: "me", ttl: 60_000 })
    // A compression of another call may be under way.
    if (acquired._tag === "Held") return
    const { lease } = acquired
    const { generation, manifest } = yield* store.state(id)
    const segments = [{ ...segment(`s${generation}`, 1, 2), ...ofIt }]
    const commit = { operationId: "op", base: generation, ledger: "", segments, manifest: { ...manifest, ...ofIt } }
    return yield* Effect.ensuring(
      callWith(store.commit, [lease, { ...commit, ...made }]),
      Effect.ignore(store.release(lease))
    )
  })

/** Anything but its own error is a defect. */
const encodeOrFail = (given: ReadonlyArray<unknown>) =>
  Effect.suspend(() => {
    try {
      return Effect.succeed<unknown>(Reflect.apply(MessageFormat.encode, undefined, given))
    } catch (error) {
      return error instanceof InvalidMessage ? Effect.fail(error) : Effect.die(error)
    }
  })

const STORES = { "in memory": layerMemory, "on disk": Sqlite.layerTemporary }

describe("whatever is passed", () => {
  for (const [where, store] of Object.entries(STORES)) {
    it.live.prop(
      `the answer of each public method is a value or a typed error, and the session goes on (${where})`,
      [fc.gen()],
      ([generate]) =>
        Effect.gen(function* () {
          yield* importMessages(conversation(9))
          for (const [name, call, given] of yield* methods) {
            yield* requireTyped(
              name,
              callWith(
                call,
                generate(() => given)
              )
            )
          }
          const { view } = yield* Gateway
          yield* view(id)
        }).pipe(
          Effect.provide([scripted(Scripted.layer([summary("it")]), { policy: manual }, store), recordLogLines().layer])
        ),
      propertyRuns(6, 100)
    )

    it.effect.prop(
      `histories that nobody can read are refused with a typed error (${where})`,
      [histories],
      ([given]) =>
        Effect.flatMap(SessionStore, ({ importAll }) => requireTyped("importAll", callWith(importAll, [given]))).pipe(
          Effect.provide(store)
        ),
      propertyRuns(100, 500)
    )
  }

  it.live.prop(
    "a hook gives, a compression ends as if there were none",
    [anything, anything, anything, fc.boolean()],
    ([decision, done, deadline, isEffect]) =>
      Effect.gen(function* () {
        yield* importMessages(conversation(12))
        yield* requireTyped("compress", compressSession())
      }).pipe(
        Effect.provide(
          Layer.provideMerge(
            scripted(Scripted.layer([summary("it")]), { policy: manual }),
            hooksOf({ before: answerWith(decision, isEffect), after: answerWith(done, isEffect), deadline })
          )
        )
      ),
    propertyRuns(8, 300)
  )
})

const answerWith = (value: unknown, isEffect: boolean) => () => (isEffect ? Effect.succeed(value) : value)

/** Hooks of an application without types. */
const hooksOf = (hooks: object) =>
  Layer.succeedContext(Context.unsafeMake(new Map([[CompressionHooks.CompressionHooks.key, hooks]])))
