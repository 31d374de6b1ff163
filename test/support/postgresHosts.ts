/** Hosts that share one database: stores with connections of their own, which know of each other by its tables alone. */
import { Chunk, Context, Effect, Layer, type Scope, Stream } from "effect"
import * as Postgres from "../../src/postgres/Postgres.ts"
import type { SessionId } from "../../src/session/Session.ts"
import type { StoreError } from "../../src/session/SessionError.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"

export type Store = SessionStore["Type"]

/** The store of one host, until the scope ends. */
export const openHost = (
  url: string,
  options: Partial<Postgres.PostgresOptions> = {}
): Effect.Effect<Store, StoreError, Scope.Scope> =>
  Effect.map(Layer.build(Postgres.layer({ url, connections: 3, ...options })), Context.get(SessionStore))

/** All that a session holds, in order: what was promoted or appended, then what waits. */
export const readAll = (store: Store, sessionId: SessionId) =>
  Effect.map(Stream.runCollect(store.log(sessionId)), Chunk.toReadonlyArray)

/** The texts of all that a session holds. */
export const readTexts = (store: Store, sessionId: SessionId) =>
  Effect.map(readAll(store, sessionId), (log) => log.map(({ message }) => String(message.content)))
