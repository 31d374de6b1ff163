/** A page of Hermes' file that is blank: whichever it is, the store fails with a typed error, or works. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Stream } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Hermes from "../../src/hermes/Hermes.ts"
import { SessionId } from "../../src/session/Session.ts"
import { StoreError } from "../../src/session/SessionError.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as HermesFiles from "../support/hermes.ts"
import { user } from "../support/stores.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"
import { conversation } from "../support/world.ts"

const PAGE = 4_096
const id = SessionId.make("chat-42")

const on = <A, E>(filename: string, use: (store: SessionStore["Type"]) => Effect.Effect<A, E>) =>
  Effect.provide(Effect.flatMap(SessionStore, use), Hermes.layer({ filename, durability: "process" }))

const readAndDeliver = (store: SessionStore["Type"]) =>
  Effect.zipRight(Stream.runDrain(store.log(id)), store.deliver(id, user("and now?"), { kind: "request" }))

describe("a blank page of Hermes' file", () => {
  for (const age of ["old", "new"] as const) {
    it.scopedLive(`is a typed error or does no harm, whichever it is (${age})`, () =>
      Effect.gen(function* () {
        const filename = HermesFiles.fresh(age, join(yield* makeTemporaryFolder(), "state.db"))
        yield* on(filename, (store) => store.importAll([{ sessionId: id, messages: conversation(4) }]))
        HermesFiles.inDatabase(filename, (db) => db.pragma("wal_checkpoint(TRUNCATE)"))
        const whole = readFileSync(filename)
        let errors = 0
        for (let at = PAGE; at < whole.length; at += PAGE) {
          writeFileSync(filename, Buffer.from(whole).fill(0, at, at + PAGE))
          const exit = yield* Effect.exit(on(filename, readAndDeliver))
          if (Exit.isSuccess(exit)) continue
          const error = Cause.squash(exit.cause)
          assert.instanceOf(error, StoreError, `page ${1 + at / PAGE}: ${Cause.pretty(exit.cause)}`)
          errors += 1
        }
        assert.isAbove(errors, 0)
      })
    )
  }
})
