/** Files of every format, and what is left of them when lines are cut, doubled, moved or replaced. */
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import * as Message from "../../src/message/Message.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import { AGENT_FILES } from "../support/agentFiles.ts"

/** A change of a text. `at` and `to` are places in it, from 0 to 1. */
interface Mutation {
  readonly kind: "cut" | "double" | "move" | "odd" | "drop" | "letter"
  readonly at: number
  readonly to: number
}

/** JSON on one line is cut into lines first, so that its parts can be doubled and moved too. */
const mutate = (text: string, { at, kind, to }: Mutation): string => {
  if (kind === "cut") return text.slice(0, Math.floor(at * text.length))
  if (kind === "letter") {
    const place = Math.floor(at * text.length)
    return text.slice(0, place) + '}]{[",:0n\0'[Math.floor(to * 10)] + text.slice(place + 1)
  }
  const lines = text.split("\n")
  const place = Math.floor(at * lines.length)
  const line = lines[place] ?? ""
  if (kind === "double") return lines.toSpliced(place, 0, line).join("\n")
  if (kind === "drop") return lines.toSpliced(place, 1).join("\n")
  if (kind === "odd") return lines.toSpliced(place, 0, '{"type":"odd","role":7,"message":{},"payload":[]}').join("\n")
  return lines
    .toSpliced(place, 1)
    .toSpliced(Math.floor(to * lines.length), 0, line)
    .join("\n")
}

const fraction = fc.double({ min: 0, max: 0.999, noNaN: true })
const mutations = fc.array(
  fc.record<Mutation>({
    kind: fc.constantFrom("cut", "double", "move", "odd", "drop", "letter"),
    at: fraction,
    to: fraction
  }),
  { minLength: 1, maxLength: 3 }
)

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
        const mutated = changes.reduce<string>(mutate, start)
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
