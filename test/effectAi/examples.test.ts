/** The example for programs on `@effect/ai`, as the document shows it, with `@effect/ai-openai` and a server on the loopback. */
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Logger } from "effect"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, afterEach } from "vitest"
import type { layer, layerPersistence, layerTools } from "../../src/effectAi/EffectAi.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { SessionId } from "../../src/session/Session.ts"
import { isObject } from "../support/foreignServers.ts"
import { type ResponsesServer, startResponsesServer } from "../support/responsesServer.ts"

type Services = Gateway | Layer.Layer.Success<typeof layer | typeof layerPersistence | typeof layerTools>

interface Example {
  readonly live: Layer.Layer<Services, unknown>
  readonly ask: (chatId: string, text: string) => Effect.Effect<string, unknown, Services>
}

const WINDOW = 8_000
const folder = join("node_modules", ".examples-effect-ai")
const chat = "chat-42"

/** Starts the example as a program of its own, on a small window: each start is a new one, on the same file. */
const start = async (run: number, url: string): Promise<Example> => {
  const code = readFileSync("scratch/examples/effectAi.ts", "utf8")
    .replaceAll("../../src/", `${pathToFileURL("src").href}/`)
    .replace("sessions.db", join(folder, "effectAi.db"))
    .replace("272_000", String(WINDOW))
    .replace(`"OPENAI_API_KEY")`, `"OPENAI_API_KEY"), apiUrl: Config.succeed(${JSON.stringify(url)})`)
  const file = join(folder, `effectAi-${run}.ts`)
  writeFileSync(file, code)
  return import(pathToFileURL(file).href)
}

const config = Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["OPENAI_API_KEY", "sk-test"]])))
const quiet = Logger.remove(Logger.defaultLogger)

const say = (n: number) => `Request ${n}: ${`the teapot of invoice ${n} is porcelain. `.repeat(90)}`

describe("the example", () => {
  let server: ResponsesServer
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  beforeEach(async () => void (server = await startResponsesServer(WINDOW)))
  afterEach(() => server.close())
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it("survives its window three times, an interrupt and a restart, and finds what left", async () => {
    const before = await start(1, server.url)
    const layers = ({ live }: Example) => Layer.provide(live, config).pipe(Layer.provideMerge(quiet))
    await Effect.gen(function* () {
      for (let n = 0; n < 12; n++) assert.include(yield* before.ask(chat, say(n)), `Request ${n}`)
      const { begun } = server.counts
      yield* before
        .ask(chat, "hang on")
        .pipe(Effect.raceFirst(Effect.repeat(Effect.yieldNow(), { until: () => server.counts.begun > begun })))
    }).pipe(Effect.provide(layers(before)), Effect.runPromise)

    const after = await start(2, server.url)
    const compressions = await Effect.gen(function* () {
      for (let n = 12; n < 24; n++) assert.include(yield* after.ask(chat, say(n)), `Request ${n}`)
      assert.include(yield* after.ask(chat, "recall: teapot of invoice 3"), "invoice 3 is porcelain")
      return (yield* (yield* Gateway).stats(SessionId.make(chat))).compressions
    }).pipe(Effect.provide(layers(after)), Effect.runPromise)

    assert.isAtLeast(compressions.committed, 3)
    assert.isAtLeast(server.summaries.length, 3)
    assert.strictEqual(server.counts.refusals, 0)
    const sent = JSON.stringify(server.calls.filter(isObject).at(-1))
    assert.include(sent, `"encrypted_content":"secret `)
  })

  it("stands in the document as it is, in 30 lines", () => {
    const [, ...code] = readFileSync("scratch/examples/effectAi.ts", "utf8")
      .replace("../../src/effectAi/EffectAi.ts", "throughline/EffectAi")
      .replace("../../src/gateway/Gateway.ts", "throughline/Gateway")
      .replace("../../src/sqlite/Sqlite.ts", "throughline/SessionStore/Sqlite")
      .trimEnd()
      .split("\n")
    assert.include(readFileSync("docs/effect-ai.md", "utf8"), code.join("\n").replace(/^export /gm, ""))
    assert.isAtMost(code.length, 30)
  })
})
