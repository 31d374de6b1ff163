/** Files of every format, and what is left of them when lines are cut, doubled, moved or replaced. */
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import * as Message from "../../src/message/Message.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import { AGENT_FILES } from "../support/agentFiles.ts"
import { mutate, mutations } from "../support/mutations.ts"

describe("a file of each format", () => {
  it("is here, but of a database", () => {
    const formats = Transcripts.Format.literals.filter((format) => format !== "hermes")
    assert.sameMembers(Object.keys(AGENT_FILES), formats)
  })

  for (const [format, text] of Object.entries(AGENT_FILES)) {
    it(`${format} is known by what is in it`, () => {
      assert.strictEqual(Either.getOrThrow(Transcripts.parse(text, { file: "f" })).format, format)
    })

    it.prop(
      `${format}, when mutated, gives whole messages or an error, and never says what is not in it`,
      [
        mutations,
        fc.constantFrom<Transcripts.ReadOptions>({}, { strict: true }, { salvage: true }, { branch: "all" }),
        fc.boolean()
      ],
      ([changes, options, isSpread]) => {
        const start = isSpread && !text.includes("\n") ? JSON.stringify(JSON.parse(text), null, 1) : text
        const mutated = changes.reduce(mutate, start)
        const read = Transcripts.parse(mutated, { file: "f", ...options })
        if (Either.isLeft(read)) return assert.isAbove(read.left.message.length, 0)
        for (const message of read.right.sessions.flatMap(({ messages }) => messages)) {
          Either.getOrThrow(Message.serialize(message))
          for (const word of JSON.stringify(message).match(/word\d/g) ?? []) assert.include(mutated, word)
        }
      }
    )
  }

  it("nested without end is refused, whatever it is", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000)
    for (const text of Object.values(AGENT_FILES)) {
      Transcripts.parse(text.replaceAll('"word2"', deep), { file: "f", salvage: true })
      Transcripts.parse(text.replaceAll('"word1"', deep), { file: "f" })
    }
    const error = Either.flip(Transcripts.parse(`{"a":${deep}}`, { file: "f" }))
    assert.include(Either.getOrThrow(error).message, "levels of nesting")
  })
})
