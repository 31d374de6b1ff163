/** Summaries as models dress them: in marks of their own, with words around them, or beside what they thought. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { estimate } from "../../src/message/Tokens.ts"
import type { GateReason } from "../../src/model/ModelError.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Gate from "../../src/summary/Gate.ts"
import { problems } from "../support/providerShapes.ts"
import { compressSession, id, importRounds, manual, scripted, summary } from "../support/world.ts"

const PLAN = "I will go through it."
const SUMMARY = summary("the parser")
const headings = (before: string, after = "") => SUMMARY.replaceAll(/^## (.*)$/gm, `${before}$1${after}`)

/** What is taken as a summary, and what is rejected for which reason. */
const DRESSED: ReadonlyArray<readonly [string, text: string, outcome: "taken" | GateReason]> = [
  ["as it was asked for", SUMMARY, "taken"],
  ["with line breaks of Windows", SUMMARY.replaceAll("\n", "\r\n"), "taken"],
  ["after a byte order mark", `\ufeff${SUMMARY}`, "taken"],
  ["after a greeting, and before a goodbye", `Sure! Here it is:\n\n${SUMMARY}\n\nDo you need more?`, "taken"],
  ["in tags", `<analysis>\nplan\n</analysis>\n\n<summary>\n${SUMMARY}\n</summary>`, "taken"],
  ["behind a thought", `<thought>\n${PLAN}\n</thought>\n${SUMMARY}`, "taken"],
  ["with numbered headings", SUMMARY.replace("## Goal", "## 1. Goal"), "taken"],
  ["with colons for headings", headings("", ":"), "taken"],
  ["within a thought that does not end", `<think>${PLAN}\n${SUMMARY}`, "reasoning-only"],
  ["as a thought", `<think>${PLAN}</think>`, "reasoning-only"],
  [
    "behind channels",
    `<|channel|>analysis<|message|>${PLAN}<|end|><|start|>assistant<|channel|>final<|message|>${SUMMARY}<|return|>`,
    "taken"
  ],
  [
    "behind channels of which only one is named",
    `<|channel|>analysis<|message|>${PLAN}<|end|><|channel|>final<|message|>${SUMMARY}`,
    "taken"
  ],
  ["within a channel that does not end", `<|channel|>analysis<|message|>${PLAN}\n${SUMMARY}`, "reasoning-only"],
  ["behind a thought in marks of its own", `<seed:think>${PLAN}</seed:think>${SUMMARY}`, "taken"],
  ["behind a thought in triangles", `◁think▷${PLAN}◁/think▷${SUMMARY}`, "taken"],
  ["behind a thought in brackets", `[THINK]${PLAN}[/THINK]${SUMMARY}`, "taken"],
  ["behind thoughts in two kinds of marks", `[THINK]${PLAN}[/THINK]\n<think>${PLAN}</think>${SUMMARY}`, "taken"],
  ["as a thought in brackets", `[THINK]${PLAN}[/THINK]`, "reasoning-only"],
  ["with bold headings", headings("**"), "sections-missing"],
  ["as JSON", JSON.stringify({ summary: SUMMARY }), "sections-missing"],
  ["as a call", `<tool_call>{"name":"read","arguments":{"path":"a"}}</tool_call>`, "sections-missing"],
  ["as a call in marks of its own", `<｜DSML｜function_calls>\n<｜DSML｜invoke name="exec">`, "sections-missing"],
  ["again and again", `${SUMMARY}\n`.repeat(40), "not-smaller"],
  ["with one line again and again", `${SUMMARY}\n${"- again and again\n".repeat(4_000)}`, "not-smaller"]
]

describe("a summary", () => {
  for (const [name, text, outcome] of DRESSED)
    it(`${name} is ${outcome}, and holds no thought`, () => {
      const checked = Gate.checkSummary({
        route: "m@host",
        text,
        finish: "stop",
        counter: estimate,
        coveredTokens: 10_000,
        maxTokens: 1_000,
        missing: Handoff.findMissingHeadings
      })
      assert.strictEqual(Either.isRight(checked) ? "taken" : checked.left.reason, outcome)
      if (Either.isRight(checked)) assert.notInclude(checked.right, PLAN)
    })

  for (const [name, character] of [
    ["half a character", "\ud83d"],
    ["a character without a sign", "\u0000"]
  ] as const)
    it.effect(`with ${name} gives a view that every provider takes`, () =>
      Effect.gen(function* () {
        yield* importRounds(20)
        assert.strictEqual((yield* compressSession()).outcome, "committed")
        const { view } = yield* Gateway
        const { messages } = yield* view(id)
        assert.include(JSON.stringify(messages), "the par")
        assert.deepStrictEqual(problems(messages), [])
      }).pipe(
        Effect.provide(
          scripted(Scripted.layer([summary(`the par${character}ser`)]), { policy: { ...manual, contextLength: 8_000 } })
        )
      )
    )
})
