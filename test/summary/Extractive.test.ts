import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as Ledger from "../../src/ledger/Ledger.ts"
import { type Message, text as textOf } from "../../src/message/Message.ts"
import * as Extractive from "../../src/summary/Extractive.ts"
import type { Logged } from "../../src/session/Session.ts"
import * as Tokens from "../../src/message/Tokens.ts"

const log = (messages: ReadonlyArray<Message>): ReadonlyArray<Logged> =>
  messages.map((message, i) => ({ seq: i + 1, message, tokens: 0, kind: null, arrival: null, at: 0 }))

const summarize = (messages: ReadonlyArray<Message>, options: Partial<Extractive.ExtractOptions> = {}) =>
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
    "always answers: a summary with a goal and no empty heading within its tokens, and the same one again",
    [messages, fc.integer({ min: 150, max: 800 }), fc.option(fc.constantFrom("tests", "必ず", "port")), fc.boolean()],
    ([given, maxTokens, focus, repeated]) => {
      const long = repeated ? Array.from({ length: 20 }, () => given).flat() : given
      const summary = summarize(long, { maxTokens, focus })
      assert.isAtLeast(Handoff.parse(summary).goal.length, 1)
      const isHeading = (line = "") => /^#{2,3} /.test(line)
      const lines = summary.split("\n")
      assert.isFalse(lines.some((line, n) => isHeading(line) && line !== "## Progress" && isHeading(lines[n + 1])))
      assert.isFalse(isHeading(lines.at(-1)))
      assert.isAtMost(Tokens.estimate.text(summary), maxTokens)
      assert.strictEqual(summarize(long, { maxTokens, focus }), summary)
    }
  )

  it("tells the goal and each outcome in the words of the messages", () => {
    const sections = Handoff.parse(summarize(session))
    assert.deepStrictEqual(sections.goal.at(-1), "Which colour should the dashboard have? (#10)")
    assert.deepStrictEqual(sections.done, [
      'asked "Please build an importer for invoices. Never write to the production database." → The importer reads CSV invoices and the writer stores each invoice in PostgreSQL. (#4)',
      'asked "Now add retries to the invoice importer. The staging port is 5433." → The retry test fails because the budget is exceeded; we decided to use exponential backoff. (#9)'
    ])
  })

  it("says once, before the headings, that no model wrote it", () => {
    const summary = summarize(session)
    assert.match(summary, /^\(An extract.*\)\n## Goal\n/)
    assert.notInclude(Handoff.render(Handoff.parse(summary)), "An extract")
  })

  it("leaves to the ledger what it carries: rules, decisions, identifiers, errors, files", () => {
    const { constraints, decisions, errors, facts, files } = Handoff.parse(summarize(session))
    assert.deepStrictEqual([constraints, decisions, errors, files], [[], [], [], []])
    assert.notInclude(facts.join("\n"), "5433")
  })

  it("a closing that says nothing is not listed as done, unless it answers a request that does", () => {
    const { done } = Handoff.parse(
      summarize([
        user("hi"),
        assistant("Hello! 👋 Nice to see you."),
        user("Rename the invoice exporter to billing exporter."),
        call("bash", { command: "git mv" }),
        assistant("Done!"),
        user("Is the billing exporter covered by the invoice tests?"),
        assistant("Great. The invoice tests run the billing exporter twice."),
        user("thanks"),
        assistant("You're welcome")
      ])
    )
    assert.deepStrictEqual(done, [
      'asked "Rename the invoice exporter to billing exporter." → Done! (#5)',
      'asked "Is the billing exporter covered by the invoice tests?" → The invoice tests run the billing exporter twice. (#7)'
    ])
  })

  it("a turn's outcome is what was done, not the line that leads to it, beside all that was asked for it", () => {
    const { done } = Handoff.parse(
      summarize([
        user("Rename the invoice exporter to billing exporter."),
        assistant("Shall the invoice tests be renamed, too?"),
        user("yes, the invoice tests too"),
        user("continue"),
        assistant(
          "Great! Here is what I changed:\n- The billing exporter replaces the invoice exporter.\n- Its invoice tests moved."
        )
      ])
    )
    assert.deepStrictEqual(done, [
      'asked "Rename the invoice exporter to billing exporter.", "yes, the invoice tests too" → The billing exporter replaces the invoice exporter. Its invoice tests moved. (#5)'
    ])
  })

  it("keeps a long message of the user word for word up to some 150 tokens, even if it is a list of values", () => {
    const values = Array.from({ length: 20 }, (_, n) => `tint ${n} is #${(n * 7919 + 4096).toString(16)}a0`)
    const summary = summarize([user(values.join("\n")), assistant("Tints of the list are in place now.")])
    for (const value of values) assert.include(summary, value)
  })

  it("an order that is taken back is gone, with the work on it; a goal states a task", () => {
    const summary = summarize([
      user("Let the theme selector wait for the next tick, please."),
      call("edit", { path: "src/selector.ts" }),
      result("ok"),
      assistant("The selector now waits for the next tick by setImmediate."),
      user("yeah you can undo that, it was the logger"),
      assistant("The selector is back as before."),
      user("Write the release notes of version 0.8.0."),
      user("continue")
    ])
    assert.notInclude(summary, "next tick")
    assert.include(summary, "undo that, it was the logger")
    assert.deepStrictEqual(Handoff.parse(summary).goal, ["Write the release notes of version 0.8.0. (#7)"])
  })

  it("quotes of a tool's output what was learned from it, in any language", () => {
    const noise = Array.from({ length: 15 }, (_, n) => `row ${n} lorem ipsum dolor`)
    const learned = (line: string, answer: string) =>
      Handoff.parse(
        summarize([user("?"), call("get", {}), result([...noise, line, ...noise].join("\n")), assistant(answer)])
      ).facts.filter((fact) => fact.startsWith(line))
    assert.lengthOf(learned("tracking: 9Z-4411-K", "It left the depot as 9Z-4411-K this morning."), 1)
    assert.lengthOf(learned("Die Lieferung wartet beim Zoll in Hamburg", "Sie wartet beim Zoll."), 1)
    assert.lengthOf(learned("荷物は大阪の税関で止まっています", "大阪の税関で止まっているようです。"), 1)
    assert.lengthOf(learned("tracking: 9Z-4411-K", "Nothing to tell."), 0)
  })

  it("fills the room that it is given, and says what is rare before it repeats what is common", () => {
    const places = ["Aarhus", "Bergen", "Cadiz", "Dover", "Espoo", "Faro", "Gdansk", "Haarlem"]
    const talk = Array.from({ length: 400 }, (_, n) => [
      user(`Did anything come of the trip to ${places[n % 8]} number ${n}, or was it all quiet as ever?`),
      assistant(`We had a lovely time there as ever. The guide of trip ${n} was called Person${n * 7}.`)
    ]).flat()
    for (const maxTokens of [1_000, 2_000, 4_000]) {
      const summary = summarize(talk, { maxTokens, isAnswered: true })
      assert.isAtLeast(Tokens.estimate.text(summary), 0.9 * maxTokens)
      const facts = Handoff.parse(summary).facts.join("\n")
      assert.isAbove(facts.match(/Person\d+/g)?.length ?? 0, (facts.match(/lovely time/g)?.length ?? 0) * 4)
    }
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

  it("a focus gets most of the room", () => {
    const turn = (topic: string, n: number) => [
      user(`Please check the ${topic} of customer ${n} for the audit of part ${n}.`),
      assistant(`The ${topic} of customer ${n} pass the audit of part ${n}, with ${n * 7} rows compared.`)
    ]
    // Neither topic always comes first: the second to say something says less that is new.
    const topics = (n: number) => (n % 2 === 0 ? ["shipments", "invoices"] : ["invoices", "shipments"])
    const given = Array.from({ length: 20 }, (_, n) => topics(n).flatMap((topic) => turn(topic, n))).flat()
    const share = (focus: string | null) => {
      const items = Object.values(Handoff.parse(summarize(given, { focus, maxTokens: 400 }))).flat()
      const room = (of: ReadonlyArray<string>) => of.reduce((sum, item) => sum + Tokens.estimate.text(item), 0)
      return room(items.filter((item) => item.includes("shipments"))) / room(items)
    }
    assert.isBelow(share(null), 0.6)
    assert.isAbove(share("the shipments"), 0.6)
  })

  it("ranks sentences of languages that write no spaces", () => {
    const { facts } = Handoff.parse(
      Extractive.summarize(
        log([
          user("東京支店の売上データは毎日夜中に自動で集計されます。今日はとても良い天気でした。"),
          user("集計された売上データは大阪支店の担当者が確認します。")
        ]).map((entry) => ({ ...entry, kind: "notification" })),
        { counter: Tokens.estimate, maxTokens: 1_000, focus: null }
      )
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

  it("twenty passes over its own output neither grow nor lose a rule, and quote nothing twice", () => {
    const rules = [
      "Never write to the production database.",
      "You must keep Node 20.",
      "必ずテストを実行してください。"
    ]
    const maxTokens = 600
    let view: ReadonlyArray<Message> = session.concat(rules.map(user), user("Now go on."), assistant("I will."))
    for (let pass = 1; pass <= 20; pass++) {
      const text = summarize(view, { maxTokens, isAnswered: true })
      assert.isAtMost(Tokens.estimate.text(text), maxTokens)
      const ledger = Ledger.render(Ledger.add(Ledger.empty, log(view)), Tokens.estimate, maxTokens)
      const segment = { id: "s", level: 0, children: [], fromSeq: 1, toSeq: view.length, text, tokens: 0 }
      const handoff = Handoff.makeMessage({
        segments: [{ ...segment, degraded: null, focus: null, model: "embedded" }],
        ledger,
        renderer: Handoff.RENDERER
      })
      const items = textOf(handoff)
        .split("\n")
        .filter((line) => line.startsWith("- "))
        .map((line) => line.replace(/ \(#\d+\)$/, ""))
      for (const rule of rules)
        assert.lengthOf(
          items.filter((item) => item === `- ${rule}`),
          1,
          `pass ${pass}: ${rule}`
        )
      assert.deepStrictEqual(items, Array.from(new Set(items)), `pass ${pass}`)
      assert.notInclude(text, "[throughline")
      view = [
        handoff,
        user(`Please check part ${pass} of the invoice importer.`),
        call("write", { path: `src/part-${pass}.ts` }),
        result("written"),
        assistant(`Part ${pass} of the invoice importer now stores ${pass * 17} invoices.`)
      ]
    }
  })
})
