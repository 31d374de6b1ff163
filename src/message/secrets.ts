/**
 * Recognizes secrets in text, by their shape or by the name they stand behind. One pass over the text finds the words at
 * which secrets stand, and the rules look only there.
 *
 * Anyone can write the text, so the time must grow in proportion to it: each look reads a bounded number of characters,
 * and the number of looks is bounded as well. Text that would need more is given up.
 */
import * as Option from "effect/Option"
import { endianness } from "node:os"
import { NAMED } from "./secretNames.ts"
import { AT_PLACES, NEAR_WORDS } from "./secretPlaces.ts"
import { TOKENS } from "./secretShapes.ts"
import { formatMark, isTrueAt, LONG_RUN, MIXED_WORD, type Near, type Rule, type Secret } from "./secretValues.ts"

/**
 * Replaces each secret in the text by `[redacted <kind>]`. Text without secrets is returned unchanged. Idempotent. Text
 * that cannot be read, such as a word of megabytes or a text of nothing but names of secrets, is replaced as a whole.
 *
 * @example
 * redact("export DB_PASSWORD=hunter2") // "export DB_PASSWORD=[redacted password]"
 *
 * @since 0.1.0
 * @category combinators
 */
export const redact = (text: string): string => Option.getOrElse(redactReadable(text), () => conceal(text))

/**
 * Like `redact`, but none for a text that cannot be read.
 *
 * @since 0.1.0
 * @category combinators
 */
export const redactReadable = (text: string): Option.Option<string> => Option.flatten(redactInRounds(text))

/** Catches what V8 throws where it has too little memory for an expression. */
const redactInRounds = Option.liftThrowable((text: string): Option.Option<string> => {
  const budget: Budget = { stepsLeft: LEAST_STEPS + text.length / CHARACTERS_A_STEP }
  let rest = text
  // A second round is enough for nearly all that people and tools write: taking a secret out can expose another.
  for (let round = 0; round < 5; round++) {
    const secrets = findSecrets(rest, budget)
    if (budget.stepsLeft < 0) return Option.none()
    if (secrets.length === 0) return Option.some(rest)
    rest = round < 3 ? replaceSecrets(rest, secrets) : concealLines(rest, secrets)
  }
  return Option.none()
})

/** The steps that reading the text may still take. A count and no clock, so that a text always gives the same. */
interface Budget {
  stepsLeft: number
}

/** Several times what texts take that people and tools write. */
const LEAST_STEPS = 70_000
const CHARACTERS_A_STEP = 7
const STEPS_A_SECRET = 4

/** The arguments of a call are concealed as a whole, since they have to stay JSON. */
const conceal = (text: string): string =>
  text.startsWith("{") ? JSON.stringify({ redacted: formatMark("secret") }) : formatMark("secret")

const replaceSecrets = (text: string, secrets: ReadonlyArray<Secret>): string => {
  let replaced = ""
  let from = 0
  for (const { end, kind, start } of secrets) {
    replaced += text.slice(from, start) + formatMark(kind)
    from = end
  }
  return replaced + text.slice(from)
}

/** Conceals the lines with secrets that the rounds have not settled. */
const concealLines = (text: string, secrets: ReadonlyArray<Secret>): string => {
  if (text.startsWith("{")) return conceal(text)
  const lines: Array<Secret> = []
  for (const secret of secrets) {
    if (secret.start < (lines.at(-1)?.end ?? 0)) continue
    const end = text.indexOf("\n", secret.end)
    lines.push({
      start: text.lastIndexOf("\n", secret.start) + 1,
      end: end < 0 ? text.length : end,
      kind: "secret"
    })
  }
  return replaceSecrets(text, lines)
}

