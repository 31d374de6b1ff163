/** Finds the files that a shell command writes by redirection, by copying or in place. */

/** Returns paths, from the folder that the command changes to first. Paths with variables or patterns are left out. */
export const findWrittenFiles = (command: string): ReadonlyArray<string> => {
  if (!WRITES.test(command)) return []
  // The body of a here-document is text. Quoted paths are left out, since they may hold any character.
  const shell = (command.includes("<<") ? (command.split("\n", 1)[0] ?? "") : command).replace(QUOTED, "''")
  const redirected = Array.from(shell.matchAll(REDIRECTION), ([, path = ""]) => path)
  const named = shell.split(SEPARATOR).flatMap((part) => findTargets(part.replace(REDIRECTION, "").trim().split(/\s+/)))
  const folder = WENT_TO.exec(shell)?.[1]
  return [...named, ...redirected]
    .filter((path) => !UNKNOWN.test(path))
    .map((path) => (folder === undefined || /^[/~]/.test(path) ? path : `${folder.replace(/\/$/, "")}/${path}`))
}

/** Returns the files that one command of these words writes. */
const findTargets = ([name = "", ...rest]: ReadonlyArray<string>): ReadonlyArray<string> => {
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
