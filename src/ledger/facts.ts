/**
 * Finds facts in messages. In prose: sentences that set rules or decide something, and identifiers. In tool calls and
 * their results: files, commands, exit codes, errors and identifiers.
 */
import * as Predicate from "effect/Predicate"
import type { FunctionCall } from "../message/Message.ts"
import { DECISION_WORDS, REVERTING, RULE_WORDS, TAKING_BACK, TELLING_WORDS } from "./rules.ts"
import { readRetraction, type Retraction, takesOrderBack, weighSentence } from "./rules.ts"
import { findWrittenFiles } from "./commands.ts"
import { separateQuotes } from "../message/whoseWords.ts"
import { clipText, isProse, type Phrases, splitSentences, splitWords, toOneLine } from "../message/text.ts"

export interface Rule {
  readonly text: string
  readonly isStrict: boolean
}

/**
 * Returns the sentences of a user that set, take back or decide something, word for word, and whether one takes back the
 * order before it. Most texts have none.
 */
export const findTold = (text: string) => {
  const lower = lowerWords(text)
  return hasOneOf(TELLING_WORDS, lower)
    ? {
        rules: readRules(text, false).slice(0, 12),
        retractions: hasOneOf(TAKING_BACK, lower) ? readRetractions(text) : [],
        takesBack: hasOneOf(REVERTING, lower) && splitSentences(text).some(takesOrderBack),
        decisions: hasOneOf(DECISION_WORDS, lower) ? readDecisions(text) : []
      }
    : { rules: [], retractions: [], takesBack: false, decisions: [] }
}

/** Returns the orders of a file that the agent was told to follow. A tool may have put numbers before its lines. */
export const findFileRules = (text: string): ReadonlyArray<string> =>
  Array.from(readRules(separateQuotes(text.replace(LINE_NUMBER, "")).said, true).slice(0, 24), (rule) => rule.text)

const readRules = (text: string, areStanding: boolean): ReadonlyArray<Rule> =>
  splitSentences(text).flatMap((sentence) => {
    const mayBind = (areStanding || hasOneOf(RULE_WORDS, lowerWords(sentence))) && isProse(sentence)
    const force = mayBind ? weighSentence(sentence, areStanding) : null
    return force === null ? [] : [{ text: clipText(toOneLine(sentence), LONGEST_RULE), isStrict: force === "rule" }]
  })

const LINE_NUMBER = /^[ \t]{0,8}\d{1,6}(?:→|\t|[:|] )/gm

/** Returns the sentences that take a rule back. */
const readRetractions = (text: string): ReadonlyArray<Retraction> =>
  splitSentences(text)
    .filter(isProse)
    .flatMap((sentence) => readRetraction(clipText(toOneLine(sentence), LONGEST_RULE)) ?? [])
    .slice(0, 4)

/** The words as the lists of phrases have them. */
const lowerWords = (text: string): string => text.toLowerCase().replace(/[’‘´]/g, "'")

const hasOneOf = (finders: ReadonlyArray<Phrases>, lower: string): boolean => {
  for (const phrases of finders) if (phrases.has(lower)) return true
  return false
}

/** Returns the sentences that say what was decided. */
export const findDecisions = (text: string): ReadonlyArray<string> =>
  hasOneOf(DECISION_WORDS, lowerWords(text)) ? readDecisions(text) : []

const readDecisions = (text: string): ReadonlyArray<string> =>
  splitSentences(text)
    .filter((sentence) => sentence.length <= LONGEST_RULE && hasOneOf(DECISION_WORDS, lowerWords(sentence)))
    .filter((sentence) => isProse(sentence) && !ASKS.test(sentence))
    .map(toOneLine)
    .slice(0, 4)

/**
 * Returns whether a request states a task. "Continue", "wow, it works" and "/mode" do not: with a few words and no value,
 * name or path they say nothing without what stands before them.
 */
export const statesTask = (request: string): boolean => {
  if (HAS_VALUE.test(request)) return true
  return UNSPACED.test(request) ? request.length >= FEW_SIGNS : splitWords(request).length >= FEW_WORDS
}

const HAS_VALUE = /\d|[\p{L}\p{N}][./_@#-][\p{L}\p{N}]|[`"“«「]/u
const UNSPACED = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af]/
const FEW_WORDS = 4
const FEW_SIGNS = 8

