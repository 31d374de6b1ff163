/** Two processes work on one session, and one of them dies. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { assert, describe, layer } from "@effect/vitest"
import { Chunk, Context, Deferred, Effect, Fiber, Layer, Schema, Stream } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Agent from "../support/agent.ts"
import { bundleScript } from "../support/bundledScript.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { problems } from "../support/providerShapes.ts"
import { conversation, id, summary } from "../support/world.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const IMPORTED = 12
const ROUNDS = 6

const decode = Schema.decodeSync(Schema.parseJson(Agent.Said))

/** What one of the two agents said, and a way to wait for it: in vain, if it is gone. */
const hearing = () => {
  const said: Array<Agent.Said> = []
  const waiting = new Set<() => void>()
  let isGone = false
  const hear: Agent.Say = (what) => {
    said.push(what)
    waiting.forEach((look) => look())
  }
  const gone = () => {
    isGone = true
    waiting.forEach((look) => look())
  }
  const heard = (holds: (said: Agent.Said) => boolean) =>
    Effect.async<void>((resume) => {
      const look = () => {
        const found = said.some(holds)
        if (!found && !isGone) return
        waiting.delete(look)
        resume(found ? Effect.void : Effect.dieMessage("the other process is gone"))
      }
      waiting.add(look)
      look()
      return Effect.sync(() => waiting.delete(look))
    })
  const all = <T extends Agent.Said["_tag"]>(tag: T) =>
    said.filter((what): what is Extract<Agent.Said, { readonly _tag: T }> => what._tag === tag)
  return { hear, gone, heard, all }
}

/** The path of the bundled agent. */
class AgentBundle extends Context.Tag("test/AgentBundle")<AgentBundle, string>() {}

/** Another process; it is killed at the end of its scope. */
const other = (name: string, { filename, leaseTtl, url }: Agent.Place) =>
  Effect.gen(function* () {
    const script = yield* AgentBundle
    const { gone, hear, ...heard } = hearing()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [script, name, filename, url, String(leaseTtl)], {
          stdio: ["pipe", "pipe", "inherit"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    createInterface({ input: child.stdout }).on("line", (line) => hear(decode(line)))
    child.on("close", gone)
    yield* heard.heard(({ _tag }) => _tag === "Ready")
    return {
      ...heard,
      tell: (line: string) => Effect.sync(() => void child.stdin.write(`${line}\n`)),
      signal: (signal: NodeJS.Signals) => Effect.sync(() => child.kill(signal))
    }
  })

interface World {
  readonly server: ModelServer.ModelServer
  readonly here: Pick<ReturnType<typeof hearing>, "all" | "hear">
  readonly there: Effect.Effect.Success<ReturnType<typeof other>>
}

/** This process and another on one file and one model. */
const together = <A, E>(
  options: { readonly answer?: ModelServer.Answer; readonly leaseTtl?: number },
  test: (world: World) => Effect.Effect<A, E, Gateway | SessionStore>
) =>
  Effect.gen(function* () {
    const folder = yield* makeTemporaryFolder()
    const server = yield* ModelServer.make([options.answer ?? ModelServer.ok(summary("what counts"))])
    const place = { filename: join(folder, "sessions.db"), url: server.url, leaseTtl: 15_000 }
    const here = hearing()
    return yield* Effect.gen(function* () {
      const store = yield* SessionStore
      yield* store.importAll([{ sessionId: id, messages: conversation(IMPORTED) }])
      const there = yield* other("there", { ...place, ...options })
      return yield* test({ server, here, there })
    }).pipe(Effect.provide(Agent.gateway(place, here.hear)))
  })

const view = Effect.flatMap(Gateway, ({ turn }) => turn(id, ({ view }) => view()))

/** Log plus inbox are what was imported and what both were promised, once each; every turn is in one piece. */
const consistent = ({ here, there }: World) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(id)))
    assert.deepStrictEqual(
      log.map(({ seq }) => seq),
      log.map((_, i) => i + 1)
    )
    const imported = conversation(IMPORTED)
    assert.deepStrictEqual(
      log.slice(0, imported.length).map(({ message }) => message),
      imported
    )
    const since = log.slice(imported.length)
    const arrivals = since.flatMap(({ arrival, message }) =>
      arrival === null ? [] : [{ arrival, content: message.content }]
    )
    const acknowledged = [...here.all("Acknowledged"), ...there.all("Acknowledged")]
    assert.deepStrictEqual(
      arrivals,
      acknowledged.map(({ arrival, content }) => ({ arrival, content })).toSorted((a, b) => a.arrival - b.arrival)
    )
    const tags = since.flatMap(({ arrival, message }) => (arrival === null ? [Agent.tagOf(message)] : []))
    for (const agent of [here, there]) {
      const appended = agent.all("Appended").map(({ tag }) => tag)
      assert.deepStrictEqual(
        tags.filter((tag) => appended.includes(tag)),
        appended
      )
    }
    assert.strictEqual(tags.length, here.all("Appended").length + there.all("Appended").length)
    assert.strictEqual(tags.filter((tag, i) => tag !== tags[i - 1]).length, new Set(tags).size)

    const { generation } = yield* store.state(id)
    assert.deepStrictEqual(
      (yield* store.snapshots(id)).map(({ generation }) => generation),
      Array.from({ length: generation }, (_, i) => i)
    )
    return generation
  })

