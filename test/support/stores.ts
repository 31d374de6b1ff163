/** Every backend of the store, and the little that the suites over them share. */
import { Effect, Layer } from "effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import type { Message } from "../../src/message/Message.ts"
import { type Segment, SessionId } from "../../src/session/Session.ts"
import { layerMemory, type Services, SessionStore } from "../../src/store/SessionStore.ts"
import * as Hermes from "../../src/hermes/Hermes.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as Postgres from "../../src/postgres/Postgres.ts"
import * as HermesFiles from "./hermes.ts"
import { onFreshDatabase } from "./postgres.ts"

const onFile = Layer.suspend(() => Sqlite.layer({ filename: join(mkdtempSync(join(tmpdir(), "store-")), "s.db") }))

const onHermes = (filename: () => string) =>
  Layer.suspend(() => Hermes.layer({ filename: filename(), durability: "process" }))

/** Leases go by the clock of the tests, since no test can move the server's. */
const onPostgres = onFreshDatabase((url) => Layer.scopedContext(Postgres.makeWithClock({ url }, true)))

export const backends: ReadonlyArray<readonly [string, Layer.Layer<Services, unknown>]> = [
  ["memory", layerMemory],
  ["file", onFile],
  ["temporary", Sqlite.layerTemporary],
  ["PostgreSQL", onPostgres],
  ["Hermes", onHermes(() => HermesFiles.fresh("new"))],
  ["an older Hermes", onHermes(() => HermesFiles.fresh("old"))],
  ...HermesFiles.given.map((file) => [basename(file), onHermes(() => HermesFiles.copyOf(file))] as const)
]

let sessions = 0
export const freshSession = () => SessionId.make(`session ${++sessions}`)

export const user = (content: string): Message => ({ role: "user", content })
export const assistant = (content: string): Message => ({ role: "assistant", content })

export const acquireLease = (sessionId: SessionId, name: "turn" | "operation" = "turn", holder = "me", ttl = 10_000) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const acquired = yield* store.acquire(sessionId, { name, holder, ttl })
    if (acquired._tag === "Held") return yield* Effect.die(`held by ${acquired.holder}`)
    return acquired.lease
  })

export const beginTurn = (sessionId: SessionId, holder: string, ttl = 10_000) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const begun = yield* store.begin(sessionId, { holder, ttl })
    if (begun._tag === "Held") return yield* Effect.die(`held by ${begun.holder}`)
    return begun
  })

export const segment = (id: string, fromSeq: number, toSeq: number): Segment => ({
  id,
  level: 0,
  children: [],
  fromSeq,
  toSeq,
  text: `summary of ${fromSeq} to ${toSeq}`,
  tokens: 10,
  degraded: null,
  focus: null,
  model: "m"
})
