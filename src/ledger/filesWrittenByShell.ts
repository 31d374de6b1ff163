/**
 * Which files a shell command writes, as far as its words tell: redirections, copies, edits in place.
 */

/** The paths, from the folder the command went to first. What a variable or a pattern stands for is not known. */
export const filesWrittenBy = (command: string): ReadonlyArray<string> => {
  if (!WRITES.test(command)) return []
  // The body of a here-document is text. What is quoted may hold any sign; as a path it is not known.
  const shell = (command.includes("<<") ? (command.split("\n", 1)[0] ?? "") : command).replace(QUOTED, "''")
  const redirected = Array.from(shell.matchAll(REDIRECTION), ([, path = ""]) => path)
  const named = shell.split(SEPARATOR).flatMap((part) => targets(part.replace(REDIRECTION, "").trim().split(/\s+/)))
  const folder = WENT_TO.exec(shell)?.[1]
  return [...named, ...redirected]
    .filter((path) => !UNKNOWN.test(path))
    .map((path) => (folder === undefined || /^[/~]/.test(path) ? path : `${folder.replace(/\/$/, "")}/${path}`))
}

/** What a single command with these words writes. */
const targets = ([name = "", ...rest]: ReadonlyArray<string>): ReadonlyArray<string> => {
  const operands = rest.filter((word) => !word.startsWith("-"))
  const isInPlace = name === "sed" && rest.some((word) => /^-\w*i/.test(word))
  if (name === "tee" || name === "touch") return operands
  return (COPIES.test(name) || isInPlace) && operands.length > 1 ? operands.slice(-1) : []
}

const WRITES = />|\b(?:tee|touch|cp|mv|install|sed)\s/
const COPIES = /^(?:cp|mv|install)$/
const QUOTED = /'[^']*'|"(?:\\.|[^"\\])*"/g
const SEPARATOR = /&&|\|\|?|;|\n/
const REDIRECTION = /(?:^|[\s\d&])>{1,2}\|?\s*([^\s&|;<>()]+)/g
const WENT_TO = /^\s*cd\s+([^\s;&|']+)\s*(?:&&|;|\n)/
const UNKNOWN = /['"`$*?{}()<>\\]|^\/dev\/|^-|^\W*$/
