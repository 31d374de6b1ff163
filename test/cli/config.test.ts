import { assert, describe, it } from "@effect/vitest"
import { Duration, Either, FastCheck, Redacted } from "effect"
import type { ConfigError } from "../../src/cli/config/file.ts"
import * as Settings from "../../src/cli/config/settings.ts"
import type { ResolvedRoute as Route } from "../../src/model/Provider.ts"

const FULL = `
model: { default: gpt-5.5, provider: openai, base_url: "http://127.0.0.1:8080/v1/", api_key: "sk-main", context_length: 272000, api: responses }
compression: { enabled: true, threshold: 0.5, hard_threshold: 0.9, target_ratio: 0.25, protect_first_n: 2, protect_last_n: 10, instructions: "Keep invoice numbers." }
auxiliary:
  compression: { provider: main, model: "", timeout: 240, total_timeout: 400 }
  flush_memories: { provider: main, model: gpt-5.5-mini, timeout: 30 }
  vision: { provider: openai, model: seer, base_url: "https://vision.example/v1", api_key: "sk-vision" }
`

const parseText = (text: string, env: Settings.Environment = {}) => Settings.parseSettings(text, "config.yaml", env)
const parseOrThrow = (text: string, env: Settings.Environment = {}) => Either.getOrThrow(parseText(text, env))

const messageOf = (result: Either.Either<Settings.Settings, ConfigError>) =>
  Either.match(result, { onLeft: (error) => error.message, onRight: () => "accepted" })

const formatRoute = (route: Route) =>
  [route.provider, route.model, route.baseUrl, Redacted.value(route.apiKey), route.api, route.contextLength].join(" ")

/** True if no route of the tasks in these tests calls a model. */
const isOffline = ({ main, routes }: Settings.Settings) =>
  [main, ...TASKS.flatMap(routes)].every(({ provider }) => provider === "embedded")

const TASKS = ["compression", "flush_memories", "vision", "web_extract"]

const timeoutsOf = (route: Route | undefined) => ({
  timeout: route && Duration.toSeconds(route.timeout),
  idle: route && Duration.toSeconds(route.idleTimeout)
})

const MAIN = "openai gpt-5.5 http://127.0.0.1:8080/v1 sk-main responses 272000"

describe("a whole file", () => {
  const config = parseOrThrow(FULL)

  it("gives the policy", () => {
    const { contextLength, hardThreshold, protectFirstN, protectLastN, targetRatio, threshold } = config.policy
    assert.deepStrictEqual(
      [contextLength, threshold, hardThreshold, targetRatio, protectFirstN, protectLastN],
      [272_000, 0.5, 0.9, 0.25, 2, 10]
    )
    assert.strictEqual(config.instructions, "Keep invoice numbers.")
    assert.isTrue(config.enabled)
    assert.isFalse(isOffline(config))
    assert.deepStrictEqual(config.ignored, [])
  })

  it("a task on the main route has one route, with its own deadline", () => {
    assert.deepStrictEqual(config.routes("compression").map(formatRoute), [MAIN])
    assert.deepStrictEqual(timeoutsOf(config.routes("compression")[0]), { timeout: 240, idle: 60 })
    assert.deepStrictEqual(config.totalTimeout("compression"), Duration.seconds(400))
    assert.isNull(config.totalTimeout("vision"))
  })

  it("a task that changes the model has the main route behind its own", () => {
    const routes = config.routes("flush_memories")
    assert.deepStrictEqual(routes.map(formatRoute), [MAIN.replace("gpt-5.5", "gpt-5.5-mini"), MAIN])
    assert.deepStrictEqual(routes.map(timeoutsOf), [
      { timeout: 30, idle: 30 },
      { timeout: 30, idle: 30 }
    ])
  })

  it("a provider of its own inherits nothing", () => {
    assert.deepStrictEqual(config.routes("vision").map(formatRoute), [
      "openai seer https://vision.example/v1 sk-vision chat 128000",
      MAIN
    ])
  })

  it("a task the file does not name has the main route", () => {
    assert.deepStrictEqual(config.routes("web_extract").map(formatRoute), [MAIN])
    assert.deepStrictEqual(timeoutsOf(config.routes("web_extract")[0]), { timeout: 120, idle: 60 })
  })

  it("does not show its keys", () => {
    assert.notInclude(JSON.stringify([config.main, ...config.routes("vision")]), "sk-")
  })
})

