/** Promise 4, durable acknowledgement: what `deliver` has answered is on disk, and it waits for nobody. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck, Layer, Stream } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import type { DeliveryKind } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Programs from "../support/programs.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import { awaitRequests, compressSession, crowded, id, importRounds, runTurn } from "../support/world.ts"

/** Every acknowledged message as another process finds it in the file. */
const readElsewhere = (filename: string) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(id))).pipe(
    Effect.map(Chunk.toReadonlyArray),
    Effect.provide(Sqlite.layer({ filename }))
  )

const deliveries = FastCheck.array(FastCheck.constantFrom<DeliveryKind>("request", "notification"), {
  minLength: 1,
  maxLength: 5
})

describe("promise 4, durable acknowledgement", () => {
  it.scoped.prop(
    "deliver returns at once with its number, during a turn and a compression that never end, and the file has it",
    [deliveries, FastCheck.boolean(), FastCheck.boolean()],
    ([kinds, isTurnRunning, isCompressing]) =>
      Effect.gen(function* () {
        const filename = yield* temporaryDatabase
        const model = Scripted.make([Scripted.hang])
        yield* Effect.gen(function* () {
          yield* importRounds()
          if (isTurnRunning) yield* Effect.forkScoped(runTurn(() => Effect.never))
          if (isCompressing) {
            yield* Effect.forkScoped(compressSession())
            yield* awaitRequests(model, 1)
          }
          const { deliver } = yield* Gateway.Gateway
          const before = (yield* readElsewhere(filename)).length
          for (const [i, kind] of kinds.entries()) {
            const message = { role: "user", content: `message ${i}` } as const
            const receipt = yield* Programs.completeAtOnce(deliver(id, message, { kind }))
            assert.deepInclude(receipt, { sessionId: id, duplicate: false })
            const onDisk = (yield* readElsewhere(filename)).slice(before)
            assert.deepStrictEqual(onDisk.at(-1)?.message, message)
            assert.strictEqual(onDisk.at(-1)?.arrival, receipt.arrival)
            assert.lengthOf(onDisk, i + 1)
          }
          const arrivals = (yield* readElsewhere(filename)).flatMap(({ arrival }) => arrival ?? [])
          assert.deepStrictEqual(
            arrivals,
            arrivals.toSorted((a, b) => a - b)
          )
          assert.strictEqual(new Set(arrivals).size, arrivals.length)
        }).pipe(
          Effect.scoped,
          Effect.provide(
            Gateway.layer({ ...crowded, shutdownGrace: 0 }).pipe(
              Layer.provideMerge(Sqlite.layer({ filename })),
              Layer.provide(model.layer)
            )
          )
        )
      }).pipe(onVirtualClock),
    propertyRuns(4, 20)
  )
})
