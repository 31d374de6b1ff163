/**
 * Imports: whole histories in one statement, or messages as they come, which may take minutes, in a transaction on a
 * connection of its own. Others write meanwhile, but for the sessions that are imported.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { randomInt } from "node:crypto"
import { awaitBudget, chargeWork } from "../concurrency/eventLoopBudget.ts"
import { type InvalidMessage, serializeAll } from "../message/Message.ts"
import type { Counter } from "../message/Tokens.ts"
import { SessionExists, StoreError } from "../session/SessionError.ts"
import type { SessionId } from "../session/Session.ts"
import {
  areWhole,
  type Beside,
  type Histories,
  type History,
  readHead,
  readHistories,
  rowOfBeside,
  streamMessages,
  type WholeHistories
} from "../store/histories.ts"
import { checksumOfRow } from "../store/rows.ts"
import { type Attempt, type Link, MOST_TAGS, openTransaction, prepare, type LinkOptions } from "./link.ts"
import { statements } from "./statements.ts"
import { keepId, keepTextOrNull } from "./texts.ts"

type ImportFailure = SessionExists | InvalidMessage | StoreError

/** The code of the error with which an import takes itself back; its detail is the session that exists. */
const EXISTS = "(TL001)"

/** Characters of messages to send at a time. */
const BATCH = 1_000_000

/** A session of an import, and a message of one. */
interface SessionRow {
  readonly id: SessionId
  readonly count: number
  readonly total: number
  readonly beside: Beside
}
interface ImportedRow {
  readonly sessionId: SessionId
  readonly seq: number
  readonly kind: string | null
  readonly tokens: number
  readonly body: string
  readonly checksum: number
}

const endImport = prepare<[id: string, lastSeq: number, total: number], never>(
  "import",
  "UPDATE throughline.session SET last_seq = $2, total = $3 WHERE id = $1"
)

export const make = ({ run, write }: Link, options: LinkOptions, counter: Counter) => {
  const currentTime = Effect.map(Clock.currentTimeMillis, Math.floor)

  const toRow = (
    sessionId: SessionId,
    { body, kind, message }: History["messages"][number],
    seq: number,
    at: number
  ) => {
    const entry = { kind, tokens: counter.message(message), at }
    const checksum = checksumOfRow(sessionId, { seq: 0, arrival: null, body, ...entry })
    return { sessionId, seq, kind, tokens: entry.tokens, body, checksum }
  }

  const importWhole = (histories: WholeHistories) =>
    Effect.gen(function* () {
      const read = yield* readHistories(histories)
      const at = yield* currentTime
      const rows = read.flatMap(({ messages, sessionId }) =>
        messages.map((one, index) => toRow(sessionId, one, index + 1, at))
      )
      const totals = new Map<SessionId, number>()
      for (const { sessionId, tokens } of rows) totals.set(sessionId, (totals.get(sessionId) ?? 0) + tokens)
      const sessions = read.map(({ beside, messages, sessionId }) => ({
        id: sessionId,
        count: messages.length,
        total: totals.get(sessionId) ?? 0,
        beside
      }))
      yield* write(statements.importAll, (...attempt) => listParameters(sessions, rows, at, attempt))
    })

  const importStreams = <E>(histories: Histories<E>) =>
    Effect.gen(function* () {
      const at = yield* currentTime
      const { commit, query } = yield* openTransaction(options, "import")
      const attempt: Attempt = [randomInt(MOST_TAGS), false]
      const add = (sessions: ReadonlyArray<SessionRow>, rows: ReadonlyArray<ImportedRow>) =>
        query(statements.importAll, ...listParameters(sessions, rows, at, attempt))
      for (const history of histories) {
        const { beside, kindOf, sessionId } = yield* readHead(history)
        yield* add([{ id: sessionId, count: 0, total: 0, beside }], [])
        let [seq, total, size] = [0, 0, 0]
        let batch: Array<ImportedRow> = []
        const send = Effect.suspend(() => {
          const rows = batch
          batch = []
          size = 0
          return rows.length === 0 ? Effect.void : add([], rows)
        })
        yield* Stream.runForEachChunk(streamMessages(history), (messages) =>
          Effect.gen(function* () {
            const serialized = yield* yield* chargeWork(() => serializeAll(Array.from(messages)))
            yield* chargeWork(() => {
              for (const one of serialized) {
                const row = toRow(sessionId, { ...one, kind: kindOf(one.message, seq) }, seq + 1, at)
                batch.push(row)
                seq += 1
                total += row.tokens
                size += row.body.length
              }
            })
            yield* awaitBudget
            if (size > BATCH) yield* send
          })
        )
        yield* send
        yield* query(endImport, sessionId, seq, total)
      }
      yield* commit
    }).pipe(Effect.scoped)

  /** The session that is there already, or that is named twice. */
  const findTaken = <E>(histories: Histories<E>): Effect.Effect<SessionId, StoreError> => {
    const ids = histories.map(({ sessionId }) => sessionId)
    const twice = ids.find((id, i) => ids.indexOf(id) !== i)
    const isThere = (id: SessionId) => Effect.map(run(statements.head, keepId(id)), (rows) => rows.length > 0)
    return Effect.flatMap(
      Effect.findFirst(ids, isThere),
      Option.match({
        onSome: Effect.succeed,
        onNone: () =>
          twice === undefined
            ? new StoreError({ operation: "import", reason: "busy", detail: "a session of it was there for a moment" })
            : Effect.succeed(twice)
      })
    )
  }

  return <E = never>(histories: Histories<E>): Effect.Effect<void, E | ImportFailure> => {
    const imported: Effect.Effect<void, E | InvalidMessage | StoreError> = areWhole(histories)
      ? importWhole(histories)
      : importStreams(histories)
    return Effect.catchIf(
      imported,
      (error) => error instanceof StoreError && error.detail.endsWith(EXISTS),
      () => Effect.flatMap(findTaken(histories), (sessionId) => new SessionExists({ sessionId }))
    )
  }
}

const listParameters = (
  sessions: ReadonlyArray<SessionRow>,
  rows: ReadonlyArray<ImportedRow>,
  at: number,
  [tag, again]: Attempt
): NonNullable<typeof statements.importAll.parameters> => {
  const besides = sessions.map(({ beside }) => rowOfBeside(beside))
  return [
    sessions.map(({ id }) => id),
    sessions.map(({ count }) => count),
    sessions.map(({ total }) => total),
    rows.map(({ sessionId }) => sessionId),
    rows.map(({ seq }) => seq),
    rows.map(({ kind }) => kind),
    rows.map(({ tokens }) => tokens),
    rows.map(({ body }) => body),
    rows.map(({ checksum }) => checksum),
    at,
    tag,
    again,
    besides.map((row) => keepTextOrNull(row?.origin ?? null)),
    besides.map((row) => keepTextOrNull(row?.left_out ?? null))
  ]
}