const layerBundle = Layer.scoped(AgentBundle, bundleScript("test/support/agentProcess.ts"))

layer(layerBundle, { excludeTestServices: true })((it) => {
  // Each waits for leases of its own to run out: together they wait once.
  describe.concurrent("two processes on one session", () => {
    it.scoped("deliver, step and compress at once: one turn and one compression at a time, nothing lost", () =>
      together({}, (world) =>
        Effect.gen(function* () {
          const { here, server, there } = world
          for (let n = 1; n <= ROUNDS; n++) {
            yield* there.tell(`round ${n}`)
            yield* Agent.answer("here", n, here.hear)
            yield* Agent.compress(here.hear)
            yield* there.heard((said) => said._tag === "Done" && said.n === n)
          }
          assert.deepStrictEqual(problems((yield* view).messages), [])
          const generation = yield* consistent(world)

          const results = [...here.all("Compressed"), ...there.all("Compressed")].map(({ result }) => result)
          assert.strictEqual(results.length, 2 * ROUNDS)
          const of = (outcome: string) => results.filter((result) => result.outcome === outcome)
          assert.strictEqual(of("committed").length, generation)
          assert.strictEqual(of("joined").length + of("nothing-to-compress").length, results.length - generation)
          const committed = of("committed").map(({ operationId }) => operationId)
          assert.isTrue(of("joined").every(({ operationId }) => committed.includes(operationId)))
          assert.isAtLeast(generation, 2)
          assert.strictEqual(server.requests.length, generation)
        })
      )
    )

    it.scoped("an equal compression waits for the one of the other process and reports joined", () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const answer = ModelServer.answerAfter(gate, ModelServer.ok(summary("what counts")))
        yield* together({ answer }, (world) =>
          Effect.gen(function* () {
            const { here, server, there } = world
            const mine = yield* Effect.fork(Agent.compress(here.hear))
            yield* server.arrived(1)
            yield* there.tell("compress")
            yield* there.heard((said) => said._tag === "Waiting" && said.lease === "operation")
            yield* Deferred.succeed(gate, undefined)
            yield* Fiber.join(mine)
            yield* there.heard(({ _tag }) => _tag === "Done")
            const [first] = here.all("Compressed")
            const [second] = there.all("Compressed")
            assert.strictEqual(first?.result.outcome, "committed")
            assert.deepStrictEqual(second?.result, { ...first?.result, outcome: "joined" })
            assert.strictEqual(server.requests.length, 1)
            assert.strictEqual(yield* consistent(world), 1)
          })
        )
      })
    )

    it.scoped("a turn waits for the turn of the other process; a delivery does not", () =>
      together({}, (world) =>
        Effect.gen(function* () {
          const { here, there } = world
          const working = Effect.gen(function* () {
            yield* there.tell("round 1")
            yield* there.heard(({ _tag }) => _tag === "Acknowledged")
            yield* there.heard((said) => said._tag === "Waiting" && said.lease === "turn")
          })
          yield* Agent.answer("here", 1, here.hear, working)
          yield* there.heard(({ _tag }) => _tag === "Done")
          yield* consistent(world)
        })
      )
    )

    it.scoped("one that is killed in its turn is followed by the other after its lease, and nothing is lost", () =>
      together({ leaseTtl: 2_000 }, (world) =>
        Effect.gen(function* () {
          const { here, there } = world
          yield* there.tell("slowly 1")
          yield* there.heard(({ _tag }) => _tag === "Appended")
          const { turn } = yield* Gateway
          const busy = yield* Effect.flip(turn(id, () => Effect.void, { wait: "60 millis" }))
          assert.strictEqual(busy._tag, "SessionBusy")
          yield* there.signal("SIGKILL")
          yield* Agent.answer("here", 1, here.hear)
          yield* consistent(world)
          assert.deepStrictEqual(problems((yield* view).messages), [])
        })
      )
    )

    it.scoped("one that slept through its lease writes nothing, and gets its message back", () =>
      together({ leaseTtl: 2_000 }, (world) =>
        Effect.gen(function* () {
          const { here, there } = world
          yield* there.tell("slowly 1")
          yield* there.heard(({ _tag }) => _tag === "Appended")
          yield* there.signal("SIGSTOP")
          yield* Agent.answer("here", 1, here.hear)
          yield* there.tell("go on")
          yield* there.signal("SIGCONT")
          yield* there.heard(({ _tag }) => _tag === "Done")
          assert.deepStrictEqual(
            there.all("Lost").map(({ unstored }) => unstored.map(Agent.tagOf)),
            [["there-1"]]
          )
          assert.strictEqual(there.all("Appended").length, 1)
          yield* consistent(world)
        })
      )
    )

    it.scoped("one that slept through its lease commits nothing, while who took over is still summarizing", () =>
      Effect.gen(function* () {
        const gates = [yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
        const ok = ModelServer.ok(summary("what counts"))
        const answer: ModelServer.Answer = (exchange) =>
          ModelServer.answerAfter(exchange.received.n === 1 ? gates[0] : gates[1], ok)(exchange)
        yield* together({ answer, leaseTtl: 2_000 }, (world) =>
          Effect.gen(function* () {
            const { here, server, there } = world
            yield* there.tell("compress")
            yield* server.arrived(1)
            yield* there.signal("SIGSTOP")
            const mine = yield* Effect.fork(Agent.compress(here.hear))
            yield* server.arrived(2)
            yield* Deferred.succeed(gates[0], undefined)
            yield* there.signal("SIGCONT")
            yield* there.heard(({ _tag }) => _tag === "Compressed")
            assert.deepStrictEqual(
              there.all("Compressed").map(({ result }) => [result.outcome, result.generation]),
              [["failed", 0]]
            )
            assert.strictEqual(yield* consistent(world), 0)
            yield* Deferred.succeed(gates[1], undefined)
            yield* Fiber.join(mine)
            assert.deepStrictEqual(
              here.all("Compressed").map(({ result }) => result.outcome),
              ["committed"]
            )
            assert.strictEqual(yield* consistent(world), 1)
          })
        )
      })
    )

    it.scoped(
      "one that is killed while its summary streams leaves the session as it was, for the other to compress",
      () =>
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          const answer = ModelServer.answerAfter(gate, ModelServer.ok(summary("what counts")))
          yield* together({ answer, leaseTtl: 2_000 }, (world) =>
            Effect.gen(function* () {
              const { here, server, there } = world
              yield* there.tell("compress")
              yield* server.arrived(1)
              yield* there.signal("SIGKILL")
              yield* server.until(({ aborted, open }) => aborted === 1 && open === 0)
              assert.strictEqual(yield* consistent(world), 0)
              yield* Deferred.succeed(gate, undefined)
              yield* Agent.compress(here.hear)
              assert.deepStrictEqual(
                here.all("Compressed").map(({ result }) => result.outcome),
                ["committed"]
              )
              assert.strictEqual(server.requests.length, 2)
              assert.strictEqual(yield* consistent(world), 1)
            })
          )
        })
    )
  })
})
