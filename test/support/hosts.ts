/** Hosts of a cluster as processes that can be killed, frozen and cut off, the load on them, and the audit of what they stored. */
import { Cause, Chunk, Context, Deferred, Effect, FiberId, Layer, Schema, type Scope, Stream } from "effect"
import { strict as assert } from "node:assert"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { readStatus } from "../../src/cli/cluster/query.ts"
import type { Client } from "../../src/cluster/SessionCluster.ts"
import type { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { bundleScript } from "./bundledScript.ts"
import type { Cable } from "./cable.ts"
import { eventually, findFreePort } from "./cluster.ts"
import { Said, STEPS, Told } from "./hostWords.ts"
import { user } from "./stores.ts"

/** The path of the bundled host. */
export class HostBundle extends Context.Tag("test/HostBundle")<HostBundle, string>() {}

export const hostBundle = Layer.scoped(HostBundle, bundleScript("test/support/hostProcess.ts"))

const decode = Schema.decodeSync(Schema.parseJson(Said))
const encode = Schema.encodeSync(Schema.parseJson(Told))

interface Ways {
  /** Is told each word of the host. */
  readonly hear?: (one: Said) => void
  /** The port at which others reach it; else a free one. */
  readonly port?: number | undefined
  /** All that it speaks with, and all that speaks with it, goes through this. */
  readonly cable?: Cable
}

/** A running host. It is killed at the end of the scope, if not before. */
export const startHost = (url: string, { cable, hear = () => {}, port: given }: Ways = {}) =>
  Effect.gen(function* () {
    const script = yield* HostBundle
    const listen = given ?? (yield* findFreePort)
    const database = new URL(url)
    const port = cable === undefined ? listen : yield* cable.lead(listen)
    if (cable !== undefined) database.port = String(yield* cable.lead(Number(database.port)))
    const said: Array<Said> = []
    const waiting = new Set<() => void>()
    const end = Deferred.unsafeMake<void>(FiberId.none)
    const words = [script, `${port}`, `${listen}`, database.href]
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, words, { stdio: ["pipe", "pipe", "inherit"] })),
      (child) =>
        Effect.zipRight(
          Effect.sync(() => child.kill("SIGKILL")),
          Deferred.await(end)
        )
    )
    // It may have ended by the time that it is told something.
    child.stdin.on("error", () => {})
    createInterface({ input: child.stdout }).on("line", (line) => {
      const one = decode(line)
      said.push(one)
      hear(one)
      waiting.forEach((look) => look())
    })
    child.on("close", () => Deferred.unsafeDone(end, Effect.void))
    /** Waits until what it said is as told, and dies if it ends before. */
    const until = (isSaid: (said: ReadonlyArray<Said>) => boolean) =>
      Effect.raceFirst(hasSaid(isSaid), Effect.zipRight(Deferred.await(end), Effect.dieMessage("the host has ended")))
    const hasSaid = (isSaid: (said: ReadonlyArray<Said>) => boolean) =>
      Effect.async<void>((resume) => {
        const look = () => {
          if (isSaid(said)) resume(Effect.void)
        }
        waiting.add(look)
        look()
        return Effect.sync(() => waiting.delete(look))
      })
    yield* until(({ length }) => length > 0)
    const tell = (told: Told) => Effect.sync(() => void child.stdin.write(`${encode(told)}\n`))
    const measured = () => said.flatMap((one) => (one._tag === "Measured" ? [one.metrics] : []))
    return {
      name: `127.0.0.1:${port}`,
      port,
      said,
      until,
      ended: Deferred.await(end),
      tell,
      /** Its metrics as they are now, by their names. */
      measure: Effect.suspend(() => {
        const { length } = measured()
        return Effect.zipRight(
          tell({ _tag: "Measure" }),
          until(() => measured().length > length)
        ).pipe(Effect.map(() => measured()[length] ?? {}))
      }),
      signal: (signal: NodeJS.Signals) => Effect.sync(() => void child.kill(signal))
    }
  })

export type Host = Effect.Effect.Success<ReturnType<typeof startHost>>

const SHARDS = 300

/**
 * Waits until the hosts, and no others, share all shards evenly: then nothing is about to move. Returns the sessions of each
 * host by its name, once each has been found by a client.
 */
export const awaitPlaces = (
  url: string,
  client: Client<string, never>,
  sessions: ReadonlyArray<SessionId>,
  hosts: ReadonlyArray<Host>
) => {
  const names = hosts.map(({ name }) => name).toSorted()
  const areEven = eventually(Effect.orDie(readStatus(url, "throughline")), (status) => {
    const holding = (status?.hosts ?? []).filter(({ shards }) => shards > 0)
    const shares = holding.map(({ shards }) => shards)
    return (
      holding.every(({ address, healthy }, i) => healthy && address === names[i]) &&
      holding.length === names.length &&
      shares.reduce((sum, share) => sum + share, 0) === SHARDS &&
      Math.max(...shares) - Math.min(...shares) < names.length
    )
  })
  const places = Effect.map(
    Effect.forEach(sessions, client.locate, { concurrency: "unbounded" }),
    (found) => new Map(names.map((name) => [name, sessions.filter((_, i) => found[i] === name)]))
  )
  return Effect.zipRight(
    areEven,
    eventually(places, (found) => [...found.values()].flat().length === sessions.length)
  )
}

