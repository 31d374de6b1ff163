/**
 * Starts a PostgreSQL and three hosts, has sessions answered, and kills a host: `npm run hosts [FILE]`. Goes on until the
 * others have answered its sessions, checks that nothing was lost, and draws who answered which session when.
 */
import { Console, Effect, Fiber, Layer, Logger } from "effect"
import { writeFileSync } from "node:fs"
import process from "node:process"
import { SessionId } from "../../src/session/Session.ts"
import { eventually } from "../../test/support/cluster.ts"
import { audit, awaitPlaces, type Host, hostBundle, startHost } from "../../test/support/hosts.ts"
import { storeAt } from "../../test/support/hostStore.ts"
import { agents, type Said } from "../../test/support/hostWords.ts"
import { createDatabase } from "../../test/support/postgres.ts"
import { layerPostgresClient } from "../../test/support/postgresClient.ts"
import { user } from "../../test/support/stores.ts"
import { drawRun, type Turn } from "./picture.ts"

const file = process.argv[2] ?? "docs/hosts.svg"
const HOSTS = 3
const SESSIONS = Array.from({ length: 6 }, (_, i) => SessionId.make(`session ${i + 1}`))

/** Turns of each session before the loss, and after it. */
const TURNS = 4

/** The time of a user between an answer and the next message. */
const PAUSE = "300 millis"

interface Noted {
  readonly host: number
  readonly said: Said
  readonly at: number
}

/** Counts the answers to a session in what hosts said. */
const countAnswers = (noted: ReadonlyArray<Noted>, session: SessionId) =>
  noted.filter(({ said }) => said._tag === "Answered" && said.session === session).length

/** Waits until each of the sessions is answered some more times. */
const awaitAnswers = (noted: ReadonlyArray<Noted>, sessions: ReadonlyArray<SessionId>) => {
  const before = sessions.map((session) => countAnswers(noted, session))
  const areAnswered = () => sessions.every((session, i) => countAnswers(noted, session) >= (before[i] ?? 0) + TURNS)
  return eventually(Effect.sync(areAnswered), Boolean)
}

/** Turns from the words of hosts. One that was not answered ends when its host was killed. */
const turnsOf = (noted: ReadonlyArray<Noted>, killedAt: number): ReadonlyArray<Turn> =>
  noted.flatMap(({ at: from, host, said }) => {
    if (said._tag !== "Begun") return []
    const end = noted.find(
      (other) =>
        other.host === host &&
        other.said._tag === "Answered" &&
        other.said.session === said.session &&
        other.said.request === said.request
    )
    return [{ session: said.session, host, from, to: end?.at ?? killedAt, isAnswered: end !== undefined }]
  })

const program = Effect.gen(function* () {
  const url = yield* Effect.promise(() => createDatabase())
  yield* Console.log("a PostgreSQL runs; starting three hosts")
  const noted: Array<Noted> = []
  const startNumbered = (host: number) =>
    startHost(url, { hear: (said) => void noted.push({ host, said, at: performance.now() }) })
  const run = Effect.gen(function* () {
    const client = yield* agents.client
    const hosts = yield* Effect.forEach(Array.from({ length: HOSTS }).keys(), startNumbered, {
      concurrency: "unbounded"
    })
    const delivered = new Map(SESSIONS.map((session) => [session, new Array<string>()]))
    const load = { isOn: true }
    const converse = (session: SessionId) =>
      Effect.gen(function* () {
        for (let n = 1; load.isOn; n++) {
          const content = `message ${n}`
          const { arrival } = yield* client.deliver(session, user(content))
          delivered.get(session)?.push(content)
          yield* client.turn(session, arrival)
          yield* Effect.sleep(PAUSE)
        }
      })
    yield* awaitPlaces(url, client, SESSIONS, hosts)
    const started = performance.now()
    const work = yield* Effect.fork(Effect.forEach(SESSIONS, converse, { concurrency: "unbounded", discard: true }))
    yield* awaitAnswers(noted, SESSIONS)

    const places = yield* awaitPlaces(url, client, SESSIONS, hosts)
    const sessionsOf = ({ name }: Host) => places.get(name) ?? []
    const victim = hosts.reduce((most, host) => (sessionsOf(host).length > sessionsOf(most).length ? host : most))
    const moved = sessionsOf(victim)
    const number = hosts.indexOf(victim)
    // In the middle of a turn.
    yield* victim.until((said) => said.at(-1)?._tag === "Appended")
    yield* victim.signal("SIGKILL")
    yield* victim.ended
    const killedAt = performance.now()
    yield* Console.log(`host ${number + 1} is killed, which had ${moved.join(", ")}`)
    yield* awaitAnswers(noted, moved)
    load.isOn = false
    yield* Fiber.join(work)
    yield* audit(hosts, { delivered, answered: [] })
    yield* Console.log("its sessions were answered elsewhere; nothing was lost, doubled or out of order")

    const turns = turnsOf(noted, killedAt).map((turn) => ({
      ...turn,
      from: turn.from - started,
      to: turn.to - started
    }))
    const killed = { host: number, at: killedAt - started }
    writeFileSync(file, drawRun({ sessions: SESSIONS, hosts: HOSTS, turns, killed }))
    yield* Console.log(`${file}: ${turns.length} turns`)
  })
  const services = Layer.provideMerge(agents.layerClient, Layer.merge(storeAt(url), layerPostgresClient(url)))
  yield* Effect.timeout(Effect.provide(run, services), "2 minutes")
}).pipe(Effect.scoped, Effect.provide([hostBundle, Logger.remove(Logger.defaultLogger)]))

await Effect.runPromise(program)
process.exit()
