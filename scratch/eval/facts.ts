/** What is planted in a session: an entity, one attribute of it, and a value that occurs nowhere else. */
import type { Choices, Random } from "../../src/cli/random.ts"
import { type Language, type Named, phrases } from "./phrasing.ts"

/** The place of a fact. `deep` is past two thirds of a long tool result. */
export type Place = "user" | "assistant" | "head of a tool result" | "deep in a tool result"

export const places: Choices<Place> = ["user", "assistant", "head of a tool result", "deep in a tool result"]

export interface Fact {
  readonly entity: string
  readonly attribute: string
  /** The check: exact, and nowhere else in the session. */
  readonly value: string
  readonly isIdentifier: boolean
  readonly language: Language
  readonly place: Place
}

/** Phrases the fact as a summary does. */
export const line = ({ attribute, entity, value }: Fact): string => `${entity}, ${attribute}: ${value}`

/** Phrases a query for the fact: everything but the value. */
export const query = ({ attribute, entity }: Fact): string => `${entity} ${attribute}`

interface Kind {
  readonly attribute: string
  readonly named: Named | null
  readonly draw: (random: Random) => string
}

const given = ["Irena", "Tomasz", "Adaeze", "Yusuf", "Liv", "Marisol", "Henrik", "Noor", "Piotr", "Saoirse"] as const
const families = ["valch", "strand", "mirez", "okeke", "lindt", "barro", "szewc", "hadda"] as const
const files = ["intake", "rates", "mapper", "policy", "worker", "codec", "router"] as const
const verbs = ["keep", "drop", "postpone", "split", "rename"] as const
const things = [
  "the nightly export",
  "the old importer",
  "the second index",
  "the shared queue",
  "the trial plan"
] as const
const reasons = ["the auditors read it", "support answers from it", "it costs less", "two teams depend on it"] as const

const pad = (n: number, width: number): string => String(n).padStart(width, "0")

const kinds: Choices<Kind> = [
  { attribute: "port", named: "port", draw: (r) => String(r.between(20_000, 64_000)) },
  {
    attribute: "version",
    named: "version",
    draw: (r) => [r.between(3, 40), r.between(10, 99), r.between(10, 99)].join(".")
  },
  { attribute: "checksum", named: "hash", draw: (r) => r.hex(40) },
  {
    attribute: "record id",
    named: "id",
    draw: (r) => `${r.pick(["KX", "ORD", "CASE", "TT"])}-${r.between(100_000, 999_999)}`
  },
  {
    attribute: "file",
    named: "path",
    draw: (r) => `src/${coin(r).toLowerCase()}/${r.pick(files)}${r.between(2, 99)}.ts`
  },
  { attribute: "owner", named: null, draw: (r) => `${r.pick(given)} ${coin(r)}${r.pick(families)}` },
  {
    attribute: "due date",
    named: null,
    draw: (r) => `20${r.between(31, 79)}-${pad(r.between(1, 12), 2)}-${pad(r.between(1, 28), 2)}`
  },
  {
    attribute: "row count",
    named: null,
    draw: (r) => `${r.between(11, 989)},${pad(r.between(0, 999), 3)},${pad(r.between(0, 999), 3)}`
  },
  {
    attribute: "price",
    named: null,
    draw: (r) => `€${r.between(10, 99)},${pad(r.between(0, 999), 3)}.${pad(r.between(0, 99), 2)}`
  },
  {
    attribute: "decision",
    named: null,
    draw: (r) => `${r.pick(verbs)} ${r.pick(things)} of ${coin(r)} since ${r.pick(reasons)}`
  }
]

const syllables = [
  "ka",
  "stro",
  "ve",
  "lim",
  "or",
  "ta",
  "nu",
  "bri",
  "sel",
  "mo",
  "dra",
  "qui",
  "pol",
  "en",
  "zhi"
] as const

/** A name no corpus has. */
export const coin = (random: Random): string => {
  const word = Array.from({ length: random.between(3, 4) }, () => random.pick(syllables)).join("")
  return word.charAt(0).toUpperCase() + word.slice(1)
}

const roles = ["gateway", "ledger", "importer", "scheduler", "mirror", "billing"] as const

/** `count` facts about fewer entities, each pair of entity and attribute once. `isFresh` refuses a value in use. */
export const draw = (random: Random, count: number, isFresh: (value: string) => boolean): ReadonlyArray<Fact> => {
  const entities = Array.from({ length: Math.ceil(count / 3) }, () => `${coin(random)} ${random.pick(roles)}`)
  const facts = new Map<string, Fact>()
  for (let n = 0; facts.size < count; n++) {
    const kind = random.pick(kinds)
    const place = places[n % places.length] ?? "user"
    const isTalk = place === "user" || place === "assistant"
    const { language, names } = isTalk && kind.named !== null ? random.pick(phrases) : phrases[0]
    const attribute = kind.named === null || language === "en" ? kind.attribute : names[kind.named]
    const entity = entities[random.between(0, entities.length - 1)] ?? coin(random)
    const value = kind.draw(random)
    const fact = { entity, attribute, value, isIdentifier: kind.named !== null, language, place }
    const isNew = [...facts.values()].every((other) => !other.value.includes(value) && !value.includes(other.value))
    if (isNew && isFresh(value) && !facts.has(query(fact))) facts.set(query(fact), fact)
  }
  return [...facts.values()]
}
