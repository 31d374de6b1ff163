/** Loss of hosts: real processes on a real PostgreSQL, lost one after the other, each in the middle of something. */
import { assert, describe, it } from "@effect/vitest"
import { Console, Effect, Fiber, Layer, Logger, type Scope } from "effect"
import type { Client } from "../../src/cluster/SessionCluster.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { type Cable, layCable } from "../support/cable.ts"
import {
  audit,
  awaitPlaces,
  type Host,
  type HostBundle,
  hostBundle,
  type Load,
  parcelsOf,
  startHost,
  startLoad
} from "../support/hosts.ts"
import { storeAt } from "../support/hostStore.ts"
import { agents, type Said } from "../support/hostWords.ts"
import { createDatabase } from "../support/postgres.ts"
import { layerPostgresClient } from "../support/postgresClient.ts"
import { isThorough } from "../support/repetitions.ts"
import { user } from "../support/stores.ts"
import { conversation } from "../support/world.ts"

const SESSIONS = Array.from({ length: 6 }, (_, i) => SessionId.make(`session ${i}`))
const HOSTS = 3

/** The last that a host said of a session. */
const lastOf = (host: Host, session: SessionId) =>
  host.said.findLast((one) => "session" in one && "request" in one && one.session === session)

/** The sessions that a host is in the middle of answering, as far as it was heard. */
const inTurn = (host: Host) =>
  SESSIONS.filter((session) => ["Begun", "Appended"].includes(lastOf(host, session)?._tag ?? ""))

/** Waits for the first host that says something more than it has. */
const firstToSay = <H extends Host>(hosts: ReadonlyArray<H>, isMeant: (one: Said) => boolean) =>
  Effect.raceAll(
    hosts.map((host) => {
      const count = host.said.filter(isMeant).length
      return Effect.as(
        host.until((said) => said.filter(isMeant).length > count),
        host
      )
    })
  )

const is = (tag: Said["_tag"]) => (one: Said) => one._tag === tag

/** A host with a cable of its own. */
interface Wired extends Host {
  readonly cable: Cable
}

type Joining<A> = Effect.Effect<A, never, Scope.Scope | HostBundle>

interface Cluster {
  readonly client: Client<string, never>
  readonly load: Load
  /** The hosts that are not lost for good. */
  readonly alive: ReadonlyArray<Wired>
  /** Those of them that have sessions. */
  readonly busy: ReadonlyArray<Wired>
  readonly round: number
  readonly join: Joining<Wired>
}

/** Ways to lose a host. One that froze or was cut off comes back. */
const LOSSES: Record<
  "SIGKILL" | "SIGTERM" | "SIGSTOP" | "cut off",
  { readonly lose: (host: Wired) => Effect.Effect<void>; readonly comeBack?: (host: Wired) => Effect.Effect<void> }
> = {
  SIGKILL: { lose: (host) => Effect.zipRight(host.signal("SIGKILL"), host.ended) },
  SIGTERM: { lose: (host) => Effect.zipRight(host.signal("SIGTERM"), host.ended) },
  SIGSTOP: { lose: (host) => host.signal("SIGSTOP"), comeBack: (host) => host.signal("SIGCONT") },
  "cut off": { lose: (host) => host.cable.pull, comeBack: (host) => host.cable.plug }
}

/** Each brings the cluster to a moment, and returns the host to be lost then, and what there is to do once it is. */
const MOMENTS: Record<
  "idle" | "in a turn" | "in a compression" | "in a delivery" | "as another joins",
  (cluster: Cluster) => Joining<readonly [victim: Wired, after: Effect.Effect<unknown>]>
> = {
  idle: ({ busy: [victim], load }) =>
    victim === undefined
      ? Effect.dieMessage("no host has a session")
      : Effect.as(load.rest, [victim, load.resume] as const),
  "in a turn": ({ busy }) => Effect.map(firstToSay(busy, is("Begun")), (victim) => [victim, Effect.void] as const),
  "in a compression": ({ alive, client, round }) =>
    Effect.gen(function* () {
      const summarizing = yield* Effect.fork(firstToSay(alive, is("Summarizing")))
      const session = SessionId.make(`session ${round % SESSIONS.length}`)
      const compression = yield* Effect.forkScoped(client.compress(session, `compression ${round}`))
      return [yield* Fiber.join(summarizing), Effect.orDie(Fiber.join(compression))] as const
    }),
  "in a delivery": ({ alive, busy }) =>
    Effect.gen(function* () {
      const delivering = yield* Effect.fork(firstToSay(busy, is("Delivering")))
      yield* Effect.forEach(alive, (host) => host.tell({ _tag: "Deliver", sessions: SESSIONS }))
      const victim = yield* Fiber.join(delivering)
      return [victim, Effect.forEach(alive, (host) => host.tell({ _tag: "Rest" }))] as const
    }),
  "as another joins": ({ busy, join }) =>
    Effect.zipRight(
      join,
      Effect.map(firstToSay(busy, is("Begun")), (victim) => [victim, Effect.void] as const)
    )
}

type Loss = readonly [how: keyof typeof LOSSES, when: keyof typeof MOMENTS]

