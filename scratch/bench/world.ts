/** The library as it is measured: a gateway on a database file, a model that answers at once, no log lines. */
import { Effect, Layer, Logger, LogLevel } from "effect"
import type * as CompressionPolicy from "../../src/CompressionPolicy.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as Handoff from "../../src/Handoff.ts"
import * as Provider from "../../src/Provider.ts"
import * as Scripted from "../../src/Provider/Scripted.ts"
import { SessionId } from "../../src/Session.ts"
import * as Sqlite from "../../src/SessionStore/Sqlite.ts"
import type { Turn } from "./session.ts"

export const id = SessionId.make("measured")

/** As long as a model's answer. */
export const summary = Handoff.render({
  ...Handoff.empty,
  goal: ["go through every part of the report and say what is wrong with it"],
  done: Array.from({ length: 30 }, (_, n) => `part ${n + 1} was read, compared with the one before, and is in order`),
  decisions: ["keep the old interface until the last caller has moved"],
  openWork: ["go on with the next part"],
  facts: Array.from({ length: 20 }, (_, n) => `area ${n + 1} is read by ${n + 2} jobs`)
})

export const route = Provider.route({ model: "fake", apiKey: "fake", baseUrl: "http://fake.invalid/v1" })

export interface Options {
  readonly policy?: Partial<CompressionPolicy.Options>
  readonly outcome?: Scripted.Outcome
  readonly contextLength?: number
}

export const world = (filename: string, { contextLength = 128_000, outcome = summary, policy }: Options = {}) =>
  Gateway.layer({ policy: { contextLength, ...policy }, routes: [{ ...route, contextLength }] }).pipe(
    Layer.provideMerge(Sqlite.layer({ filename })),
    Layer.provide(Scripted.layer([outcome])),
    Layer.merge(Logger.minimumLogLevel(LogLevel.Error))
  )

/** One turn of an agent whose model needs no time. */
export const answered = (sessionId: SessionId, { replies, request }: Turn) =>
  Effect.gen(function* () {
    const gateway = yield* Gateway.Gateway
    yield* gateway.deliver(sessionId, request)
    yield* gateway.turn(sessionId, ({ append, step }) => step(() => append(...replies)))
  })
