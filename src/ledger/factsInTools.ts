/**
 * What plain code can tell from tool calls and their results: files, commands, exit codes, errors, identifiers.
 */
import type { ToolCall } from "../message/Message.ts"
import { isIdentifier, matchIdentifiers, type Named, NOUNS } from "./factsInProse.ts"
import { clipText, toOneLine } from "../message/text.ts"
import { filesWrittenBy } from "./filesWrittenByShell.ts"

export interface FileAccess {
  readonly path: string
  readonly access: "read" | "written"
}

export interface CallFacts {
  readonly command: string | null
  readonly files: ReadonlyArray<FileAccess>
  readonly identifiers: ReadonlyArray<Named>
}

/** What a call is about, by the usual names of tools and arguments. Arguments that do not parse say nothing. */
export const readCallFacts = ({ name, arguments: json }: ToolCall["function"]): CallFacts => {
  const fields = parsed(json)
  const paths = fields.flatMap(([key, value]) => (PATH_KEY.test(key) ? texts(value) : []))
  const patched = fields.flatMap(([, value]) => texts(value).flatMap(patchedPaths))
  const isView = fields.some(([key, value]) => key === "command" && value === "view")
  const access = WRITING.test(name) && !isView ? "written" : "read"
  const command = paths.length === 0 || SHELL.test(name) ? commandOf(fields) : null
  const byCommand = command === null ? [] : filesWrittenBy(command)
  return {
    command,
    files: [...paths.map((path) => ({ path, access }) as const), ...[...patched, ...byCommand].map(written)],
    identifiers: fields.flatMap(([key, value]) =>
      texts(value).flatMap((text) => (isIdentifying(key, text) ? [{ name: spaced(key), value: text }] : []))
    )
  }
}

/** The pairs of a JSON text whose keys name identifiers. */
export const findJsonIdentifiers = (text: string): ReadonlyArray<Named> =>
  matchIdentifiers(JSON_PAIR, text).flatMap(([, name = "", quoted, bare]) => {
    const value = quoted ?? bare ?? ""
    return isIdentifying(name, value) ? [{ name: spaced(name), value }] : []
  })

/** The exit code a tool reported, if it did. */
export const findExitCode = (text: string): number | null => {
  const edges = text.length <= 600 ? text : `${text.slice(0, 300)}\n${text.slice(-300)}`
  const found = EXIT_CODE.exec(edges)?.[1]
  return found === undefined ? null : Number(found)
}

/** The lines that say what went wrong, without those that only say where unless there is nothing else. */
export const findErrorLines = (text: string): ReadonlyArray<string> => {
  if (!ERROR.test(text)) return []
  const found = text.split("\n").filter((line) => ERROR.test(line))
  const telling = found.filter((line) => !ERROR_NOISE.test(line))
  const lines = telling.length > 0 ? telling : found.slice(0, 1)
  return Array.from(new Set(lines.map((line) => clipText(toOneLine(line), LONGEST_ERROR)))).slice(0, 3)
}

/** Whether the text as a whole is an error rather than a text about errors. */
export const isError = (text: string): boolean => ERROR.test(text.slice(0, 200).split("\n", 1)[0] ?? "")

/** Whether a command only looks: what it prints are not its own errors, and it is soon forgotten. */
export const isReadOnlyCommand = (command: string): boolean => LOOK.test(command)

const LONGEST_ERROR = 240

type Field = readonly [key: string, value: unknown]

const parsed = (json: string): ReadonlyArray<Field> => {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : []
  } catch {
    return []
  }
}

const texts = (value: unknown): ReadonlyArray<string> => {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => (typeof item === "string" ? [item] : []))
  return typeof value === "string" ? [value] : typeof value === "number" ? [String(value)] : []
}

/** A command line, also as the list `["bash", "-lc", "…"]`. */
const commandOf = (fields: ReadonlyArray<Field>): string | null => {
  const [, value] = fields.find(([key]) => COMMAND_KEY.test(key)) ?? []
  const parts = texts(value)
  const isWrapped = parts.length === 3 && /^-\w*c$/.test(parts[1] ?? "")
  const command = isWrapped ? (parts[2] ?? "") : parts.join(" ")
  return command.trim() === "" ? null : command
}

const patchedPaths = (text: string): ReadonlyArray<string> =>
  text.startsWith("*** Begin Patch")
    ? Array.from(text.matchAll(/^\*\*\* (?:Add|Update|Delete) File: (.+)$/gm)).map(([, path = ""]) => path)
    : []

const written = (path: string): FileAccess => ({ path, access: "written" })

/** The name as people write it: "reservation_id" and "reservation ID" are the same. */
const spaced = (key: string): string => key.replace(/[_-]+/g, " ").toLowerCase()

/** Whether a key of JSON arguments or results names an identifier, and its value is one. */
const isIdentifying = (key: string, value: string): boolean =>
  (KEY.test(key) || CAMEL_KEY.test(key)) && isIdentifier(value) && !/\s/.test(value)

const KEY = new RegExp(`(?:^|[_-])(?:id|ids|uuid|${NOUNS})$`, "i")
const CAMEL_KEY = /[a-z](?:I[dD]s?|U[rR][lL]|Version|Port|Hash|Number)$/

const PATH_KEY = /^(?:(?:file_?|notebook_?|target_?)?paths?|file_?names?|files?)$/i
const COMMAND_KEY = /^(?:command|cmd|commands|shell_command|script)$/i
const WRITING = /write|edit|creat|patch|replac|insert|updat|delet|remov|mov|renam|save|append/i
const SHELL = /bash|shell|exec|terminal|command|run/i

/** From the colon, which is rare: what ends as the keys do, then the whole key, then the value. */
const JSON_PAIR = new RegExp(
  String.raw`:(?<=(?:["_-](?:uuid|${NOUNS})|ids?|url|version|port|hash|number)"\s*:)(?<="([A-Za-z][\w-]{0,40})"\s*:)` +
    String.raw`\s*(?:"([^"\\\s]{2,120})"|(\d{1,18}))(?=\s*[,}\]])`,
  "gi"
)

const EXIT_CODE =
  /(?:exit(?:ed)?(?: with)?[ _-]?(?:code|status)|return ?code|"exit_?[cC]ode")["']?\s*[:=]?\s*(-?\d{1,10})\b/i

/** A place ("a.ts(3,4):", "a.c:3:4:") may come first. */
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
const LOOK =
  /^\s*(?:cd \S+\s*(?:&&|;)\s*)?(?:ls|cat|grep|rg|head|tail|sed -n|find|pwd|echo|sleep|wc|which|tree|stat|git (?:status|log|diff|show|branch))\b/
