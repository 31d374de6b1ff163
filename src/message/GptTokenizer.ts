/**
 * Exact counts for OpenAI's models, by the optional package `gpt-tokenizer`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { make, Tokens } from "./Tokens.ts"

/** The encoder's time is quadratic in the length of an unbroken run, so a long one is counted in pieces. */
const LONG_RUN = /(\S{512}|\s{512})/

/** Text is data: `<|endoftext|>` in a message is counted as the characters it is. */
const PLAIN = { disallowedSpecial: new Set<string>() }

/**
 * Counts with the encoding `o200k_base`. Its tables load when the layer is built; without the package the layer dies
 * with the import's own error. A run of 512 characters without a break may count one token too many.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Tokens> = Layer.effect(
  Tokens,
  Effect.map(
    Effect.promise(() => import("gpt-tokenizer/encoding/o200k_base")),
    ({ countTokens }) => make((s) => s.split(LONG_RUN).reduce((sum, piece) => sum + countTokens(piece, PLAIN), 0))
  )
)