/** The load on a cluster, and what was promised under it. */
export interface Load {
  readonly delivered: ReadonlyMap<SessionId, ReadonlyArray<string>>
  readonly answered: ReadonlyArray<Answer>
  /** Asks no more until `resume`, and waits until all that was asked is answered. Deliveries go on. */
  readonly rest: Effect.Effect<unknown>
  readonly resume: Effect.Effect<unknown>
  /** Waits until all is delivered and answered, and fails if something was not. */
  readonly end: Effect.Effect<void>
  /** Fails as soon as something is not delivered or answered, and never succeeds. */
  readonly failure: Effect.Effect<never>
}

interface Answer {
  readonly session: SessionId
  readonly request: string
  /** The run that gave it. */
  readonly run: string
}

/** Delivers to sessions and has them answered, all the time. */
export const startLoad = (
  client: Client<string, never>,
  sessions: ReadonlyArray<SessionId>
): Effect.Effect<Load, never, Scope.Scope> =>
  Effect.gen(function* () {
    const load = { isOn: true, asked: 0 }
    const delivered = new Map(sessions.map((session) => [session, new Array<string>()]))
    const answered: Array<Answer> = []
    const isAsking = Effect.unsafeMakeLatch(true)
    // Told at once: the others may take long to stop.
    const broken = yield* Deferred.make<never>()
    const tellFailure = <A, E>(loop: Effect.Effect<A, E>) =>
      Effect.tapErrorCause(loop, (cause) => Deferred.die(broken, Cause.squash(cause)))
    const deliver = (session: SessionId) =>
      Effect.gen(function* () {
        for (let n = 1; load.isOn; n++) {
          const content = `message ${n}`
          yield* client.deliver(session, user(content), { key: content })
          delivered.get(session)?.push(content)
          // As fast as one types, not as fast as a disk can.
          yield* Effect.sleep("50 millis")
        }
      })
    const ask = (session: SessionId) =>
      Effect.gen(function* () {
        for (let n = 1; load.isOn; n++) {
          yield* isAsking.await
          const request = `turn ${n}`
          load.asked += 1
          const run = yield* client.turn(session, request)
          load.asked -= 1
          answered.push({ session, request, run })
        }
      })
    const fiber = yield* Effect.forkScoped(
      Effect.forEach(
        sessions,
        (session) =>
          Effect.all([tellFailure(deliver(session)), tellFailure(ask(session))], { concurrency: "unbounded" }),
        {
          concurrency: "unbounded",
          discard: true
        }
      )
    )
    return {
      delivered,
      answered,
      rest: Effect.zipRight(
        isAsking.close,
        eventually(
          Effect.sync(() => load.asked),
          (asked) => asked === 0
        )
      ),
      resume: isAsking.open,
      end: Effect.zipRight(
        Effect.sync(() => void (load.isOn = false)),
        Effect.orDie(fiber)
      ),
      failure: Deferred.await(broken)
    }
  })

/** What a host said that it delivers, or that it has delivered. */
export const parcelsOf = ({ said }: Host, tag: "Delivering" | "Delivered") =>
  said.flatMap((one) => (one._tag === tag && "content" in one ? [one] : []))

/** Fails unless every promise is kept: nothing lost, nothing doubled, nothing out of order, no turn between another's steps. */
export const audit = (hosts: ReadonlyArray<Host>, { answered, delivered }: Pick<Load, "answered" | "delivered">) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    for (const [session, receipts] of delivered) {
      const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(session)))
      const texts = log.map(({ message }) => String(message.content))
      assert.deepStrictEqual(
        texts.filter((text) => text.startsWith("message")),
        receipts,
        `${session}: each delivery once, in order`
      )
      const arrivals = log.flatMap(({ arrival }) => arrival ?? [])
      assert.deepStrictEqual(
        arrivals,
        arrivals.toSorted((a, b) => a - b),
        `${session}: arrivals in order`
      )
      for (const host of hosts) {
        const parcels = parcelsOf(host, "Delivering").flatMap((one) => (one.session === session ? [one.content] : []))
        const mine = new Set(parcels)
        assert.deepStrictEqual(
          texts.filter((text) => mine.has(text)),
          parcels,
          `${session}: each delivery of ${host.name} once, in order`
        )
      }
      const told = hosts.flatMap(({ said }) =>
        said.flatMap((one) => (one._tag === "Appended" && one.session === session ? [one.content] : []))
      )
      const steps = texts.filter((text) => / step \d+ by /.test(text))
      assert.strictEqual(new Set(steps).size, steps.length, `${session}: no append twice`)
      const there = new Set(steps)
      assert.deepStrictEqual(
        told.filter((text) => !there.has(text)),
        [],
        `${session}: no told append is missing`
      )
      const turns = steps.map((text) => text.replace(/ step \d+/, ""))
      const runs = turns.filter((turn, i) => turns[i - 1] !== turn)
      assert.strictEqual(new Set(runs).size, runs.length, `${session}: no turn between the steps of another`)
      const whole = new Set(steps.flatMap((text, i) => (text.includes(` step ${STEPS} `) ? [turns[i]] : [])))
      assert.deepStrictEqual(
        answered.filter((one) => one.session === session && !whole.has(`${one.request} ${one.run}`)),
        [],
        `${session}: each answer is of a whole turn`
      )
    }
  })
