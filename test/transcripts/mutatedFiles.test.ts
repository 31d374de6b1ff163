/** Files of every format, and what is left of them when lines are cut, doubled, moved or replaced. */
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import * as Message from "../../src/message/Message.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import { AGENT_FILES, OTHER_SHAPES } from "../support/agentFiles.ts"
import { mutate, mutations } from "../support/mutations.ts"

describe("a file of each format", () => {
  it("is here, but of a database", () => {
    const formats = Transcripts.Format.literals.filter((format) => format !== "hermes")
    assert.sameMembers(Object.keys(AGENT_FILES), formats)
  })

  const files = [
    ...Object.entries(AGENT_FILES).map(([format, text]) => [format, "", text] as const),
    ...OTHER_SHAPES.map(([format, shape, text]) => [format, ` (${shape})`, text] as const)
  ]
  for (const [name, shape, text] of files) {
    const format = `${name}${shape}`
    it(`${format} is known by what is in it`, () => {
      assert.strictEqual(Either.getOrThrow(Transcripts.parse(text, { file: "f" })).format, name)
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

  it("of lines, behind a terminal's words, gives the same", () => {
    const words = "Reading prompt from stdin...\n2026-09-01T10:00:00Z ERROR cache: none\n"
    for (const text of Object.values(AGENT_FILES).filter((text) => text.startsWith("{") && text.includes("\n"))) {
      const { sessions } = Either.getOrThrow(Transcripts.parse(words + text, { file: "f" }))
      assert.deepStrictEqual(sessions, Either.getOrThrow(Transcripts.parse(text, { file: "f" })).sessions)
    }
  })

  for (const format of ["claude-code", "pi", "qwen-code"]) {
    it(`${format}, of which a line is lost, loses what stands in that line alone`, () => {
      const lines = (AGENT_FILES[format] ?? "").split("\n").filter((line) => line !== "")
      const wordsOf = (lines: ReadonlyArray<string>) =>
        JSON.stringify(Either.getOrThrow(Transcripts.parse(lines.join("\n"), { file: "f" })).sessions).match(
          /word\d/g
        ) ?? []
      const whole = wordsOf(lines)
      for (const [index, line] of lines.entries()) {
        const own: ReadonlyArray<string> = line.match(/word\d/g) ?? []
        // What leaves a queue may say so without words.
        if (own.length === 0) continue
        const left = wordsOf(lines.toSpliced(index, 1))
        assert.includeMembers(
          left,
          whole.filter((word) => !own.includes(word))
        )
      }
    })
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
