/**
 * Lists the files of `src` that one compression with one model call enters, as V8's precise coverage sees it.
 * Run: `npx tsx scratch/house/walk.ts`
 */
import { Effect, Layer, Logger, LogLevel } from "effect"
import { Session } from "node:inspector/promises"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"
import * as Gateway from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import { route } from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"

const SRC = fileURLToPath(new URL("../../src/", import.meta.url))

/** A conversation of tool rounds, large enough to be compressed. */
const conversation = (rounds: number): ReadonlyArray<Message> =>
  Array.from({ length: rounds }, (_, n): ReadonlyArray<Message> => [
    { role: "user", content: `Please check invoice ${n}. Never pay one twice.` },
    {
      role: "assistant",
      content: null,
      tool_calls: [
        { id: `call_${n}`, type: "function", function: { name: "read_file", arguments: `{"path":"src/${n}.ts"}` } }
      ]
    },
    { role: "tool", tool_call_id: `call_${n}`, content: `Invoice ${n} is unpaid. `.repeat(60) },
    { role: "assistant", content: `Invoice ${n} is unpaid.` }
  ]).flat()

const summary = Handoff.render({ ...Handoff.empty, goal: ["Check the invoices."], done: ["Invoice 0 was checked."] })

/** The files whose functions ran while `effect` did. */
const filesEntered = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<string>, E, R> =>
  Effect.gen(function* () {
    const session = new Session()
    session.connect()
    yield* Effect.promise(() => session.post("Profiler.enable"))
    yield* Effect.promise(() => session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false }))
    yield* effect
    const { result } = yield* Effect.promise(() => session.post("Profiler.takePreciseCoverage"))
    session.disconnect()
    return result
      .filter(({ url }) => url.startsWith("file:") && fileURLToPath(url).startsWith(SRC))
      .filter(({ functions }) => functions.slice(1).some(({ ranges }) => (ranges[0]?.count ?? 0) > 0))
      .map(({ url }) => relative(SRC, fileURLToPath(url)))
      .toSorted()
  })

/** Each file that one compression with one model call enters. */
export const walkCompression: Effect.Effect<ReadonlyArray<string>> = Effect.gen(function* () {
  const gateway = yield* Gateway.Gateway
  const store = yield* SessionStore
  const sessionId = SessionId.make("walk")
  yield* store.importAll([{ sessionId, messages: conversation(40) }])
  return yield* filesEntered(gateway.compress(sessionId))
}).pipe(
  Effect.provide(
    Gateway.layer({ policy: { contextLength: 16_000 }, routes: [route({ model: "m", apiKey: "k" })] }).pipe(
      Layer.provideMerge(Sqlite.layerTemporary),
      Layer.provide(Scripted.layer([summary]))
    )
  ),
  Logger.withMinimumLogLevel(LogLevel.None),
  Effect.orDie
)

const isMain = process.argv[1] === fileURLToPath(import.meta.url)
if (isMain) {
  const files = await Effect.runPromise(walkCompression)
  for (const file of files) console.log(file)
  console.log(`${files.length} files`)
}
