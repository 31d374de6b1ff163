/** The example for the AI SDK, as its document shows it, with the real packages and a server on the loopback. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, afterEach, vi } from "vitest"
import { generateText, type ModelMessage, wrapLanguageModel } from "ai"
import { keepSteps, middleware } from "../../src/aiSdk/AiSdk.ts"
import { open, type Turn } from "../../src/promise/Promise.ts"
import { type AgentServer, COUNTED, startAgentServer } from "../support/agentServer.ts"
import { isObject, listObjects } from "../support/foreignServers.ts"
import { noteReports } from "../support/notedReports.ts"

const WINDOW = 8_000
const folder = join("node_modules", ".aiSdk")
const EXAMPLE = "scratch/examples/aiSdk.ts"
const MODULES = { AiSdk: "src/aiSdk/AiSdk.ts", Promise: "src/promise/Promise.ts" }

const replaceModules = (code: string, makePath: (name: string, file: string) => string) =>
  Object.entries(MODULES).reduce(
    (text, [name, file]) => text.replace(`"../../${file}"`, `"${makePath(name, file)}"`),
    code
  )

/** Starts the example as a program of its own, on a small window: each start is a new one, on the same file. */
const start = async (run: number) => {
  const code = replaceModules(readFileSync(EXAMPLE, "utf8"), (_, file) => pathToFileURL(file).href)
    .replace("sessions.db", join(folder, "sessions.db"))
    .replace("272_000", String(WINDOW))
  const file = join(folder, `example-${run}.ts`)
  writeFileSync(file, code)
  const program: {
    readonly ask: (chat: string, text: string) => Promise<unknown>
    readonly stop: (chat: string) => Promise<boolean>
  } = await import(pathToFileURL(file).href)
  return program
}

/** The first bytes of a PNG. */
const PICTURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13])

const say = (n: number) => `Request ${n}: ${`the teapot of invoice ${n} is porcelain. `.repeat(90)}`

describe("the example", () => {
  let server: AgentServer
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  beforeEach(async () => {
    server = await startAgentServer(WINDOW)
    vi.stubEnv("OPENAI_BASE_URL", server.url)
    vi.stubEnv("OPENAI_API_KEY", "sk-test")
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await server.close()
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it("survives its window, an interrupt and a restart, and finds what left", async () => {
    const before = await start(1)
    for (let n = 0; n < 12; n++) assert.include(await before.ask("chat-42", say(n)), `Request ${n}`)

    const hanging = before.ask("chat-42", "hang").then(
      () => "answered",
      (error) => error._tag
    )
    await server.hung
    assert.isTrue(await before.stop("chat-42"))
    assert.strictEqual(await hanging, "TurnInterrupted")

    const after = await start(2)
    for (let n = 12; n < 24; n++) assert.include(await after.ask("chat-42", say(n)), `Request ${n}`)
    assert.include(await after.ask("chat-42", "recall: teapot of invoice 3"), "invoice 3 is porcelain")

    await using sessions = await open({ filename: join(folder, "sessions.db"), contextLength: WINDOW })
    const { compressions } = await sessions.stats("chat-42")
    assert.isAtLeast(compressions.committed, 3)
    assert.isAtLeast(server.counts.summaries, 3)
    assert.strictEqual(server.counts.refusals, 0)
  })

  it("reaches its server with pictures, reasoning and provider options, a turn later as well", async () => {
    await using sessions = await open({ contextLength: WINDOW })
    const model = createOpenAICompatible({ name: "agent", baseURL: server.url })("m")
    const answer = (turn: Turn, added: ReadonlyArray<ModelMessage>) =>
      keepSteps(turn, ({ messages, ...settings }) =>
        generateText({ model, ...settings, messages: [...messages, ...added] })
      )
    const picture: ModelMessage = {
      role: "user",
      content: [
        { type: "text", text: "think about this", providerOptions: { openaiCompatible: { mark: "kept" } } },
        { type: "image", image: PICTURE }
      ]
    }
    await sessions.deliver("chat-1", { role: "user", content: "A picture follows." })
    await sessions.turn("chat-1", (turn) => answer(turn, [picture]))
    await sessions.deliver("chat-1", { role: "user", content: "Thanks." })
    await sessions.turn("chat-1", (turn) => answer(turn, []))
    const [before, after] = server.calls.filter(isObject).map(({ messages }) => listObjects(messages))
    assert.deepStrictEqual(after?.slice(0, 2), before)
    assert.deepStrictEqual(before?.[1]?.content, [
      { type: "text", text: "think about this", mark: "kept" },
      { type: "image_url", image_url: { url: `data:image/png;base64,${PICTURE.toString("base64")}` } }
    ])
    assert.deepInclude(after?.[2], { role: "assistant", reasoning_content: "thought 1" })
  })

  it("reports what the provider counted, cached tokens too, within a turn and for a session", async () => {
    const { reports, sessions } = noteReports(await open({ contextLength: WINDOW }))
    const model = createOpenAICompatible({ name: "agent", baseURL: server.url })("m")
    await sessions.deliver("chat-1", { role: "user", content: "count this" })
    await sessions.turn("chat-1", (turn) => keepSteps(turn, (settings) => generateText({ model, ...settings })))
    const wrapped = wrapLanguageModel({ model, middleware: middleware(sessions) })
    const providerOptions = { throughline: { session: "chat-2" } }
    await generateText({ model: wrapped, prompt: "count this", providerOptions })
    assert.deepStrictEqual(reports, [COUNTED, COUNTED])
    await sessions.close()
  })

  it("stands in the document as it is", () => {
    const [, ...code] = replaceModules(readFileSync(EXAMPLE, "utf8"), (name) => `throughline/${name}`)
      .trimEnd()
      .split("\n")
    const shown = code.join("\n").replace(/^export /gm, "")
    assert.include(readFileSync("docs/ai-sdk.md", "utf8"), shown)
    assert.isAtMost(code.length, 30)
  })
})
