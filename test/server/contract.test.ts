/** The typed client against a real server: each endpoint answers what the library does. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Stream } from "effect"
import * as Errors from "../../src/server/endpoints/errors.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as SessionError from "../../src/session/SessionError.ts"
import * as Service from "../support/service.ts"

const session = SessionId.make("chat/42 ?#%äß")
const path = { session }
const LONG = "this and that about the invoices of the year, and the file src/invoices.ts. ".repeat(12)

const user = (content: string) => ({ role: "user", content })
const reply = (content: string) => ({ role: "assistant", content })

type Client = Effect.Effect.Success<ReturnType<typeof Service.client>>

/** Delivers a request and answers it in a turn of its own. */
const answer = (client: Client, n: number, words = LONG) =>
  Effect.gen(function* () {
    const receipt = yield* client.operations.deliver({ path, payload: { message: user(`${n}: ${words}`) } })
    const { turn } = yield* client.turns.begin({ path, payload: {} })
    const of = { path: { session, turn } }
    const view = yield* client.turns.step({ ...of, payload: {} })
    yield* client.turns.report({ ...of, payload: { inputTokens: view.tokens } })
    yield* client.turns.append({ ...of, payload: { messages: [reply(`answer ${n}`)] } })
    const end = yield* client.turns.end(of)
    return { receipt, view, end }
  })

