import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, vi } from "vitest"
import * as CompressionPolicy from "../src/compression/CompressionPolicy.ts"
import * as Recovery from "../src/model/Recovery.ts"
import * as HermesFiles from "./support/hermes.ts"

/** Every TypeScript snippet of the documents runs as it stands, on the source instead of the package. */
const documents = [
  "README.md",
  ...readdirSync("docs").flatMap((name) => (name.endsWith(".md") ? [join("docs", name)] : []))
]
const folder = join("node_modules", ".snippets")

const snippets = documents.flatMap((file) =>
  Array.from(readFileSync(file, "utf8").matchAll(/^```ts\n(.*?)^```/gms), ([, code = ""], index) => ({
    name: `${file}, snippet ${index + 1}`,
    code
  }))
)

const { exports } = JSON.parse(readFileSync("package.json", "utf8"))

/** The source file behind an import path of the package. */
const sourceOf = (path: string): string =>
  exports[`./${path}`].default.replace("./dist/", "src/").replace(/\.js$/, ".ts")

const onSource = (code: string) =>
  code
    .replaceAll(`from "throughline"`, `from "${pathToFileURL("src/index.ts").href}"`)
    .replaceAll(/from "throughline\/(.*?)"/g, (_, path) => `from "${pathToFileURL(sourceOf(path)).href}"`)
    .replaceAll(`"sessions.db"`, JSON.stringify(join(folder, "sessions.db")))
    .replaceAll(`"state.db"`, JSON.stringify(join(folder, "state.db")))
    .replaceAll(`"large.jsonl"`, JSON.stringify(join(folder, "large.jsonl")))

const expectations: { readonly [name: string]: (exported: { readonly [name: string]: unknown }) => void } = {
  "README.md, snippet 1": ({ ask }) => assert.isFunction(ask),
  "README.md, snippet 2": ({ durable, reply }) => {
    assert.deepStrictEqual(reply, { role: "assistant", content: "I see 1 message" })
    assert.deepStrictEqual(durable, reply)
  },
  "README.md, snippet 3": ({ model, text }) => {
    assert.strictEqual(text, "pong")
    assert.include(model, { opened: 2 })
  },
  "docs/ai-sdk.md, snippet 1": ({ ask }) => assert.isFunction(ask),
  "docs/ai-sdk.md, snippet 2": ({ answer }) => assert.isFunction(answer),
  "docs/audit.md, snippet 1": ({ lines }) => {
    assert.include(String(lines), "message buffered: session=chat-42 arrival=1 kind=request")
    assert.include(String(lines), "message promoted: session=chat-42 arrival=1 seq=1")
  },
  "docs/audit.md, snippet 2": ({ left, report }) => {
    assert.isNotEmpty(left)
    assert.deepInclude(report, { receipts: 1, without: 0, findings: [] })
  },
  "docs/compression-flow.md, snippet 1": ({ ofChatAgent, ofOtherAgent }) => {
    assert.include(ofChatAgent, { api: "chat", inPlace: true })
    assert.include(ofOtherAgent, { api: "responses" })
  },
  "docs/compression-flow.md, snippet 2": ({ policy }) => {
    const { promptCache, threshold } = Either.getOrThrow(
      CompressionPolicy.make(policy as CompressionPolicy.PolicyOptions)
    )
    assert.deepStrictEqual([promptCache.kind, threshold], ["openai-automatic", "cost"])
  },
  "docs/compression-flow.md, snippet 3": ({ memories, outcomes, texts }) => {
    assert.match(String(memories), /^\d+ messages of chat-43$/)
    assert.include(String(texts), "Notes, word for word:\n- ticket 4711 is closed")
    assert.deepStrictEqual(outcomes, ["committed"])
  },
  "docs/effect-ai.md, snippet 1": ({ ask, live }) => {
    assert.isFunction(ask)
    assert.isTrue(Layer.isLayer(live))
  },
  "docs/formats.md, snippet 1": ({ answer, elsewhere, messages, result, sent }) => {
    assert.deepStrictEqual(sent, { messages: [answer, result] })
    assert.include(JSON.stringify(messages), "c2lnbmF0dXJl")
    assert.deepStrictEqual(elsewhere, [
      { type: "function_call", call_id: "toolu_1", name: "read_file", arguments: '{"path":"notes.md"}' },
      { type: "function_call_output", call_id: "toolu_1", output: "Ticket 4711 is closed." }
    ])
  },
  "docs/hermes.md, snippet 1": ({ shown }) => assert.deepStrictEqual(shown, ["Where were we?"]),
  "docs/langchain.md, snippet 1": ({ ask }) => assert.isFunction(ask),
  "docs/many-hosts.md, snippet 1": ({ host, receive, web }) => {
    for (const made of [host, receive, web]) assert.isFunction(made)
  },
  "docs/openai-agents.md, snippet 1": ({ ask }) => assert.isFunction(ask),
  "docs/pi.md, snippet 1": ({ default: extension }) => assert.isFunction(extension),
  "docs/postgres.md, snippet 1": ({ live }) => assert.isTrue(Layer.isLayer(live)),
  "docs/promise.md, snippet 1": ({ ask }) => assert.isFunction(ask),
  "docs/recall.md, snippet 1": ({ answer, before }) => {
    assert.strictEqual(answer, "The green one.")
    assert.notInclude(JSON.stringify(before), "teapot")
  },
  "docs/recovery.md, snippet 1": ({ patient }) =>
    assert.deepStrictEqual(patient, {
      ...Recovery.defaults,
      RateLimited: { action: "wait", times: 5, delay: 2_000 }
    }),
  "docs/serve.md, snippet 1": ({ readWindow }) => assert.isTrue(Effect.isEffect(readWindow)),
  "docs/service.md, snippet 1": ({ asked, replies }) => {
    assert.isAtMost((asked as ReadonlyArray<number>).length, 3)
    for (const { reply } of replies as ReadonlyArray<{ readonly reply: unknown }>)
      assert.match(String(reply), /^answer \d$/)
  },
  "docs/telemetry.md, snippet 1": ({ answer, live }) => {
    assert.isFunction(answer)
    assert.isTrue(Layer.isLayer(live))
  },
  "docs/telemetry.md, snippet 2": ({ sampled }) => assert.isTrue(Layer.isLayer(sampled)),
  "docs/testing.md, snippet 1": ({ passed, refused, retried }) => {
    assert.deepStrictEqual(passed, { outcome: "committed", calls: 1, hasFact: true })
    assert.deepStrictEqual(retried, { outcome: "committed", calls: 2, hasFact: true })
    assert.deepInclude(refused, { outcome: "degraded" })
  },
  "docs/transcripts.md, snippet 1": ({ imported }) =>
    assert.deepStrictEqual(imported, { format: "pi", texts: ["Where is invoice 7?", "It is paid."] }),
  "docs/transcripts.md, snippet 2": ({ counts }) => assert.deepStrictEqual(counts, [2])
}

