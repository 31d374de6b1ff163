/** Draws the parts of synthetic secrets. Everything is made at run time, so that no scanner takes these files for a leak. */

const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
const LOWER = "abcdefghijklmnopqrstuvwxyz"
const DIGITS = "0123456789"

/** Draws characters and words; the same seed gives the same. */
export interface Draw {
  readonly pick: <A>(from: ReadonlyArray<A>) => A
  /** Strings of `n` characters. */
  readonly alnum: (n: number) => string
  readonly lower: (n: number) => string
  readonly upper: (n: number) => string
  readonly digits: (n: number) => string
  readonly hex: (n: number) => string
  readonly base64: (n: number) => string
  readonly url64: (n: number) => string
  readonly uuid: () => string
  /** A password as people choose it. */
  readonly password: () => string
  readonly words: (n: number) => ReadonlyArray<string>
}

export const makeDraw = (seed: string): Draw => {
  let state = hash(seed)
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const pick = <A>(from: ReadonlyArray<A>): A => {
    const picked = from[Math.floor(random() * from.length)]
    if (picked === undefined) throw new Error("nothing to pick from")
    return picked
  }
  const from = (alphabet: string) => (n: number) => Array.from({ length: n }, () => pick(Array.from(alphabet))).join("")
  const alnum = from(UPPER + LOWER + DIGITS)
  const lower = from(LOWER + DIGITS)
  const digits = from(DIGITS)
  const hex = from(`${DIGITS}abcdef`)
  const words = (n: number) => Array.from({ length: n }, () => pick(WORDS))
  const capitalize = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1)
  return {
    pick,
    alnum,
    lower,
    digits,
    hex,
    words,
    upper: from(UPPER + DIGITS),
    base64: from(`${UPPER}${LOWER}${DIGITS}+/`),
    url64: from(`${UPPER}${LOWER}${DIGITS}-_`),
    uuid: () => [8, 4, 4, 4, 12].map(hex).join("-"),
    password: () =>
      pick([
        () => `${words(1).map(capitalize).join("")}${digits(3)}${pick(["!", "?", "#", "+"])}`,
        () => `${words(1).join("")}${digits(2)}${pick(["$", "%", "_"])}${words(1).map(capitalize).join("")}`,
        () => `${alnum(5)}${pick(["-", "!", "*", "="])}${digits(2)}${alnum(5)}`,
        () => `${pick(["Tr", "Wh", "Sk"])}0${pick(["ub", "mp", "lk"])}4d${digits(1)}r${pick(["!!", "%9", "~7"])}`
      ])()
  }
}

const hash = (text: string): number => {
  let state = 2_166_136_261
  for (const char of text) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 16_777_619)
  return state
}

const WORDS = "harbour lantern pepper velvet orchid granite falcon meadow cobalt thunder willow saffron".split(" ")
