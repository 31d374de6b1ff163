/**
 * Promise 3, shield: whatever holds a lock, a row or a slot, interrupted at each of its operations. Beside each sweep stands one of an
 * implementation that leaks, which the sweep has to notice.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  Chunk,
  Context,
  Effect,
  Either,
  Exit,
  FastCheck,
  Fiber,
  Layer,
  Option,
  Ref,
  Scope,
  Stream,
  TestClock
} from "effect"
import type { CompressionEvent } from "../../src/compression/CompressionEvent.ts"
import * as ModelClients from "../../src/model/ModelClients.ts"
import * as Budget from "../../src/summary/budget.ts"
import { type ModelTask, runModelTask } from "../../src/summary/modelTask.ts"
import { endpointKey } from "../../src/model/Provider.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import * as RoutePauses from "../../src/summary/RoutePauses.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Recovery from "../../src/model/Recovery.ts"
import { SessionId } from "../../src/session/Session.ts"
import { type Lease, RouteMemory, SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { findContradictions } from "../support/auditTrail.ts"
import {
  everyOperation,
  impatient,
  interruptEverywhere,
  isNoticed,
  isUnbroken
} from "../support/interruptEverywhere.ts"
import * as Models from "../support/models.ts"
import * as Programs from "../support/programs.ts"
import { propertyRuns, repetitions } from "../support/repetitions.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import {
  conversation,
  crowded,
  id,
  importMessages,
  importRounds,
  recordLogLines,
  route,
  scripted,
  summary
} from "../support/world.ts"

const { layer: recording, lines } = recordLogLines()
const world = Layer.merge(scripted(Scripted.layer([summary("what counts")])), recording)
const linesOf = (id: SessionId) => lines.filter((line) => `${line} `.includes(`session=${id} `))

let sessions = 0
const newSession = Effect.sync(() => SessionId.make(`session-${++sessions}`))

const request: Message = { role: "user", content: "Please look at it." }
const read = { id: "call_1", type: "function", function: { name: "read_file", arguments: "{}" } } as const
const round: ReadonlyArray<Message> = [
  { role: "assistant", content: null, tool_calls: [read] },
  { role: "tool", tool_call_id: "call_1", content: "42" }
]
const answer: Message = { role: "assistant", content: "It is fine." }

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

const messagesOf = (id: SessionId) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(id))).pipe(
    Effect.map((log) => Chunk.toReadonlyArray(log)),
    Effect.catchTag("UnknownSession", () => Effect.succeed([]))
  )

describe("store", () => {
  /** What the log on disk has, which has to be what the state in memory has. */
  const stored = Effect.fnUntraced(function* (id: SessionId) {
    const onDisk = (yield* messagesOf(id)).flatMap(({ message, seq }) => (seq === null ? [] : [message]))
    const { tail } = yield* Effect.flatMap(SessionStore, (store) => store.state(id))
    assert.deepStrictEqual(
      tail.map(({ message }) => message),
      onDisk
    )
    return onDisk
  })

  /** A turn on a session with two messages in its inbox. */
  const begun = Effect.gen(function* () {
    const id = yield* newSession
    const store = yield* SessionStore
    yield* store.deliver(id, request, { kind: "request" })
    yield* store.deliver(id, answer, { kind: "notification" })
    const acquired = yield* store.acquire(id, { name: "turn", holder: "mine", ttl: 60_000 })
    return acquired._tag === "Granted" ? acquired.lease : assert.fail("it is free")
  })
  const deliver = (id: SessionId) =>
    Effect.flatMap(SessionStore, (store) => store.deliver(id, request, { kind: "request", key: "k" }))
  const promote = (lease: Lease) => Effect.flatMap(SessionStore, (store) => store.promote(lease))
  const append = (lease: Lease, messages: ReadonlyArray<Message>) =>
    Effect.flatMap(SessionStore, (store) => store.append(lease, messages))

  it.live("deliver, interrupted anywhere, took the message once or not at all, and its key still works", () =>
    interruptEverywhere(newSession, deliver, (id) =>
      Effect.gen(function* () {
        const before = (yield* messagesOf(id)).length
        const { duplicate } = yield* deliver(id)
        return duplicate === (before === 1) && (yield* messagesOf(id)).length === 1
      })
    ).pipe(Effect.map(isUnbroken), Effect.provide(world))
  )

  const keyed = (id: SessionId, key: string) =>
    Effect.flatMap(SessionStore, (store) => store.deliver(id, request, { kind: "request", key }))
  const forked = (id: SessionId, key: string) => Effect.forkDaemon(keyed(id, key))

  // The first one takes the turn of the loop; of the others the first commits for all.
  for (const [who, together] of [
    ["leads", (id: SessionId) => Effect.all([keyed(id, "a"), forked(id, "b"), forked(id, "c"), keyed(id, "d")])],
    ["follows", (id: SessionId) => Effect.all([keyed(id, "a"), forked(id, "b"), Effect.yieldNow(), keyed(id, "d")])]
  ] as const) {
    it.live(`a delivery that ${who} others, interrupted anywhere, is taken once or not at all, and so are they`, () =>
      interruptEverywhere(newSession, together, (id) =>
        Effect.gen(function* () {
          const receipts = yield* Effect.forEach(["a", "b", "c", "d"], (key) => keyed(id, key))
          const arrivals = (yield* messagesOf(id)).map(({ arrival }) => arrival)
          return arrivals.length === 4 && receipts.every(({ arrival }) => arrivals.includes(arrival))
        })
      ).pipe(Effect.map(isUnbroken), Effect.provide(world))
    )
  }

  it.live("promote, interrupted anywhere, moved the whole inbox or nothing", () =>
    interruptEverywhere(begun, promote, (lease) =>
      Effect.gen(function* () {
        const before = yield* stored(lease.sessionId)
        const { promoted } = yield* promote(lease)
        return promoted.length === 2 - before.length && equal(yield* stored(lease.sessionId), [request, answer])
      })
    ).pipe(Effect.map(isUnbroken), Effect.provide(world))
  )

  const isWhole = (lease: Lease) =>
    Effect.gen(function* () {
      const before = yield* stored(lease.sessionId)
      yield* append(lease, [answer])
      return (
        [[], round].some((either) => equal(before, either)) &&
        equal(yield* stored(lease.sessionId), [...before, answer])
      )
    })

  it.live("append, interrupted anywhere, wrote all messages or none", () =>
    interruptEverywhere(begun, (lease) => append(lease, round), isWhole).pipe(
      Effect.map(isUnbroken),
      Effect.provide(world)
    )
  )

  it.live("an append in two steps is noticed", () =>
    interruptEverywhere(
      begun,
      (lease) => Effect.forEach(round, (message) => append(lease, [message])),
      isWhole,
      everyOperation
    ).pipe(Effect.map(isNoticed), Effect.provide(world))
  )
})

