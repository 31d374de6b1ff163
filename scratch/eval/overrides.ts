/** An identifier whose value changes later in the session. */
import type { Choices, Random } from "../../src/cli/demo/random.ts"
import { coin } from "./facts.ts"

export interface Override {
  readonly name: string
  readonly before: string
  readonly after: string
  readonly said: readonly [first: string, then: string]
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

/** `isFresh` refuses a value that occurs elsewhere. */
export const draw = (random: Random, count: number, isFresh: (value: string) => boolean): ReadonlyArray<Override> =>
  Array.from({ length: count }, () => {
    const noun = random.pick(nouns)
    const fresh = (): string => {
      const drawn = value(random, noun)
      return isFresh(drawn) ? drawn : fresh()
    }
    const name = `${coin(random)} ${noun}`
    const [before, after] = [fresh(), fresh()]
    return { name, before, after, said: [random.pick(first)(name, before), random.pick(then)(name, after)] }
  })

/** As a summary names one of its values. */
export const line = (name: string, value: string): string => `${name}: ${value}`