describe("the client", () => {
  it.scopedLive("takes a session through turns and compressions, and reads all of it back", () =>
    Effect.gen(function* () {
      const client = yield* Service.client()
      assert.deepInclude(yield* client.service.health({}), { status: "ok", isWritable: true })
      for (let n = 1; n <= 20; n++) {
        const { end, receipt, view } = yield* answer(client, n)
        assert.strictEqual(end.lastSeq, 2 * n)
        assert.strictEqual(view.open.at(-1)?.arrival, receipt.arrival)
      }
      assert.include(yield* client.sessions.reply({ path: { session, arrival: 3 } }), { seq: 6 })
      const result = yield* client.operations.compress({ path, payload: { focus: "invoices" } })
      assert.strictEqual(result.sessionId, session)

      const { next, sessions } = yield* client.sessions.list({ urlParams: {} })
      assert.strictEqual(next, null)
      const [entry] = sessions
      assert.deepInclude(entry, { sessionId: session, messages: 40, waiting: 0, contextLength: 4_000 })
      assert.isBelow(entry?.view ?? Infinity, 4_000)

      const detail = yield* client.sessions.detail({ path })
      assert.strictEqual(detail.lastSeq, 40)
      assert.isNotEmpty(detail.segments)

      const view = yield* client.sessions.view({ path, urlParams: {} })
      assert.strictEqual(
        view.messages.length,
        view.parts.reduce((sum, { items }) => sum + items, 0)
      )
      assert.deepStrictEqual(
        view.parts.map(({ part }) => part),
        ["system", "head", "handoff", "requests", "tail"]
      )
      for (const format of ["anthropic", "responses"] as const) {
        const other = yield* client.sessions.view({ path, urlParams: { format } })
        assert.strictEqual(other.format, format)
        assert.strictEqual(
          other.messages.length,
          other.parts.reduce((sum, { items }) => sum + items, 0)
        )
      }

      const first = yield* client.sessions.log({ path, urlParams: { limit: 30 } })
      const second = yield* client.sessions.log({ path, urlParams: { from: first.next ?? 0 } })
      assert.deepStrictEqual(
        [...first.entries, ...second.entries].map(({ seq }) => seq),
        Array.from({ length: 40 }, (_, i) => i + 1)
      )
      const covered = first.entries.filter(({ place }) => place === "handoff")
      assert.isNotEmpty(covered)
      assert.isTrue(covered.every(({ segment }) => segment !== null))

      const tree = yield* client.sessions.segments({ path })
      assert.sameMembers(
        tree.segments.filter(({ isShown }) => isShown).map(({ id }) => id),
        [...detail.segments]
      )
      const [root = ""] = tree.roots
      const expanded = yield* client.sessions.segment({ path: { segment: root }, urlParams: { maxTokens: 100 } })
      assert.strictEqual(expanded.segment.id, root)
      assert.isNotEmpty(expanded.entries)

      const { handoff } = yield* client.sessions.handoff({ path })
      assert.include(handoff, "invoices")
      const ledger = yield* client.sessions.ledger({ path })
      assert.isTrue(ledger.requests.every(({ seq }) => seq >= 1))
      assert.deepStrictEqual(Object.keys(yield* client.sessions.rules({ path })), ["constraints", "fileRules", "notes"])

      const found = yield* client.sessions.recall({ path, urlParams: { query: "7: this", limit: 5 } })
      assert.isNotEmpty(found)
      const { compressions } = yield* client.sessions.stats({ path })
      assert.isAbove(compressions.committed + compressions.degraded, 0)
      assert.strictEqual((yield* client.sessions.plan({ path, urlParams: { steps: 5 } })).steps, 5)

      const snapshots = yield* client.sessions.snapshots({ path })
      const [oldest] = snapshots
      const snapshot = oldest?.snapshotId ?? ""
      assert.isTrue(oldest?.hasReceipt)
      const comparison = yield* client.sessions.comparison({ path: { snapshot }, urlParams: {} })
      assert.isNotEmpty(comparison.left)
      const shorter = yield* client.sessions.comparison({ path: { snapshot }, urlParams: { limit: 1 } })
      assert.deepStrictEqual(shorter.left, comparison.left.slice(0, 1))
      assert.strictEqual(shorter.leftCount, comparison.left.length)
      assert.isNotEmpty(comparison.came)
      assert.strictEqual(comparison.before.handoff, null)
      assert.strictEqual(comparison.after.handoff, handoff)
      assert.strictEqual((yield* client.sessions.receipt({ path: { snapshot } }))?.sessionId, session)
      const past = yield* client.sessions.snapshotView({ path: { snapshot }, urlParams: {} })
      assert.strictEqual(past.generation, 0)

      const timeline = yield* client.sessions.timeline({ path })
      assert.strictEqual(timeline.commits.length, snapshots.length)
      assert.strictEqual(timeline.points.at(-1)?.seq, 40)
      assert.isTrue(timeline.points.every(({ view, whole }) => view <= whole + 4_000))

      const pin = yield* client.operations.pin({ path, payload: { text: "never on Fridays", as: "rule" } })
      assert.deepStrictEqual(yield* client.sessions.pins({ path }), [pin])
      assert.deepStrictEqual(yield* client.operations.unpin({ path: { session, pin: "rule" } }), { wasPinned: true })
      const restored = yield* client.operations.restore({
        path,
        payload: { snapshotId: snapshots.at(-1)?.snapshotId ?? "" }
      })
      assert.isAbove(restored.generation, detail.generation)
      assert.deepInclude(yield* client.operations.rewind({ path, payload: { seq: 38 } }), { undone: 2 })
      assert.deepStrictEqual(yield* client.operations.heal({ path, payload: {} }), { segments: [] })
      yield* client.operations.reset({ path, payload: {} })
      assert.deepStrictEqual((yield* client.sessions.view({ path, urlParams: {} })).messages, [])
      assert.deepInclude(yield* client.operations.forget({ path }), { messages: 40, waiting: 0 })
      assert.include(yield* client.observation.metrics({}), "# TYPE throughline_turns counter")
      assert.strictEqual((yield* client.observation.doctor({})).application, "throughline")
    }).pipe(Effect.provide(Service.layer()))
  )

  it.scopedLive("gets the library's own errors", () =>
    Effect.gen(function* () {
      const client = yield* Service.client()
      const unknown = yield* Effect.flip(client.sessions.view({ path, urlParams: {} }))
      assert.instanceOf(unknown, SessionError.UnknownSession)
      const noTurn = yield* Effect.flip(client.turns.begin({ path, payload: {} }))
      assert.instanceOf(noTurn, SessionError.UnknownSession)
      yield* client.operations.deliver({ path, payload: { message: user("one"), key: "k" } })
      const again = yield* client.operations.deliver({ path, payload: { message: user("one"), key: "k" } })
      assert.isTrue(again.duplicate)
      const conflict = yield* Effect.flip(
        client.operations.deliver({ path, payload: { message: user("two"), key: "k" } })
      )
      assert.instanceOf(conflict, SessionError.IdempotencyConflict)
      const invalid = yield* Effect.flip(client.operations.rewind({ path, payload: { seq: 99 } }))
      assert.instanceOf(invalid, SessionError.InvalidRewind)
      const snapshot = yield* Effect.flip(client.sessions.receipt({ path: { snapshot: "none" } }))
      assert.instanceOf(snapshot, SessionError.UnknownSnapshot)
      const segment = yield* Effect.flip(client.sessions.segment({ path: { segment: "none" }, urlParams: {} }))
      assert.instanceOf(segment, SessionError.UnknownSegment)
    }).pipe(Effect.provide(Service.layer()))
  )

  it.scopedLive("changes nothing through a service that only reads", () =>
    Effect.gen(function* () {
      const client = yield* Service.client()
      for (const call of [
        client.operations.deliver({ path, payload: { message: user("one") } }),
        client.operations.forget({ path }),
        client.turns.begin({ path, payload: {} })
      ]) {
        assert.instanceOf(yield* Effect.flip<unknown, unknown, never>(call), Errors.ReadOnly)
      }
      assert.deepStrictEqual(yield* client.sessions.list({ urlParams: {} }), { sessions: [], next: null })
    }).pipe(Effect.provide(Service.layer({ isWritable: false })))
  )
})

