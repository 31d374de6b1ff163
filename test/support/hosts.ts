/** Hosts of a cluster as processes that can be killed and frozen, the load on them, and the audit of what they stored. */
import { Chunk, Context, Deferred, Effect, FiberId, Layer, Schema, Stream } from "effect"
import { strict as assert } from "node:assert"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import type { Client } from "../../src/cluster/SessionCluster.ts"
import type { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { bundleScript } from "./bundledScript.ts"
import { eventually, findFreePort } from "./cluster.ts"
import { Said } from "./hostWords.ts"
import { user } from "./stores.ts"

/** The path of the bundled host. */
export class HostBundle extends Context.Tag("test/HostBundle")<HostBundle, string>() {}

export const hostBundle = Layer.scoped(HostBundle, bundleScript("test/support/hostProcess.ts"))

const decode = Schema.decodeSync(Schema.parseJson(Said))

/** A running host, each of whose words `hear` is told. It is killed at the end of the scope, if not before. */
export const startHost = (url: string, hear: (one: Said) => void = () => {}) =>
  Effect.gen(function* () {
    const script = yield* HostBundle
    const port = yield* findFreePort
    const said: Array<Said> = []
    const waiting = new Set<() => void>()
    const end = Deferred.unsafeMake<void>(FiberId.none)
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, [script, `${port}`, url], { stdio: ["pipe", "pipe", "inherit"] })),
      (child) =>
        Effect.zipRight(
          Effect.sync(() => child.kill("SIGKILL")),
          Deferred.await(end)
        )
    )
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
    return {
      name: `127.0.0.1:${port}`,
      said,
      until,
      ended: Deferred.await(end),
      signal: (signal: NodeJS.Signals) => Effect.sync(() => void child.kill(signal))
    }
  })

export type Host = Effect.Effect.Success<ReturnType<typeof startHost>>

/** Waits until the hosts, and no others, have all sessions, and returns the sessions of each by its name. */
export const awaitPlaces = (
  client: Client<string, never>,
  sessions: ReadonlyArray<SessionId>,
  hosts: ReadonlyArray<Host>
) =>
  eventually(
    Effect.map(
      Effect.forEach(sessions, client.locate, { concurrency: "unbounded" }),
      (names) => new Map(hosts.map(({ name }) => [name, sessions.filter((_, i) => names[i] === name)]))
    ),
    (places) => [...places.values()].flat().length === sessions.length
  )

/** The load on a cluster, and what was promised under it. */
export const startLoad = (client: Client<string, never>, sessions: ReadonlyArray<SessionId>) =>
  Effect.gen(function* () {
    const load = { isOn: true }
    const delivered = new Map(sessions.map((session) => [session, new Array<string>()]))
    const answered: Array<string> = []
    const deliver = (session: SessionId) =>
      Effect.gen(function* () {
        for (let n = 1; load.isOn; n++) {
          const content = `message ${n}`
          yield* client.deliver(session, user(content), { key: content })
          delivered.get(session)?.push(content)
          // As fast as one types, not as fast as a disk can.
          yield* Effect.sleep("20 millis")
        }
      })
    const ask = (session: SessionId) =>
      Effect.gen(function* () {
        for (let n = 1; load.isOn; n++) {
          yield* client.turn(session, `turn ${n}`)
          answered.push(`${session} turn ${n}`)
        }
      })
    const fiber = yield* Effect.forkScoped(
      Effect.forEach(
        sessions,
        (session) => Effect.all([deliver(session), ask(session)], { concurrency: "unbounded" }),
        {
          concurrency: "unbounded",
          discard: true
        }
      )
    )
    return {
      delivered,
      answered,
      end: Effect.zipRight(
        Effect.sync(() => void (load.isOn = false)),
        fiber
      )
    }
  })

/** Fails unless every promise is kept: nothing lost, nothing doubled, nothing out of order, no turn between another's steps. */
export const audit = (hosts: ReadonlyArray<Host>, delivered: ReadonlyMap<SessionId, ReadonlyArray<string>>) =>
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
    }
  })
