/**
 * Finds the sentences by which users set rules, from the words of each language's data file. A sentence is a rule if it
 * tells the agent what to do or leave for more than once; a request, a story and talk among friends are none.
 */
import { chinese } from "./languages/chinese.ts"
import { english } from "./languages/english.ts"
import { french } from "./languages/french.ts"
import { german } from "./languages/german.ts"
import { italian } from "./languages/italian.ts"
import { japanese } from "./languages/japanese.ts"
import { korean } from "./languages/korean.ts"
import { portuguese } from "./languages/portuguese.ts"
import { russian } from "./languages/russian.ts"
import { spanish } from "./languages/spanish.ts"
import type { Language, RuleWords } from "./languages/Language.ts"
import { makePhrases, type Phrases, readPhrases, splitWords } from "../message/text.ts"

/** How a sentence binds: a rule, or a wish, which leaves first where room is short. */
export type Force = "rule" | "wish"

/** Returns how a sentence binds; null if it is no rule. In a text of standing orders, every order is one. */
export const weighSentence = (sentence: string, areStanding = false): Force | null => {
  if (sentence.length > LONGEST_SENTENCE || STAGE_DIRECTION.test(sentence)) return null
  const text = normalizeSentence(sentence)
  const languages = guessLanguages(text)
  if (languages.some(({ talk }) => talk.has(text))) return null
  const isQuestion = QUESTION.test(text) && !languages.some(({ asks }) => isAtStart(asks, text))
  if (isQuestion && !TAG_QUESTION.test(text)) return null
  // Where it may be of several languages, what is talk in one of them is no rule in another.
  const idlers = languages.filter(({ idle }) => isAtStart(idle, text))
  if (languages.some((words) => words.always.has(text) && idlers.every((other) => other === words))) return "rule"
  if (languages.length > 1 && idlers.length > 0) return null
  for (const words of languages) {
    const force = weighText(words, text, areStanding)
    if (force !== null) return force
  }
  return null
}

/** Rules that a sentence takes back: those with all words of its topic and, if it allows something, that forbid something. */
export interface Retraction {
  readonly text: string
  readonly topic: ReadonlyArray<string>
  readonly isPermission: boolean
}

/** Returns what a sentence takes back; undefined if it takes back nothing, or does not say what. */
export const readRetraction = (sentence: string): Retraction | undefined => {
  const text = normalizeSentence(sentence)
  if (sentence.length > LONGEST_SENTENCE || text.includes("?")) return undefined
  const isPermission = readLanguages().some(({ allowedAgain }) => allowedAgain.has(text))
  if (!isPermission && !readLanguages().some(({ takenBack }) => takenBack.has(text))) return undefined
  const topic = splitWords(text).filter((word) => !readLanguages().some(({ empty }) => empty.has(word)))
  return topic.length === 0 ? undefined : { text: sentence, topic, isPermission }
}

/** Returns whether a rule is among those that were taken back. A word may have another ending in it. */
export const isTakenBack = (rule: string, { isPermission, topic }: Retraction): boolean => {
  const text = normalizeSentence(rule)
  const words = splitWords(text)
  const isNamed = topic.every((word) => words.some((other) => other.slice(0, STEM) === word.slice(0, STEM)))
  return isNamed && (!isPermission || readLanguages().some(({ forbids }) => forbids.has(text)))
}

/** Returns whether a sentence takes back the order before it: "can you revert that?" */
export const takesOrderBack = (sentence: string): boolean => {
  if (sentence.length > LONGEST_SENTENCE) return false
  const text = normalizeSentence(sentence)
  return readLanguages().some(({ forbids, reverts }) => {
    const found = reverts.find(text)
    if (found === undefined || forbids.has(text.slice(0, found.index))) return false
    return CLAUSE_END.test(text.slice(found.index + found.phrase.length))
  })
}

/** What stands behind "undo that": nothing, a sign, or a word of courtesy. */
const CLAUSE_END = /^\s?(?:$|[^\p{L}\p{N}\s]|(?:please|pls|again|bitte)\b)/u
const STEM = 5

/** "*smiles and never looks back*": what somebody in a tale does. */
const STAGE_DIRECTION = /^\*\p{Ll}[^*]*\*[.!]?$/u
const LONGEST_SENTENCE = 1_000

