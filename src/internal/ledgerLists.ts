/**
 * The lists of the ledger: the newest last, nothing twice, bounded.
 */
import type { Ledger } from "../Ledger.ts"
import { redact } from "../Redaction.ts"
import { failureOf, isFailed, isForgettable } from "./ledgerLines.ts"
import type { Named, Said } from "./ledgerFacts.ts"
import type { FileAccess } from "./ledgerTools.ts"
import { clip, oneLine } from "./sentences.ts"

/** The list with `item` as its newest, instead of what is the `same`; at most `limit` long, without the least worth. */
export const put = <A>(
  list: ReadonlyArray<A>,
  item: A,
  same: (a: A) => boolean,
  limit: number,
  worth: (a: A) => number = equal
): ReadonlyArray<A> => {
  const all = [...list.filter((a) => !same(a)), item]
  if (all.length <= limit) return all
  let least = 0
  let lowest = Infinity
  for (const [i, a] of all.entries()) {
    const value = worth(a)
    if (value >= lowest) continue
    least = i
    lowest = value
  }
  all.splice(least, 1)
  return all
}

export const never = (): boolean => false

export const strictness = (rule: Kind<"constraints">): number => (rule.strict ? 1 : 0)
/** The newest run of a command stands for it, and remembers how the one before failed. */
export const putCommand = (list: Ledger["commands"], command: string, seq: number): Ledger["commands"] => {
  const last = list.find((known) => known.command === command)
  const before = last === undefined ? null : (failureOf(last, LONGEST_BEFORE) ?? last.before)
  const run = { command, exitCode: null, error: null, before, seq }
  // How this one went is still to come.
  return put(
    list,
    run,
    (known) => known === last,
    40,
    (a) => (a === run ? Infinity : telling(a))
  )
}

export const putText = (list: ReadonlyArray<Kind<"errors">>, text: string, seq: number) =>
  put(list, { text, seq }, (a) => a.text === text, 16)

/** What was written stays known as written when it is read again. */
export const putFile = (list: Ledger["files"], file: FileAccess, seq: number): Ledger["files"] => {
  const path = clip(oneLine(redact(file.path)), LONGEST_PATH)
  const before = list.find((known) => known.path === path)
  const access = before?.access === "written" ? "written" : file.access
  return put(list, { path, access, seq }, (known) => known === before, 56, writing)
}

/**
 * A value under a known name replaces those before it. Several in one message stand side by side, and what names
 * itself, as a URL does, replaces nothing.
 */
export const putSaid = (all: Ledger["identifiers"], said: ReadonlyArray<Said>, seq: number): Ledger["identifiers"] => {
  const found = said.slice(0, 16)
  return found.reduce((list, { isSelfNamed, name, value }) => {
    const isAlone = found.every((other) => other.name !== name || other.value === value)
    const isSame = (a: Kind<"identifiers">) => a.name === name && a.value === value
    const isBefore = (a: Kind<"identifiers">) => a.name === name && a.source === "said" && !isSelfNamed && isAlone
    const before = list.filter((a) => isBefore(a) && !isSame(a)).map((a) => a.value)
    const known = list.find((a) => isSame(a))?.replaced ?? null
    const replaced = before.length === 0 ? known : clip(before.join(", "), LONGEST_REPLACED)
    const identifier = { name, value, replaced, source: "said" as const, seq }
    return put(list, identifier, (a) => isSame(a) || isBefore(a), 48, saying)
  }, all)
}

export const putTool = (list: Ledger["identifiers"], found: ReadonlyArray<Named>, seq: number): Ledger["identifiers"] =>
  found.slice(0, 8).reduce((list, { name, value: raw }) => {
    const value = redact(raw)
    const same = (a: Kind<"identifiers">) => a.name === name && a.value === value
    if (value !== raw || list.some((a) => same(a) && !isOfTool(a))) return list
    return put(list, { name, value, replaced: null, source: "tool" as const, seq }, same, 48, saying)
  }, list)

type Kind<K extends keyof Ledger> = Ledger[K][number]

const equal = (): number => 0
const writing = (file: Kind<"files">): number => (file.access === "written" ? 1 : 0)
const isOfTool = (identifier: Kind<"identifiers">): boolean => identifier.source === "tool"
const saying = (identifier: Kind<"identifiers">): number => (isOfTool(identifier) ? 0 : 1)
const telling = (run: Kind<"commands">): number => (isFailed(run) ? 2 : 0) + (isForgettable(run) ? 0 : 1)

const LONGEST_BEFORE = 80
const LONGEST_PATH = 240
const LONGEST_REPLACED = 120
