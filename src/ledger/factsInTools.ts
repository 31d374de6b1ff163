/** Finds facts in tool calls and their results: files, commands, exit codes, errors, identifiers. */
import type { ToolCall } from "../message/Message.ts"
import { isIdentifier, matchIdentifiers, type Named, NOUNS } from "./factsInProse.ts"
import { clipText, toOneLine } from "../message/text.ts"
import { findWrittenFiles } from "./filesWrittenByShell.ts"

export interface FileAccess {
  readonly path: string
  readonly access: "read" | "written"
}

export interface CallFacts {
  readonly command: string | null
  readonly files: ReadonlyArray<FileAccess>
  readonly identifiers: ReadonlyArray<Named>
}

/** Reads a call by the usual names of tools and arguments. Arguments that do not parse give no facts. */
export const readCallFacts = ({ name, arguments: json }: ToolCall["function"]): CallFacts => {
  const fields = parseFields(json)
  const paths = fields.flatMap(([key, value]) => (PATH_KEY.test(key) ? readTexts(value) : []))
  const patched = fields.flatMap(([, value]) => readTexts(value).flatMap(readPatchedPaths))
  const isView = fields.some(([key, value]) => key === "command" && value === "view")
  const access = WRITING.test(name) && !isView ? "written" : "read"
  const command = paths.length === 0 || SHELL.test(name) ? findCommand(fields) : null
  const byCommand = command === null ? [] : findWrittenFiles(command)
  return {
    command,
    files: [...paths.map((path) => ({ path, access }) as const), ...[...patched, ...byCommand].map(asWritten)],
    identifiers: fields.flatMap(([key, value]) =>
      readTexts(value).flatMap((text) => (isIdentifying(key, text) ? [{ name: spellName(key), value: text }] : []))
    )
  }
}

/** Finds the pairs of a JSON text whose keys name identifiers. */
export const findJsonIdentifiers = (text: string): ReadonlyArray<Named> =>
  matchIdentifiers(JSON_PAIR, text).flatMap(([, name = "", quoted, bare]) => {
    const value = quoted ?? bare ?? ""
    return isIdentifying(name, value) ? [{ name: spellName(name), value }] : []
  })

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
  const causes = found.filter((line) => !ERROR_NOISE.test(line))
  const lines = causes.length > 0 ? causes : found.slice(0, 1)
  return Array.from(new Set(lines.map((line) => clipText(toOneLine(line), LONGEST_ERROR)))).slice(0, 3)
}

/** Returns whether the text as a whole is an error, and not a text about errors. */
export const isError = (text: string): boolean => ERROR.test(text.slice(0, 200).split("\n", 1)[0] ?? "")

/** Returns whether a command only reads: errors it prints are not its own, and it may be forgotten soon. */
export const isReadOnlyCommand = (command: string): boolean => READ_ONLY.test(command)

const LONGEST_ERROR = 240

type Field = readonly [key: string, value: unknown]

const parseFields = (json: string): ReadonlyArray<Field> => {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : []
  } catch {
    return []
  }
}

const readTexts = (value: unknown): ReadonlyArray<string> => {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => (typeof item === "string" ? [item] : []))
  return typeof value === "string" ? [value] : typeof value === "number" ? [String(value)] : []
}

/** Finds a command line, also in the form `["bash", "-lc", "…"]`. */
const findCommand = (fields: ReadonlyArray<Field>): string | null => {
  const [, value] = fields.find(([key]) => COMMAND_KEY.test(key)) ?? []
  const parts = readTexts(value)
  const isWrapped = parts.length === 3 && /^-\w*c$/.test(parts[1] ?? "")
  const command = isWrapped ? (parts[2] ?? "") : parts.join(" ")
  return command.trim() === "" ? null : command
}

const readPatchedPaths = (text: string): ReadonlyArray<string> =>
  text.startsWith("*** Begin Patch")
    ? Array.from(text.matchAll(/^\*\*\* (?:Add|Update|Delete) File: (.+)$/gm)).map(([, path = ""]) => path)
    : []

const asWritten = (path: string): FileAccess => ({ path, access: "written" })

/** Spells a key as people write it, so that "reservation_id" and "reservation ID" are the same. */
const spellName = (key: string): string => key.replace(/[_-]+/g, " ").toLowerCase()

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
  /(?:exit(?:ed)?(?: with)?[ _-]?(?:code|status)|return ?code|"exit_?[cC]ode")["']?\s*[:=]?\s*(-?\d{1,10})\b/i

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
const READ_ONLY =
  /^\s*(?:cd \S+\s*(?:&&|;)\s*)?(?:ls|cat|grep|rg|head|tail|sed -n|find|pwd|echo|sleep|wc|which|tree|stat|git (?:status|log|diff|show|branch))\b/