describe("what a file may leave out", () => {
  it("JSON is read too", () => {
    const json = JSON.stringify({ model: { default: "m", base_url: "http://h/v1", api_key: "k" } })
    assert.strictEqual(formatRoute(parseOrThrow(json).main), "openai m http://h/v1 k chat 128000")
  })

  it("model, URL and key come from the environment, the file's own come first", () => {
    const env = { OPENAI_API_KEY: "sk-env", OPENAI_BASE_URL: "http://env/v1", THROUGHLINE_MODEL: "env-model" }
    assert.strictEqual(
      formatRoute(parseOrThrow("model: {}", env).main),
      "openai env-model http://env/v1 sk-env chat 128000"
    )
    assert.strictEqual(
      formatRoute(parseOrThrow("model: { default: own }", env).main),
      "openai own http://env/v1 sk-env chat 128000"
    )
    assert.strictEqual(
      formatRoute(parseOrThrow("compression: { threshold: 0.6 }", env).main),
      "openai env-model http://env/v1 sk-env chat 128000"
    )
  })

  it("the environment's key is not sent to an auxiliary URL of the file", () => {
    const text = "auxiliary: { vision: { provider: openai, model: m, base_url: 'http://elsewhere/v1' } }"
    const env = { OPENAI_API_KEY: "sk-env", THROUGHLINE_MODEL: "m" }
    assert.include(messageOf(parseText(text, env)), "config.yaml: auxiliary.vision.api_key: expected a key")
  })

  it("compression may take 300 seconds unless the file says otherwise", () => {
    const config = parseOrThrow("model: { default: m, base_url: 'http://h/v1', api_key: k }")
    assert.deepStrictEqual(timeoutsOf(config.routes("compression")[0]), { timeout: 300, idle: 60 })
  })

  it("instructions left out or left empty are none, others are text", () => {
    const instructionsOf = (text: string) => parseOrThrow(`compression: { ${text} }`).instructions
    assert.deepStrictEqual(
      [instructionsOf(""), instructionsOf("instructions:"), instructionsOf("instructions: ''")],
      [null, null, null]
    )
    assert.strictEqual(
      messageOf(parseText("compression: { instructions: [a] }")),
      "config.yaml: compression.instructions: expected text"
    )
  })

  it("openai-codex means the Responses API", () => {
    const model = "default: m, provider: openai-codex, base_url: 'http://h/v1', api_key: k"
    assert.strictEqual(parseOrThrow(`model: { ${model} }`).main.api, "responses")
    assert.include(messageOf(parseText(`model: { ${model}, api: chat }`)), "model.api: expected responses")
  })

  it("embedded needs neither URL nor key, and a task on it inherits that", () => {
    const config = parseOrThrow(
      "{ model: { provider: embedded, context_length: 8000 }, auxiliary: { compression: { provider: main, timeout: 5 } } }"
    )
    assert.isTrue(isOffline(config))
    assert.strictEqual(config.policy.contextLength, 8_000)
    assert.deepStrictEqual(
      config.routes("compression").map(({ provider }) => provider),
      ["embedded"]
    )
  })

  it("an auxiliary route alone is not offline", () => {
    const config = parseOrThrow(
      "auxiliary: { compression: { provider: openai, model: m, base_url: 'http://h/v1', api_key: k } }"
    )
    assert.isFalse(isOffline(config))
    assert.deepStrictEqual(
      config.routes("compression").map(({ provider }) => provider),
      ["openai", "embedded"]
    )
  })

  it("a task on the embedded summarizer is sent nowhere else", () => {
    const config = parseOrThrow(
      "{ model: { default: m, base_url: 'http://h/v1', api_key: k }, auxiliary: { compression: { provider: embedded } } }"
    )
    assert.deepStrictEqual(
      config.routes("compression").map(({ provider }) => provider),
      ["embedded"]
    )
  })

  it("keys left empty count as left out", () => {
    assert.isTrue(isOffline(parseOrThrow("model:\ncompression:\n  threshold:\nauxiliary:\n  flush_memories:\n")))
    assert.isTrue(isOffline(parseOrThrow("")))
  })

  it("unknown keys are reported, not refused", () => {
    const { ignored } = parseOrThrow(
      "colour: red\nmodel: { provider: embedded, tempo: 1 }\ncompression: { x: 1 }\nauxiliary: { vision: { y: 1 } }"
    )
    assert.deepStrictEqual(ignored, ["colour", "model.tempo", "compression.x", "auxiliary.vision.y"])
  })
})

