/**
 * Sentences by which people set rules, and sentences of plain talk, in four languages. They were written down before the
 * detector's words were looked at, and know nothing of them. Half of each list may be read while words are chosen; the
 * other half is only counted. `npx tsx scratch/eval/ruleSentences.ts [--wrong]` lists what is wrong in the first half.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Ledger from "../../src/ledger/Ledger.ts"

const LANGUAGES = ["english", "german", "french", "spanish"] as const

type Language = (typeof LANGUAGES)[number]
type Half = "open" | "held out"

/** The sentences of a list, one a line; headings begin with `#`. */
export const readSentences = (language: Language, kind: "rules" | "talk", half: Half): ReadonlyArray<string> =>
  readFileSync(new URL(`ruleSentences/${language}.${kind}.txt`, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .filter((_, i) => i % 2 === (half === "open" ? 0 : 1))

/** Returns whether the ledger takes a sentence that the user says for a rule, word for word. */
export const isTakenForRule = (sentence: string): boolean =>
  Ledger.add(Ledger.empty, [
    { seq: 1, message: { role: "user", content: sentence }, tokens: 0, kind: "request", arrival: 1, at: 0 }
  ]).constraints.some(({ text }) => sentence.includes(text) && text.length * 2 > sentence.length)

const printShares = (): void => {
  for (const half of ["open", "held out"] as const)
    for (const language of LANGUAGES) {
      const shares = (["rules", "talk"] as const).map((kind) => {
        const all = readSentences(language, kind, half)
        const found = all.filter(isTakenForRule).length
        return `${kind} ${found}/${all.length} ${((100 * found) / all.length).toFixed(1)} %`
      })
      console.log(`${half}, ${language}: ${shares.join(", ")}`)
    }
}

const printWrong = (): void => {
  for (const language of LANGUAGES) {
    for (const text of readSentences(language, "rules", "open"))
      if (!isTakenForRule(text)) console.log(`missed: ${text}`)
    for (const text of readSentences(language, "talk", "open")) if (isTakenForRule(text)) console.log(`taken: ${text}`)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  printShares()
  if (process.argv.includes("--wrong")) printWrong()
}