/** Finds the secrets that one round finds, in the order of the text; where two overlap, that of the earlier rule. */
const findSecrets = (text: string, budget: Budget): ReadonlyArray<Secret> => {
  const found: Array<Found> = []
  // The rules at the front take more of the budget for the time they need, so that a hostile text is given up sooner.
  const places = findPlaces(text)
  if (places.size === 0) return found
  for (const [rank, ofRule] of Array.from(places).sort(([a], [b]) => a - b)) {
    const rule = RULES[rank]
    if (rule === undefined) continue
    const near =
      rule.near === undefined ? ofRule : keepNear(rule.near, ofRule, places.get(numberOfNear(rule.near)) ?? [])
    for (const { end, kind, start } of applyRule(rule, text, near, budget)) found.push({ start, end, kind, rank })
    if (budget.stepsLeft < 0) return []
  }
  const chosen: Array<Found> = []
  for (const secret of found.sort((a, b) => a.start - b.start || a.rank - b.rank)) {
    const last = chosen.at(-1)
    if (last === undefined || secret.start >= last.end) chosen.push(secret)
    else if (secret.rank < last.rank) chosen[chosen.length - 1] = secret
  }
  return chosen
}

/** A secret and the index of the rule that found it. */
interface Found extends Secret {
  readonly rank: number
}

/** The places with one of the words near them. */
const keepNear = (
  { before, behind }: Near,
  places: ReadonlyArray<number>,
  words: ReadonlyArray<number>
): ReadonlyArray<number> => {
  let next = 0
  return places.filter((at) => {
    while (next < words.length && (words[next] ?? 0) < at - before) next++
    return (words[next] ?? Infinity) <= at + behind
  })
}

const applyRule = (rule: Rule, text: string, places: ReadonlyArray<number>, budget: Budget): ReadonlyArray<Secret> => {
  const found: Array<Secret> = []
  let next = 0
  for (const at of places) {
    if (at < next) continue
    const before = found.length
    next = Math.max(next, rule.find(text, at, found))
    budget.stepsLeft -= (rule.steps ?? 2) + (found.length - before) * STEPS_A_SECRET
    if (budget.stepsLeft < 0) break
  }
  return found
}

/** In the order of their precedence. */
const RULES: ReadonlyArray<Rule> = [...AT_PLACES, ...NAMED, ...NEAR_WORDS, ...TOKENS]

const NEAR: ReadonlyArray<Near> = Array.from(new Set(RULES.flatMap(({ near = [] }) => near)))

/** Words near places are numbered behind all rules. */
const numberOfNear = (near: Near): number => RULES.length + NEAR.indexOf(near)

// -- one pass over the text -------------------------------------------------------------------------------------------

type Places = Map<number, Array<number>>

/** False if the text holds no word at which any rule looks. */
export const hasPlaces = (text: string): boolean => {
  const places = findPlaces(text)
  return places.size > 0 || findMixedWords(readUnits(text), text.length).length > 0
}

/** The places at which each rule has to look, by the rule's index, and those of the words near them. */
const findPlaces = (text: string): Places => {
  const units = readUnits(text)
  const places: Places = new Map()
  let triple = 0
  let markEnd = 0
  for (let at = 0; at < text.length; at++) {
    triple = addSign(triple, UNITS[units[at] ?? 0] ?? 0)
    if ((((TRIPLES[triple >> 5] ?? 0) >> triple) & 1) === 0) continue
    if (triple === MARK_TRIPLE) markEnd = findMarkEnd(text, at - 2)
    if (at >= markEnd) addWords(places, WORDS[triple] ?? [], units, text.length, at)
  }
  const runs = findLongRuns(units, text.length)
  if (runs.length > 0) places.set(LONG_RUN_RULE, runs)
  // Most texts name no password that a mixed word could be.
  const words = places.has(NEAR_MIXED_WORDS) ? findMixedWords(units, text.length) : []
  if (words.length > 0) places.set(MIXED_WORD_RULE, words)
  return places
}

/** Looks from where the shortest run from a place would end: what cannot be part of one ends all that begin before it. */
const findLongRuns = (units: Uint16Array, length: number): Array<number> => {
  const found: Array<number> = []
  let start = 0
  while (start + SHORTEST_RUN <= length) {
    let at = start + SHORTEST_RUN - 1
    while (at >= start && (factsOf(units, at) & TOKEN) !== 0) at--
    if (at >= start) {
      start = at + 1
      continue
    }
    let run = 0
    for (at = start; (factsOf(units, at) & TOKEN) !== 0; at++) run |= factsOf(units, at)
    if ((run & SEPARATOR) !== 0) found.push(start)
    start = at + 1
  }
  return found
}

