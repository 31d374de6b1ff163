/** Real sessions from import to view: what must show on them, in a window of their size and in a small one. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Either, Layer, Stream } from "effect"
import { join } from "node:path"
import * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import type { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import { problems } from "../support/providerShapes.ts"
import { absence, airlineDesk, areHere, codingAgent, type Transcript } from "../support/transcripts.ts"
import { route, summary } from "../support/world.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

/** It read its material to the end: it names the first and the last message of it. */
const oracle: Scripted.ScriptedOutcome = ({ messages }) => {
  const seqs = messages.flatMap((message) =>
    [...Message.text(message).matchAll(/^#(\d+) /gm)].map(([, n]) => Number(n))
  )
  return summary(`#${Math.min(...seqs)} to #${Math.max(...seqs)}`)
}

const summarizers = { "the embedded summarizer": [], "a model": [route] }

const settings = (contextLength: number) => ({ contextLength, mode: "manual" as const })

const onFile = (contextLength: number, routes: Gateway.GatewayOptions["routes"]) =>
  Layer.unwrapScoped(
    makeTemporaryFolder().pipe(
      Effect.map((folder) =>
        Gateway.layer({ policy: settings(contextLength), routes }).pipe(
          Layer.provideMerge(Sqlite.layer({ filename: join(folder, "sessions.db"), durability: "process" })),
          Layer.provide(Scripted.layer([oracle]))
        )
      )
    )
  )

const texts = (view: View.View): ReadonlyArray<string> => view.messages.map((message) => JSON.stringify(message))

const conversation = (view: View.View): number => view.tokens - view.parts.system.tokens

const target = (view: View.View, contextLength: number): number => {
  const policy = Either.getOrThrow(CompressionPolicy.make(settings(contextLength)))
  return CompressionPolicy.shares(policy, view.parts.system.tokens)?.target ?? 0
}

const imported = (transcripts: ReadonlyArray<Transcript>) =>
  Effect.flatMap(SessionStore, (store) => store.importAll(transcripts))

const logOf = (id: SessionId) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(id))).pipe(
    Effect.map((log) => Chunk.toReadonlyArray(log).map(({ message }) => JSON.stringify(message)))
  )

const viewOf = (id: SessionId) => Effect.flatMap(Gateway.Gateway, ({ view }) => view(id))

const snapshotText = (id: string) =>
  Effect.flatMap(SessionStore, (store) => store.snapshot(id)).pipe(
    Effect.map((state) => texts(View.assemble(state, estimate)).join("\n"))
  )

/** Compresses, checks all that must hold, and gives what the snapshot must read from now on; nothing if there is none. */
const compressed = Effect.fnUntraced(function* ({ json, sessionId }: Transcript, contextLength: number) {
  const gateway = yield* Gateway.Gateway
  const before = yield* gateway.view(sessionId)
  const result = yield* gateway.compress(sessionId)
  const after = yield* gateway.view(sessionId)
  assert.strictEqual(result.sessionId, sessionId)
  assert.strictEqual(after.sessionId, sessionId)
  assert.deepStrictEqual(yield* logOf(sessionId), json)
  assert.deepStrictEqual(problems(after.messages), [])
  assert.isAtMost(conversation(after), target(after, contextLength))
  yield* keptWhatItKeeps(sessionId, json, after)
  if (result.snapshotId === null) {
    assert.strictEqual(result.outcome, "nothing-to-compress")
    assert.deepStrictEqual(after, before)
    return undefined
  }
  assert.include(["committed", "shortened"], result.outcome)
  assert.strictEqual(after.generation, before.generation + 1)
  const snapshot = { id: result.snapshotId, text: texts(before).join("\n") }
  assert.strictEqual(yield* snapshotText(snapshot.id), snapshot.text)
  return snapshot
})

