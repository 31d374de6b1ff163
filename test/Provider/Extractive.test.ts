import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as Handoff from "../../src/Handoff.ts"
import type { Message } from "../../src/Message.ts"
import * as Extractive from "../../src/Provider/Extractive.ts"
import type { Logged } from "../../src/Session.ts"
import * as Tokens from "../../src/Tokens.ts"

const log = (messages: ReadonlyArray<Message>): ReadonlyArray<Logged> =>
  messages.map((message, i) => ({ seq: i + 1, message, tokens: 0, kind: null, arrival: null, at: 0 }))

const summarize = (messages: ReadonlyArray<Message>, options: Partial<Extractive.Options> = {}) =>
  Extractive.summarize(log(messages), { counter: Tokens.estimate, maxTokens: 1_000, focus: null, ...options })

const user = (content: string): Message => ({ role: "user", content })
const assistant = (content: string): Message => ({ role: "assistant", content })
const call = (name: string, input: unknown): Message => ({
  role: "assistant",
  content: null,
  tool_calls: [{ id: "c", type: "function", function: { name, arguments: JSON.stringify(input) } }]
})
const result = (content: string): Message => ({ role: "tool", tool_call_id: "c", content })

const text = fc
  .array(
    fc.oneof(
      fc.lorem({ mode: "sentences", maxCount: 3 }),
      fc.constantFrom("You must not stop.\n", "## Goal\n", "必ずテストを書いてください。", "ห้ามลบไฟล์นี้", "port: 8080\n"),
      fc.string({ unit: "binary" })
    ),
    { maxLength: 5 }
  )
  .map((parts) => parts.join(" "))
const message: fc.Arbitrary<Message> = fc.oneof(
  text.map(user),
  text.map(assistant),
  text.map((command) => call("bash", { command })),
  text.map(result)
)
const messages = fc.array(message, { maxLength: 25 })

const session: ReadonlyArray<Message> = [
  user("Please build an importer for invoices. Never write to the production database."),
  call("read", { path: "src/importer.ts" }),
  result("export const importer = 1"),
  assistant("The importer reads CSV invoices and the writer stores each invoice in PostgreSQL."),
  user("Now add retries to the invoice importer. The staging port is 5433."),
  call("write", { path: "src/retry.ts", content: "x" }),
  call("bash", { command: "npm test" }),
  result("Error: retry budget exceeded\nCommand exited with code 1"),
  assistant("The retry test fails because the budget is exceeded; we decided to use exponential backoff."),
  user("Which colour should the dashboard have?"),
  call("read", { path: "theme.css" })
]

describe("Extractive.summarize", () => {
  it.prop(
    "always answers: a complete summary within its tokens, and the same one again",
    [messages, fc.integer({ min: 150, max: 800 }), fc.option(fc.constantFrom("tests", "必ず", "port")), fc.boolean()],
    ([given, maxTokens, focus, repeated]) => {
      const long = repeated ? Array.from({ length: 20 }, () => given).flat() : given
      const summary = summarize(long, { maxTokens, focus })
      assert.deepStrictEqual(Handoff.missing(summary), [])
      assert.isAtMost(Tokens.estimate.text(summary), maxTokens)
      assert.strictEqual(summarize(long, { maxTokens, focus }), summary)
    }
  )

  it("fills every section from the messages themselves", () => {
    const sections = Handoff.parse(summarize(session))
    assert.deepStrictEqual(sections.goal.at(-1), "Which colour should the dashboard have? (#10)")
    assert.deepStrictEqual(sections.constraints, ["Never write to the production database. (#1)"])
    assert.deepStrictEqual(
      sections.done.map((item) => item.slice(-4)),
      ["(#4)", "(#9)"]
    )
    assert.deepStrictEqual(sections.openWork, ["Which colour should the dashboard have? (#10)"])
    assert.deepStrictEqual(sections.errors, ["Error: retry budget exceeded (#8)"])
    assert.deepStrictEqual(sections.files, ["src/importer.ts (read)", "src/retry.ts (written)", "theme.css (read)"])
    assert.lengthOf(sections.decisions, 1)
    assert.include(sections.facts, "staging port: 5433 (#5)")
  })

  it("says so when nothing was asked for", () => {
    assert.deepStrictEqual(Handoff.parse(summarize([])).goal, ["No request in these messages."])
  })

  it("what is still being worked on is in progress, not done", () => {
    const { done, inProgress } = Handoff.parse(
      summarize([
        user("go"),
        {
          role: "assistant",
          content: "Building the parser first.",
          tool_calls: [{ id: "c", type: "function", function: { name: "bash", arguments: "{}" } }]
        }
      ])
    )
    assert.deepStrictEqual([done, inProgress], [[], ["Building the parser first. (#2)"]])
  })

  it("a focus brings its own facts up, also from tool output", () => {
    const topics = ["invoices", "customers", "suppliers", "contracts", "payments", "ledgers", "reports", "budgets"]
    const noise = topics.flatMap((topic, n) => [
      assistant(`The importer of ${topic} stores every row in the archive of quarter ${n}.`),
      assistant(`Rows of ${topic} reach the archive after the nightly check of ${topics[(n + 1) % 8]}.`)
    ])
    const given = [
      ...noise,
      result("quota: 17 turbines\nunrelated"),
      assistant("Some old turbine hall has one ladder.")
    ]
    const facts = (focus: string | null) => Handoff.parse(summarize(given, { focus, maxTokens: 200 })).facts
    assert.notInclude(facts(null).join("\n"), "quota: 17 turbines")
    assert.sameMembers(facts("turbine turbines").slice(-2), [
      "quota: 17 turbines (#17)",
      "Some old turbine hall has one ladder. (#18)"
    ])
  })

  it("ranks sentences of languages that write no spaces", () => {
    const { facts } = Handoff.parse(
      summarize([
        assistant("東京支店の売上データは毎日夜中に自動で集計されます。今日はとても良い天気でした。"),
        assistant("集計された売上データは大阪支店の担当者が確認します。")
      ])
    )
    assert.deepStrictEqual(
      facts.map((fact) => fact.slice(0, 7)),
      ["今日はとても良", "集計された売上", "東京支店の売上"]
    )
  })

  it("promise 13: secrets stay", () => {
    const key = ["sk", "proj", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"].join("-")
    const summary = summarize(
      [
        user(`Use the key ${key} for the payment service of the staging cluster.`),
        result(`payment key=${key}`),
        assistant(`The payment service of the staging cluster now uses ${key} everywhere.`)
      ],
      { focus: "payment" }
    )
    assert.notInclude(summary, key)
    assert.include(summary, "payment service of the staging cluster")
  })
})
