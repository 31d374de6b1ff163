/** Finds facts in prose: sentences that set rules or decide something, and identifiers. */
import { DECISION, IDLE, PREFERENCE, RULE } from "./ruleWords.ts"
import { clipText, isProse, toOneLine, splitSentences } from "../message/text.ts"

export interface Rule {
  readonly text: string
  readonly isStrict: boolean
}

/** Returns the sentences that set a rule or express a preference, word for word. */
export const findRules = (text: string): ReadonlyArray<Rule> => {
  const all = text.toLowerCase()
  if (!RULE.test(all) && !PREFERENCE.test(all)) return []
  const found = splitSentences(text).flatMap((sentence) => {
    const lower = sentence.toLowerCase()
    const isStrict = RULE.test(lower)
    if (!isStrict && !PREFERENCE.test(lower)) return []
    return isProse(sentence) && !isIdle(lower) ? [{ text: clipText(toOneLine(sentence), LONGEST_RULE), isStrict }] : []
  })
  return found.slice(0, 12)
}

/** Returns the sentences that say what was decided. */
export const findDecisions = (text: string): ReadonlyArray<string> => {
  if (!DECISION.test(text.toLowerCase())) return []
  return splitSentences(text)
    .filter((sentence) => sentence.length <= LONGEST_RULE && DECISION.test(sentence.toLowerCase()) && isProse(sentence))
    .filter((sentence) => !QUESTION.test(sentence))
    .map(toOneLine)
    .slice(0, 4)
}

export interface Named {
  readonly name: string
  readonly value: string
}

export interface Said extends Named {
  readonly isSelfNamed: boolean
}

/** Finds identifiers: named ones ("staging port is 5433"), and URLs, hashes and others that name themselves. */
export const findIdentifiers = (whole: string): ReadonlyArray<Said> => {
  const text = keepIdentifyingLines(whole)
  if (text === "") return []
  const named = matchIdentifiers(NAMED, text).flatMap((match) => {
    const [, latin, other = "", found = ""] = match
    const value = trimMarks(found)
    const before = text.slice(Math.max(0, match.index - 120), match.index)
    const joined = JOINED.exec(before)?.[0] ?? ""
    const name = qualifyName(before.slice(0, before.length - joined.length).slice(-40), joined + (latin ?? other))
    return isIdentifier(value) && !TOO_PLAIN.test(name) ? [{ name, value }] : []
  })
  const pairs = [...named, ...findReversedNames(text), ...findSettings(text)].map((pair) => ({
    ...pair,
    isSelfNamed: false
  }))
  const taken = new Set(pairs.map(({ value }) => value))
  const bare = SELF_NAMED.flatMap(({ hint, name, pattern }) =>
    (text.includes(hint) ? (text.match(pattern) ?? []) : []).map((found) => ({
      name,
      value: trimMarks(found),
      isSelfNamed: true
    }))
  )
  return [...pairs, ...bare.filter(({ value }) => !taken.has(value) && value.length <= LONGEST_VALUE)]
}

/** Keeps the lines that may hold an identifier, and the line before each, where its name may stand. Most have none. */
const keepIdentifyingLines = (text: string): string => {
  if (!IDENTIFYING.test(text)) return ""
  const lines = text.split("\n")
  if (lines.length === 1) return text
  const isIdentifying = lines.map((line) => IDENTIFYING.test(line))
  return lines.filter((_, i) => isIdentifying[i] === true || isIdentifying[i + 1] === true).join("\n")
}

const LONGEST_RULE = 400
export const LONGEST_VALUE = 120

/** Returns whether a sentence has the words of a rule and sets none, as plain questions do. */
const isIdle = (sentence: string): boolean => IDLE.test(sentence) || (QUESTION.test(sentence) && !PLEASE.test(sentence))