describe("the documents' snippets", () => {
  mkdirSync(folder, { recursive: true })
  HermesFiles.fresh("new", join(folder, "state.db"))
  writeFileSync(
    join(folder, "large.jsonl"),
    `{"role":"user","content":"Hi"}\n{"role":"assistant","content":"Hello."}\n`
  )
  vi.stubEnv("OPENAI_API_KEY", "sk-test")
  afterAll(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })

  it("are all expected", () => {
    assert.deepStrictEqual(
      snippets.map(({ name }) => name),
      Object.keys(expectations)
    )
  })

  for (const { code, name } of snippets) {
    it(`${name} runs`, async () => {
      const file = join(folder, `${name.replaceAll(/\W+/g, "-")}.ts`)
      writeFileSync(file, onSource(code).replaceAll(/^const (?=\w|\{)/gm, "export const "))
      const exported: { readonly [name: string]: unknown } = await import(pathToFileURL(file).href)
      expectations[name]?.(exported)
    })
  }
})

describe("the documents", () => {
  const pages = [...documents, ...readdirSync("docs/adr").map((name) => join("docs/adr", name))]

  /** Paths in backquotes; what the benchmarks write is not in the repository. */
  const pathsIn = (text: string): ReadonlyArray<string> =>
    Array.from(text.matchAll(/`((?:src|test|scratch|docs|\.ci)\/[\w./-]+)`/g), ([, path = ""]) => path).filter(
      (path) => !path.includes("/out/")
    )

  const linksIn = (text: string): ReadonlyArray<string> =>
    Array.from(text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g), ([, link = ""]) => link)

  for (const page of pages) {
    it(`${page} names and links only files that exist`, () => {
      const text = readFileSync(page, "utf8")
      const missing = [...pathsIn(text), ...linksIn(text).map((link) => join(dirname(page), link))].filter(
        (path) => !existsSync(path)
      )
      assert.deepStrictEqual(missing, [])
    })

    it(`${page} links only files that its npm package has`, () => {
      const unpacked = linksIn(readFileSync(page, "utf8")).filter(
        (link) => !/^(src|docs)\/|^README\.md$/.test(join(dirname(page), link))
      )
      assert.deepStrictEqual(unpacked, [])
    })
  }
})
