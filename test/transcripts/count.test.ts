/**
 * What the readers find beside what `test/support/count` counts without them. `readTranscript` compares so too, whatever the
 * other tests of this folder read.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { compare, countRead, listDifferences } from "../support/count/compare.ts"
import { countDatabase } from "../support/count/database.ts"
import type { Count } from "../support/count/count.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import { AGENT_FILES, OTHER_SHAPES } from "../support/agentFiles.ts"
import * as Fixture from "../support/hermes.ts"

describe("who counts without the readers finds the same", () => {
  for (const [format, text] of Object.entries(AGENT_FILES)) {
    it(`in a file of ${format}`, () => {
      assert.deepStrictEqual(compare(text, Either.getOrThrow(Transcripts.parse(text, { file: "f" }))), [])
    })
  }

  for (const [format, shape, text] of OTHER_SHAPES) {
    it(`in a file of ${format}, ${shape}`, () => {
      assert.deepStrictEqual(compare(text, Either.getOrThrow(Transcripts.parse(text, { file: "f" }))), [])
    })
  }

  for (const database of Fixture.given.filter((name) => !name.includes("broken"))) {
    it.effect(`in ${database}`, () =>
      Effect.gen(function* () {
        const file = Fixture.copyOf(database)
        const sort = (count: Count): Count => ({
          ...count,
          sessions: count.sessions.toSorted((a, b) => `${a.id}`.localeCompare(`${b.id}`))
        })
        const read = yield* Transcripts.readFile(file)
        assert.deepStrictEqual(listDifferences(sort(countDatabase(file)), sort(countRead(read))), [])
      })
    )
  }
})