const LONGEST_RULE = 400
const ASKS = /[?？؟]["'”’)]*$/

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

const LONGEST_VALUE = 120
const LONGEST_NAME = 80

const NOUNS =
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
/** Starts from the at sign, which is rare. */
const PACKAGE = /(?<=((?:@[\w.-]{1,80}\/)?[\w.-]{1,80}))@v?(\d{1,10}\.\d[\w.+-]{0,40})/g

/** Returns all matches. `matchAll` would compile the expression again for each text, which is slow for a long one. */
const matchIdentifiers = (pattern: RegExp, text: string): ReadonlyArray<RegExpExecArray> => {
  const found: Array<RegExpExecArray> = []
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) found.push(match)
  return found
}

const trimMarks = (value: string): string => value.replace(/(?<![.,:;!?)\]}'"`*])[.,:;!?)\]}'"`*]+$/, "")

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

// ── in tools ──

export interface FileAccess {
  readonly path: string
  readonly access: "read" | "written"
}

export interface CallFacts {
  readonly command: string | null
  readonly files: ReadonlyArray<FileAccess>
  readonly identifiers: ReadonlyArray<Named>
  /** The file of rules for agents that the call reads, by its name. */
  readonly followed: string | null
}

/** Returns the first path in a text that is by its name a file of rules for agents, and no other project's. */
export const findFollowed = (text: string): string | null => {
  const path = FOLLOWED.exec(text)?.[0] ?? null
  return path === null || FOREIGN.test(path) ? null : path
}

const FOLLOWED = /(?<![^\s"'`=(])(?:[^\s"'`=(]{0,200}\/)?(?:AGENTS|CLAUDE|GEMINI)(?:\.local)?\.md(?![\w/])/
const FOREIGN = /(?:^|\/)(?:node_modules|vendor|third_party|site-packages|tmp)\//

/** Reads a call by the usual names of tools and arguments. Arguments that do not parse give no facts. */
export const readCallFacts = ({ name, arguments: json }: FunctionCall): CallFacts => {
  const fields = parseFields(json)
  const paths: Array<string> = []
  const patched: Array<string> = []
  const identifiers: Array<Named> = []
  for (const key of Object.keys(fields)) {
    for (const text of readTexts(fields[key])) {
      if (PATH_KEY.test(key)) paths.push(text)
      if (text.startsWith(PATCH)) patched.push(...readPatchedPaths(text))
      addIdentifier(identifiers, key, text)
    }
  }
  const access = WRITING.test(name) && fields["command"] !== "view" ? "written" : "read"
  const command = paths.length === 0 || SHELL.test(name) ? findCommand(fields) : null
  const byCommand = command === null ? [] : findWrittenFiles(command)
  return {
    command,
    followed: access === "written" || byCommand.length > 0 ? null : findFollowed(paths.join(" ") || (command ?? "")),
    files: [...paths.map((path) => ({ path, access }) as const), ...[...patched, ...byCommand].map(asWritten)],
    identifiers
  }
}

/** Finds the pairs of a JSON text whose keys name identifiers. */
export const findJsonIdentifiers = (text: string): ReadonlyArray<Named> => {
  const found: Array<Named> = []
  for (const match of matchIdentifiers(JSON_PAIR, text))
    addIdentifier(found, match[1] ?? "", match[2] ?? match[3] ?? "")
  return found
}

const addIdentifier = (found: Array<Named>, key: string, value: string): void => {
  if (isIdentifying(key, value)) found.push({ name: spellName(key), value })
}

/** Finds the exit code that a tool reported. */
export const findExitCode = (text: string): number | null => {
  const edges = text.length <= 600 ? text : `${text.slice(0, 300)}\n${text.slice(-300)}`
  const found = EXIT_CODE.exec(edges)?.[1]
  return found === undefined ? null : Number(found)
}

/** Returns the lines that say what went wrong; lines that only say where, if there are no others. */
export const findErrorLines = (text: string): ReadonlyArray<string> => {
  if (!ERROR.test(text)) return []
  const found = text.split("\n").filter((line) => ERROR.test(line))
  const causes = found.filter((line) => !saysOnlyWhere(line))
  const lines = causes.length > 0 ? causes : found.slice(0, 1)
  return Array.from(new Set(lines.map((line) => clipText(toOneLine(line), LONGEST_ERROR)))).slice(0, 3)
}

/** Returns whether a line of an error says where or how to look for it, and not what it is. */
export const saysOnlyWhere = (line: string): boolean => ERROR_NOISE.test(line)

/** Returns whether the text as a whole is an error, not a text about errors. */
export const isError = (text: string): boolean => ERROR.test(text.slice(0, 200).split("\n", 1)[0] ?? "")

/** With its comment it says nothing of the work, and neither does an empty command. */
const ONLY_CHANGES_FOLDER = /^\s*(?:cd\b[^;&|\n]*)?$/
const LONGEST_ERROR = 240

type Fields = { readonly [key: string]: unknown }

const parseFields = (json: string): Fields => {
  try {
    const value: unknown = JSON.parse(json)
    return Predicate.isRecord(value) ? value : {}
  } catch {
    return {}
  }
}

const readTexts = (value: unknown): ReadonlyArray<string> => {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => (typeof item === "string" ? [item] : []))
  return typeof value === "string" ? [value] : typeof value === "number" ? [String(value)] : []
}

/** Finds a command line, also in the form `["bash", "-lc", "…"]`. */
const findCommand = (fields: Fields): string | null => {
  const key = Object.keys(fields).find((key) => COMMAND_KEY.test(key))
  const parts = key === undefined ? [] : readTexts(fields[key])
  const isWrapped = parts.length === 3 && /^-\w*c$/.test(parts[1] ?? "")
  const command = isWrapped ? (parts[2] ?? "") : parts.join(" ")
  return ONLY_CHANGES_FOLDER.test(command) ? null : command
}

/** How a patch begins. */
const PATCH = "*** Begin Patch"

const readPatchedPaths = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/^\*\*\* (?:Add|Update|Delete) File: (.+)$/gm)).map(([, path = ""]) => path)