describe("a Hermes Agent's config.yaml", () => {
  const env = { OPENAI_API_KEY: "sk-env", OPENAI_BASE_URL: "http://env/v1" }

  it("is read as it is: its own keys in part, the rest with a line each", () => {
    const config = parseOrThrow(`
_config_version: 50
model: { default: "anthropic/claude-opus-4.6", provider: auto, base_url: "https://openrouter.ai/api/v1", api_key: k, streaming: true }
compression: { enabled: true, threshold: 0.5, target_ratio: 0.2, protect_last_n: 20, protect_first_n: 3, max_attempts: 3 }
auxiliary:
  compression: { provider: auto, model: "google/gemini-3-flash-preview", timeout: 120, reasoning_effort: "" }
  vision: { provider: nous, model: gemini-3-flash, timeout: 30 }
  web_extract: { provider: custom, model: m, base_url: "http://127.0.0.1:1234/v1", api_key: none }
  approval: { provider: auto, model: "", base_url: "", api_key: "" }
`)
    const main = "openai anthropic/claude-opus-4.6 https://openrouter.ai/api/v1 k chat 128000"
    assert.deepStrictEqual(config.routes("compression").map(formatRoute), [
      main.replace("anthropic/claude-opus-4.6", "google/gemini-3-flash-preview"),
      main
    ])
    assert.deepStrictEqual(config.routes("vision").map(formatRoute), [main])
    assert.deepStrictEqual(config.routes("web_extract").map(formatRoute), [
      "openai m http://127.0.0.1:1234/v1 none chat 128000",
      main
    ])
    assert.deepStrictEqual(config.routes("approval").map(formatRoute), [main])
    assert.deepStrictEqual(config.ignored, [
      "_config_version",
      "model.streaming",
      "compression.max_attempts",
      "auxiliary.compression.reasoning_effort",
      "auxiliary.vision.provider",
      "auxiliary.vision.model"
    ])
  })

  it("the model may be a name alone, or have it as model", () => {
    assert.strictEqual(parseOrThrow("model: gpt-5.5", env).main.model, "gpt-5.5")
    assert.strictEqual(parseOrThrow("model: { model: gpt-5.5 }", env).main.model, "gpt-5.5")
    assert.strictEqual(parseOrThrow("model: { default: own, model: other }", env).main.model, "own")
  })

  it("a URL of a task's own gets none of the main model's key", () => {
    const text = "{ model: gpt-5.5, auxiliary: { vision: { provider: auto, model: m, base_url: 'http://h/v1' } } }"
    assert.include(messageOf(parseText(text, env)), "auxiliary.vision.api_key: expected a key")
  })
})

describe("errors name the file, the key and what was expected", () => {
  const ok = "default: m, base_url: 'http://h/v1', api_key: k"
  for (const [text, expected] of [
    [
      "model: { base_url: 'http://h/v1', api_key: k }",
      "model.default: expected the name of a model, here or as THROUGHLINE_MODEL"
    ],
    [
      "model: { default: m, api_key: k }",
      "model.base_url: expected a URL such as https://api.openai.com/v1, here or as OPENAI_BASE_URL"
    ],
    [
      "model: { default: m, base_url: 'http://h/v1' }",
      "model.api_key: expected a key (any text for a server that asks for none), here or as OPENAI_API_KEY"
    ],
    [
      "model: { default: m, base_url: localhost, api_key: k }",
      "model.base_url: expected an http or https URL, here or as OPENAI_BASE_URL"
    ],
    [
      "model: { default: m, base_url: 'ftp://h', api_key: k }",
      "model.base_url: expected an http or https URL, here or as OPENAI_BASE_URL"
    ],
    [
      "model: { provider: acme }",
      "model.provider: expected openai, openai-codex or embedded, or another with its base_url"
    ],
    [
      `model: { ${ok}, context_length: 100 }`,
      "model.context_length: expected a whole number of tokens from 2048 to 10000000, got 100"
    ],
    [`model: { ${ok}, context_length: -1 }`, "model.context_length: expected a whole number of tokens, more than 0"],
    ["model: [1]", "model: expected a mapping"],
    [
      "compression: { threshold: 1.5 }",
      "compression.threshold: expected a ratio above the target ratio 0.2 and at most 1, got 1.5"
    ],
    [
      "compression: { threshold: high }",
      "compression.threshold: expected cost, a ratio, or tokens as { tokens: 64000 }"
    ],
    [
      "compression: { threshold: 0.5, hard_threshold: 0.3 }",
      "compression.hard_threshold: expected a ratio from the threshold 0.5 to 1, got 0.3"
    ],
    ["compression: { target_ratio: 0 }", "compression.target_ratio: expected a ratio from 0.02 to 0.8, got 0"],
    ["compression: { protect_first_n: -1 }", "compression.protect_first_n: expected a whole number, got -1"],
    ["compression: { protect_last_n: 1.5 }", "compression.protect_last_n: expected a whole number"],
    ["compression: { enabled: maybe }", "compression.enabled: expected true or false"],
    ["auxiliary: { vision: { timeout: 0 } }", "auxiliary.vision.timeout: expected seconds, more than 0"],
    ["auxiliary: { vision: { total_timeout: .inf } }", "auxiliary.vision.total_timeout: expected seconds, more than 0"],
    [
      "auxiliary: { vision: { provider: openai, base_url: 'http://h/v1', api_key: k } }",
      "auxiliary.vision.model: expected the name of a model"
    ],
    ["auxiliary: { vision: 7 }", "auxiliary.vision: expected a mapping"],
    ["just text", "expected a mapping"],
    ["model: {}\nmodel: {}", "line 2: expected YAML or JSON: DUPLICATE_KEY"],
    ["x:\n  - a: 1\n    a: 2", "line 3: expected YAML or JSON: DUPLICATE_KEY"],
    ["#".repeat(1_000_001), "expected a config, got 1000001 characters"]
  ] as const) {
    it(expected, () => assert.strictEqual(messageOf(parseText(text)), `config.yaml: ${expected}`))
  }

  it("reads a file of many unknown keys, which the parser would compare each with each, and tells of them", () => {
    const text = Array.from({ length: 40_000 }, (_, n) => `key${n}: 1`).join("\n")
    assert.lengthOf(Either.getOrThrow(parseText(text)).ignored, 40_000)
  })

  it.prop(
    "no error quotes a key (promise 13)",
    [
      FastCheck.constantFrom(
        "sk-live-1234567\n  bad",
        "[sk-live-1234567]",
        "{sk-live-1234567",
        '"sk-live-1234567',
        "sk-live-1234567: x: y",
        "!!int sk-live-1234567"
      )
    ],
    ([key]) =>
      assert.notInclude(messageOf(parseText(`model:\n  default: m\n  base_url: x\n  api_key: ${key}\n`)), "sk-live")
  )
})

