/** What shell commands do: which files they write, which only read, and which are the same with another filter. */

/** Returns whether a command only reads: errors it prints are not its own, and it may be forgotten soon. */
export const isReadOnlyCommand = (command: string): boolean => READ_ONLY.test(command)

/** Returns a command without what only shows less of its output, such as `| tail -5`: it is the same with another filter. */
export const dropFilters = (command: string): string => {
  let core = command.trim()
  for (;;) {
    const pipe = core.lastIndexOf("|")
    if (core.endsWith(" 2>&1")) core = core.slice(0, -5).trimEnd()
    else if (pipe > 0 && core[pipe - 1] !== "|" && FILTER.test(core.slice(pipe + 1)))
      core = core.slice(0, pipe).trimEnd()
    else return core
  }
}

const READ_ONLY =
  /^\s*(?:cd \S+\s*(?:&&|;)\s*)?(?:ls|cat|grep|rg|head|tail|sed -n|find|pwd|echo|sleep|wc|which|tree|stat|git (?:status|log|diff|show|branch))\b/
const FILTER = /^&?\s*(?:tail|head|grep|egrep|rg|less|more|cat|tee|sort|uniq|wc|cut)\b[^;&|\n]*$/

/** Returns up to 500 paths, from the folder that the command changes to first. Paths with variables or patterns are left out. */
export const findWrittenFiles = (command: string): ReadonlyArray<string> => {
  if (!WRITES.test(command)) return []
  // The body of a here-document is text. Quoted paths are left out, since they may hold any character.
  const shell = emptyQuotes(command.includes("<<") ? (command.split("\n", 1)[0] ?? "") : command)
  const folder = WENT_TO.exec(shell)?.[1]
  const written: Array<string> = []
  for (const path of listTargets(shell)) {
    if (UNKNOWN.test(path)) continue
    written.push(normalizePath(folder === undefined || /^[/~]/.test(path) ? path : `${folder}/${path}`))
    if (written.length === MOST_WRITTEN) break
  }
  return written
}

/** No one follows more files of one command. */
const MOST_WRITTEN = 500

/** More than anyone writes; only these words of a command are read. */
const MOST_WORDS = 20_000

/**
 * Leaves out what stands within quotes. An expression would keep a step for each escaped sign, which V8 has no room for.
 * A string of very many pieces takes longer to put together than they do, so only as many quotes are read as words are.
 */
const emptyQuotes = (shell: string): string => {
  let kept = ""
  let from = 0
  let quotes = 0
  for (let at = 0; at < shell.length;) {
    const end = findQuoteEnd(shell, at)
    // Quotes side by side stay one.
    if (end > at && (at > from || at === 0)) {
      kept += `${shell.slice(from, at)}''`
      if (++quotes === MOST_WORDS) return kept
    }
    if (end > at) from = end
    at = Math.max(end, at + 1)
  }
  return kept + shell.slice(from)
}

/**
 * The end of the quotes that begin there, or of what another command gives; 0 if there are none, or nothing closes them. An
 * escaped sign is taken for quotes as well, so that it never begins any.
 */
const findQuoteEnd = (shell: string, at: number): number => {
  switch (shell[at]) {
    case "\\":
      return at + 1 < shell.length ? at + 2 : 0
    case "'":
      return shell.indexOf("'", at + 1) + 1
    case "$":
      GIVEN.lastIndex = at
      return GIVEN.test(shell) ? GIVEN.lastIndex : 0
    case '"':
      for (let end = at + 1; end < shell.length; end++) {
        if (shell[end] === '"') return end + 1
        if (shell[end] === "\\") end++
      }
      return 0
    default:
      return 0
  }
}

/** The operands of commands that write, and then what is redirected. */
function* listTargets(shell: string): Generator<string> {
  for (const part of splitCommands(shell))
    if (WRITER.test(part)) yield* findTargets(part.replace(REDIRECTION, "").trim().split(/\s+/, MOST_WORDS))
  for (const [, path = ""] of shell.matchAll(REDIRECTION)) yield path
}

/** One after the other, since a caller may want few of very many. */
function* splitCommands(shell: string): Generator<string> {
  let from = 0
  for (const { 0: separator, index } of shell.matchAll(SEPARATOR)) {
    yield shell.slice(from, index)
    from = index + separator.length
  }
  yield shell.slice(from)
}

/** Leaves out what a path only passes through: `.`, and a folder that `..` leaves again. */
const normalizePath = (path: string): string => {
  const parts: Array<string> = []
  for (const [i, part] of path.split("/").entries()) {
    const last = parts.at(-1)
    if (part === ".." && last !== undefined && !["", "..", ".", "~"].includes(last)) parts.pop()
    else if (part !== "." && (part !== "" || i === 0)) parts.push(part)
  }
  return parts.join("/")
}

/** Returns the files that one command of these words writes. */
const findTargets = ([name = "", ...rest]: ReadonlyArray<string>): ReadonlyArray<string> => {
  const operands = rest.filter((word) => !word.startsWith("-"))
  const isInPlace = name === "sed" && rest.some((word) => /^-\w*i/.test(word))
  if (name === "tee" || name === "touch") return operands
  const target = operands.at(-1)
  // The end of a command of very many words is not known.
  if (
    target === undefined ||
    operands.length < 2 ||
    rest.length + 1 === MOST_WORDS ||
    !(COPIES.test(name) || isInPlace)
  )
    return []
  if (isInPlace || (operands.length === 2 && !target.endsWith("/"))) return [target]
  // Into a folder each of the others is written under its own name.
  return operands.slice(0, -1).map((path) => `${target}/${path.split("/").findLast((part) => part !== "") ?? ""}`)
}

const WRITES = />|\b(?:tee|touch|cp|mv|install|sed)\s/
/** A quick check: the words of most commands need not be looked at. */
const WRITER = /tee|touch|cp|mv|install|sed/
const COPIES = /^(?:cp|mv|install)$/
const GIVEN = /\$\([^()]*\)/y
const SEPARATOR = /&&|\|\|?|;|\n/g
const REDIRECTION = /(?:^|[\s\d&])>{1,2}\|?\s*([^\s&|;<>()]+)/g
const WENT_TO = /^\s*cd\s+([^\s;&|']+)\s*(?:&&|;|\n)/
const UNKNOWN = /['"`$*?{}()<>\\]|^\/dev\/|^-|^\W*$/
