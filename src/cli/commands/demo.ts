/** `throughline demo`: a long agent session outgrows its window, and survives. */
import * as Command from "@effect/cli/Command"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import process from "node:process"
import type { CompressionResult } from "../../CompressionResult.ts"
import * as CompressionPolicy from "../../CompressionPolicy.ts"
import { Compressor, Event } from "../../Compressor.ts"
import * as Gateway from "../../Gateway.ts"
import type { Message } from "../../Message.ts"
import * as OpenAi from "../../Provider/OpenAi.ts"
import { SessionId } from "../../Session.ts"
import { SessionStore } from "../../SessionStore.ts"
import * as Sqlite from "../../SessionStore/Sqlite.ts"
import { Tokens } from "../../Tokens.ts"
import * as View from "../../View.ts"
import { checks } from "../demo/checks.ts"
import { type DemoTurn, session } from "../demoSession.ts"
import { beforeAfter, progressLine } from "../picture.ts"
import { answer, CommandError, jsonOption, say } from "../shared.ts"
import { barOf } from "./look.ts"

const id = SessionId.make("demo")
const contextLength = 200_000

/** Without a route to a model the embedded summarizer answers. */
const live = Gateway.layer({ policy: { contextLength }, routes: [] }).pipe(
  Layer.provideMerge(Sqlite.layerTemporary),
  Layer.provide(OpenAi.layer)
)

const arrivals: ReadonlyArray<Message> = [
  { role: "user", content: "While you are at it: is the nightly export still running on the old rates?" },
  { role: "user", content: "[watch] CI finished: 3 failed, 412 passed" }
]

interface Compressed {
  readonly result: CompressionResult
  readonly after: View.View
}

/** Delivers the arrivals as soon as the compression has begun, and tells how it ended. */
const onlooker = Effect.gen(function* () {
  const { deliver, view } = yield* Gateway.Gateway
  const { events } = yield* Compressor
  const compressed = yield* Deferred.make<Compressed>()
  const watch = Event.$match({
    Started: ({ messages, tokens }) =>
      say(`\n  soft threshold crossed: compressing ${messages} messages, ~${tokens} tokens, beside the turn`).pipe(
        Effect.zipRight(
          Effect.forEach(arrivals, (message, i) => deliver(id, message, { kind: i === 0 ? "request" : "notification" }))
        ),
        Effect.zipRight(say(`  ${arrivals.length} messages delivered meanwhile`))
      ),
    Progress: () => Effect.void,
    Joined: () => Effect.void,
    Ended: ({ result }) => Effect.flatMap(view(id), (after) => Deferred.succeed(compressed, { result, after }))
  })
  yield* Effect.forkScoped(Stream.runForEach(events, watch))
  return compressed
})

/** The scripted agent: its replies are known, all else is as with a model. Returns what it saw last. */
const play = (turn: DemoTurn) =>
  Effect.gen(function* () {
    const gateway = yield* Gateway.Gateway
    yield* gateway.deliver(id, turn.request)
    const views = yield* gateway.turn(id, ({ append, step }) =>
      Effect.forEach(turn.steps, ({ reply, results }) =>
        Effect.zipLeft(
          step((view) => Effect.succeed(view)),
          append(reply, ...results)
        )
      )
    )
    return views.at(-1)
  })

const replay = Effect.gen(function* () {
  const { view } = yield* Gateway.Gateway
  const store = yield* SessionStore
  const counter = yield* Tokens
  const { policy } = yield* Compressor
  const turns = session(7)
  const compressed = yield* onlooker
  let next: View.View | undefined
  for (const [index, turn] of turns.entries()) {
    next = yield* play(turn)
    const { messages, tokens } = yield* view(id)
    yield* progress(index + 1, turns.length, `${messages.length} messages in view, ~${tokens.toLocaleString("en")} tokens`)
  }
  const { after, result } = yield* Deferred.await(compressed)
  const snapshot = View.assemble(yield* store.snapshot(result.snapshotId ?? ""), counter)
  const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(id))).map(({ message }) => message)
  const sessions = yield* store.sessions
  const made = checks({
    sessionIds: [id, result.sessionId, after.sessionId, ...sessions.map(({ sessionId }) => sessionId)],
    appended: turns.flatMap(({ steps }) => steps.flatMap(({ reply, results }) => [reply, ...results])),
    delivered: withArrivals(turns.map(({ request }) => request), log),
    log,
    snapshot,
    after,
    target: CompressionPolicy.shares(policy, after.parts.system.tokens)?.target ?? 0,
    arrivals,
    next: next ?? after
  })
  return { result, snapshot, after, checks: made }
}).pipe(Effect.scoped)

/** The requests in their order, and the arrivals where the log has them. */
const withArrivals = (requests: ReadonlyArray<Message>, log: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  const first = log.findIndex((message) => message.content === arrivals[0]?.content)
  const before = log.slice(0, first).filter((message) => requests.some(({ content }) => content === message.content))
  return [...before, ...arrivals, ...requests.slice(before.length)]
}

const progress = (done: number, total: number, label: string) =>
  process.stderr.isTTY
    ? Effect.sync(() => process.stderr.write(`\r\u001b[K${progressLine(done, total, label)}${done === total ? "\n" : ""}`))
    : say(progressLine(done, total, label))

export const command = Command.make("demo", { json: jsonOption }, ({ json }) =>
  Effect.gen(function* () {
    const { after, checks, result, snapshot } = yield* Effect.provide(replay, live)
    const columns = process.stdout.columns ?? 80
    yield* answer(json, { result, checks }, () => [
      "",
      beforeAfter(barOf(snapshot), barOf(after), contextLength, columns, process.stdout.isTTY),
      "",
      ...checks.map(({ holds, name }) => `${holds ? "✓" : "✗"} ${name}`)
    ])
    if (checks.some(({ holds }) => !holds)) return yield* new CommandError({ message: "a check of the demo does not hold" })
  })
).pipe(Command.withDescription("Replay a long agent session through a compression, and check that nothing was lost"))