describe("turns", () => {
  it.scopedLive("append once for each key, and are lost once they have ended", () =>
    Effect.gen(function* () {
      const client = yield* Service.client()
      yield* client.operations.deliver({ path, payload: { message: user("one") } })
      const begun = yield* client.turns.begin({ path, payload: {} })
      assert.strictEqual(begun.lastSeq, 1)
      const of = { path: { session, turn: begun.turn } }
      yield* client.turns.step({ ...of, payload: { system: "Be brief.", format: "anthropic" } })
      const payload = { messages: [reply("one answer")], key: "step 1" }
      const first = yield* client.turns.append({ ...of, payload })
      assert.deepInclude(first, { lastSeq: 2, duplicate: false })
      assert.deepInclude(yield* client.turns.append({ ...of, payload }), { lastSeq: 2, duplicate: true })
      const conflict = yield* Effect.flip(
        client.turns.append({ ...of, payload: { ...payload, messages: [reply("another")] } })
      )
      assert.instanceOf(conflict, SessionError.IdempotencyConflict)
      const busy = yield* Effect.flip(client.turns.begin({ path, payload: { wait: 0 } }))
      assert.instanceOf(busy, SessionError.SessionBusy)
      yield* client.turns.heartbeat({ ...of, payload: {} })
      yield* client.turns.end(of)
      const lost = yield* Effect.flip(client.turns.append({ ...of, payload: { messages: [reply("late")] } }))
      assert.deepStrictEqual(
        lost,
        new SessionError.TurnLost({ sessionId: session, unstored: [{ role: "assistant", content: "late" }] })
      )
      assert.strictEqual((yield* client.turns.begin({ path, payload: {} })).lastSeq, 2)
    }).pipe(Effect.provide(Service.layer()))
  )

  it.scopedLive("end when their client is silent, and nothing else is lost with them", () =>
    Effect.gen(function* () {
      const client = yield* Service.client()
      yield* client.operations.deliver({ path, payload: { message: user("one") } })
      const { turn } = yield* client.turns.begin({ path, payload: { ttl: 1 } })
      yield* client.turns.step({ path: { session, turn }, payload: {} })
      const next = yield* client.turns.begin({ path, payload: {} })
      assert.strictEqual(next.lastSeq, 1)
      const lost = yield* Effect.flip(client.turns.heartbeat({ path: { session, turn }, payload: {} }))
      assert.instanceOf(lost, SessionError.TurnLost)
      const view = yield* client.turns.step({ path: { session, turn: next.turn }, payload: {} })
      assert.deepStrictEqual(view.messages, [user("one")])
    }).pipe(Effect.provide(Service.layer()))
  )
})

describe("what waits", () => {
  it.scopedLive("is read from the inbox until a turn takes it up", () =>
    Effect.gen(function* () {
      const client = yield* Service.client()
      yield* answer(client, 1)
      const receipt = yield* client.operations.deliver({ path, payload: { message: user("two") } })
      yield* client.operations.deliver({ path, payload: { message: user("three"), kind: "notification" } })
      const inbox = yield* client.sessions.inbox({ path, urlParams: {} })
      assert.deepStrictEqual(
        inbox.map(({ kind, message }) => [kind, message.content]),
        [
          ["request", "two"],
          ["notification", "three"]
        ]
      )
      assert.strictEqual(inbox[0]?.arrival, receipt.arrival)
      assert.lengthOf(yield* client.sessions.inbox({ path, urlParams: { limit: 1 } }), 1)
      const { turn } = yield* client.turns.begin({ path, payload: {} })
      yield* client.turns.step({ path: { session, turn }, payload: {} })
      assert.deepStrictEqual(yield* client.sessions.inbox({ path, urlParams: {} }), [])
    }).pipe(Effect.provide(Service.layer()))
  )
})

