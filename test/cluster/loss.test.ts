/** Loss of hosts: real processes on a real PostgreSQL, lost in the middle of turns and compressions. */
import { assert, describe, it } from "@effect/vitest"
import { Console, Effect, Fiber, Layer, Logger } from "effect"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { audit, awaitPlaces, type Host, hostBundle, startHost, startLoad } from "../support/hosts.ts"
import { storeAt } from "../support/hostStore.ts"
import { agents, type Said } from "../support/hostWords.ts"
import { layerPostgresClient } from "../support/postgresClient.ts"
import { createDatabase } from "../support/postgres.ts"
import { conversation } from "../support/world.ts"

const SESSIONS = Array.from({ length: 6 }, (_, i) => SessionId.make(`session ${i}`))

const saidOf = (host: Host, tag: string, session: SessionId) =>
  host.said.filter((one) => one._tag === tag && "session" in one && one.session === session)

/** The sessions that a host was in the middle of answering when it said its last word of them. */
const inTurn = (host: Host, sessions: ReadonlyArray<SessionId>) =>
  sessions.filter((session) => {
    const last = host.said.findLast((one) => "session" in one && one.session === session)
    return last?._tag === "Begun" || (last?._tag === "Appended" && !/ step 4 /.test(last.content))
  })

/** Waits for the first host that says more things with a tag than it has now. */
const firstToSay = (hosts: ReadonlyArray<Host>, isMeant: (one: Said) => boolean) =>
  Effect.raceAll(
    hosts.map((host) => {
      const count = host.said.filter(isMeant).length
      return Effect.as(
        host.until((said) => said.filter(isMeant).length > count),
        host
      )
    })
  )

const isBegun = (session: SessionId) => (one: Said) => one._tag === "Begun" && one.session === session

type Loss = "SIGKILL" | "SIGTERM" | "SIGSTOP"

/** Loses one host after the other, each in the middle of turns and of a compression. One that froze comes back. */
const loseHosts = (losses: ReadonlyArray<Loss>) =>
  Effect.gen(function* () {
    const url = yield* Effect.promise(() => createDatabase())
    const services = Layer.provideMerge(agents.layerClient, Layer.merge(storeAt(url), layerPostgresClient(url)))
    const lose = Effect.gen(function* () {
      const client = yield* agents.client
      const store = yield* SessionStore
      yield* store.importAll(SESSIONS.map((sessionId) => ({ sessionId, messages: conversation(40) })))
      const lostForGood = losses.filter((loss) => loss !== "SIGSTOP").length
      const hosts = yield* Effect.replicateEffect(startHost(url), 2 + lostForGood, { concurrency: "unbounded" })
      let alive: ReadonlyArray<Host> = hosts
      const load = yield* startLoad(client, SESSIONS)
      for (const [round, loss] of losses.entries()) {
        yield* awaitPlaces(client, SESSIONS, alive)
        const summarizing = yield* Effect.fork(firstToSay(alive, ({ _tag }) => _tag === "Summarizing"))
        const compression = yield* Effect.fork(
          client.compress(SessionId.make(`session ${round}`), `compression ${round}`)
        )
        const victim = yield* Fiber.join(summarizing)
        const others = alive.filter((host) => host !== victim)
        const mine = (yield* awaitPlaces(client, SESSIONS, alive)).get(victim.name) ?? []
        yield* victim.until(() => inTurn(victim, mine).length > 0)
        const elsewhere = yield* Effect.fork(
          Effect.forEach(mine, (session) => firstToSay(others, isBegun(session)), { concurrency: "unbounded" })
        )
        const at = performance.now()
        yield* victim.signal(loss)
        if (loss !== "SIGSTOP") yield* victim.ended
        yield* Fiber.join(elsewhere)
        const took = performance.now() - at
        yield* Console.log(`${loss}: ${mine.length} sessions went on elsewhere after ${Math.round(took)} ms`)
        yield* Fiber.join(compression)
        if (loss === "SIGSTOP") {
          // What it said before it froze has been heard by now: another host has answered since.
          const open = inTurn(victim, mine)
          yield* victim.signal("SIGCONT")
          yield* victim.until(() => open.every((session) => saidOf(victim, "Refused", session).length > 0))
          for (const one of victim.said) if (one._tag === "Refused") assert.strictEqual(one.error, "TurnLost")
        } else alive = others
      }
      yield* load.end
      yield* audit(hosts, load.delivered)
      assert.isAbove(load.answered.length, SESSIONS.length)
    })
    yield* Effect.provide(lose, services)
  }).pipe(Effect.scoped, Effect.provide([hostBundle, Logger.remove(Logger.defaultLogger)]))

describe("a cluster that loses a host", () => {
  it.live("keeps what it promised when one freezes and comes back, and one is killed", () =>
    loseHosts(["SIGSTOP", "SIGKILL"])
  )

  it.live("keeps it in another order, too, and when one is told to end", () =>
    loseHosts(["SIGTERM", "SIGSTOP", "SIGSTOP", "SIGKILL"])
  )
})
