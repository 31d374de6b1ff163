/** An agent in a process of its own, which ends when `processes.ts` closes the channel between them. */
import { Clock, Deferred, Effect, Layer, Logger, LogLevel, Queue, Schema } from "effect"
import * as Audit from "../../src/audit/Audit.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as ModelServer from "../../test/support/ModelServer.ts"
import { real } from "../../test/support/world.ts"
import type * as Actor from "./actor.ts"
import * as Agent from "./agent.ts"
import { HOUR, policyOf, sessionsOf } from "./scenario.ts"
import * as Story from "./story.ts"
import { Place, type Said, SPEED, Told } from "./telling.ts"

const { agents, filename, hours, seed, url, variant, ...place } = Schema.decodeUnknownSync(Place)(process.argv[2])
const agent = SessionId.make(place.agent)

const tell = (said: Said) => void process.send?.(said)

const main = Effect.gen(function* () {
  const begun = yield* Deferred.make<void>()
  const ended = yield* Deferred.make<void>()
  const bell = yield* Queue.sliding<void>(1)
  process.on("message", (told) => {
    if (Schema.decodeUnknownSync(Told)(told) === "ring") bell.unsafeOffer(undefined)
    else Deferred.unsafeDone(begun, Effect.void)
  })
  process.on("disconnect", () => Deferred.unsafeDone(ended, Effect.void))
  tell({ _tag: "Ready" })
  yield* Deferred.await(begun)

  const host: Actor.Host = {
    sessions: sessionsOf(agents),
    seed,
    hours,
    until: (yield* Clock.currentTimeMillis) + (hours * HOUR) / SPEED,
    speed: SPEED,
    tell,
    ring: (other) =>
      other === agent ? Effect.asVoid(bell.offer(undefined)) : Effect.sync(() => tell({ _tag: "Ring", agent: other })),
    seenAs: new Map()
  }
  yield* Effect.forkScoped(Story.watch(tell))
  yield* Effect.raceFirst(Agent.live(host, agent, bell), Deferred.await(ended))
})

const logger = Logger.make<unknown, void>(({ message }) =>
  tell({ _tag: "Line", line: Array.isArray(message) ? message.join(" ") : String(message) })
)

const options = { policy: policyOf(variant), routes: [ModelServer.route(url)] }
const gateway = real(options, Sqlite.layer({ filename }))

const lines = Layer.merge(Logger.replace(Logger.defaultLogger, logger), Audit.messageLevel(LogLevel.Info))

await Effect.runPromise(Effect.provide(Effect.scoped(main), Layer.provideMerge(gateway, lines)))
// The loader of TypeScript would keep it alive.
process.exit()
