/**
 * How the ledger reads: its lines, and which of them matter most.
 */
import type { Ledger } from "./Ledger.ts"
import { isReadOnlyCommand } from "./factsInTools.ts"
import { clipText } from "../message/text.ts"

/** A line under the title of its `group`. Those of one `folder` share a line. */
export interface Line {
  readonly group: string
  readonly rank: number
  readonly text: string
  readonly folder: string | null
}

/** How long a request, a command and an error may be, in characters; and whether a file says where it was touched. */
export interface Density {
  readonly request: number
  readonly command: number
  readonly error: number
  readonly isNumbered: boolean
}

/** The roomiest first. */
export const DENSITIES: ReadonlyArray<Density> = [
  { request: 240, command: 160, error: 160, isNumbered: true },
  { request: 120, command: 72, error: 56, isNumbered: true }
]
/** For a room in which not everything fits. */
export const TIGHT: Density = { request: 80, command: 48, error: 18, isNumbered: false }

/** What stands above the lines of a kind. */
export const TITLES = {
  notes: "Notes, word for word:",
  rules: "The user's rules, word for word:",
  decisions: "Decisions:",
  identifiers: "Identifiers:",
  errors: "Errors:",
  written: "Files written:",
  failed: "Commands that failed"
} as const

/** Every line the ledger could show, by group; notes and rules first. */
export const renderLines = (ledger: Ledger, density: Density): ReadonlyArray<Line> => {
  const [failed, run] = parted(ledger.commands, isFailed)
  const [read, written] = parted(ledger.files, ({ access }) => access === "read")
  const isTold = (text: string) => failed.some(({ error }) => error === clipText(text, LONGEST_FAILURE))
  return [
    ...linesOf(
      TITLES.notes,
      ledger.notes,
      ({ text }) => text,
      () => FOREMOST
    ),
    ...linesOf(
      TITLES.rules,
      ledger.constraints,
      ({ text }) => text,
      ({ strict }) => (strict ? FOREMOST : 1e4)
    ),
    ...linesOf(
      "Requests:",
      ledger.requests,
      ({ answered, text }) => `${answered ? "answered" : "open"}: ${clipText(text, density.request)}`,
      ({ answered }) => (answered ? 1 : 10)
    ),
    ...linesOf(
      TITLES.decisions,
      ledger.decisions,
      ({ text }) => text,
      () => 4
    ),
    ...linesOf(
      TITLES.identifiers,
      ledger.identifiers,
      ({ name, replaced, value }) => `${name}: ${value}${replaced === null ? "" : `, before: ${replaced}`}`,
      (identifier) => (identifier.source === "tool" ? 2 : 6)
    ),
    ...filesOf(TITLES.written, written, density, 40),
    ...failed.flatMap((one, i) =>
      commandsOf(TITLES.failed, one, density, (failed.length - i) / (isReadOnlyCommand(one.command) ? 5 : 15))
    ),
    ...linesOf(
      TITLES.errors,
      ledger.errors.filter(({ text }) => !isTold(text)),
      ({ text }) => clipText(text, Math.max(SHORTEST_ERROR, density.error)),
      () => 2
    ),
    ...filesOf("Files read:", read, density, 1),
    ...run.flatMap((one, i) => commandsOf("Commands", one, density, (run.length - i) / (isForgettable(one) ? 0.5 : 2)))
  ]
}

/** The weight of what leaves last. */
const FOREMOST = 1e6

/** The lines under the titles of their groups. */
export const joinLines = (lines: ReadonlyArray<Line>): string =>
  Array.from(groupBy(lines, ({ group }) => group))
    .flatMap(([group, members]) => [group, ...Array.from(groupBy(members, shared), ([, same]) => written(same))])
    .join("\n")

/** Paths, those of one folder together. */
export const groupByFolder = (paths: ReadonlyArray<string>): ReadonlyArray<string> => {
  const lines = filesOf(
    "",
    paths.map((path) => ({ path, access: "written", seq: 0 })),
    TIGHT,
    1
  )
  return Array.from(groupBy(lines, shared), ([, same]) => written(same).slice(2))
}

