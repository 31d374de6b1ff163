/** Models that answer six times of ten, and else fail: slow, silent, broken off, refusing, too small, or no summary. */
import { Effect, Layer } from "effect"
import type { Random } from "../../src/cli/random.ts"
import * as ModelError from "../../src/model/ModelError.ts"
import { Provider } from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as ModelServer from "../../test/support/ModelServer.ts"
import { summary } from "../../test/support/world.ts"

const ANSWER = summary("the batches")
const where = { route: "scripted", detail: "of the soak" }

const failures: readonly [Scripted.ScriptedOutcome, ...ReadonlyArray<Scripted.ScriptedOutcome>] = [
  Scripted.hang,
  { partial: "## Goal", end: "cut" },
  { partial: "## Goal", end: new ModelError.Interrupted({ route: "scripted", by: "provider" }) },
  new ModelError.ConnectionError(where),
  new ModelError.RateLimited({ route: "scripted", retryAfter: 50 }),
  new ModelError.ModelUnavailable(where),
  new ModelError.ContextOverflow(where),
  new ModelError.ProviderError({ ...where, status: 502 }),
  "I'm sorry, I cannot help with that.",
  "",
  "<html><body>502</body></html>"
]

/** A model within the process. */
export const script =
  (random: Random): Scripted.ScriptedOutcome =>
  () =>
    random.chance(0.6) ? { text: ANSWER, delay: random.between(0, 60) } : random.pick(failures)

const answers: readonly [ModelServer.Answer, ...ReadonlyArray<ModelServer.Answer>] = [
  ModelServer.hang,
  ModelServer.hangAfter("## Goal"),
  ModelServer.cut("## Goal"),
  ModelServer.endless("## Goal"),
  ModelServer.incompleteChunk("## Goal"),
  ModelServer.reset,
  ModelServer.brokenOff("## Goal"),
  ModelServer.length(ANSWER),
  ModelServer.filtered("no"),
  ModelServer.reasoningOnly("hm"),
  ModelServer.refusal("I cannot help with that."),
  ModelServer.invalidJson,
  ModelServer.html(502),
  ModelServer.raw(200, null, "\u0000garbage"),
  ModelServer.refuse(429, {}, { "retry-after": "0" }),
  ModelServer.refuse(500),
  ModelServer.refuse(401),
  ModelServer.refuse(400, { code: "context_length_exceeded", message: "maximum context length is 3000 tokens" })
]

/** A model server on the loopback. A round has one of its own, so that it also begins and ends. */
export const serve = (random: Random, port: number) =>
  ModelServer.make(
    () => (exchange) =>
      random.chance(0.6)
        ? Effect.delay(ModelServer.ok(ANSWER)(exchange), random.between(0, 60))
        : random.pick(answers)(exchange),
    port
  )

/** Counts the clients that are open. */
export const countClients = <E, R>(provider: Layer.Layer<Provider, E, R>) => {
  const clients = { open: 0 }
  const counted = Layer.effect(
    Provider,
    Effect.map(Provider, ({ open }) => ({
      open: (route) =>
        Effect.zipLeft(
          open(route),
          Effect.acquireRelease(
            Effect.sync(() => (clients.open += 1)),
            () => Effect.sync(() => (clients.open -= 1))
          )
        )
    }))
  )
  return { clients, layer: Layer.provide(counted, provider) }
}
