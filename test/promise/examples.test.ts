/** The examples for programs without Effect, as the documents show them, with the openai package and a server on the loopback. */
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, afterEach, vi } from "vitest"
import { open } from "../../src/promise/Promise.ts"
import { type AgentServer, startAgentServer } from "../support/agentServer.ts"
import { isObject, listObjects } from "../support/foreignServers.ts"

const WINDOW = 8_000
const folder = join("node_modules", ".examples")

const module = pathToFileURL("src/promise/Promise.ts").href

/** Starts an example as a program of its own, on a small window: each start is a new one, on the same file. */
const start = async (name: string, run: number): Promise<(chat: string, text: string) => Promise<unknown>> => {
  const code = readFileSync(`scratch/examples/${name}.ts`, "utf8")
    .replace("../../src/promise/Promise.ts", module)
    .replace("sessions.db", join(folder, `${name}.db`))
    .replace("272_000", String(WINDOW))
  const file = join(folder, `${name}-${run}.ts`)
  writeFileSync(file, code)
  const { ask } = await import(pathToFileURL(file).href)
  return ask
}

const say = (n: number) => `Request ${n}: ${`the teapot of invoice ${n} is porcelain. `.repeat(90)}`

describe("the examples", () => {
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

  for (const name of ["chat", "responses"]) {
    it(`${name}: a session survives its window, a restart, and finds what left`, async () => {
      const before = await start(name, 1)
      for (let n = 0; n < 12; n++) assert.include(await before("chat-42", say(n)), `Request ${n}`)
      const after = await start(name, 2)
      for (let n = 12; n < 24; n++) assert.include(await after("chat-42", say(n)), `Request ${n}`)
      assert.include(await after("chat-42", "recall: teapot of invoice 3"), "invoice 3 is porcelain")

      await using sessions = await open({ filename: join(folder, `${name}.db`), contextLength: WINDOW })
      const { compressions } = await sessions.stats("chat-42")
      assert.isAtLeast(compressions.committed, 3)
      assert.isAtLeast(server.counts.summaries, 3)
      assert.strictEqual(server.counts.refusals, 0)
    })
  }

  it("asks the model once for ten requests that come at once, and gives each its reply", async () => {
    const ask = await start("chat", 3)
    const replies = await Promise.all(Array.from({ length: 10 }, (_, n) => ask("chat-44", `hello ${n}`)))
    assert.isAtMost(server.calls.length, 2)
    for (const reply of replies) assert.include(reply, "You said: hello")
  })

  it("keeps the encrypted reasoning of the Responses API in the view", async () => {
    const ask = await start("responses", 3)
    await ask("chat-43", "hello")
    await ask("chat-43", "and again")
    const sent = server.calls.filter(isObject).at(-1)
    assert.include(JSON.stringify(listObjects(sent?.input)), "secret 1")
  })

  it("stand in the documents as they are", () => {
    const documents = ["README.md", "docs/promise.md"].map((file) => readFileSync(file, "utf8"))
    for (const name of ["chat", "responses"]) {
      const [, ...code] = readFileSync(`scratch/examples/${name}.ts`, "utf8")
        .replace("../../src/promise/Promise.ts", "throughline/Promise")
        .trimEnd()
        .split("\n")
      const shown = code.join("\n").replace(/^export /gm, "")
      assert.isTrue(
        documents.some((text) => text.includes(shown)),
        `${name} is shown`
      )
      assert.isAtMost(code.length, 30)
    }
  })
})
