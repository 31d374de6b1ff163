/**
 * Finds the files of `src` that one compression with one model call enters, as V8 precise coverage sees it.
 * Run: `npx tsx test/support/walkCompression.ts`
 */
import { Effect, Logger, LogLevel } from "effect"
import type { Profiler } from "node:inspector"
import { Session } from "node:inspector/promises"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { id, importRounds, scripted, summary } from "./world.ts"

const SRC = fileURLToPath(new URL("../../src/", import.meta.url))

/** The files whose functions ran while `effect` did. */
const listFilesEntered = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<string>, E, R> =>
  Effect.gen(function* () {
    const session = new Session()
    session.connect()
    yield* Effect.promise(() => session.post("Profiler.enable"))
    yield* Effect.promise(() => session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false }))
    yield* effect
    const { result } = yield* Effect.promise(() => session.post("Profiler.takePreciseCoverage"))
    session.disconnect()
    return result
      .map(({ functions, url }) => ({ functions, path: url.startsWith("file:") ? fileURLToPath(url) : url }))
      .filter(({ path }) => path.startsWith(SRC))
      .filter(({ functions }) => functions.some(isCalled))
      .map(({ path }) => relative(SRC, path))
      .toSorted()
  })

/** The module itself is the function that begins with its file. */
const isCalled = ({ ranges }: Profiler.FunctionCoverage): boolean =>
  ranges[0] !== undefined && ranges[0].count > 0 && ranges[0].startOffset > 0

/** Each file that one compression with one model call enters. */
export const walkCompression: Effect.Effect<ReadonlyArray<string>> = Effect.gen(function* () {
  const { compress } = yield* Gateway.Gateway
  yield* importRounds(40)
  return yield* listFilesEntered(compress(id))
}).pipe(
  Effect.provide(
    scripted(Scripted.layer([summary("what counts")]), { policy: { contextLength: 16_000 } }, Sqlite.layerTemporary)
  ),
  Logger.withMinimumLogLevel(LogLevel.None),
  Effect.orDie
)

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const file of await Effect.runPromise(walkCompression)) console.log(file)
}
