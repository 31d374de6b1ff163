/**
 * What plain code can tell from words alone: which sentences set rules or decide something, what is an identifier.
 */
import { DECISION, IDLE, PREFERENCE, RULE } from "./ruleWords.ts"
import { clipText, isProse, toOneLine, splitSentences } from "../message/text.ts"

export interface Rule {
  readonly text: string
  readonly isStrict: boolean
}

/** The sentences that set a rule or voice a preference, word for word. */
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

/** The sentences that say what was decided. */
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

/** Identifiers in prose: named ones ("staging port is 5433"), and those that name themselves, as URLs and hashes do. */
export const findIdentifiers = (whole: string): ReadonlyArray<Said> => {
  const text = identifyingLines(whole)
  if (text === "") return []
  const named = matchIdentifiers(NAMED, text).flatMap((match) => {
    const [, latin, other = "", found = ""] = match
    const value = trimmed(found)
    const before = text.slice(Math.max(0, match.index - 120), match.index)
    const joined = JOINED.exec(before)?.[0] ?? ""
    const name = fullName(before.slice(0, before.length - joined.length).slice(-40), joined + (latin ?? other))
    return isIdentifier(value) && !TOO_PLAIN.test(name) ? [{ name, value }] : []
  })
  const pairs = [...named, ...reversed(text), ...settings(text)].map((pair) => ({ ...pair, isSelfNamed: false }))
  const taken = new Set(pairs.map(({ value }) => value))
  const bare = SELF_NAMED.flatMap(({ hint, name, pattern }) =>
    (text.includes(hint) ? (text.match(pattern) ?? []) : []).map((found) => ({
      name,
      value: trimmed(found),
      isSelfNamed: true
    }))
  )
  return [...pairs, ...bare.filter(({ value }) => !taken.has(value) && value.length <= LONGEST_VALUE)]
}

/** Lines that may hold an identifier, each with the one before it, where its name may stand: most have none. */
const identifyingLines = (text: string): string => {
  if (!IDENTIFYING.test(text)) return ""
  const lines = text.split("\n")
  if (lines.length === 1) return text
  const isTelling = lines.map((line) => IDENTIFYING.test(line))
  return lines.filter((_, i) => isTelling[i] === true || isTelling[i + 1] === true).join("\n")
}

const LONGEST_RULE = 400
export const LONGEST_VALUE = 120

/** Sentences with the words of a rule that set none: what somebody does not know, and plain questions. */
const isIdle = (sentence: string): boolean => IDLE.test(sentence) || (QUESTION.test(sentence) && !PLEASE.test(sentence))

