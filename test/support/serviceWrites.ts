/** The calls that change sessions over HTTP, each with what its answer promises of a service that starts again. */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Client from "../../src/server/Client.ts"
import type { SessionId } from "../../src/session/Session.ts"

export const connect = (baseUrl: string) =>
  Effect.map(Layer.build(Client.layer({ baseUrl })), Context.get(Client.Client))

export type Calls = Effect.Effect.Success<ReturnType<typeof connect>>

/** Asserts what was promised. */
export type Check = (client: Calls) => Effect.Effect<void, unknown>

/** A session of its own, in which a call is prepared. `hear` notes words that are acknowledged. */
export interface Place {
  readonly client: Calls
  readonly session: SessionId
  readonly hear: (session: SessionId, words: string) => void
  /** The model refuses every summary until `mended` is called. */
  readonly mended: Effect.Effect<void>
}

/** Prepares a call, and returns it. The call returns the check of its promise. */
export type Write = (place: Place) => Effect.Effect<Effect.Effect<Check, unknown>, unknown>

/** The promises of words alone, which are checked for all calls. */
const NOTHING_ELSE: Check = () => Effect.void

/** A word by which the model knows what to refuse. */
export const UNLUCKY = "unlucky"

const LONG = "this and that about the invoices of the year, and the file src/invoices.ts. ".repeat(12)
const reply = (content: string) => ({ role: "assistant", content })

const deliver = ({ client, hear, session }: Place, words: string) =>
  Effect.map(
    client.operations.deliver({ path: { session }, payload: { message: { role: "user", content: words } } }),
    () => hear(session, words)
  )

const append = ({ client, hear, session }: Place, turn: string, words: string) =>
  Effect.map(client.turns.append({ path: { session, turn }, payload: { messages: [reply(words)] } }), () =>
    hear(session, words)
  )

/** Begins a turn on something that was delivered. */
const openTurn = (place: Place) =>
  Effect.gen(function* () {
    const { client, session } = place
    yield* deliver(place, "something to answer")
    const { turn } = yield* client.turns.begin({ path: { session }, payload: {} })
    return { path: { session, turn } }
  })

/** Begins a turn, and takes up what there is. */
const openStep = (place: Place) => Effect.tap(openTurn(place), (of) => place.client.turns.step({ ...of, payload: {} }))

/** Fills the session so that a compression has something to do. */
const fill = (place: Place, about: string = "") =>
  Effect.gen(function* () {
    for (let n = 1; n <= 12; n++) yield* deliver(place, `${n}: ${about} ${LONG}`)
    const of = yield* openStep(place)
    yield* append(place, of.path.turn, "all of it is answered")
    yield* place.client.turns.end(of)
  })

const compress = ({ client, session }: Place) => client.operations.compress({ path: { session }, payload: {} })

const reachesGeneration =
  ({ session }: Place, least: number): Check =>
  (client) =>
    Effect.map(client.sessions.detail({ path: { session } }), ({ generation }) => assert.isAtLeast(generation, least))

const readPins = (client: Calls, session: SessionId) =>
  Effect.map(client.sessions.pins({ path: { session } }), (pins) => pins.map(({ text }) => text))

