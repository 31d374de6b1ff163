/** The library as it is measured: a gateway on a database file, and a model that answers at once. */
import { Effect, Layer } from "effect"
import type * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import type { CompressionResult } from "../../src/session/CompressionResult.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { renderSummary } from "../../test/support/summaryText.ts"
import * as Provider from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import type { Services } from "../../src/store/SessionStore.ts"
import type { Turn } from "./session.ts"

export const id = SessionId.make("measured")

/** As long as a model's answer. */
export const summary = renderSummary({
  ...Handoff.empty,
  goal: ["go through every part of the report and say what is wrong with it"],
  done: Array.from({ length: 30 }, (_, n) => `part ${n + 1} was read, compared with the one before, and is in order`),
  decisions: ["keep the old interface until the last caller has moved"],
  openWork: ["go on with the next part"],
  facts: Array.from({ length: 20 }, (_, n) => `area ${n + 1} is read by ${n + 2} jobs`)
})

/** For ranges that are not much longer than that. */
export const brief = renderSummary({ ...Handoff.empty, goal: ["go through the report"], done: ["read the parts"] })

const route = Provider.route({ model: "fake", apiKey: "fake", baseUrl: "http://fake.invalid/v1" })

/** `window` is the conversation's, `summarizer` the summarizer's own if it is another. */
export interface Options {
  readonly window?: number
  readonly summarizer?: number
  readonly mode?: CompressionPolicy.CompressionPolicy["mode"]
  readonly outcome?: Scripted.ScriptedOutcome
}

export const world = (filename: string, options?: Options) => worldOn(Sqlite.layer({ filename }), options)

/** The same on another store. */
export const worldOn = <E>(
  store: Layer.Layer<Services, E>,
  { mode = "background", outcome = summary, window = 128_000, summarizer = window }: Options = {}
) =>
  Gateway.layer({
    policy: { contextLength: window, mode },
    routes: [{ ...route, contextLength: summarizer }]
  }).pipe(Layer.provideMerge(store), Layer.provide(Scripted.layer([outcome])))

/** What is measured is a compression a model wrote, or nothing. */
export const requireCommit = <E, R>(compression: Effect.Effect<CompressionResult, E, R>) =>
  Effect.filterOrDieMessage(compression, ({ outcome }) => outcome === "committed", "a compression was not committed")

/** One turn of an agent whose model needs no time. */
export const answerTurn = (sessionId: SessionId, { replies, request }: Turn) =>
  Effect.gen(function* () {
    const gateway = yield* Gateway.Gateway
    yield* gateway.deliver(sessionId, request)
    yield* gateway.turn(sessionId, ({ append, step }) => step(() => append(...replies)))
  })
