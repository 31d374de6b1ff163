/**
 * The lists of the ledger: the newest last, nothing twice, bounded.
 */
import type { Ledger } from "./Ledger.ts"
import type { SaidFact } from "./messageDigest.ts"
import type { Named, Rule } from "./factsInProse.ts"
import { describeFailure, isFailed, isForgettable } from "./lines.ts"
import type { FileAccess } from "./factsInTools.ts"
import { clipText } from "../message/text.ts"

/**
 * The list with `item` as its newest, instead of what is the `same`; at most `limit` long, without the oldest of the
 * least worth. None is worth less than nothing.
 */
export const put = <A>(
  list: ReadonlyArray<A>,
  item: A,
  same: (a: A) => boolean,
  limit: number,
  worth: (a: A) => number = equal
): ReadonlyArray<A> => {
  const all = list.filter((a) => !same(a))
  all.push(item)
  if (all.length > limit) all.splice(leastOf(all, worth), 1)
  return all
}

const leastOf = <A>(list: ReadonlyArray<A>, worth: (a: A) => number): number => {
  let least = 0
  let lowest = Infinity
  for (const [i, item] of list.entries()) {
    const value = worth(item)
    if (value >= lowest) continue
    least = i
    lowest = value
    if (value === 0) break
  }
  return least
}

export const never = (): boolean => false

export const putRules = (list: Ledger["constraints"], rules: ReadonlyArray<Rule>, seq: number): Ledger["constraints"] =>
  rules.reduce(
    (before, { isStrict, text }) =>
      put(before, { text, strict: isStrict, seq }, (a) => a.text === text, 80, strictness),
    list
  )

export const putRequest = (list: Ledger["requests"], text: string, seq: number): Ledger["requests"] =>
  put(list, { text, answered: false, seq }, never, 24, openness)

/** The newest run of a command stands for it, and remembers how the one before failed. */
export const putCommand = (list: Ledger["commands"], command: string, seq: number): Ledger["commands"] => {
  const last = list.find((known) => known.command === command)
  const before = last === undefined ? null : (describeFailure(last, LONGEST_BEFORE) ?? last.before)
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

export const putTexts = (list: ReadonlyArray<Kind<"errors">>, texts: ReadonlyArray<string>, seq: number) =>
  texts.reduce((before, text) => putText(before, text, seq), list)

/** What was written stays known as written when it is read again. */
export const putFile = (list: Ledger["files"], { path, ...file }: FileAccess, seq: number): Ledger["files"] => {
  const before = list.find((known) => known.path === path)
  const access = before?.access === "written" ? "written" : file.access
  return put(list, { path, access, seq }, (known) => known === before, 56, writing)
}

export const putSaid = (
  all: Ledger["identifiers"],
  said: ReadonlyArray<SaidFact>,
  seq: number
): Ledger["identifiers"] =>
  said.reduce((list, { name, replaces, value }) => {
    const isSame = (a: Kind<"identifiers">) => a.name === name && a.value === value
    const isBefore = (a: Kind<"identifiers">) => a.name === name && a.source === "said" && replaces
    const before = list.filter((a) => isBefore(a) && !isSame(a)).map((a) => a.value)
    const known = list.find(isSame)?.replaced ?? null
    const replaced = before.length === 0 ? known : clipText(before.join(", "), LONGEST_REPLACED)
    const identifier = { name, value, replaced, source: "said" as const, seq }
    return put(list, identifier, (a) => isSame(a) || isBefore(a), 48, saying)
  }, all)

/** What was said stays as said. */
export const putTool = (all: Ledger["identifiers"], found: ReadonlyArray<Named>, seq: number): Ledger["identifiers"] =>
  found.reduce((list, { name, value }) => {
    const same = (a: Kind<"identifiers">) => a.name === name && a.value === value
    if (list.some((a) => same(a) && !isOfTool(a))) return list
    return put(list, { name, value, replaced: null, source: "tool" as const, seq }, same, 48, saying)
  }, all)

type Kind<K extends keyof Ledger> = Ledger[K][number]

const equal = (): number => 0
const strictness = (rule: Kind<"constraints">): number => (rule.strict ? 1 : 0)
const openness = (request: Kind<"requests">): number => (request.answered ? 0 : 1)
const writing = (file: Kind<"files">): number => (file.access === "written" ? 1 : 0)
const isOfTool = (identifier: Kind<"identifiers">): boolean => identifier.source === "tool"
const saying = (identifier: Kind<"identifiers">): number => (isOfTool(identifier) ? 0 : 1)
const telling = (run: Kind<"commands">): number => (isFailed(run) ? 2 : 0) + (isForgettable(run) ? 0 : 1)

const LONGEST_BEFORE = 80
const LONGEST_REPLACED = 120