const findMixedWords = (units: Uint16Array, length: number): Array<number> => {
  const found: Array<number> = []
  let word = 0
  let start = 0
  for (let at = 0; at <= length; at++) {
    const unit = factsOf(units, at)
    word |= unit
    if ((unit & WORD) !== 0) continue
    if (isMixed(word) && at - start > 6 && at - start < 42) found.push(start)
    word = 0
    start = at + 1
  }
  return found
}

const factsOf = (units: Uint16Array, at: number): number => UNITS[units[at] ?? 0] ?? 0

/** The end of the mark of a secret that was taken out, whose words are no names; 0 if there is none. */
const findMarkEnd = (text: string, at: number): number => (isTrueAt(REDACTED, text, at) ? REDACTED.lastIndex : 0)
const REDACTED = /\[redacted [a-z ]{1,24}\]/y

/**
 * Copies the UTF-16 units of a text, since each is read much faster from an array than from a string, and ends them with
 * a zero. Most texts are short, and share one array: what stands behind the zero in it is of another.
 */
const readUnits = (text: string): Uint16Array => {
  const [units, bytes] = text.length > MOST_REUSED ? makeUnits(text.length) : REUSED
  const written = bytes.write(text, "utf16le")
  if (endianness() === "BE") bytes.subarray(0, written).swap16()
  units[text.length] = 0
  return units
}

const makeUnits = (length: number): readonly [Uint16Array, Buffer] => {
  const units = new Uint16Array(length + 1)
  return [units, Buffer.from(units.buffer)]
}

const MOST_REUSED = 32_768
const REUSED = makeUnits(MOST_REUSED)

const addWords = (places: Places, words: ReadonlyArray<Word>, units: Uint16Array, length: number, at: number): void => {
  for (let i = 0; i < words.length; i++) {
    const word = words[i]
    if (word === undefined || at - word.last + word.units.length > length) continue
    if (isWordAt(word, units, at - word.last)) addPlace(places, word.rule, at - word.last)
  }
}

/** Keeps the places in order: of two words that overlap, the one that begins later may be found first. */
const addPlace = (places: Places, rule: number, at: number): void => {
  const known = places.get(rule)
  if (known === undefined) {
    places.set(rule, [at])
    return
  }
  let i = known.length
  while (i > 0 && (known[i - 1] ?? 0) > at) i--
  if (known[i - 1] === at) return
  if (i === known.length) known.push(at)
  else known.splice(i, 0, at)
}

const findRule = (word: string): number => RULES.findIndex(({ words }) => words.includes(word))
const LONG_RUN_RULE = findRule(LONG_RUN)
const MIXED_WORD_RULE = findRule(MIXED_WORD)
const NEAR_MIXED_WORDS = RULES.length + NEAR.findIndex((near) => near === RULES[MIXED_WORD_RULE]?.near)

/** The length of a run that may be a token as a whole. */
const SHORTEST_RUN = 30

/** The facts that the pass has about a UTF-16 unit: a sign that is the same for `A` and `a`, and bits for what it may be part of. */
const UNITS = new Uint16Array(65_536)
const SIGN = 127
/** Part of a token, and a sign in one that is neither letter nor digit. */
const TOKEN = 128
const SEPARATOR = 256
/** Part of a mixed word, which has a letter and a digit, or letters of both cases and a mark. */
const WORD = 512
const CAPITAL = 1024
const DIGIT = 2048
const MARK = 4096
const SMALL = 8192
const LETTERS = CAPITAL | SMALL
const MARKED = LETTERS | MARK
const isMixed = (word: number): boolean => ((word & DIGIT) === 0 ? (word & MARKED) === MARKED : (word & LETTERS) !== 0)

