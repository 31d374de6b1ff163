/** Nine sessions on one host cross the threshold together while messages keep arriving. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Stream } from "effect"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import { type DeliveryKind, SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { auditTrail, operationsBySession, trailOf } from "../support/auditTrail.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { problems } from "../support/providerShapes.ts"
import { conversation, policy, real, recordLogLines, summary } from "../support/world.ts"

/** Just below the threshold. */
const BEFORE = 10
/** Enough to cross it again. */
const ROUNDS = 14

/** A session and what it was told and did, as its agent remembers it. */
interface Agent {
  readonly sessionId: SessionId
  readonly delivered: Array<{ readonly arrival: number; readonly message: Message.Message }>
  readonly appended: Array<Message.Message>
}

const nine = (): ReadonlyArray<Agent> =>
  Array.from({ length: 9 }, (_, i) => {
    const sessionId = SessionId.make(`session-${i + 1}`)
    return { sessionId, delivered: [], appended: [...talk(sessionId, BEFORE)] }
  })

/** A conversation in which every user says where they are. */
const talk = (sessionId: SessionId, rounds: number, from = 0): ReadonlyArray<Message.Message> =>
  conversation(rounds, from).map((message) =>
    message.role === "user" ? { ...message, content: `${sessionId}: ${Message.text(message)}` } : message
  )

/** A summary of the sessions the prompt talks about: one, if each compression sees its own session alone. */
const ofItsSession = ModelServer.ok(({ prompt }) =>
  summary(Array.from(new Set(prompt.flatMap(({ content }) => content.match(/session-\d/g) ?? []))).join(" and "))
)

const deliver = (agent: Agent, message: Message.Message, kind: DeliveryKind) =>
  Effect.flatMap(Gateway, ({ deliver }) => deliver(agent.sessionId, message, { kind })).pipe(
    Effect.map(({ arrival }) => agent.delivered.push({ arrival, message }))
  )

/** A request and the turn that answers it; while its tool works, news arrive. */
const round = Effect.fnUntraced(function* (agent: Agent, n: number) {
  const { turn } = yield* Gateway
  const [request, call, result, answer] = talk(agent.sessionId, 1, n)
  if (!request || !call || !result || !answer) return assert.fail("a round has four messages")
  const news: Message.Message = { role: "user", content: `${agent.sessionId}: build ${n} has finished` }
  yield* deliver(agent, request, "request")
  yield* turn(agent.sessionId, ({ append, view }) =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* view()).messages.at(-1), request)
      yield* append(call)
      yield* deliver(agent, news, "notification")
      yield* append(result)
      const { messages } = yield* view()
      assert.deepStrictEqual(messages.at(-1), news)
      assert.deepStrictEqual(problems(messages), [])
      yield* append(answer)
      agent.appended.push(call, result, answer)
    })
  )
})

const rounds = (agents: ReadonlyArray<Agent>, from: number, to: number) =>
  Effect.forEach(
    agents,
    (agent) =>
      Effect.forEach(
        Array.from({ length: to - from }, (_, i) => from + i),
        (n) => round(agent, n)
      ),
    { concurrency: "unbounded" }
  )

/** The log is exactly what the agent remembers, and the summaries are of its session alone. */
const remembers = Effect.fnUntraced(function* ({ appended, delivered, sessionId }: Agent) {
  const store = yield* SessionStore
  const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(sessionId)))
  const arrivals = log.flatMap(({ arrival, message }) => (arrival === null ? [] : [{ arrival, message }]))
  assert.deepStrictEqual(arrivals, delivered)
  assert.deepStrictEqual(
    log.flatMap(({ arrival, message }) => (arrival === null ? [message] : [])),
    appended
  )
  const { generation, segments } = yield* store.state(sessionId)
  assert.isAtLeast(generation, 2)
  assert.strictEqual((yield* store.snapshots(sessionId)).length, generation)
  for (const { text } of segments) assert.strictEqual(Handoff.omitUser(text), summary(sessionId))
})

describe("nine sessions", () => {
  it.scopedLive("that cross the threshold together keep their ids and every message, and their log lines pair up", () =>
    Effect.gen(function* () {
      const agents = nine()
      const gate = yield* Deferred.make<void>()
      const server = yield* ModelServer.make(({ n }) =>
        n <= 9 ? ModelServer.answerAfter(gate, ofItsSession) : ofItsSession
      )
      const { layer, lines } = recordLogLines()
      const options = { policy: { ...policy, mode: "background" }, routes: [server.route()] } as const

      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.importAll(agents.map(({ appended, sessionId }) => ({ sessionId, messages: appended })))
        yield* rounds(agents, BEFORE, BEFORE + 2)
        yield* server.arrived(9)
        yield* rounds(agents, BEFORE + 2, BEFORE + 4)
        assert.strictEqual(server.requests.length, 9)
        yield* Deferred.succeed(gate, undefined)
        const { settled } = yield* Compressor
        yield* Effect.forEach(agents, ({ sessionId }) => settled(sessionId))
        yield* rounds(agents, BEFORE + 4, BEFORE + ROUNDS)
        yield* Effect.forEach(agents, ({ sessionId }) => settled(sessionId))
        yield* Effect.forEach(agents, remembers)
        assert.deepStrictEqual(
          (yield* store.sessions).map(({ sessionId }) => sessionId),
          agents.map(({ sessionId }) => String(sessionId))
        )
      }).pipe(Effect.provide([real(options), layer]))

      const trail = trailOf(lines)
      assert.deepStrictEqual(auditTrail(trail).findings, [])
      const counts = operationsBySession(trail)
      assert.deepStrictEqual(
        Array.from(counts.keys()).toSorted(),
        agents.map(({ sessionId }) => String(sessionId))
      )
      assert.strictEqual(
        Array.from(counts.values()).reduce((sum, count) => sum + count, 0),
        server.requests.length
      )

      // The lines prove it only if no line could be missing or be there twice.
      trail.forEach((line, i) => {
        if (line.event._tag === "Named") return
        assert.strictEqual(auditTrail(trail.toSpliced(i, 1)).verdict, "violated", `without ${line.text}`)
        assert.strictEqual(auditTrail(trail.toSpliced(i, 0, line)).verdict, "violated", `twice ${line.text}`)
      })
    })
  )
})