describe("Gateway", () => {
  const deliver = (id: SessionId) => Effect.flatMap(Gateway.Gateway, ({ deliver }) => deliver(id, request))
  const look = (id: SessionId) => Effect.flatMap(Gateway.Gateway, ({ turn }) => turn(id, ({ view }) => view()))
  const delivered = Effect.tap(newSession, deliver)

  it.live("deliver, interrupted anywhere, leaves a log line for each message it took", () =>
    interruptEverywhere(newSession, deliver, (id) =>
      Effect.gen(function* () {
        yield* deliver(id)
        const buffered = linesOf(id).filter((line) => line.startsWith("message buffered"))
        return buffered.length === (yield* messagesOf(id)).length
      })
    ).pipe(Effect.map(isUnbroken), Effect.provide(world))
  )

  const answered = (id: SessionId) =>
    Effect.flatMap(Gateway.Gateway, ({ turn }) =>
      turn(id, ({ append, view }) =>
        Effect.zipRight(Effect.zipRight(view(), append(...round)), Effect.zipRight(view(), append(answer)))
      )
    )

  /** The next turn begins, the log has whole steps, its lines pair up, and there is nobody left to interrupt. */
  const isFree = (id: SessionId) =>
    Effect.gen(function* () {
      yield* look(id)
      const messages = (yield* messagesOf(id)).map(({ message }) => message)
      const { interrupt } = yield* Gateway.Gateway
      return (
        [[], round, [...round, answer]].some((steps) => equal(messages, [request, ...steps])) &&
        findContradictions(linesOf(id)).length === 0 &&
        !(yield* interrupt(id))
      )
    })

  it.live("turn, interrupted anywhere, leaves the session to the next turn, with whole steps and log lines", () =>
    interruptEverywhere(delivered, answered, isFree).pipe(Effect.map(isUnbroken), Effect.provide(world))
  )

  it.live("a turn behind a semaphore is noticed", () =>
    interruptEverywhere(
      Effect.all([delivered, Effect.makeSemaphore(1)]),
      ([id, semaphore]) => semaphore.withPermits(1)(answered(id)),
      ([id, semaphore]) => semaphore.withPermits(1)(isFree(id)),
      impatient
    ).pipe(Effect.map(isNoticed), Effect.provide(world))
  )
})

describe("Compressor", () => {
  const imported = Effect.tap(newSession, (sessionId) => importRounds(7, sessionId))
  const compress = (id: SessionId) => Effect.flatMap(Compressor, ({ compress }) => compress(id))

  /** The old generation or the new one, another compression can run, and the lines pair up. */
  const isOldOrNew = (id: SessionId) =>
    Effect.gen(function* () {
      const { settled } = yield* Compressor
      const store = yield* SessionStore
      yield* settled(id)
      const { generation, segments } = yield* store.state(id)
      const { outcome } = yield* compress(id)
      return (
        segments.length === generation &&
        outcome === (generation === 0 ? "committed" : "nothing-to-compress") &&
        (yield* store.snapshots(id)).length === 1 &&
        findContradictions(linesOf(id)).length === 0
      )
    })

  // Most operations are the compression's own, in a fiber that no caller's interrupt reaches: of these a sample does.
  for (const [where, options] of [
    ["anywhere in its caller", { own: true }],
    ["anywhere at all", { every: repetitions(51, 17) }]
  ] as const) {
    it.live(`compress, interrupted ${where}, leaves the session old or new, and free for another compression`, () =>
      interruptEverywhere(imported, compress, isOldOrNew, options).pipe(Effect.map(isUnbroken), Effect.provide(world))
    )
  }

  it.live("a compression behind a semaphore is noticed", () =>
    interruptEverywhere(
      Effect.all([imported, Effect.makeSemaphore(1)]),
      ([id, semaphore]) => semaphore.withPermits(1)(compress(id)),
      ([id, semaphore]) => semaphore.withPermits(1)(isOldOrNew(id)),
      impatient
    ).pipe(Effect.map(isNoticed), Effect.provide(world))
  )
})