describe("a view that the model's server refuses", () => {
  /** Begins a turn with a full window. */
  const fill = (client: Client, messages = 8) =>
    Effect.gen(function* () {
      for (let n = 1; n <= messages; n++) {
        yield* client.operations.deliver({ path, payload: { message: user(`${n}: ${LONG}`) } })
      }
      const { turn } = yield* client.turns.begin({ path, payload: {} })
      return { path: { session, turn } }
    })

  it.scopedLive("is followed by smaller ones, and the session keeps within what was taken", () =>
    Effect.gen(function* () {
      const client = yield* Service.client()
      const of = yield* fill(client, 40)
      const refused = yield* client.turns.step({ ...of, payload: { format: "anthropic", system: "Be brief." } })
      const detail = "This model's maximum context length is 6000 tokens."
      const smaller = yield* client.turns.rescue({ ...of, payload: { detail } })
      assert.isBelow(smaller.tokens, 6_000)
      assert.isBelow(smaller.tokens, refused.tokens)
      assert.strictEqual(smaller.format, "anthropic")
      assert.strictEqual(smaller.system, refused.system)
      const smallest = yield* client.turns.rescue({ ...of, payload: {} })
      assert.isBelow(smallest.tokens, smaller.tokens)
      yield* client.turns.heartbeat({ ...of, payload: {} })
      yield* client.turns.append({ ...of, payload: { messages: [reply("done")] } })
      const { windows } = yield* client.sessions.detail({ path })
      assert.lengthOf(windows, 1)
      assert.isBelow(windows[0]?.contextLength ?? Infinity, 6_000)
      yield* client.turns.end(of)
      yield* answer(client, 9, "short")
      assert.isBelow((yield* client.sessions.view({ path, urlParams: {} })).tokens, 6_000)
    }).pipe(Effect.provide(Service.layer({ contextLength: 16_000 })))
  )

  it.scopedLive("is given up once nothing more can leave, and the turn goes on", () =>
    Effect.gen(function* () {
      const client = yield* Service.client()
      const of = yield* fill(client)
      yield* client.turns.step({ ...of, payload: {} })
      const rescue = client.turns.rescue({ ...of, payload: { detail: "too long" } })
      const error = yield* Effect.flip(Effect.forever(rescue))
      assert.instanceOf(error, SessionError.WindowExceeded)
      yield* client.turns.append({ ...of, payload: { messages: [reply("none of it")] } })
      assert.strictEqual((yield* client.turns.end(of)).lastSeq, 9)
    }).pipe(Effect.provide(Service.layer()))
  )

  it.scopedLive("is forgotten with its turn", () =>
    Effect.gen(function* () {
      const client = yield* Service.client()
      const of = yield* fill(client)
      yield* client.turns.step({ ...of, payload: {} })
      yield* client.turns.rescue({ ...of, payload: { detail: "too long" } })
      yield* client.turns.end(of)
      const lost = yield* Effect.flip(client.turns.rescue({ ...of, payload: {} }))
      assert.instanceOf(lost, SessionError.TurnLost)
      yield* client.turns.begin({ path, payload: { wait: 0 } })
    }).pipe(Effect.provide(Service.layer()))
  )
})

describe("events", () => {
  it.scopedLive("tell of turns and changes, and continue after the last one that a reader has", () =>
    Effect.gen(function* () {
      const client = yield* Service.client()
      yield* client.operations.deliver({ path, payload: { message: user("one") } })
      const ofTurns = client
        .readEvents({ sessionId: session })
        .pipe(Stream.filter(({ event }) => event._tag.startsWith("Turn")))
      const reading = yield* Effect.fork(Stream.runCollect(Stream.take(ofTurns, 2)))
      const seen = yield* Effect.gen(function* () {
        yield* answer(client, 1, "short")
        return yield* Effect.timeoutOption(reading, "20 millis")
      }).pipe(Effect.repeat({ until: ({ _tag }) => _tag === "Some" }))
      const [began, ended] = Array.from(seen._tag === "Some" ? seen.value : [])
      assert.deepInclude(began?.event, { _tag: "TurnBegan", sessionId: session })
      assert.deepInclude(ended?.event, { _tag: "TurnEnded", outcome: "ended" })
      const later = yield* Stream.runHead(client.readEvents({ after: began?.id }))
      assert.deepStrictEqual(later._tag === "Some" ? later.value : undefined, ended)
      const missed = yield* Stream.runHead(client.readEvents({ after: "another.7" }))
      assert.deepStrictEqual(missed._tag === "Some" ? missed.value.event : undefined, { _tag: "Missed" })
    }).pipe(Effect.provide(Service.layer()))
  )
})

describe("a token", () => {
  it.scopedLive("is needed for all that tells of sessions", () =>
    Effect.gen(function* () {
      const stranger = yield* Service.client()
      const guesser = yield* Service.client(`${Service.TOKEN}!`)
      const owner = yield* Service.client(Service.TOKEN)
      assert.strictEqual((yield* stranger.service.health({})).status, "ok")
      for (const client of [stranger, guesser]) {
        const read = yield* Effect.either(client.sessions.list({ urlParams: {} }))
        assert.instanceOf(Either.isLeft(read) ? read.left : undefined, Errors.Unauthorized)
        const metrics = yield* Effect.either(client.observation.metrics({}))
        assert.instanceOf(Either.isLeft(metrics) ? metrics.left : undefined, Errors.Unauthorized)
      }
      assert.deepStrictEqual(yield* owner.sessions.list({ urlParams: {} }), { sessions: [], next: null })
    }).pipe(Effect.provide(Service.layer({ token: Service.secret })))
  )
})
