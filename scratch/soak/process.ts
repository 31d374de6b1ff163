/** A gateway in a process of its own. It works when it is told to, and ends with its parent or at SIGTERM. */
import { Deferred, Effect, Layer, Queue, Schema } from "effect"
import * as Random from "../../src/cli/random.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import * as Journal from "./journal.ts"
import * as Models from "./models.ts"
import { Place, type Said, type Shift, Told } from "./telling.ts"
import { measureUsage } from "./usage.ts"
import * as Worker from "./worker.ts"
import { shiftClock } from "./wrongClock.ts"

const place = Schema.decodeUnknownSync(Schema.parseJson(Place))(process.argv[2])
if (place.shift !== 0) shiftClock(place.shift)

const tell = Journal.open(place.journal, place.diesAt)
const random = Random.make(place.seed)
const { clients, layer: provider } = Models.countClients(
  place.url === null ? Scripted.layer([Models.script(random)]) : OpenAi.layer
)
const routes = Worker.routesTo(place.url ?? "http://scripted.invalid/v1")
const say = (said: Said) => void process.send?.(said, () => {})

const main = Effect.gen(function* () {
  const work = Worker.make({ ...place, random, tell })
  const shifts = yield* Queue.unbounded<Shift>()
  const ended = yield* Deferred.make<void>()
  process.on("message", (message) => {
    const told = Schema.decodeUnknownSync(Told)(message)
    if (told._tag === "Jump") shiftClock(told.shift)
    else shifts.unsafeOffer(told)
  })
  for (const end of ["disconnect", "SIGTERM"]) process.once(end, () => Deferred.unsafeDone(ended, Effect.void))
  say({ _tag: "Ready" })
  const rounds = Effect.forever(
    Effect.gen(function* () {
      yield* work(yield* shifts.take)
      say({ _tag: "Rested", usage: measureUsage(clients.open) })
    })
  )
  yield* Effect.raceFirst(rounds, Deferred.await(ended))
})

const layer = Layer.provide(Worker.layer(place.store, place.filename, routes), provider)

await Effect.runPromise(Effect.provide(Effect.scoped(main), Layer.provideMerge(layer, Worker.layerLines(tell))))
process.exit()
