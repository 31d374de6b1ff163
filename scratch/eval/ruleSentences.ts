/**
 * Sentences by which people set rules, and sentences of plain talk, in four languages. They were written down before the
 * detector's words were looked at. `npx tsx scratch/eval/ruleSentences.ts [--wrong]` counts them, and lists what is wrong in
 * those that may be read while words are chosen. The lists `drawn`, `texted` and `overheard` are grammars with words of their own: a line
 * is a sentence with `{slots|places}` for one of several words.
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

/**
 * - `written`: sentences of work and of friends. The half at odd lines may be read, the other is only counted
 * - `drawn`: letters, quarrels, tales, a match, a shop. They were counted before they were read
 * - `texted`: short messages, a school, a game, a podcast. They were counted before they were read, after `drawn` had been
 * - `overheard`: houses, offices, neighbours, farms, in three parts. Each was counted before it was read, after the others had been
 */
type List = "written, read" | "written, only counted" | "drawn" | "texted" | "overheard"

/** The sentences of a list, one a line; headings begin with `#`. */
const readSentences = (language: Language, kind: Kind, list: List): ReadonlyArray<string> => {
  const [name, part = "whole"] = list.split(", ")
  const folder = name === "written" ? "ruleSentences" : `ruleSentences/${name}`
  return readFileSync(new URL(`${folder}/${language}.${kind}.txt`, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .filter((_, i) => part === "whole" || (i % 2 === 0) === (part === "read"))
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

/** What the detector makes of what is only counted, and how much of it is in the view after six compressions. */
export const measure = Effect.fnUntraced(function* (seed: number) {
  const rules = LANGUAGES.flatMap((language) => readSentences(language, "rules", "written, only counted"))
  const kept = yield* Effect.forEach(cut(rules, RULES_OF_A_SESSION), (texts, i) => listKept(seed + i, texts))
  const inView = new Set(kept.flat())
  return {
    title: "Rules in the words of many people",
    measures: [
      ...(["written, only counted", "drawn", "texted", "overheard"] as const).flatMap((list) =>
        LANGUAGES.flatMap((language): ReadonlyArray<Measure> => [
          countTaken(`rules found, ${language}, ${list}`, readSentences(language, "rules", list)),
          countTaken(`talk taken for rules, ${language}, ${list}`, readSentences(language, "talk", list))
        ])
      ),
      share("rules set in mid-session, word for word in the view", rules, (text) => inView.has(text), 90)
    ]
  }
})

const countTaken = (name: string, sentences: ReadonlyArray<string>): Measure =>
  share(name, sentences, isTakenForRule, null)

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
  for (const list of ["written, read", "written, only counted", "drawn", "texted", "overheard"] as const)
    for (const language of LANGUAGES) {
      const shares = (["rules", "talk"] as const).map((kind) => {
        const all = readSentences(language, kind, list)
        const found = all.filter(isTakenForRule).length
        return `${kind} ${found}/${all.length} ${((100 * found) / all.length).toFixed(1)} %`
      })
      console.log(`${list}, ${language}: ${shares.join(", ")}`)
    }
}

const printWrong = (): void => {
  for (const list of ["written, read", "drawn", "texted", "overheard"] as const)
    for (const language of LANGUAGES) {
      for (const text of readSentences(language, "rules", list))
        if (!isTakenForRule(text)) console.log(`missed: ${text}`)
      for (const text of readSentences(language, "talk", list)) if (isTakenForRule(text)) console.log(`taken: ${text}`)
    }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  printShares()
  if (process.argv.includes("--wrong")) printWrong()
}
