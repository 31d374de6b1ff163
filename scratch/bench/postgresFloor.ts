/**
 * The floor on PostgreSQL: bare `pg` on one connection, three named statements and three commits a turn, in the store's own
 * tables and with bodies already encoded. It has no lease and no fence, counts nothing and compresses nothing.
 */
import { Effect, Either } from "effect"
import { Client } from "pg"
import { serialize } from "../../src/message/Message.ts"
import type { Counter } from "../../src/message/Tokens.ts"
import * as Postgres from "../../src/postgres/Postgres.ts"
import type { Turn } from "./session.ts"

export interface Row {
  readonly body: string
  readonly tokens: number
}

const COLUMNS = "session_id, arrival, kind, tokens, body, at, checksum, tag"

const deliver = {
  name: "floor_deliver",
  text: `INSERT INTO throughline.inbox (${COLUMNS}) VALUES ($1, $2, 'request', $3, $4, $5, 0, 0)`
}
const promote = {
  name: "floor_promote",
  text: `WITH taken AS (DELETE FROM throughline.inbox WHERE session_id = $1 RETURNING ${COLUMNS})
    INSERT INTO throughline.message (seq, ${COLUMNS}) SELECT $2, ${COLUMNS} FROM taken RETURNING seq, body`
}
const append = {
  name: "floor_append",
  text: `INSERT INTO throughline.message (seq, ${COLUMNS})
    SELECT $2 + n, $1, NULL, NULL, t, b, $3, 0, 0 FROM unnest($4::int[], $5::text[]) WITH ORDINALITY AS u(t, b, n)`
}

/** The rows that the store writes for the messages of a turn. */
export const encode = (counter: Counter, { replies, request }: Turn): ReadonlyArray<Row> =>
  [request, ...replies].map((input) => {
    const { body, message } = Either.getOrThrow(serialize(input))
    return { body, tokens: counter.message(message) }
  })

/** A store that is opened makes its tables, and leaves them when it is closed. */
const makeTables = (url: string): Promise<unknown> => Effect.runPromise(Effect.scoped(Postgres.make({ url })))

export const open = async (url: string) => {
  await makeTables(url)
  const client = new Client(url)
  await client.connect()

  const insert = (sessionId: string, arrival: number, { body, tokens }: Row) =>
    client.query({ ...deliver, values: [sessionId, arrival, tokens, body, Date.now()] })

  /** The `n`-th turn of a session, from 0. */
  const turn = async (sessionId: string, n: number, [request, ...replies]: ReadonlyArray<Row>): Promise<void> => {
    if (request === undefined) return
    const seq = n * (replies.length + 1) + 1
    await insert(sessionId, n + 1, request)
    await client.query({ ...promote, values: [sessionId, seq] })
    const columns = [replies.map(({ tokens }) => tokens), replies.map(({ body }) => body)]
    await client.query({ ...append, values: [sessionId, seq, Date.now(), ...columns] })
  }

  return { insert, turn, close: () => client.end() }
}

/** What a database holds of a session: equal ones hold the same messages. */
export const digestLog = async (url: string, sessionId: string): Promise<unknown> => {
  const client = new Client(url)
  await client.connect()
  const { rows } = await client.query(
    `SELECT count(*), md5(string_agg(concat_ws('|', seq, arrival, kind, tokens, body), '' ORDER BY seq))
     FROM throughline.message WHERE session_id = $1`,
    [sessionId]
  )
  await client.end()
  return rows[0]
}
