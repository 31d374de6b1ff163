/** What the user's rules are, and when they end. `scratch/eval/ruleSentences.ts` counts over many more sentences. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { redact } from "../../src/message/Redaction.ts"
import { isTakenForRule, rulesAfter } from "../support/rules.ts"

const RULES = [
  "From now on use tabs.",
  "For the rest of this session answer in English.",
  "Constraint: no new dependencies",
  "Before you push, run the tests.",
  "Every reply ends with a link.",
  "code blocks should be 8ABeB7",
  "Keep the old code around for reference.",
  "can you revert that?",
  "no, use the existing helper",
  "We must not touch the archive.",
  "Ab jetzt nur noch Deutsch.",
  "Lass die Tests in Ruhe.",
  "Ne touche pas aux tests.",
  "À partir de maintenant, réponds en français.",
  "No toques las pruebas.",
  "A partir de ahora responde en español.",
  "Siempre hay que dejar dos copias.",
  "Work on a copy of the table, never on the original.",
  "Trabaja sobre una copia, nunca sobre el original."
]

const TALK = [
  "That must've been breathtaking!",
  "I never knew.",
  "I'm always here to support you!",
  "We should catch up sometime.",
  "Don't worry about it.",
  "No, I haven't seen it yet.",
  "When I click on save, nothing happens.",
  "Write a function that sorts a list of names.",
  "Should I use a map or an object?",
  "Das muss ein schöner Abend gewesen sein.",
  "Ich bin immer für dich da!",
  "Je suis toujours là pour toi !",
  "Siempre estoy aquí para ti.",
  "Ohne Musik macht es nur halb so viel Spaß.",
  "Sin sal no tiene gracia.",
  "Sans musique c'est moins drôle.",
  "Use whichever pen you like.",
  "A limerick must never run longer than that, apparently."
]

describe("a rule", () => {
  it.each(RULES)("is: %s", (text) => {
    assert.isTrue(isTakenForRule(text))
  })

  it.each(TALK)("is not: %s", (text) => {
    assert.isFalse(isTakenForRule(text))
  })

  it("has its words for itself: what stands in quotes sets none", () => {
    assert.isFalse(isTakenForRule('The sign reads "never feed the ducks".'))
    assert.isTrue(isTakenForRule('Never write "obviously".'))
  })

  const strange = fc.oneof(fc.string(), fc.constantFrom(...RULES, ...TALK))
  it.prop("is a part of what the user said, word for word", [fc.array(strange, { maxLength: 5 })], ([parts]) => {
    // What a chance text takes for a secret is the same in both.
    const said = redact(parts.join("\n")).replace(/\s+/g, " ")
    for (const rule of rulesAfter(parts.join("\n"))) assert.include(said, rule.replace(/…$/, ""))
  })
})

describe("a rule that the user takes back", () => {
  it.each([
    ["Never push to main.", "You may push to main again."],
    ["Don't touch the fixtures.", "You're allowed to touch the fixtures again."],
    ["Always answer in rhymes.", "Forget what I said about rhymes."],
    ["Antworte immer in Reimen.", "Vergiss, was ich über Reime gesagt habe."]
  ])("is gone: %s", (rule, retraction) => {
    assert.include(rulesAfter(rule), rule)
    assert.notInclude(rulesAfter(rule, "Never write to the archive.", retraction), rule)
    assert.include(rulesAfter(rule, "Never write to the archive.", retraction), "Never write to the archive.")
  })

  it("leaves the sentence that did it in its place, and holds when it is set again", () => {
    const [rule, retraction] = ["Never push to main.", "You may push to main again."]
    assert.deepStrictEqual(rulesAfter(rule, retraction), [retraction])
    assert.deepStrictEqual(rulesAfter(rule, retraction, rule), [retraction, rule])
  })

  it("stays when somebody else takes it back, or nothing says which", () => {
    assert.deepStrictEqual(rulesAfter("Never push to main.", "> You may push to main again."), ["Never push to main."])
    assert.include(rulesAfter("Never push to main.", "Forget what I said."), "Never push to main.")
    assert.include(rulesAfter("Always run the tests.", "You can run the tests again."), "Always run the tests.")
  })
})
