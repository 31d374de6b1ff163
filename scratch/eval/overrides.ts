/** An identifier whose value changes later in the session. */
import type { Choices, Random } from "../../src/cli/random.ts"
import { coin } from "./facts.ts"

export interface Override {
  readonly name: string
  readonly before: string
  readonly after: string
  readonly said: readonly [first: string, then: string]
  /** True if name and new value stand side by side, as in "the port is now 5433"; otherwise other words part them. */
  readonly isPlain: boolean
}

const nouns: Choices<"port" | "version" | "branch"> = ["port", "version", "branch"]

const value = (random: Random, noun: "port" | "version" | "branch"): string => {
  if (noun === "port") return String(random.between(20_000, 64_000))
  if (noun === "version") return `${random.between(3, 40)}.${random.between(100, 999)}.${random.between(10, 99)}`
  return `release/${random.hex(8)}`
}

const first: Choices<(name: string, value: string) => string> = [
  (name, value) => `The ${name} is ${value}.`,
  (name, value) => `Please note the ${name}: ${value}.`
]
const then: Choices<(name: string, value: string) => string> = [
  (name, value) => `The ${name} is now ${value}.`,
  (name, value) => `We changed the ${name} to ${value}.`,
  (name, value) => `The ${name} moved to ${value} yesterday.`,
  (name, value) => `Set the ${name} to ${value} from here on.`
]

const otherwise: Choices<(name: string, value: string) => string> = [
  (name, value) => `From today the ${name} reads ${value}.`,
  (name, value) => `Use ${value} as the ${name} instead.`,
  (name, value) => `The ${name} was replaced by ${value}.`,
  (name, value) => `Please switch the ${name} over to ${value}.`,
  (name, value) => `Le ${name} est maintenant ${value}.`,
  (name, value) => `${name} 现在是 ${value}。`
]

/** `isFresh` refuses a value that occurs elsewhere. */
export const draw = (random: Random, count: number, isFresh: (value: string) => boolean): ReadonlyArray<Override> =>
  Array.from({ length: count }, (_, i) => {
    const isPlain = i % 2 === 0
    const noun = random.pick(nouns)
    const fresh = (): string => {
      const drawn = value(random, noun)
      return isFresh(drawn) ? drawn : fresh()
    }
    const name = `${coin(random)} ${noun}`
    const [before, after] = [fresh(), fresh()]
    const changes = random.pick(isPlain ? then : otherwise)
    return { name, before, after, isPlain, said: [random.pick(first)(name, before), changes(name, after)] }
  })

/** Phrases one of its values as a summary does. */
export const line = (name: string, value: string): string => `${name}: ${value}`