const endsTurn = (one: Said, session: SessionId) =>
  (one._tag === "Refused" || one._tag === "Interrupted" || one._tag === "Answered") && one.session === session

/** Has a host back that was away, and returns how each of the turns ended that it was in the middle of. */
const comeBack = (host: Wired, plug: Effect.Effect<void>) =>
  Effect.gen(function* () {
    // What it said before has been heard by now: others have answered its sessions since.
    const open = inTurn(host)
    const heard = host.said.length
    yield* plug
    const endsOf = (said: ReadonlyArray<Said>) =>
      open.flatMap((session) => said.slice(heard).find((one) => endsTurn(one, session)) ?? [])
    yield* host.until((said) => endsOf(said).length === open.length)
    return endsOf(host.said).map((one) => (one._tag === "Refused" ? one.error : one._tag))
  })

/** Loses one host after the other, has them back or replaced, and audits what all of them promised. */
const loseHosts = (losses: ReadonlyArray<Loss>) =>
  Effect.gen(function* () {
    const url = yield* Effect.promise(() => createDatabase())
    const services = Layer.provideMerge(agents.layerClient, Layer.merge(storeAt(url), layerPostgresClient(url)))
    const lose = Effect.gen(function* () {
      const client = yield* agents.client
      const store = yield* SessionStore
      yield* store.importAll(SESSIONS.map((sessionId) => ({ sessionId, messages: conversation(40) })))
      const hosts: Array<Wired> = []
      const join = Effect.gen(function* () {
        const cable = yield* layCable
        const host = { ...(yield* startHost(url, { cable })), cable }
        hosts.push(host)
        return host
      })
      yield* Effect.replicateEffect(join, HOSTS, { concurrency: "unbounded" })
      const gone = new Set<Wired>()
      const alive = () => hosts.filter((host) => !gone.has(host))
      const load = yield* startLoad(client, SESSIONS)
      const loseOne = ([how, when]: Loss, round: number) =>
        Effect.gen(function* () {
          while (alive().length < HOSTS) yield* join
          for (const host of alive().slice(HOSTS)) {
            yield* LOSSES.SIGTERM.lose(host)
            gone.add(host)
          }
          const places = yield* awaitPlaces(url, client, SESSIONS, alive())
          const sessionsOf = ({ name }: Host) => places.get(name) ?? []
          const busy = alive().filter((host) => sessionsOf(host).length > 0)
          const [victim, after] = yield* MOMENTS[when]({ client, load, alive: alive(), busy, round, join })
          const others = alive().filter((host) => host !== victim)
          const elsewhere = yield* Effect.fork(
            Effect.forEach(
              sessionsOf(victim),
              (session) => firstToSay(others, (one) => one._tag === "Begun" && one.session === session),
              { concurrency: "unbounded" }
            ).pipe(Effect.map(() => performance.now()))
          )
          const at = performance.now()
          yield* LOSSES[how].lose(victim)
          yield* after
          const took = Math.round((yield* Fiber.join(elsewhere)) - at)
          const had = `${sessionsOf(victim).length} sessions, ${inTurn(victim).length} in a turn`
          const open = parcelsOf(victim, "Delivering").length - parcelsOf(victim, "Delivered").length
          yield* Console.log(`${how} ${when} (${had}, ${open} in a delivery): elsewhere after ${took} ms`)
          const back = LOSSES[how].comeBack
          if (back === undefined) gone.add(victim)
          else {
            const ends = yield* comeBack(victim, back(victim))
            yield* Console.log(`${how} ${when}: back again, its turns ended as ${ends.join(", ")}`)
          }
        })
      // A load that has ended would be waited for in vain.
      yield* Effect.raceFirst(Effect.forEach(losses, loseOne, { discard: true }), load.failure)
      yield* load.end
      // A delivery that was not acknowledged is made again.
      for (const host of hosts) {
        const acknowledged = new Set(parcelsOf(host, "Delivered").map(({ content }) => content))
        for (const { content, session } of parcelsOf(host, "Delivering")) {
          if (acknowledged.has(content)) continue
          yield* client.deliver(SessionId.make(session), user(content), { key: content })
        }
      }
      yield* audit(hosts, load)
      for (const { said } of hosts) {
        for (const one of said) if (one._tag === "Refused") assert.strictEqual(one.error, "TurnLost")
      }
      assert.isAbove(load.answered.length, SESSIONS.length)
    })
    yield* Effect.provide(lose, services)
  }).pipe(Effect.scoped, Effect.provide([hostBundle, Logger.remove(Logger.defaultLogger)]))

describe("a cluster that loses a host", () => {
  it.live.runIf(isThorough)("keeps what it promised in each way that a host can be lost", () =>
    loseHosts([
      ["SIGSTOP", "in a turn"],
      ["SIGKILL", "in a compression"],
      ["cut off", "in a delivery"],
      ["SIGTERM", "as another joins"]
    ])
  )

  for (const when of Object.keys(MOMENTS) as ReadonlyArray<keyof typeof MOMENTS>) {
    it.live.runIf(isThorough)(`keeps it in each way when lost ${when}`, () =>
      loseHosts((Object.keys(LOSSES) as ReadonlyArray<keyof typeof LOSSES>).map((how) => [how, when] as const))
    )
  }
})
