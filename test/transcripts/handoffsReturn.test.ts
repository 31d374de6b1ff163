/** Sessions that are compressed, written as a file of each format, and imported: a handoff of theirs is one again. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Either, FastCheck as fc, Stream } from "effect"
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as HermesExport from "../../src/hermes/export.ts"
import * as Message from "../../src/message/Message.ts"
import { isImportedHandoff } from "../../src/message/whoseWords.ts"
import { type Manifest, type SessionId, wholeLog } from "../../src/session/Session.ts"
import { layerMemory, SessionStore } from "../../src/store/SessionStore.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import * as TranscriptWriter from "../../src/transcripts/TranscriptWriter.ts"
import * as Fixture from "../support/hermes.ts"
import { healthy } from "../support/histories.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { acquireLease, assistant, freshSession, segment, user } from "../support/stores.ts"

const HANDOFF = Handoff.makeMessage({
  segments: [segment("old/0", 2, 40)],
  ledger: "- rule: never push (#4)",
  renderer: Handoff.RENDERER
})

/** A handoff of an earlier compression stands behind the system prompt and the head, as a view has it. */
const withHandoff = fc
  .tuple(healthy, fc.integer({ min: 0, max: 6 }), fc.constantFrom("text", "part"))
  .map(([entries, headLength, shape]) => {
    const messages = entries.map(({ message }) => message)
    const system = messages.findIndex(({ role }) => role !== "system")
    const head = Array.from({ length: headLength }, (_, at) =>
      at % 2 === 0 ? user(`. request ${at}`) : assistant(`. answer ${at}`)
    )
    const handoff: Message.Message =
      shape === "text" ? HANDOFF : { role: "user", content: [{ type: "text", text: Message.text(HANDOFF) }] }
    return messages.toSpliced(system, 0, ...head, handoff)
  })

const readLog = (sessionId: SessionId) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    return Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(sessionId)))
  })

/** Imports messages, and the compression of all between the first and the last. */
const importCompressed = (messages: ReadonlyArray<Message.Message>) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const id = freshSession()
    yield* store.importAll([{ sessionId: id, messages }])
    const manifest: Manifest = { ...wholeLog, headTo: 1, tailFrom: messages.length, segments: [`${id}/0`] }
    const segments = [segment(`${id}/0`, 2, messages.length - 1)]
    const lease = yield* acquireLease(id, "operation")
    yield* store.commit(lease, { operationId: `op ${id}`, base: 0, manifest, segments, ledger: null })
    return id
  })

/** The handoffs of a log, and how many texts of users only look like one. */
const tellHandoffs = (log: Effect.Effect.Success<ReturnType<typeof readLog>>) => {
  const looks = log.flatMap((entry) =>
    entry.seq !== null && Handoff.isHandoff(entry.message) ? [{ ...entry, seq: entry.seq }] : []
  )
  const handoffs = looks.filter(isImportedHandoff).map(({ message }) => Message.text(message))
  return { handoffs, others: looks.length - handoffs.length }
}

const importAgain = (messages: ReadonlyArray<Message.Message>, notices?: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const id = freshSession()
    yield* store.importAll([{ sessionId: id, messages, notices }])
    return yield* readLog(id)
  })

describe("compressed, exported and imported, a session has the handoff that came with it and no other, as", () => {
  for (const format of TranscriptWriter.WritableFormat.literals) {
    it.effect.prop(
      format,
      [withHandoff],
      ([messages]) =>
        Effect.gen(function* () {
          const id = yield* importCompressed(messages)
          const log = yield* readLog(id)
          assert.deepStrictEqual(tellHandoffs(log), { handoffs: [Message.text(HANDOFF)], others: 0 })
          const { text } = yield* TranscriptWriter.write({ sessionId: id, entries: log, folder: "/work" }, format)
          const read = Either.getOrThrow(Transcripts.parse(text, { file: "f", format }))
          const [session] = read.sessions
          const again = yield* importAgain(session?.messages ?? [], session?.notices)
          assert.deepStrictEqual(tellHandoffs(again), tellHandoffs(log))
        }).pipe(Effect.provide(layerMemory)),
      propertyRuns(6, 60)
    )
  }

  for (const age of ["new", "old"] as const) {
    it.effect.prop(
      `rows of an ${age} Hermes`,
      [withHandoff],
      ([messages]) =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = yield* importCompressed(messages)
          const log = yield* readLog(id)
          const filename = Fixture.fresh(age)
          yield* HermesExport.writeExport(filename, [{ sessionId: id, log, state: yield* store.state(id) }])
          const { sessions } = yield* Transcripts.readFile(filename)
          const again = yield* importAgain(sessions[0]?.messages ?? [])
          assert.strictEqual(again.length, log.length)
          assert.deepStrictEqual(tellHandoffs(again), tellHandoffs(log))
        }).pipe(Effect.provide(layerMemory)),
      propertyRuns(4, 30)
    )
  }
})
