/** Changes of a text, such as a crash, an editor or a hostile writer makes. */
import { FastCheck as fc } from "effect"

/** A change of a text. `at` and `to` are places in it, from 0 to 1. */
export interface Mutation {
  readonly kind: "cut" | "double" | "move" | "odd" | "drop" | "letter"
  readonly at: number
  readonly to: number
}

/** JSON on one line is cut into lines first, so that its parts can be doubled and moved too. */
export const mutate = (text: string, { at, kind, to }: Mutation): string => {
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
export const mutations = fc.array(
  fc.record<Mutation>({
    kind: fc.constantFrom("cut", "double", "move", "odd", "drop", "letter"),
    at: fraction,
    to: fraction
  }),
  { minLength: 1, maxLength: 3 }
)