/** Head, open requests and tail are there byte for byte, but for what the view itself names as repaired. */
const keptWhatItKeeps = Effect.fnUntraced(function* (id: SessionId, json: ReadonlyArray<string>, view: View.View) {
  const { head, live, system, tail } = yield* Effect.flatMap(SessionStore, (store) => store.state(id))
  const repaired = new Set(view.repairs.map(({ seq }) => seq))
  const untouched = [...system, ...head, ...live, ...tail].filter(({ seq }) => !repaired.has(seq))
  const kept = untouched.flatMap(({ seq }) => json[seq - 1] ?? [])
  const shown = texts(view)
  assert.deepStrictEqual(
    shown.filter((text) => kept.includes(text)),
    kept
  )
  for (const seq of openRequests(json)) {
    if (!repaired.has(seq)) assert.include(shown, json[seq - 1])
  }
  for (const line of ledgerLines(view)) {
    const [, open] = /^- open: .*\(#(\d+)\)$/.exec(line) ?? []
    if (open !== undefined) assert.include(openRequests(json), Number(open), "called open, but it was answered")
  }
})

/** Every user message since an assistant last ended a turn, by its place in the log. */
const openRequests = (json: ReadonlyArray<string>): ReadonlyArray<number> => {
  const messages = json.map((text): Message.Message => JSON.parse(text))
  const end = messages.findLastIndex((message) => Message.endsTurn(message))
  return messages.flatMap(({ role }, i) => (i > end && role === "user" ? [i + 1] : []))
}

const ledgerLines = (view: View.View): ReadonlyArray<string> =>
  view.messages.flatMap((message) => (message.role === "user" ? Message.text(message).split("\n") : []))

/** The messages arrive and are made as they once were: the user's are delivered, the agent's appended. */
const replay = Effect.fnUntraced(function* (id: SessionId, messages: ReadonlyArray<Message.Message>) {
  const { deliver, turn } = yield* Gateway.Gateway
  yield* turn(id, ({ append, view }) =>
    Effect.gen(function* () {
      for (const message of messages) {
        if (message.role === "user") yield* Effect.zipRight(deliver(id, message), view())
        else yield* append(message)
      }
    })
  )
})

const upTo = (transcript: Transcript, share: number): Transcript => {
  const length = Math.ceil(transcript.messages.length * share)
  return { ...transcript, messages: transcript.messages.slice(0, length), json: transcript.json.slice(0, length) }
}

/** The session compressed when it has grown to each of these shares of its length; the snapshots read as ever. */
const compressedAt = Effect.fnUntraced(function* (
  whole: Transcript,
  [first, ...later]: readonly [number, ...ReadonlyArray<number>],
  contextLength: number
) {
  let grown = upTo(whole, first)
  const snapshots = [yield* compressed(grown, contextLength)]
  for (const share of later) {
    const next = upTo(whole, share)
    yield* replay(whole.sessionId, next.messages.slice(grown.messages.length))
    snapshots.push(yield* compressed(next, contextLength))
    grown = next
  }
  const left = snapshots.filter((snapshot) => snapshot !== undefined)
  for (const { id, text } of left) assert.strictEqual(yield* snapshotText(id), text)
  assert.strictEqual((yield* viewOf(whole.sessionId)).generation, left.length)
  return left.length
})

for (const [who, routes] of Object.entries(summarizers)) {
  describe(`real transcripts, summarized by ${who}${absence}`, () => {
    for (const contextLength of [200_000, 32_000]) {
      it.effect.runIf(areHere)(`a coding session in a window of ${contextLength} tokens`, () =>
        Effect.gen(function* () {
          yield* imported(codingAgent())
          for (const session of codingAgent()) {
            assert.strictEqual(session.json.length, 900)
            assert.isDefined(yield* compressed(session, contextLength))
            assert.strictEqual((yield* viewOf(session.sessionId)).generation, 1)
          }
        }).pipe(Effect.provide(onFile(contextLength, routes)))
      )
    }

    it.effect.runIf(areHere)("26 sessions in a window of 4096 tokens, compressed at once", () =>
      Effect.gen(function* () {
        const sessions = airlineDesk()
        yield* imported(sessions)
        const snapshots = yield* Effect.forEach(sessions, (session) => compressed(session, 4_096), {
          concurrency: "unbounded"
        })
        assert.strictEqual(sessions.length, 26)
        const tooShort = sessions.filter((_, i) => snapshots[i] === undefined)
        assert.isAtMost(tooShort.length, 3, tooShort.map(({ sessionId }) => sessionId).join())
        const rows = yield* Effect.flatMap(SessionStore, (store) => store.sessions)
        assert.sameMembers(
          rows.map(({ sessionId }) => sessionId),
          sessions.map(({ sessionId }) => sessionId)
        )
      }).pipe(Effect.provide(onFile(4_096, routes)))
    )

    it.effect.runIf(areHere)("three compressions later every snapshot reads as when it was taken", () =>
      Effect.gen(function* () {
        const sessions = [...codingAgent(), ...airlineDesk()]
        yield* imported(sessions.map((session) => upTo(session, 0.4)))
        const generations = yield* Effect.forEach(
          sessions,
          (session) => compressedAt(session, [0.4, 0.6, 0.8, 1], 4_096),
          {
            concurrency: "unbounded"
          }
        )
        assert.strictEqual(generations[0], 4)
        assert.isAbove(generations.filter((generation) => generation > 1).length, 20)
      }).pipe(Effect.provide(onFile(4_096, routes)))
    )
  })
}