const asWritten = (path: string): FileAccess => ({ path, access: "written" })

/** Spells a key as people write it, so that "reservation_id" and "reservation ID" are the same. */
const spellName = (key: string): string => clipText(toOneLine(key.replace(/[_-]+/g, " ").toLowerCase()), LONGEST_NAME)

/** Returns whether a key of JSON arguments or results names an identifier, and its value is one. */
const isIdentifying = (key: string, value: string): boolean =>
  (KEY.test(key) || CAMEL_KEY.test(key)) && isIdentifier(value) && !/\s/.test(value)

const KEY = new RegExp(`(?:^|[_-])(?:id|ids|uuid|${NOUNS})$`, "i")
const CAMEL_KEY = /[a-z](?:I[dD]s?|U[rR][lL]|Version|Port|Hash|Number)$/

const PATH_KEY = /^(?:(?:file_?|notebook_?|target_?)?paths?|file_?names?|files?)$/i
const COMMAND_KEY = /^(?:command|cmd|commands|shell_command|script)$/i
const WRITING = /write|edit|creat|patch|replac|insert|updat|delet|remov|mov|renam|save|append/i
const SHELL = /bash|shell|exec|terminal|command|run/i

/** Starts from the colon, which is rare: first the end of the key, then the whole key, then the value. */
const JSON_PAIR = new RegExp(
  String.raw`:(?<=(?:["_-](?:uuid|${NOUNS})|ids?|url|version|port|hash|number)"\s*:)(?<="([A-Za-z][\w-]{0,40})"\s*:)` +
    String.raw`\s*(?:"([^"\\\s]{2,120})"|(\d{1,18}))(?=\s*[,}\]])`,
  "gi"
)

const EXIT_CODE =
  /(?:exit(?:ed)?(?: with)?[ _-]?(?:code|status)|return ?code|"exit_?[cC]ode")["']?\s{0,8}[:=]?\s{0,8}(-?\d{1,10})\b/i

/** An error may begin with its position: "a.ts(3,4):", "a.c:3:4:". */
const PLACE = String.raw`(?:[^\s:]+(?:\(\d+,\d+\)|:\d+(?::\d+)?):?\s*(?:-\s*)?)?`
const ERROR = new RegExp(
  `^(?:${[
    String.raw`[ \t]*${PLACE}(?:Uncaught )?(?:[\w.]*(?:Error|Exception)|(?:fatal )?error(?:\[\w+\]| TS\d+)?|fatal|panic|ERROR|FAILED)(?: \[[\w-]+\])?: ?\S`,
    String.raw`[ \t]*(?:FAIL|not ok|npm ERR!|npm error|E {2,})[ \t]*\w`,
    String.raw`(?:Command|Process|Tool|Operation)\b.{0,40} (?:aborted|cancell?ed|interrupted|killed|timed out)`,
    String.raw`\S+: .{0,200}(?:[Nn]o such file|not found|[Pp]ermission denied)`
  ].join("|")})`,
  "m"
)
const ERROR_NOISE = /npm (?:error|ERR!) (?:Lifecycle|path|location|workspace|command|code|A complete log)|throw new/