/** The paths of such a line; any other text is itself. */
export const readPaths = (line: string): ReadonlyArray<string> => {
  const [, folder = "", names] = /^(\S*\/: )?([^\s,]+(?: #\d+)?(?:, [^\s,]+(?: #\d+)?)*)$/.exec(line) ?? []
  if (names === undefined) return [line]
  return names.split(", ").map((name) => folder.slice(0, -2) + name.replace(/ #\d+$/, ""))
}

/** Whether the newest run of a command failed. */
export const isFailed = ({ error, exitCode }: Command): boolean => (exitCode === null ? error !== null : exitCode !== 0)

/** Whether a command is soon forgotten: it only looked, or it went well. */
export const isForgettable = ({ command, exitCode }: Command): boolean => exitCode === 0 || isReadOnlyCommand(command)

/** How a run of a command failed; null if it did not. */
export const describeFailure = (run: Command, longest: number): string | null => {
  if (!isFailed(run)) return null
  const code = run.exitCode === null ? [] : [`exit ${run.exitCode}`]
  const isTold = run.error === null || (run.exitCode !== null && longest < SHORTEST_ERROR)
  return [...code, ...(isTold ? [] : [clipText(withoutPlace(run.error, longest), longest)])].join(": ")
}

/** How long the error of a command may be, in characters. */
export const LONGEST_FAILURE = 160

type Command = Ledger["commands"][number]
type File = Ledger["files"][number]

/** The newest line of a kind ranks first; across kinds, one line weighs as much as `weight` lines of weight 1. */
const linesOf = <A extends { readonly seq: number }>(
  group: string,
  list: ReadonlyArray<A>,
  show: (a: A) => string,
  weight: (a: A) => number
): ReadonlyArray<Line> =>
  list.map((a, i) => ({
    group,
    text: `- ${show(a)} (#${a.seq})`,
    rank: (list.length - i) / weight(a),
    folder: null
  }))

const filesOf = (
  group: string,
  files: ReadonlyArray<File>,
  { isNumbered }: Density,
  weight: number
): ReadonlyArray<Line> =>
  files.map(({ path, seq }, i) => {
    const name = path.lastIndexOf("/") + 1
    const text = `${path.slice(name)}${isNumbered ? ` #${seq}` : ""}`
    return { group, text, rank: (files.length - i) / weight, folder: path.slice(0, name) }
  })

/** The folder a command goes to first is part of the title. */
const commandsOf = (title: string, run: Command, { command, error }: Density, rank: number): ReadonlyArray<Line> => {
  const [, folder, rest = run.command] = /^cd ([^\s;&|]+) && (.+)$/.exec(run.command) ?? []
  const outcome = describeFailure(run, error) ?? (run.exitCode === null ? null : `exit ${run.exitCode}`)
  const before = isFailed(run) || run.before === null ? "" : `, before: ${clipText(run.before, error)}`
  const text = `- ${clipText(rest, command)}${outcome === null ? "" : ` → ${outcome}`}${before} (#${run.seq})`
  return [{ group: folder === undefined ? `${title}:` : `${title} in ${folder}:`, text, rank, folder: null }]
}

/** Where an error is told in few words, what it is comes before where it is. */
const withoutPlace = (error: string, longest: number): string =>
  error.length <= longest ? error : error.replace(/^\S+(?:\(\d+,\d+\)|:\d+):?\s+/, "")

const SHORTEST_ERROR = 48

const shared = (line: Line): string | Line => line.folder ?? line

/** Lines of one folder as one line, which names it once. */
const written = (lines: ReadonlyArray<Line>): string => {
  const [first] = lines
  if (first === undefined || first.folder === null) return first?.text ?? ""
  const names = lines.map(({ text }) => text).join(", ")
  return lines.length === 1 || first.folder === "" ? `- ${first.folder}${names}` : `- ${first.folder}: ${names}`
}

const parted = <A>(
  list: ReadonlyArray<A>,
  isFirst: (a: A) => boolean
): readonly [ReadonlyArray<A>, ReadonlyArray<A>] => [list.filter(isFirst), list.filter((a) => !isFirst(a))]

const groupBy = <A, K>(list: ReadonlyArray<A>, key: (a: A) => K): ReadonlyMap<K, ReadonlyArray<A>> => {
  const groups = new Map<K, Array<A>>()
  for (const a of list) {
    const group = groups.get(key(a))
    if (group === undefined) groups.set(key(a), [a])
    else group.push(a)
  }
  return groups
}
