/** A store put together from its parts, and the file it stands on brought up to date. */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import * as SqlClient from "@effect/sql/SqlClient"
import type Database from "better-sqlite3"
import * as Effect from "effect/Effect"
import { StoreError } from "../session/SessionError.ts"
import { SessionStore } from "../store/SessionStore.ts"
import * as Transaction from "./transaction.ts"
import * as Counters from "./counters.ts"
import * as Inbox from "./inbox.ts"
import { toStoreError } from "./file.ts"
import * as Generations from "./generations.ts"
import * as Leases from "./leases.ts"
import * as Log from "./log.ts"
import * as Pauses from "./pauses.ts"
import * as Listings from "./listings.ts"
import { migrate } from "./migrations.ts"
import * as Search from "./search.ts"

/** On a connection of its own, which is closed again. */
export const upToDate = (filename: string): Effect.Effect<void, StoreError> =>
  Effect.flatMap(SqliteClient.make({ filename }), (client) =>
    Effect.provideService(Effect.zipRight(client`PRAGMA busy_timeout = 0`, migrate), SqlClient.SqlClient, client)
  ).pipe(
    Effect.scoped,
    Effect.provide(Reactivity.layer),
    Effect.mapError((error) => toStoreError("prepare the database", error.cause ?? error)),
    Effect.filterOrFail(Boolean, beingPrepared),
    Transaction.retryWhileBusy,
    Effect.asVoid
  )

const beingPrepared = () =>
  new StoreError({ operation: "prepare the database", reason: "busy", detail: "another process is at it" })

export const make = (db: Database.Database, block: Transaction.Block) =>
  SessionStore.of({
    deliver: Inbox.make(block),
    ...Log.make(block),
    ...Leases.make(block),
    ...Generations.make(block),
    ...Pauses.make(block),
    ...Counters.make(block),
    ...Search.make(db, block),
    ...Listings.make(block)
  })