for (let unit = 0; unit < 128; unit++) {
  const character = String.fromCharCode(unit)
  const bits = [
    [TOKEN, /[\w.~:-]/],
    [SEPARATOR, /[_.~:-]/],
    [WORD, /[\w!#$%&*?+~^=.@-]/],
    [CAPITAL, /[A-Z]/],
    [SMALL, /[a-z]/],
    [DIGIT, /\d/],
    [MARK, /[!#$%^&*@]/]
  ] as const
  UNITS[unit] = bits.reduce(
    (known, [bit, pattern]) => known | (pattern.test(character) ? bit : 0),
    character.toLowerCase().charCodeAt(0)
  )
}
// Beyond ASCII each unit shares a sign with many others, as large and small letters do. Capitals have none of their own.
for (let unit = 128; unit < 160; unit++) UNITS[unit] = 65 + (unit % 26)
for (let length = 32; length < 65_536 - 128; length *= 2) UNITS.copyWithin(128 + length, 128, 128 + length)

/** A word, the place in it of the last of its three rarest characters side by side, and the rule that looks there. */
interface Word {
  readonly units: Uint16Array
  readonly last: number
  readonly rule: number
  readonly isExact: boolean
}

const isWordAt = ({ isExact, units: word }: Word, units: Uint16Array, at: number): boolean => {
  if (at < 0) return false
  for (let i = 0; i < word.length; i++) {
    const unit = units[at + i] ?? 0
    const wanted = word[i] ?? 0
    if (unit !== wanted && (isExact || signOf(unit) !== signOf(wanted))) return false
  }
  return true
}

const signOf = (unit: number): number => (UNITS[unit] ?? 0) & SIGN

/** From the most common character of texts to the rarest. Characters that are not listed are rarer still. */
const COMMON = " etaoinsrlcdhupmfg.,\"-/_b:y='wv01(){}k2x34jzq"

const rarityOf = (character: string): number => {
  const at = COMMON.indexOf(character.toLowerCase())
  return at < 0 ? COMMON.length : at
}

/** The rarest triple, by the place of its last character. A triple of one character may fill a whole text. */
const findRarestTriple = (word: string): number => {
  let rarest = 2
  let most = -1
  for (let at = 2; at < word.length; at++) {
    const triple = word.slice(at - 2, at + 1)
    const rarity = new Set(triple).size === 1 ? 0 : [...triple].reduce((sum, character) => sum + rarityOf(character), 0)
    if (rarity <= most) continue
    most = rarity
    rarest = at
  }
  return rarest
}

/** A number for the last three signs: all bits of the latest two, mixed, and the last five of the one before. */
const addSign = (triple: number, facts: number): number => ((triple << 5) ^ (facts & SIGN)) & LARGEST_TRIPLE
const LARGEST_TRIPLE = 32_767

/** The words by their triple, and a bit for each triple that has words, so that all of them stay in the nearest cache. */
const WORDS: Array<ReadonlyArray<Word> | undefined> = Array.from({ length: LARGEST_TRIPLE + 1 })
const TRIPLES = new Int32Array((LARGEST_TRIPLE + 1) / 32)

const addWord = (text: string, rule: number, isExact: boolean): void => {
  const units = Uint16Array.from(text, (character) => character.charCodeAt(0))
  const last = text.length < 3 ? text.length - 1 : findRarestTriple(text)
  const word = { units, last, rule, isExact }
  const signs = Array.from(units.subarray(Math.max(0, last - 2), last + 1), signOf)
  // Any character may stand before a word of two.
  const befores = text.length < 3 ? Array.from({ length: 32 }, (_, sign) => sign) : [0]
  for (const before of befores) {
    const triple = signs.reduce(addSign, before)
    WORDS[triple] = [...(WORDS[triple] ?? []), word]
    TRIPLES[triple >> 5] = (TRIPLES[triple >> 5] ?? 0) | (1 << triple)
  }
}

/** The first three signs of a mark. */
const MARK_TRIPLE = Array.from("[re", (character) => signOf(character.charCodeAt(0))).reduce(addSign, 0)
TRIPLES[MARK_TRIPLE >> 5] = (TRIPLES[MARK_TRIPLE >> 5] ?? 0) | (1 << MARK_TRIPLE)

for (const [rule, { isExact = false, words }] of RULES.entries())
  for (const word of words) if (word !== LONG_RUN && word !== MIXED_WORD) addWord(word, rule, isExact)
for (const near of NEAR) for (const word of near.words) addWord(word, numberOfNear(near), false)