describe("without a file", () => {
  it("a key means the OpenAI API, another URL that one", () => {
    const env = { OPENAI_API_KEY: "k", THROUGHLINE_MODEL: "m" }
    assert.strictEqual(
      formatRoute(Either.getOrThrow(Settings.settingsFromEnvironment(env)).main),
      "openai m https://api.openai.com/v1 k chat 128000"
    )
    const other = Settings.settingsFromEnvironment({ ...env, OPENAI_BASE_URL: "http://h/v1" })
    assert.strictEqual(formatRoute(Either.getOrThrow(other).main), "openai m http://h/v1 k chat 128000")
  })

  it("no key means offline", () => {
    const config = Either.getOrThrow(Settings.settingsFromEnvironment({ THROUGHLINE_MODEL: "m", OPENAI_API_KEY: "" }))
    assert.isTrue(isOffline(config))
    assert.strictEqual(config.main.provider, "embedded")
    assert.deepStrictEqual(
      config.routes("compression").map(({ provider }) => provider),
      ["embedded"]
    )
  })

  it("a URL without a key is an error", () => {
    assert.strictEqual(
      messageOf(Settings.settingsFromEnvironment({ OPENAI_BASE_URL: "http://h/v1", THROUGHLINE_MODEL: "m" })),
      "environment: OPENAI_API_KEY: expected a key (any text for a server that asks for none)"
    )
  })

  it("a key without a model means offline, and that the model is missing", () => {
    const fromKey = Either.getOrThrow(Settings.settingsFromEnvironment({ OPENAI_API_KEY: "k" }))
    assert.deepStrictEqual([isOffline(fromKey), fromKey.lacksModelName], [true, true])
    const fromFile = parseOrThrow("compression: { threshold: 0.6 }", { OPENAI_API_KEY: "k" })
    assert.deepStrictEqual([isOffline(fromFile), fromFile.lacksModelName], [true, true])
    const chosen = parseOrThrow("model: { provider: embedded }", { OPENAI_API_KEY: "k" })
    assert.deepStrictEqual([isOffline(chosen), chosen.lacksModelName], [true, false])
    assert.isFalse(Either.getOrThrow(Settings.settingsFromEnvironment({})).lacksModelName)
  })

  it("a key and a URL without a model is an error", () => {
    assert.strictEqual(
      messageOf(Settings.settingsFromEnvironment({ OPENAI_API_KEY: "k", OPENAI_BASE_URL: "http://h/v1" })),
      "environment: THROUGHLINE_MODEL: expected the name of a model"
    )
  })
})
