/** Agents in processes of their own, on one database file and in real time, everything 100 times as fast as in life. */
import { Deferred, Effect, Schema } from "effect"
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Random from "../../src/cli/random.ts"
import type { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as ModelServer from "../../test/support/ModelServer.ts"
import { summary } from "../../test/support/world.ts"
import type * as Diary from "./diary.ts"
import * as Past from "./past.ts"
import { HOUR, policyOf, sessionsOf } from "./scenario.ts"
import * as Story from "./story.ts"
import { Place, Said, SPEED, type Told } from "./telling.ts"
import { FASTEST_SUMMARY, SLOWEST_SUMMARY } from "./world.ts"
import { temporaryDatabase } from "../../test/support/temporaryFolder.ts"

const SCRIPT = fileURLToPath(new URL("process.ts", import.meta.url))

export const run = Effect.fnUntraced(function* ({
  agents,
  hours,
  seed,
  variant
}: Omit<Place, "agent" | "filename" | "url">) {
  const filename = yield* temporaryDatabase
  const sessions = sessionsOf(agents)
  const diary: Array<Diary.Event> = []
  const lines: Array<string> = []
  yield* Effect.provide(
    Past.fill(sessions, seed, policyOf(variant), (event) => diary.push(event)),
    Sqlite.layer({ filename })
  )
  const { url } = yield* model(seed)
  yield* Effect.scoped(play(sessions, { agents, hours, seed, variant, filename, url }, diary, lines))
  const stored = yield* Effect.provide(Story.readStored(sessions), Sqlite.layer({ filename }))
  return { sessions, diary, lines: inOrder(lines), ...stored } satisfies Story.Story
}, Effect.scoped)

/** Until everybody is quiet after the last hour. */
const play = Effect.fnUntraced(function* (
  sessions: ReadonlyArray<SessionId>,
  place: Omit<Place, "agent">,
  diary: Array<Diary.Event>,
  lines: Array<string>
) {
  const children = new Map<string, ChildProcess>()
  const allReady = yield* Deferred.make<void>()
  let ready = 0
  let heardOf = 0

  const hear = (said: Said) => {
    heardOf += 1
    if (said._tag === "Ready") {
      if (++ready === sessions.length) Deferred.unsafeDone(allReady, Effect.void)
    } else if (said._tag === "Ring") tell(children.get(said.agent), "ring")
    else if (said._tag === "Line") lines.push(said.line)
    else diary.push(said)
  }
  for (const agent of sessions) children.set(agent, yield* child({ ...place, agent }, hear))

  yield* Deferred.await(allReady)
  for (const each of children.values()) tell(each, "go")
  yield* Effect.sleep((place.hours * HOUR) / SPEED)
  const isQuiet = Effect.suspend(() => {
    const before = heardOf
    return Effect.delay(
      Effect.sync(() => heardOf === before),
      QUIET
    )
  })
  yield* Effect.timeout(Effect.repeat(isQuiet, { until: Boolean }), "1 minute")
})

/** A process that ends with the scope. */
const child = (place: Place, hear: (said: Said) => void) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const process = fork(SCRIPT, [encode(place)], { execArgv: ["--import", "tsx"] })
      return process.on("message", (said) => hear(decode(said)))
    }),
    (process) =>
      Effect.async<void>((resume) => {
        if (process.exitCode !== null) return resume(Effect.void)
        process.on("exit", () => resume(Effect.void))
        process.disconnect()
      })
  )

const tell = (process: ChildProcess | undefined, told: Told) => void process?.send(told)

const encode = Schema.encodeSync(Place)
const decode = Schema.decodeUnknownSync(Said)

const model = (seed: number) => {
  const random = Random.make(seed)
  const answer = ModelServer.ok(summary("the batches"))
  return ModelServer.make([
    (exchange) =>
      Effect.delay(
        Effect.suspend(() => answer(exchange)),
        random.between(FASTEST_SUMMARY, SLOWEST_SUMMARY) / SPEED
      )
  ])
}

/** A message is buffered in one process and promoted in another, and their lines come in any order. */
const inOrder = (lines: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...lines.filter((line) => line.startsWith("message buffered")),
  ...lines.filter((line) => !line.startsWith("message buffered"))
]

/** Nobody works longer than this without a word: in life it is five minutes. */
const QUIET = "3 seconds"
