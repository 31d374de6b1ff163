/** The soak in small. A checker that finds nothing in a store that loses messages would prove nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import * as Random from "../../src/cli/random.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { StoreError } from "../../src/session/SessionError.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { bundleScript } from "../../test/support/bundledScript.ts"
import { makeTemporaryFolder } from "../../test/support/temporaryFolder.ts"
import * as Examine from "./examine.ts"
import * as Promises from "./promises.ts"
import * as Soak from "./soak.ts"
import type { Event } from "./telling.ts"
import * as Worker from "./worker.ts"

type Store = SessionStore["Type"]

/** Works through some verbs in this process, on a store that may not keep its promises, and judges it. */
const findBroken = (mutate: (store: Store) => Store) => {
  const events: Array<Event> = []
  const tell = (event: Event) => void events.push(event)
  const store = Layer.effect(SessionStore, Effect.map(SessionStore, mutate)).pipe(
    Layer.provideMerge(Sqlite.layerTemporary)
  )
  const layer = Layer.provideMerge(Worker.gatewayWith([]), store).pipe(Layer.provide(Scripted.layer([])))
  const worker = Worker.make({ name: "p1", random: Random.make(1), tell, sessions: 3 })
  return Effect.gen(function* () {
    yield* worker({ milliseconds: 60_000, verbs: 90, fibers: 3, pause: 0 })
    const memory = Promises.makeMemory()
    Promises.remember(memory, events)
    const seen: Array<Event> = []
    const { broken, logs } = yield* Examine.look("end", 3, memory, (event) => void seen.push(event))
    Promises.remember(memory, seen)
    const all = [...broken, ...Promises.judge(memory, logs), ...Soak.brokenIn(events)]
    return Array.from(new Set(all.map(({ promise }) => promise))).toSorted()
  }).pipe(Effect.provide(Layer.provideMerge(layer, Worker.layerLines(tell))))
}

/** Does something else at each fifth call: of some calls the caller gives up before it sees what came of them. */
const atFifth = <A extends ReadonlyArray<unknown>, B>(usual: (...args: A) => B, instead: (...args: A) => B) => {
  let calls = 0
  return (...args: A): B => (++calls % 5 === 0 ? instead(...args) : usual(...args))
}

const mutations: Readonly<Record<string, { readonly mutate: (store: Store) => Store; readonly promise: string }>> = {
  "loses a delivery that it has acknowledged": {
    mutate: (store) => ({
      ...store,
      deliver: atFifth(store.deliver, (sessionId) =>
        Effect.succeed({ sessionId, arrival: 1_000_000, duplicate: false })
      )
    }),
    promise: "lost"
  },
  "loses what a turn has appended": {
    mutate: (store) => ({ ...store, append: atFifth(store.append, () => Effect.succeed([])) }),
    promise: "lost"
  },
  "takes a delivery twice": {
    mutate: (store) => ({
      ...store,
      deliver: atFifth(store.deliver, (...args) => Effect.zipRight(store.deliver(...args), store.deliver(...args)))
    }),
    promise: "doubled"
  },
  "says that it failed, and has written": {
    mutate: (store) => ({
      ...store,
      append: atFifth(store.append, (...args) =>
        Effect.zipRight(
          store.append(...args),
          new StoreError({ operation: "append", reason: "full", detail: "the disk is full" })
        )
      )
    }),
    promise: "told not written"
  },
  "answers for another session": {
    mutate: (store) => ({
      ...store,
      deliver: atFifth(store.deliver, (...args) =>
        Effect.map(store.deliver(...args), (receipt) => ({ ...receipt, sessionId: SessionId.make("session-x") }))
      )
    }),
    promise: "session id"
  },
  "changes the id of a session": {
    mutate: (store) => ({
      ...store,
      sessions: Effect.map(store.sessions, (list) =>
        list.map((summary, i) => (i === 0 ? { ...summary, sessionId: SessionId.make("session-x") } : summary))
      )
    }),
    promise: "session id"
  },
  "puts two messages of the log in another order": {
    mutate: (store) => ({
      ...store,
      log: (sessionId) =>
        Stream.fromIterableEffect(
          Effect.map(Stream.runCollect(store.log(sessionId)), (log) => {
            const [first, second, ...others] = log
            return [second, first, ...others].flatMap((entry) => entry ?? [])
          })
        )
    }),
    promise: "order"
  },
  "forgets a segment": {
    mutate: (store) => ({
      ...store,
      state: (sessionId) =>
        Effect.map(store.state(sessionId), (state) => ({ ...state, segments: state.segments.slice(1) }))
    }),
    promise: "handoff"
  }
}

describe("the checker of the soak", () => {
  it.scopedLive("finds nothing in the store of this library", () =>
    Effect.map(
      findBroken((store) => store),
      (found) => assert.deepStrictEqual(found, [])
    )
  )

  for (const [what, { mutate, promise }] of Object.entries(mutations)) {
    it.scopedLive(`finds out a store that ${what}`, () =>
      Effect.map(findBroken(mutate), (found) => assert.include(found, promise))
    )
  }
})

describe("a soak", () => {
  it.scopedLive("of two processes, one of which is killed at its work and replaced, finds every promise kept", () =>
    Effect.gen(function* () {
      const work = { milliseconds: 60_000, verbs: 60, fibers: 3, pause: 0 }
      const folder = yield* makeTemporaryFolder()
      const script = yield* bundleScript("scratch/soak/process.ts")
      const plan = { seed: 1, folder, script, library: null, sessions: 3, mortals: 1, work, isServed: false }
      const play = yield* Soak.make(plan)
      const round = yield* play("native", "die")
      assert.deepStrictEqual(round.broken, [])
      assert.isAtLeast(round.faults, 1)
    })
  )
})
