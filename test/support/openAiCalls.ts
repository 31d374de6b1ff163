/** Calls a model through the `openai` client alone, and adds up what it streams. */
import { assert } from "@effect/vitest"
import { Chunk, Effect, Option, Stream } from "effect"
import type { ModelError } from "../../src/model/ModelError.ts"
import type { Event, ModelRequest, ResolvedRoute } from "../../src/model/Provider.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import * as ModelServer from "./ModelServer.ts"

export const APIS: ReadonlyArray<ResolvedRoute["api"]> = ["responses", "chat"]

export const REQUEST: ModelRequest = {
  task: "compression",
  messages: [
    { role: "system", content: "Summarize." },
    { role: "user", content: "hello" }
  ],
  maxOutputTokens: 100
}

/** The events of one call on a client of its own. */
export const collectEvents = (
  route: ResolvedRoute,
  request = REQUEST
): Effect.Effect<ReadonlyArray<Event>, ModelError> =>
  OpenAi.open(route).pipe(
    Effect.flatMap((client) => Stream.runCollect(client.stream(route, request))),
    Effect.map(Chunk.toReadonlyArray),
    Effect.scoped
  )

/** Asserts that a server which sends this piece and then nothing more has given a sign of life. */
export const expectSignOfLife = (piece: string, api: ResolvedRoute["api"]) =>
  Effect.gen(function* () {
    const server = yield* ModelServer.make([ModelServer.onlyPiece(piece)])
    const route = server.route({ api })
    const client = yield* OpenAi.open(route)
    const first = yield* Stream.runHead(client.stream(route, REQUEST))
    assert.deepStrictEqual(first, Option.some({ _tag: "Text" as const, text: "" }))
  })

/** The answer that the streamed pieces add up to. */
export const addUp = (all: ReadonlyArray<Event>) => ({
  text: all.map((event) => (event._tag === "Text" ? event.text : "")).join(""),
  reasoning: all.map((event) => (event._tag === "Reasoning" ? event.text : "")).join(""),
  finished: all.flatMap((event) => (event._tag === "Finished" ? [event] : []))
})

/** The fields of the error that are expected. */
export const pickFields = (expected: object, error: ModelError): Record<string, unknown> =>
  Object.fromEntries(Object.entries(error).filter(([name]) => name in expected))