describe("ModelClients", () => {
  /** A cache of its own over a model that counts its clients. */
  const opened = Effect.gen(function* () {
    const model = Scripted.make(["fine"])
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(Layer.provide(ModelClients.layer(), model.layer), scope)
    const { complete } = Context.get(context, ModelClients.ModelClients)
    const call = complete(route, { task: "vision", messages: [request], maxOutputTokens: 100 })
    return { model, call, close: Scope.close(scope, Exit.void) }
  })
  type Opened = Effect.Effect.Success<typeof opened>

  /** A later call works on the same client, and with the cache all clients are closed. */
  const isSound = ({ call, close, model }: Opened) =>
    Effect.gen(function* () {
      const { text } = yield* call
      const open = model.opened - model.closed
      yield* close
      return text === "fine" && open === 1 && model.closed === model.opened
    })

  it.live("complete, interrupted anywhere, leaks no client and jams no later call", () =>
    interruptEverywhere(opened, ({ call }) => call, isSound).pipe(Effect.map(isUnbroken))
  )

  it.live("a cache behind a semaphore is noticed", () =>
    interruptEverywhere(
      Effect.all([opened, Effect.makeSemaphore(1)]),
      ([{ call }, semaphore]) => semaphore.withPermits(1)(call),
      ([clients, semaphore]) => semaphore.withPermits(1)(isSound(clients)),
      impatient
    ).pipe(Effect.map(isNoticed))
  )

  it.live("a client whose end is promised in a second step is noticed", () =>
    interruptEverywhere(
      Ref.make(0),
      (open) =>
        Effect.zipRight(
          Ref.update(open, (n) => n + 1),
          Effect.ensuring(
            Effect.void,
            Ref.update(open, (n) => n - 1)
          )
        ),
      (open) => Effect.map(Ref.get(open), (n) => n === 0),
      everyOperation
    ).pipe(Effect.map(isNoticed))
  )
})

describe("a probe", () => {
  const task: ModelTask<string> = {
    name: "t",
    routes: [route],
    recovery: Recovery.defaults,
    request: () => ({ task: "t", messages: [{ role: "user", content: "Are you there?" }], maxOutputTokens: 10 }),
    tokens: 10,
    cuts: null,
    accept: (_, { text }) => Either.right(text),
    onProgress: () => Effect.void
  }
  const model = Scripted.layer(["yes"])
  const layer = Layer.merge(
    Layer.provide(ModelClients.layer(), model),
    RoutePauses.layer({ durations: [600_000], afterFailures: 2 })
  ).pipe(Layer.provideMerge(Sqlite.layerTemporary))
  const pausedOnce = () => [undefined, [{ failures: 2, level: 1, until: 1 }]] as const
  const probe = Effect.flatMap(Budget.startSpending(Budget.makeBudget(route, {})), (spending) =>
    runModelTask(task, spending)
  )

  it.scopedLive("interrupted anywhere, also once it has its answer, leaves its route to the next", () =>
    Effect.gen(function* () {
      const { modify } = yield* RouteMemory
      const { claim } = yield* RoutePauses.RoutePauses
      const keys = [endpointKey(route), `${endpointKey(route)} ${route.model} ${task.name}`]
      const ripe = Effect.forEach(keys, (key) => modify([key], pausedOnce), { discard: true })
      isUnbroken(
        yield* interruptEverywhere(
          ripe,
          () => probe,
          () => claim(route, task.name),
          { every: repetitions(9, 3) }
        )
      )
    }).pipe(Effect.provide(layer))
  )
})

describe("promise 3, shield", () => {
  const caller = FastCheck.record({ yields: FastCheck.nat(90), waits: FastCheck.boolean() })

  it.effect.prop(
    "a caller that gives up gets its interrupt at once, and the result is committed and emitted all the same",
    [FastCheck.array(caller, { minLength: 1, maxLength: 3 }), Models.answers, Models.outcomes],
    ([callers, answer, first]) => {
      const { layer, lines } = recordLogLines()
      return Effect.gen(function* () {
        yield* importMessages(conversation(12))
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
      }).pipe(
        Effect.scoped,
        Effect.provide(Layer.merge(scripted(Models.makeCountingModel([first, answer]).layer, crowded), layer)),
        onVirtualClock
      )
    },
    propertyRuns(15, 50)
  )
})
