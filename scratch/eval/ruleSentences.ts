/**
 * Sentences by which people set rules, and sentences of plain talk, in four languages. They were written down before the
 * detector's words were looked at. One half of each list may be read while words are chosen; the other half is only
 * counted. `npx tsx scratch/eval/ruleSentences.ts [--wrong]` lists what is wrong in the first half.
 *
 * A further list is drawn from a grammar with words of its own: letters, quarrels, tales, a match, a shop. A line of it is a
 * sentence with `{slots|places}` for one of several words.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { isTakenForRule } from "../../test/support/rules.ts"
import { type Measure, share } from "./measure.ts"
import { replay, textOf, textsCovered, world } from "./replay.ts"
import * as Session from "./session.ts"

const LANGUAGES = ["english", "german", "french", "spanish"] as const

type Language = (typeof LANGUAGES)[number]
type Kind = "rules" | "talk"
type Half = "open" | "held out"
type List = "written" | "drawn"

/** The sentences of a list, one a line; headings begin with `#`. */
const readSentences = (language: Language, kind: Kind, half: Half, list: List = "written"): ReadonlyArray<string> => {
  const folder = list === "drawn" ? "ruleSentences/drawn" : "ruleSentences"
  return readFileSync(new URL(`${folder}/${language}.${kind}.txt`, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .filter((_, i) => i % 2 === (half === "open" ? 0 : 1))
    .flatMap(drawSentences)
}

/** Draws a sentence for each word of the largest slot. Slots of one size take turns, so that their words meet others. */
const drawSentences = (line: string): ReadonlyArray<string> => {
  const slots = Array.from(line.matchAll(SLOT), ([, words = ""]) => words.split("|"))
  return Array.from({ length: Math.max(1, ...slots.map(({ length }) => length)) }, (_, draw) => {
    let slot = 0
    return line.replaceAll(SLOT, () => {
      const words = slots[slot] ?? []
      return words[(draw * (1 + (slot++ % 2))) % words.length] ?? ""
    })
  })
}

const SLOT = /\{([^}]*)\}/g

/** What the detector makes of the half that is only counted, and how much of it is in the view after two compressions. */
export const measure = Effect.fnUntraced(function* (seed: number) {
  const rules = LANGUAGES.flatMap((language) => readSentences(language, "rules", "held out"))
  const kept = yield* Effect.forEach(cut(rules, RULES_OF_A_SESSION), (texts, i) => listKept(seed + i, texts))
  const inView = new Set(kept.flat())
  return {
    title: "Rules in the words of many people, the half that was not looked at",
    measures: [
      ...LANGUAGES.flatMap((language): ReadonlyArray<Measure> => {
        const talk = readSentences(language, "talk", "held out")
        return [
          share(`rules found, ${language}`, readSentences(language, "rules", "held out"), isTakenForRule, null),
          share(`talk taken for rules, ${language}`, talk, isTakenForRule, null),
          ...(["rules", "talk"] as const).map((kind) =>
            share(
              kind === "rules" ? `drawn rules found, ${language}` : `drawn talk taken for rules, ${language}`,
              readSentences(language, kind, "held out", "drawn"),
              isTakenForRule,
              null
            )
          )
        ]
      }),
      share("rules set in mid-session, word for word in the view", rules, (text) => inView.has(text), 90)
    ]
  }
})

const RULES_OF_A_SESSION = 32

/** Returns those of the rules that a session's view has after the messages that set them have left it. */
const listKept = Effect.fnUntraced(function* (seed: number, rules: ReadonlyArray<string>) {
  const plain = Session.make(seed, SIZE)
  const [first = [], ...others] = plain.rounds
  // The first request stands in the head, which never leaves the view.
  const told = first.map((turn, i) => {
    const set = rules.filter((_, n) => n % (first.length - 1) === i - 1)
    return { ...turn, request: [turn.request, ...set].join("\n") }
  })
  const { layer } = world({ contextLength: 128_000, write: null })
  const replayed = yield* Effect.provide(replay({ ...plain, rounds: [told, ...others] }), layer)
  const last = replayed.stages.at(-1)
  if (last === undefined) return []
  const covered = textsCovered(last, replayed).join("\n")
  const view = textOf(last.view)
  return rules.filter((text) => covered.includes(text) && view.includes(text))
})

const SIZE: Session.Size = {
  rounds: 6,
  turnsPerRound: 8,
  linesPerResult: 60,
  factsPerRound: 8,
  constraints: 0,
  overrides: 2
}

const cut = (all: ReadonlyArray<string>, size: number): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))

const printShares = (): void => {
  for (const list of ["written", "drawn"] as const)
    for (const half of ["open", "held out"] as const)
      for (const language of LANGUAGES) {
        const shares = (["rules", "talk"] as const).map((kind) => {
          const all = readSentences(language, kind, half, list)
          const found = all.filter(isTakenForRule).length
          return `${kind} ${found}/${all.length} ${((100 * found) / all.length).toFixed(1)} %`
        })
        console.log(`${list}, ${half}, ${language}: ${shares.join(", ")}`)
      }
}

const printWrong = (): void => {
  for (const list of ["written", "drawn"] as const)
    for (const language of LANGUAGES) {
      for (const text of readSentences(language, "rules", "open", list))
        if (!isTakenForRule(text)) console.log(`missed: ${text}`)
      for (const text of readSentences(language, "talk", "open", list))
        if (isTakenForRule(text)) console.log(`taken: ${text}`)
    }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  printShares()
  if (process.argv.includes("--wrong")) printWrong()
}