const QUESTION = /[?？؟]["'”’)]*$/
const PLEASE = /^(?:please|can|could|would|will) |\bplease\b|\bbitte\b/i

export const NOUNS =
  "port|version|branch|commit|revision|sha|hash|tag|url|uri|endpoint|host|hostname|ticket|issue|pr|build|region|bucket|database|table|schema|e-?mail|account|number|model|channel|cluster|container|namespace|deployment|release"
/** A quick check that a text may hold an identifier. */
const IDENTIFYING = /\d|:\/\/|[A-Z_]{3}=|[`"'*]/

/** Words and marks between a name and its value. */
const LINK =
  "(?:[\\s:=#→`\"'*(]|->|(?<!\\p{L})(?:is|are|was|now|to|be|should|will|been|reads|equals|became|becomes|changed|replaced|set|switched|over|moved|by|jetzt|nun|ist|wird|wurde|lautet|auf|zu|est|maintenant|désormais|passe|à|es|ahora|pasa|a|é|agora|passa|è|adesso|ora|это|теперь|стал[аои]?)(?!\\p{L})|[是为為现現在改成换換은는はがを]|これから|이제)"
const NAMED = new RegExp(
  `(?:(?<![\\p{L}\\p{N}])(id|uuid|${NOUNS}|порт|версия|puerto|porta|versión|versão)(?![\\p{L}\\p{N}_-])${LINK}+|(端口|版本|ポート|バージョン|포트|버전)${LINK}*)([\\p{L}\\p{N}@/~][^\\s"'\`*()<>，。、；,;]{0,${2 * LONGEST_VALUE}})`,
  "giu"
)

/** The first parts of a name, such as the "user_" of "user_id". */
const JOINED = /(?:[\p{L}\p{N}]{1,40}[_-]){1,4}$/u

/** `hint` is part of every match, and quick to look for. */
const SELF_NAMED: ReadonlyArray<{ readonly name: string; readonly hint: string; readonly pattern: RegExp }> = [
  { name: "url", hint: "://", pattern: /\bhttps?:\/\/[^\s"'`<>)\]}，。]{1,400}/g },
  { name: "uuid", hint: "-", pattern: /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi },
  {
    name: "hash",
    hint: "",
    pattern: /(?<![\w#-])(?=[a-f]*\d)(?=\d*[a-f])(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{7,12})(?![\w-])/g
  },
  { name: "address", hint: ":", pattern: /\b(?:localhost|\d{1,3}(?:\.\d{1,3}){3}):\d{2,5}\b/g }
]

/** Finds values in front of their names: "Use 5433 as the staging port." */
const findReversedNames = (text: string): ReadonlyArray<Named> =>
  matchIdentifiers(REVERSED, text).flatMap(([, found = "", before = "", noun = ""]) => {
    const value = trimMarks(found)
    const name = qualifyName(before, noun)
    return isIdentifier(value) && !TOO_PLAIN.test(name) ? [{ name, value }] : []
  })
const REVERSED = new RegExp(
  "(?<!\\p{L})(?:use|using|take|set|verwende|nutze|nimm|utilise[rz]?|prends|usa|usar|use|utiliza|используй|возьми) " +
    `["'\`*]?([\\p{L}\\p{N}@/~][^\\s"'\`*()<>，。、；,;]{0,${LONGEST_VALUE}})["'\`*]? ` +
    "(?:as|for|als|für|comme|pour|como|para|come|per|как|для) " +
    `((?:\\p{L}[\\p{L}\\p{N}_-]{0,40} ){0,3})(id|uuid|${NOUNS}|порт|версия|puerto|porta|versión|versão)(?![\\p{L}\\p{N}_-])`,
  "giu"
)

/** Finds `NAME=value` and `package@1.2.3`. */
const findSettings = (text: string): ReadonlyArray<Named> =>
  [
    ...(text.includes("=") ? matchIdentifiers(VARIABLE, text) : []),
    ...(text.includes("@") ? matchIdentifiers(PACKAGE, text) : [])
  ]
    .map(([, name = "", value = ""]): Named => ({ name, value: trimMarks(value) }))
    .filter(({ value }) => value !== "" && value.length <= LONGEST_VALUE && !value.includes("[redacted"))

const VARIABLE = /\b([A-Z][A-Z0-9_]{2,80})=([^\s"'`;,)]{1,400})/g
const PACKAGE = /((?:@[\w.-]{1,80}\/)?[\w.-]{1,80})@v?(\d+\.\d[\w.+-]{0,40})/g

/** Returns all matches. `matchAll` would compile the expression again for each text, which is slow for a long one. */
export const matchIdentifiers = (pattern: RegExp, text: string): ReadonlyArray<RegExpExecArray> => {
  const found: Array<RegExpExecArray> = []
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) found.push(match)
  return found
}

const trimMarks = (value: string): string => value.replace(/[.,:;!?)\]}'"`*]+$/, "")

/** Returns whether a word can be a value: it has a digit, an inner mark, or only capitals. */
export const isIdentifier = (value: string): boolean =>
  value.length <= LONGEST_VALUE &&
  !value.includes("[redacted") &&
  (/\d/.test(value) ||
    /[\p{L}\d][/_@][\p{L}\d]/u.test(value) ||
    /^[A-Z]{4,}$/.test(value) ||
    /\p{L}\.\p{L}{2,}\./u.test(value))

const TOO_PLAIN = /^(?:number|issue|table|model)$/

/** Adds the one or two words before the noun, so that the staging port is told from other ports. */
const qualifyName = (before: string, noun: string): string => {
  const qualifiers = /((?:(?<![\p{L}\p{N}-])\p{L}[\p{L}\p{N}_-]* ){0,2})[`"'*]*$/u.exec(before)?.[1] ?? ""
  const kept = qualifiers.split(" ").filter((word) => word !== "" && !FILLER.test(word))
  return [...kept, noun].join(" ").replace(/[_-]+/g, " ").toLowerCase()
}

const FILLER =
  /^(?:the|a|an|my|our|your|its?|his|her|their|this|that|is|are|was|new|current|please|use|using|on|in|to|for|from|with|and|or|of|at|by|as|so|set|change|now|s|der|die|das|den|le|la|les|el|los|il|lo|o|os)$/i