export const WRITES: Readonly<Record<string, Write>> = {
  deliver: (place) => Effect.succeed(Effect.as(deliver(place, `delivered: ${LONG}`), NOTHING_ELSE)),
  begin: (place) =>
    Effect.as(
      deliver(place, "something to answer"),
      Effect.as(place.client.turns.begin({ path: { session: place.session }, payload: {} }), NOTHING_ELSE)
    ),
  step: (place) =>
    Effect.map(openTurn(place), (of) =>
      Effect.as(place.client.turns.step({ ...of, payload: {} }), (client) =>
        Effect.map(client.sessions.detail({ path: of.path }), ({ lastSeq }) => assert.strictEqual(lastSeq, 1))
      )
    ),
  append: (place) =>
    Effect.map(openStep(place), ({ path }) => Effect.as(append(place, path.turn, "appended"), NOTHING_ELSE)),
  rescue: (place) =>
    Effect.gen(function* () {
      yield* fill(place)
      const of = yield* openStep(place)
      return Effect.as(place.client.turns.rescue({ ...of, payload: { detail: "too long" } }), NOTHING_ELSE)
    }),
  report: (place) =>
    Effect.map(openStep(place), (of) =>
      Effect.as(place.client.turns.report({ ...of, payload: { inputTokens: 100 } }), NOTHING_ELSE)
    ),
  heartbeat: (place) =>
    Effect.map(openStep(place), (of) => Effect.as(place.client.turns.heartbeat({ ...of, payload: {} }), NOTHING_ELSE)),
  end: (place) =>
    Effect.map(openStep(place), (of) =>
      Effect.as(place.client.turns.end(of), (client) => client.turns.begin({ ...of, payload: { wait: 0 } }))
    ),
  compress: (place) =>
    Effect.as(
      fill(place),
      Effect.map(compress(place), ({ generation }) => reachesGeneration(place, generation))
    ),
  heal: (place) =>
    Effect.gen(function* () {
      const { client, mended, session } = place
      yield* fill(place, UNLUCKY)
      yield* compress(place)
      const before = yield* client.sessions.segments({ path: { session } })
      assert.isTrue(before.segments.some(({ degraded }) => degraded !== null))
      yield* mended
      return Effect.map(
        client.operations.heal({ path: { session }, payload: {} }),
        ({ segments }): Check =>
          (client) =>
            Effect.map(client.sessions.segments({ path: { session } }), (tree) => {
              const shown = tree.segments.filter(({ isShown }) => isShown)
              assert.isFalse(shown.some(({ id }) => segments.includes(id)))
              assert.isFalse(shown.some(({ degraded }) => degraded !== null))
            })
      )
    }),
  editHandoff: (place) =>
    Effect.gen(function* () {
      const { client, session } = place
      const path = { session }
      yield* fill(place)
      yield* compress(place)
      const { handoff } = yield* client.sessions.handoff({ path })
      const text = String(handoff).replace("most of it", "all but the last one")
      return Effect.as(client.operations.editHandoff({ path, payload: { text } }), (client) =>
        Effect.map(client.sessions.handoff({ path }), ({ handoff }) => assert.include(handoff, "all but the last one"))
      )
    }),
  restore: (place) =>
    Effect.gen(function* () {
      const { client, session } = place
      const path = { session }
      yield* fill(place)
      yield* compress(place)
      const snapshotId = (yield* client.sessions.snapshots({ path })).at(-1)?.snapshotId ?? ""
      return Effect.map(client.operations.restore({ path, payload: { snapshotId } }), ({ generation }) =>
        reachesGeneration(place, generation)
      )
    }),
  pin: (place) =>
    Effect.gen(function* () {
      const { client, session } = place
      yield* deliver(place, "something to hold on to")
      return Effect.as(client.operations.pin({ path: { session }, payload: { text: "pinned" } }), (client) =>
        Effect.map(readPins(client, session), (texts) => assert.deepStrictEqual(texts, ["pinned"]))
      )
    }),
  unpin: (place) =>
    Effect.gen(function* () {
      const { client, session } = place
      yield* deliver(place, "something to hold on to")
      const { name: pin } = yield* client.operations.pin({ path: { session }, payload: { text: "pinned" } })
      return Effect.as(client.operations.unpin({ path: { session, pin } }), (client) =>
        Effect.map(readPins(client, session), (texts) => assert.deepStrictEqual(texts, []))
      )
    }),
  rewind: (place) =>
    Effect.gen(function* () {
      const { client, session } = place
      const of = yield* openStep(place)
      // What a rewind may take back is promised to nobody.
      yield* client.turns.append({ ...of, payload: { messages: [reply("to be taken back")] } })
      yield* client.turns.end(of)
      return Effect.as(client.operations.rewind({ path: { session }, payload: { seq: 1 } }), (client) =>
        Effect.map(client.sessions.log({ path: { session }, urlParams: {} }), ({ entries, undone }) => {
          assert.deepStrictEqual(
            entries.map(({ seq }) => seq),
            [1]
          )
          assert.isNotEmpty(undone)
        })
      )
    }),
  reset: (place) =>
    Effect.as(
      fill(place),
      Effect.map(place.client.operations.reset({ path: { session: place.session }, payload: {} }), ({ generation }) =>
        reachesGeneration(place, generation)
      )
    ),
  forget: ({ client, session, ...place }) =>
    Effect.as(
      fill({ ...place, client, session, hear: () => {} }),
      Effect.as(client.operations.forget({ path: { session } }), (client) =>
        Effect.map(Effect.flip(client.sessions.detail({ path: { session } })), ({ _tag }) =>
          assert.strictEqual(_tag, "UnknownSession")
        )
      )
    )
}