const QUESTION = /[?？؟]["'”’)]*$/
const PLEASE = /^(?:please|can|could|would|will) |\bplease\b|\bbitte\b/i

export const NOUNS =
  "port|version|branch|commit|revision|sha|hash|tag|url|uri|endpoint|host|hostname|ticket|issue|pr|build|region|bucket|database|table|schema|e-?mail|account|number|model|channel|cluster|container|namespace|deployment|release"
/** Quick: whether a text has anything an identifier could be made of. */
const IDENTIFYING = /\d|:\/\/|[A-Z_]{3}=|[`"'*]/

/** What may stand between a name and its value. */
const LINK =
  "(?:[\\s:=#→`\"'*(]|->|(?<!\\p{L})(?:is|are|was|now|to|be|should|will|been|reads|equals|became|becomes|changed|replaced|set|switched|over|moved|by|jetzt|nun|ist|wird|wurde|lautet|auf|zu|est|maintenant|désormais|passe|à|es|ahora|pasa|a|é|agora|passa|è|adesso|ora|это|теперь|стал[аои]?)(?!\\p{L})|[是为為现現在改成换換은는はがを]|これから|이제)"
const NAMED = new RegExp(
  `(?:(?<![\\p{L}\\p{N}])(id|uuid|${NOUNS}|порт|версия|puerto|porta|versión|versão)(?![\\p{L}\\p{N}_-])${LINK}+|(端口|版本|ポート|バージョン|포트|버전)${LINK}*)([\\p{L}\\p{N}@/~][^\\s"'\`*()<>，。、；,;]{0,${2 * LONGEST_VALUE}})`,
  "giu"
)

/** What a name begins with: the "user_" of "user_id". */
const JOINED = /(?:[\p{L}\p{N}]{1,40}[_-]){1,4}$/u

/** The hint stands in each of them. */
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

/** "Use 5433 as the staging port." */
const reversed = (text: string): ReadonlyArray<Named> =>
  matchIdentifiers(REVERSED, text).flatMap(([, found = "", before = "", noun = ""]) => {
    const value = trimmed(found)
    const name = fullName(before, noun)
    return isIdentifier(value) && !TOO_PLAIN.test(name) ? [{ name, value }] : []
  })
const REVERSED = new RegExp(
  "(?<!\\p{L})(?:use|using|take|set|verwende|nutze|nimm|utilise[rz]?|prends|usa|usar|use|utiliza|используй|возьми) " +
    `["'\`*]?([\\p{L}\\p{N}@/~][^\\s"'\`*()<>，。、；,;]{0,${LONGEST_VALUE}})["'\`*]? ` +
    "(?:as|for|als|für|comme|pour|como|para|come|per|как|для) " +
    `((?:\\p{L}[\\p{L}\\p{N}_-]{0,40} ){0,3})(id|uuid|${NOUNS}|порт|версия|puerto|porta|versión|versão)(?![\\p{L}\\p{N}_-])`,
  "giu"
)

/** `NAME=value` and `package@1.2.3`. */
const settings = (text: string): ReadonlyArray<Named> =>
  [
    ...(text.includes("=") ? matchIdentifiers(VARIABLE, text) : []),
    ...(text.includes("@") ? matchIdentifiers(PACKAGE, text) : [])
  ]
    .map(([, name = "", value = ""]): Named => ({ name, value: trimmed(value) }))
    .filter(({ value }) => value !== "" && value.length <= LONGEST_VALUE && !value.includes("[redacted"))

const VARIABLE = /\b([A-Z][A-Z0-9_]{2,80})=([^\s"'`;,)]{1,400})/g
const PACKAGE = /((?:@[\w.-]{1,80}\/)?[\w.-]{1,80})@v?(\d+\.\d[\w.+-]{0,40})/g

/** As `matchAll` gives them, which makes its expression anew for each text: that is dear where it is long. */
export const matchIdentifiers = (pattern: RegExp, text: string): ReadonlyArray<RegExpExecArray> => {
  const found: Array<RegExpExecArray> = []
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) found.push(match)
  return found
}

const trimmed = (value: string): string => value.replace(/[.,:;!?)\]}'"`*]+$/, "")

/** A plain word after "version" or "branch" is no value: it needs a digit, an inner mark, or capitals throughout. */
export const isIdentifier = (value: string): boolean =>
  value.length <= LONGEST_VALUE &&
  !value.includes("[redacted") &&
  (/\d/.test(value) ||
    /[\p{L}\d][/_@][\p{L}\d]/u.test(value) ||
    /^[A-Z]{4,}$/.test(value) ||
    /\p{L}\.\p{L}{2,}\./u.test(value))

const TOO_PLAIN = /^(?:number|issue|table|model)$/

/** The one or two words before the noun tell the staging port from the other. */
const fullName = (before: string, noun: string): string => {
  const qualifiers = /((?:(?<![\p{L}\p{N}-])\p{L}[\p{L}\p{N}_-]* ){0,2})[`"'*]*$/u.exec(before)?.[1] ?? ""
  const telling = qualifiers.split(" ").filter((word) => word !== "" && !FILLER.test(word))
  return [...telling, noun].join(" ").replace(/[_-]+/g, " ").toLowerCase()
}

const FILLER =
  /^(?:the|a|an|my|our|your|its?|his|her|their|this|that|is|are|was|new|current|please|use|using|on|in|to|for|from|with|and|or|of|at|by|as|so|set|change|now|s|der|die|das|den|le|la|les|el|los|il|lo|o|os)$/i
