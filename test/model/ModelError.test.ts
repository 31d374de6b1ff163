import { describe, it } from "@effect/vitest"
import { Arbitrary, FastCheck as fc } from "effect"
import { ModelError } from "../../src/model/ModelError.ts"

/** A server may send a blank text as the reason of its refusal. */
const anyBlank = fc.constantFrom("", " ", "\n")

describe("ModelError", () => {
  it.prop(
    "a message does not break off after a colon where no detail is known",
    [Arbitrary.make(ModelError), anyBlank],
    ([error, detail]) => !/[:\s]$/.test(Object.assign(error, { route: "m@host", detail }).message)
  )
})
