/**
 * An agent in a process of its own, with its model inside it: `node crashAgent.js FILE NAME SEED JITTER_MS ROUNDS`. It
 * delivers, answers and compresses, and says each thing on stdout once it was acknowledged, one JSON value a line. With
 * 0 rounds it goes on until it is killed, everything at once; else it compresses after each turn, and ends.
 */
import { writeSync } from "node:fs"
import { Effect, Layer, Logger, Random, Schema } from "effect"
import * as ModelError from "../../src/model/ModelError.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { renderSummary } from "./summaryText.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Provider from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { storeOn } from "./crashStore.ts"
import { id, Said } from "./crashWords.ts"
import { isMerge } from "./models.ts"

const [, , filename = "", name = "", ...numbers] = process.argv
const [seed = 0, jitter = 0, rounds = 0] = numbers.map(Number)

const encode = Schema.encodeSync(Schema.parseJson(Said))
// At once and whole, so that what was acknowledged is heard although the next instruction is the last.
const say = (said: Said) => Effect.sync(() => void writeSync(1, `${encode(said)}\n`))

const summary = renderSummary({ ...Handoff.empty, goal: ["go on"], done: ["most of it"], facts: ["port 8123"] })

const random = Random.make(`${name} ${seed}`)
const pause = Effect.flatMap(random.nextIntBetween(0, jitter + 1), (millis) => Effect.sleep(millis))

let failures = 0
let merges = 0
const broken = new ModelError.Interrupted({ route: "scripted", by: "provider" })

/** One call in eight breaks off, which is followed by a second one at once. */
const chooseOutcome = (request: Provider.ModelRequest): Scripted.ScriptedOutcome => {
  const dice = Effect.runSync(random.next)
  if (dice > 1 / 8 && isMerge(request)) merges += 1
  if (dice > 1 / 8) return { text: [summary.slice(0, 20), summary.slice(20)], delay: dice * 4 }
  failures += 1
  return { partial: "## Goal", end: broken, delay: dice * 8 }
}
const model = Scripted.make([chooseOutcome])

let number = 0
const tag = () => `${name} ${(number += 1)}`

const deliverMessage = (kind: "request" | "notification") =>
  Effect.flatMap(Gateway.Gateway, ({ deliver }) => {
    const content = tag()
    return Effect.flatMap(deliver(id, { role: "user", content }, { kind }), ({ arrival }) =>
      say({ _tag: "Delivered", arrival, tag: content })
    )
  }).pipe(Effect.uninterruptible)

const notification = Effect.zipRight(pause, deliverMessage("notification"))

/** An agent that will be killed has a small window, so that it often compresses; one that lives has room for merges. */
const { contextLength, lines } =
  rounds === 0 ? { contextLength: 2_048, lines: 24 } : { contextLength: 8_000, lines: 72 }

/** The output of the tool is what there is to compress. */
const output = (of: string): string =>
  Array.from({ length: lines }, (_, i) => `${of}: item ${i} of the report refers to invoice ${i * 131}.`).join(" ")

const turn = Effect.gen(function* () {
  const { turn } = yield* Gateway.Gateway
  yield* deliverMessage("request")
  yield* turn(id, (turn) => {
    const append = (tag: string, message: Message) =>
      Effect.zipRight(turn.append(message), say({ _tag: "Appended", tag }))
    const call = tag()
    const result = tag()
    const reply = tag()
    const read = { id: call, type: "function", function: { name: "read_file", arguments: "{}" } } as const
    return Effect.gen(function* () {
      yield* turn.view()
      yield* append(call, { role: "assistant", content: call, tool_calls: [read] })
      yield* append(result, { role: "tool", tool_call_id: call, content: `${result}\n${output(result)}` })
      yield* turn.view()
      yield* append(reply, { role: "assistant", content: reply })
    })
  })
  yield* pause
})

const compression = Effect.gen(function* () {
  const { compress } = yield* Gateway.Gateway
  const said = yield* Effect.match(compress(id), {
    onSuccess: ({ generation, outcome, operationId }): Said => ({
      _tag: "Compressed",
      outcome,
      operationId,
      generation
    }),
    onFailure: (error): Said => ({ _tag: "Failed", error: error._tag, operationId: operationOf(error) })
  })
  yield* say(said)
})

const operationOf = (error: object): string =>
  "operationId" in error && typeof error.operationId === "string" ? error.operationId : ""

const unending = Effect.all([turn, notification, Effect.zipRight(pause, compression)].map(Effect.forever), {
  concurrency: "unbounded"
})

const inRounds = Effect.raceFirst(
  Effect.forever(Effect.zipRight(pause, notification)),
  Effect.repeatN(Effect.zipRight(turn, compression), rounds - 1)
)

const main = Effect.gen(function* () {
  yield* say({ _tag: "Ready" })
  yield* rounds === 0 ? unending : inRounds
}).pipe(Effect.ensuring(Effect.suspend(() => say({ _tag: "Called", calls: model.requests.length, failures, merges }))))

const gateway = Gateway.layer({
  policy: { contextLength, mode: "manual", onExhausted: "fail" },
  routes: [Provider.route({ model: "scripted", apiKey: "none", baseUrl: "http://scripted.invalid/v1" })],
  leaseTtl: rounds === 0 ? "30 millis" : "15 seconds"
}).pipe(Layer.provide(storeOn(filename)), Layer.provide(model.layer))

await Effect.runPromise(Effect.provide(main, Layer.provideMerge(gateway, Logger.remove(Logger.defaultLogger))))
