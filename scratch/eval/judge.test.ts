/** The judge of `scratch/eval`, with a scripted model: what it asks, and how it reads the answers. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"
import { judge, table } from "./judge.ts"
import * as Probes from "./probes.ts"
import * as ModelClients from "../../src/model/ModelClients.ts"
import * as Message from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { conversation, policy, route, scripted, summary } from "../../test/support/world.ts"

const probes: ReadonlyArray<Probes.Probe> = [
  { kind: "recall", question: "Which invoice does item 3.1 refer to?", answer: "394" },
  { kind: "decision", question: "What became of the interface?", answer: "the old one is kept" }
]

/** Tells by the prompt which of its roles the model is asked to play. */
const model = (grades: string) =>
  Scripted.make([
    ({ messages, task }) => {
      const prompt = messages.map(Message.text).join("\n")
      if (task === "compression") return summary("the report")
      if (prompt.includes("You write an exam")) return `Here it is:\n\`\`\`json\n${JSON.stringify(probes)}\n\`\`\``
      return prompt.includes("You grade an answer") ? grades : "It refers to invoice 394."
    }
  ])

const judgeConversation = (scriptedModel: Scripted.Scripted) =>
  judge(conversation(14), route, 1).pipe(
    Effect.provide([
      scripted(scriptedModel.layer, { policy: { ...policy, mode: "manual" } }),
      Layer.provide(ModelClients.layer(), scriptedModel.layer)
    ])
  )

describe("the judge", () => {
  it.effect("asks on the whole transcript, answers from the compressed view, and grades", () =>
    Effect.gen(function* () {
      const scriptedModel = model('{"score": 4, "why": "the number is right"}')
      const { graded, result } = yield* judgeConversation(scriptedModel)
      assert.strictEqual(result.outcome, "committed")
      assert.deepStrictEqual(
        graded.map(({ given, probe, score }) => [probe.kind, given, score]),
        [
          ["recall", "It refers to invoice 394.", 4],
          ["decision", "It refers to invoice 394.", 4]
        ]
      )
      assert.include(table(graded), "recall        4.00 of 5  (1 probes)")
      const [exam, , asked] = scriptedModel.requests.map(({ messages }) => messages.map(Message.text).join("\n"))
      assert.include(exam, "Item 3.1 of the billing report")
      assert.notInclude(asked, "Item 3.1 of the billing report")
      assert.include(asked, "[throughline handoff]")
    })
  )

  it.effect("says so when a grade cannot be read", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(judgeConversation(model("I would say four out of five.")))
      assert.strictEqual(failure._tag, "Unreadable")
    })
  )

  it("reads JSON within words and fences, and refuses what is out of range", () => {
    assert.deepStrictEqual(
      Probes.grade('Sure: {"score": 5, "why": "all of it"}.'),
      Either.right({ score: 5, why: "all of it" })
    )
    assert.isTrue(Either.isLeft(Probes.grade('{"score": 6, "why": "more than all"}')))
    assert.isTrue(Either.isLeft(Probes.probes('[{"kind": "mood", "question": "How?", "answer": "Well."}]')))
    assert.isTrue(Either.isLeft(Probes.probes("no list")))
  })
})
