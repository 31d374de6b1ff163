/**
 * Fits the parameters of a request to a server: leaves out what it has refused, and stays below the output that it allows.
 * Plain functions on plain data.
 */
import { isOverflow } from "../model/overflowText.ts"
import type { Refusal } from "./refusal.ts"

/** The parameters that a server takes, as far as its refusals have told. */
export interface Accepted {
  readonly refused: ReadonlyArray<string>
  /** The most tokens of output that it lets a request ask for. */
  readonly outputCap: number
}

/** Nothing is known of a server that has refused nothing. */
export const everything: Accepted = { refused: [], outputCap: Infinity }

/** Returns whether the server takes the parameter, as far as is known. */
export const accepts = ({ refused }: Accepted, name: string): boolean => !refused.includes(name)

/**
 * Returns what to send instead of a request that was refused because of its parameters, or null if the refusal names none
 * of them. Each answer takes something away, so asking again comes to an end.
 */
export const adaptTo = (
  accepted: Accepted,
  { param, status, text }: Refusal,
  sent: ReadonlyArray<string>,
  maxOutputTokens: number
): Accepted | null => {
  if (status !== 400 && status !== 422) return null
  if (OUTPUT.test(text) && !INPUT.test(text)) {
    const cap = readOutputCap(text, maxOutputTokens)
    if (cap !== null) return { ...accepted, outputCap: cap }
  }
  const isAboutInput = isOverflow(status, text)
  const named = sent.filter(
    (name) => OPTIONAL.includes(name) && (name === param || (!isAboutInput && mentions(text, name)))
  )
  return named.length === 0 ? null : { ...accepted, refused: [...accepted.refused, ...named] }
}

/** Without the others there is no request. */
const OPTIONAL = ["stream_options", "max_completion_tokens", "max_tokens", "store", "instructions", "max_output_tokens"]

const OUTPUT = /max_?(?:completion_?|output_?|new_?)?tokens|(?:output|completion) tokens/i
const INPUT = /\b(?:input|prompt|messages)\b/i

/** A name that is also a plain word counts only where it is quoted, or stands after a colon. */
const mentions = (text: string, name: string): boolean =>
  new RegExp(name.includes("_") ? String.raw`\b${name}\b` : String.raw`["'\x60]${name}\b["'\x60]|: ${name}$`).test(text)

/** The largest number that the text allows, below what was `asked` for; null if it names none. */
const readOutputCap = (text: string, asked: number): number | null => {
  for (const [wording, less] of CAPS) {
    const cap = Number(wording.exec(text)?.[1]?.replaceAll(/[,_]/g, "") ?? Number.NaN) - less
    if (cap >= SMALLEST_CAP && cap < asked) return cap
  }
  return null
}

const NUMBER = String.raw`["'\x60(]?(?<![\d,_])(\d[\d,_]*\d)`

/** Wordings in which servers name the largest number, and by how much their number is above it. */
const CAPS = [
  [String.raw`\[\s?\d+, ?${NUMBER}\s?\]`, 0],
  [String.raw`\bto ${NUMBER}["'\x60]? \(exclusive\)`, 1],
  [String.raw`(?:<=|≤|less than or equal to|at most|no more than|up to|between \d+ and) ?${NUMBER}`, 0],
  [String.raw`(?:< |less than )${NUMBER}`, 1],
  [String.raw`\d ?> ?${NUMBER}`, 0],
  [String.raw`(?:max(?:imum)?|limit|cap)(?: [a-z_]+){0,5}:? ?${NUMBER}`, 0]
].map(([source, less]) => [new RegExp(String(source), "i"), Number(less)] as const)

/** A smaller number is not a cap of output: no summary would fit. */
const SMALLEST_CAP = 16
