/**
 * The inbox of the native store: what arrives together is on disk, numbered and acknowledged with one commit. What an index
 * hides is found again when a store is opened.
 */
import * as Arr from "effect/Array"
import type Database from "better-sqlite3"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { createHash } from "node:crypto"
import { type InvalidMessage, serialize, type SerializedMessage } from "../message/Message.ts"
import type { Receipt, SessionId } from "../session/Session.ts"
import { IdempotencyConflict, type InvalidKey, type StoreError } from "../session/SessionError.ts"
import { checkDelivery } from "../store/model.ts"
import type { Delivery } from "../store/SessionStore.ts"
import * as GroupCommit from "./groupCommit.ts"
import { withSpanIfTraced } from "../concurrency/fiberServices.ts"
import type { Connection } from "./transaction.ts"
import { isDamage } from "./file.ts"
import { checksumOfRow, loggedOfArrival, loggedOfRow, type MessageRow } from "../store/rows.ts"
import { prepareQuery } from "./statements.ts"

interface Arrival extends Delivery, SerializedMessage {
  readonly sessionId: SessionId
}

type Refused = IdempotencyConflict | InvalidKey

const digestDelivery = (kind: string, body: string): string =>
  createHash("sha256").update(kind).update(body).digest("hex")

/** A replacer for `JSON.stringify` that makes the text of a value the same whatever the order of its keys. */
const sortKeys = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

const HIDDEN = `SELECT session_id, arrival, kind, tokens, body, at, checksum FROM inbox AS row NOT INDEXED WHERE NOT EXISTS
  (SELECT 1 FROM inbox AS found INDEXED BY inbox_session WHERE found.session_id = row.session_id AND found.arrival = row.arrival)`

// Bodies are read of those alone that are hidden.
const LAST_HIDDEN = `SELECT session_id, seq, arrival, kind, tokens, body, at, checksum FROM message WHERE rowid IN (
  SELECT number FROM
    (SELECT rowid AS number, session_id, seq FROM message NOT INDEXED ORDER BY rowid DESC LIMIT ?) AS row
  WHERE NOT EXISTS (SELECT 1 FROM message AS found INDEXED BY sqlite_autoindex_message_1
    WHERE found.session_id = row.session_id AND found.seq = row.seq))`

/** So many of the messages that were written last are looked for. All of a log would take time with its length. */
const LOOKED_FOR = 1_000

/**
 * Makes the index of the log anew if it hides one of the last messages of the file. A gap before others is told where it
 * is read, but behind the last that the index knows nothing is missed. A row whose own session id or number is damaged is
 * found by the index alone: then the index stays, since it could not hold both.
 */
export const repairLogIndex = (db: Database.Database): void => {
  try {
    const hidden = prepareQuery<[number], { readonly session_id: string } & MessageRow>(db, LAST_HIDDEN).all(LOOKED_FOR)
    const isWhole = hidden.every((row) => loggedOfRow(row.session_id, row).unreadable === undefined)
    if (hidden.length > 0 && isWhole) db.exec("REINDEX message")
  } catch (cause) {
    if (!isDamage(cause)) throw cause
  }
}

/**
 * Makes the index of the inbox anew if it hides an arrival from its session, which would never be answered. A row whose
 * own session id is damaged is found by the index alone: then the index stays.
 */
export const repairInboxIndex = (db: Database.Database): void => {
  try {
    const hidden = prepareQuery<[], Omit<MessageRow, "seq"> & { readonly session_id: string }>(db, HIDDEN).all()
    const isWhole = hidden.every((row) => loggedOfArrival(row.session_id, row).unreadable === undefined)
    if (hidden.length > 0 && isWhole) db.exec("REINDEX inbox_session")
  } catch (cause) {
    // What cannot be read is told where it is read.
    if (!isDamage(cause)) throw cause
  }
}

export const make = ({ counter, sql, tryCommit }: Connection) => {
  /** Fails without having written anything. */
  const insertOrFindDelivery = (arrival: Arrival, now: number): Either.Either<Receipt, Refused> => {
    const { body, key, kind, message, sessionId } = arrival
    const sorted = key === undefined ? "" : digestDelivery(kind, JSON.stringify(message, sortKeys))
    const earlier = key === undefined ? undefined : sql.key.get(sessionId, key)
    if (key !== undefined && earlier !== undefined) {
      // The second: earlier versions kept the digest of the text as it came.
      return earlier.digest === sorted || earlier.digest === digestDelivery(kind, body)
        ? Either.right({ sessionId, arrival: earlier.arrival, duplicate: true })
        : Either.left(new IdempotencyConflict({ sessionId, key }))
    }
    // Another process may have forgotten a session that is in memory here.
    sql.open.run(sessionId, now)
    const tokens = counter.message(message)
    const checksum = checksumOfRow(sessionId, { seq: 0, arrival: null, kind, tokens, body, at: now })
    const number = Number(sql.deliver.run(sessionId, kind, tokens, body, now, checksum).lastInsertRowid)
    if (key !== undefined) sql.saveKey.run(sessionId, key, number, sorted)
    return Either.right({ sessionId, arrival: number, duplicate: false })
  }

  const commitWithOthers = GroupCommit.make<Arrival, Receipt, Refused>((fiber, arrivals) =>
    tryCommit(fiber, "deliver", (now) => {
      const receipts = Arr.map(arrivals, (arrival) => insertOrFindDelivery(arrival, now))
      return Either.right(() => receipts)
    })
  )

  return (
    sessionId: SessionId,
    input: unknown,
    { key, kind }: Delivery
  ): Effect.Effect<Receipt, InvalidMessage | Refused | StoreError> => {
    const committed = Effect.flatMap(
      Effect.suspend(() => Either.flatMap(checkDelivery(sessionId, { key, kind }), () => serialize(input))),
      (serialized) => commitWithOthers({ ...serialized, sessionId, key, kind })
    )
    return withSpanIfTraced("SessionStore.deliver", sessionId, committed)
  }
}
