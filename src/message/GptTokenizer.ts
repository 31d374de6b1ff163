/**
 * Exact counts for OpenAI's models, by the optional package `gpt-tokenizer`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { make, Tokens } from "./Tokens.ts"

/** A longer run without a break is counted in pieces: the encoder's time grows with the square of its length. */
const LONG_RUN = /(\S{512}|\s{512})/

/** Counts `<|endoftext|>` in a message as plain characters. */
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