/** Turns a sentence into lower case and one kind of apostrophe. What stands in quotes is no word of the user's. */
const normalizeSentence = (sentence: string): string =>
  sentence.toLowerCase().replace(APOSTROPHE, "'").replace(IN_QUOTES, "x").replace(MARK, "").trim()

const APOSTROPHE = /[’‘´]/g
/** What another opening quote stands in is not read, so that no text is read again from each of its quotes. */
const IN_QUOTES = /"[^"]{0,200}"|“[^“”]{0,200}”|„[^„“”]{0,200}[“”]|«[^«»]{0,200}»|「[^「」]{0,200}」/g
const MARK = /[*_`#¡¿]|<\/?(?:b|i|u|em|strong|code|mark)>/g

// ── what a language's words match ──

interface Words extends Readonly<Record<Exclude<keyof RuleWords, "common" | "joints">, Phrases>> {
  readonly common: ReadonlySet<string>
  /** Words of a retraction that say nothing about its topic. */
  readonly empty: ReadonlySet<string>
  readonly joint: RegExp
}

const makeWords = ({ hasSpaces, words }: Language): Words => {
  const make = (name: keyof RuleWords) => makePhrases([words[name]], hasSpaces)
  const joints = readPhrases(words.joints).map((joint) => String.raw`|\s${joint}\s`)
  return {
    common: new Set(readPhrases(words.common)),
    empty: new Set(
      [words.common, words.lead, words.takenBack, words.allowedAgain].flatMap((list) => splitWords(list ?? ""))
    ),
    joint: new RegExp(String.raw`(?<![,;:–—!.?])[,;:–—!.?]+\s|[，；：、]|\s(?:-+|->|/)\s${joints.join("")}`, "u"),
    talk: make("talk"),
    lead: make("lead"),
    idle: make("idle"),
    labels: make("labels"),
    always: make("always"),
    orders: make("orders"),
    wishes: make("wishes"),
    corrections: make("corrections"),
    adverbs: make("adverbs"),
    verbs: make("verbs"),
    standing: make("standing"),
    conditions: make("conditions"),
    asks: make("asks"),
    duties: make("duties"),
    strongDuties: make("strongDuties"),
    guesses: make("guesses"),
    works: make("works"),
    others: make("others"),
    each: make("each"),
    has: make("has"),
    without: make("without"),
    nothing: make("nothing"),
    predicates: make("predicates"),
    never: make("never"),
    endings: make("endings"),
    takenBack: make("takenBack"),
    allowedAgain: make("allowedAgain"),
    reverts: make("reverts"),
    forbids: make("forbids"),
    decisions: make("decisions")
  }
}

const ALL: ReadonlyArray<Language> = [
  chinese,
  english,
  french,
  german,
  italian,
  japanese,
  korean,
  portuguese,
  russian,
  spanish
]

/** Read when a sentence is first weighed, since few programs that import the library do so at once. */
const readLanguages = () => (languagesRead ??= ALL.map(makeWords))
let languagesRead: ReadonlyArray<Words> | undefined

/** Makes finders of the phrases of these lists in all languages. */
const makeFinders = (lists: ReadonlyArray<keyof RuleWords>): ReadonlyArray<Phrases> =>
  [true, false].map((hasSpaces) => {
    const languages = ALL.filter((language) => language.hasSpaces === hasSpaces)
    return makePhrases(
      languages.flatMap(({ words }) => lists.map((list) => words[list])),
      hasSpaces
    )
  })

const LISTS_OF_RULES = [
  "labels",
  "always",
  "orders",
  "wishes",
  "corrections",
  "adverbs",
  "standing",
  "conditions",
  "duties",
  "each",
  "without",
  "endings"
] as const
const LISTS_OF_RETRACTIONS = ["takenBack", "allowedAgain"] as const

/** For a quick look at a text in lower case: without one of these phrases it has no rule. */
export const RULE_WORDS = makeFinders(LISTS_OF_RULES)

/** Without one of these phrases nothing is taken back. */
export const TAKING_BACK = makeFinders(LISTS_OF_RETRACTIONS)

/** A sentence with one of these says what was decided. */
export const DECISION_WORDS = makeFinders(["decisions"])

/** Without one of these no order is taken back. */
export const REVERTING = makeFinders(["reverts"])

/** All of these at once. */
export const TELLING_WORDS = makeFinders([...LISTS_OF_RULES, ...LISTS_OF_RETRACTIONS, "reverts", "decisions"])

/** Returns the languages whose frequent words the text has most. */
const guessLanguages = (text: string): ReadonlyArray<Words> => {
  const words = text.match(WORD_OR_SIGN) ?? []
  const counts = readLanguages().map(({ common }) => words.filter((word) => common.has(word)).length)
  const most = Math.max(...counts)
  return readLanguages().filter((_, i) => counts[i] === most)
}

/** A sign of a script without spaces counts by itself. Parts of paths and hashes are no words. */
const WORD_OR_SIGN = /[\u3040-\u9fff\uac00-\ud7a3]|(?<![\p{N}\p{L}/._-])[\p{L}']{1,40}(?![\p{N}\p{L}/_-])/gu

// ── what a sentence says ──

const weighText = (words: Words, text: string, areStanding: boolean): Force | null => {
  if (LABEL_END.test(cutStart(words.labels, text))) return "rule"
  const start = skipLead(words, text)
  if (isAtStart(words.wishes, start) && !isAtStart(words.idle, start)) return "wish"
  let isOrdered = areStanding
  let isOrder = false
  for (const clause of cutStart(words.asks, text).split(words.joint)) {
    const said = skipLead(words, clause)
    // "Work on a copy, never on the original" needs no second verb.
    const force =
      isOrder && !isAtStart(words.idle, said) && isAtStart(words.never, said)
        ? "rule"
        : weighClause(words, said, isOrdered)
    if (force !== null) return force
    isOrdered ||= isAtStart(words.conditions, said) || isAll(words.corrections, clause.trim())
    isOrder ||= isAtStart(words.verbs, said)
  }
  return null
}

const QUESTION = /[?？؟]["')]*$/
const TAG_QUESTION = /, (?:ok|okay|right|please)\?$/
const LABEL_END = /^(?::| [-–—] )/

/** An order that stands alone is a request. One that `isOrdered` by a condition or a correction before it is a rule. */
const weighClause = (words: Words, clause: string, isOrdered: boolean): Force | null => {
  if (clause === "" || isAtStart(words.idle, clause)) return null
  if (isAtStart(words.orders, clause)) return "rule"
  if (isAtStart(words.wishes, clause)) return "wish"
  const adverb = words.adverbs.matchStart(clause)
  if (adverb !== "" && isAtStart(words.verbs, clause.slice(adverb.length).trim())) return "rule"
  if (isAtStart(words.verbs, clause) && (isOrdered || words.standing.has(clause))) return "rule"
  return namesWhatIsUnwanted(words, clause) || hasDuty(words, clause) ? "rule" : null
}

/** "No emojis" and "short answers only" do without a verb. */
const namesWhatIsUnwanted = (words: Words, clause: string): boolean => {
  const without = words.without.matchStart(clause)
  const behind = clause.slice(without.length).trim()
  if (without !== "" && behind !== "") return !isAtStart(words.nothing, behind) && !words.predicates.has(behind)
  const ending = words.endings.find(clause)
  return (
    ending !== undefined && ending.index + ending.phrase.length === clause.length && !isAtStart(words.others, clause)
  )
}

/** Returns whether the clause says that something has to be so which the agent works on. */
const hasDuty = (words: Words, clause: string): boolean => {
  const isAboutEach = isAtStart(words.each, clause)
  if (isAboutEach && words.works.has(clause) && words.has.has(clause)) return true
  const duty = words.duties.find(clause)
  if (duty === undefined) return false
  const subject = clause.slice(0, duty.index).trim()
  const behind = clause.slice(duty.index + duty.phrase.length).trim()
  if (behind === "" || isAtStart(words.guesses, behind) || isAtStart(words.others, subject)) return false
  return (
    subject === "" || isAboutEach || words.strongDuties.has(clause) || words.works.has(subject) || /\p{N}/u.test(behind)
  )
}

/** Leaves out the words in front of what a clause says, and the marks at its end. */
const skipLead = (words: Words, clause: string): string => {
  let rest = clause.replace(/[.!?\s]{1,9}$/, "").trim()
  for (let i = 0; i < 4; i++) rest = cutStart(words.lead, rest).replace(/^[,.!:;\s]+/, "")
  return rest
}

const isAtStart = (phrases: Phrases, text: string): boolean => phrases.matchStart(text) !== ""
const isAll = (phrases: Phrases, text: string): boolean => text !== "" && phrases.matchStart(text) === text
const cutStart = (phrases: Phrases, text: string): string => text.slice(phrases.matchStart(text).length)
