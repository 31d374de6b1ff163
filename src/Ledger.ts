/**
 * The ledger: facts carried word for word, taken from the messages by plain code. Always redacted, bounded in size.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Handoff from "./Handoff.ts"
import { choose } from "./internal/budget.ts"
import * as Facts from "./internal/ledgerFacts.ts"
import { asText, isForgettable, lines } from "./internal/ledgerLines.ts"
import {
  errorLines,
  exitCodeOf,
  type FileAccess,
  isError,
  isLook,
  jsonIdentifiers,
  ofCall
} from "./internal/ledgerTools.ts"
import { clip, oneLine } from "./internal/sentences.ts"
import * as Message from "./Message.ts"
import { redact } from "./Redaction.ts"
import type { Logged } from "./Session.ts"
import type { Counter } from "./Tokens.ts"

const seq = Schema.Int

/**
 * What a session's messages say, by kind, oldest first.
 *
 * - `notes`: what the application wants kept; `seq` is the end of the range it was noted at
 * - `constraints`: sentences of the user that set a rule (`strict`) or voice a preference
 * - `requests`: what was asked for, and whether a turn has ended since
 * - `files`: the last access of each path
 * - `commands`: what was run, and the exit code if it was told
 * - `identifiers`: the newest value under each name; `replaced` is the one before. What tools were given or returned
 *   stands beside what it is like, since these are many things under one name
 * - `calls`: commands whose result is still to come
 *
 * @since 0.1.0
 * @category models
 */
export const Ledger = Schema.Struct({
  /** Ledgers were stored without them once. */
  notes: Schema.optionalWith(Schema.Array(Schema.Struct({ text: Schema.String, seq })), { default: () => [] }),
  constraints: Schema.Array(Schema.Struct({ text: Schema.String, strict: Schema.Boolean, seq })),
  requests: Schema.Array(Schema.Struct({ text: Schema.String, answered: Schema.Boolean, seq })),
  files: Schema.Array(Schema.Struct({ path: Schema.String, access: Schema.Literal("read", "written"), seq })),
  commands: Schema.Array(Schema.Struct({ command: Schema.String, exitCode: Schema.NullOr(Schema.Int), seq })),
  errors: Schema.Array(Schema.Struct({ text: Schema.String, seq })),
  decisions: Schema.Array(Schema.Struct({ text: Schema.String, seq })),
  identifiers: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      value: Schema.String,
      replaced: Schema.NullOr(Schema.String),
      source: Schema.Literal("said", "tool"),
      seq
    })
  ),
  calls: Schema.Array(Schema.Struct({ id: Schema.String, command: Schema.NullOr(Schema.String), seq }))
})
/**
 * @since 0.1.0
 * @category models
 */
export type Ledger = typeof Ledger.Type

/**
 * The ledger of no messages.
 *
 * @since 0.1.0
 * @category constructors
 */
export const empty: Ledger = {
  notes: [],
  constraints: [],
  requests: [],
  files: [],
  commands: [],
  errors: [],
  decisions: [],
  identifiers: [],
  calls: []
}

/**
 * The ledger after these messages. A fold: it costs what the new messages cost, and the order of the messages is all
 * that matters, not how they were grouped. What is least useful leaves when a kind has too many.
 *
 * @since 0.1.0
 * @category combinators
 */
export const add = (ledger: Ledger, entries: ReadonlyArray<Logged>): Ledger => entries.reduce(addOne, ledger)

/**
 * The ledger with notes of the application, each in one line, redacted and clipped; the newest 16 are kept. A text is
 * noted once, as new as it was last said.
 *
 * @since 0.1.0
 * @category combinators
 */
export const note = (ledger: Ledger, notes: ReadonlyArray<string>, seq: number): Ledger => ({
  ...ledger,
  notes: notes
    .map((text) => clip(oneLine(redact(text)), LONGEST_NOTE))
    .filter((text) => text !== "")
    .reduce((list, text) => putText(list, text, seq), ledger.notes)
})

/**
 * The ledger once a turn has ended after its messages: no request of it is open any more.
 *
 * @since 0.1.0
 * @category combinators
 */
export const ended = (ledger: Ledger): Ledger =>
  ledger.requests.some(({ answered }) => !answered)
    ? {
        ...ledger,
        requests: ledger.requests.map((request) => (request.answered ? request : { ...request, answered: true }))
      }
    : ledger

/**
 * The ledger as lines of at most `maxTokens` tokens, notes and constraints first; the empty text if there is nothing to say.
 * What does not fit is reachable through recall by its `#seq`, but for notes.
 *
 * @since 0.1.0
 * @category getters
 */
export const render = (ledger: Ledger, counter: Counter, maxTokens: number): string =>
  asText(choose(lines(ledger), asText, counter, maxTokens))

const addOne = (ledger: Ledger, { kind, message, seq }: Logged): Ledger => {
  switch (message.role) {
    case "user":
      return Handoff.isHandoff(message) ? ledger : addUser(ledger, quotable(message), kind === "notification", seq)
    case "assistant":
      return addAssistant(ledger, message, seq)
    case "tool":
      return addResult(ledger, message, seq)
    default:
      return ledger
  }
}

const addUser = (ledger: Ledger, text: string, isNotification: boolean, seq: number): Ledger => {
  const known = withSaid(withErrors(ledger, errorLines(text), seq), text, seq)
  if (isNotification) return known
  const request = clip(oneLine(text), LONGEST_REQUEST)
  return {
    ...known,
    constraints: Facts.rules(text).reduce(
      (list, { isStrict, text }) => put(list, { text, strict: isStrict, seq }, (a) => a.text === text, 40, isMild),
      known.constraints
    ),
    decisions: Facts.decisions(text).reduce((list, text) => putText(list, text, seq), known.decisions),
    requests:
      request === ""
        ? known.requests
        : put(known.requests, { text: request, answered: false, seq }, never, 24, (a) => a.answered)
  }
}

const addAssistant = (ledger: Ledger, message: Message.AssistantMessage, seq: number): Ledger => {
  const text = quotable(message)
  const said = text === "" ? ledger : withSaid(ledger, text, seq)
  if (!Message.endsTurn(message)) return Message.toolCalls(message).reduce((l, call) => addCall(l, call, seq), said)
  return {
    ...ended(said),
    decisions: Facts.decisions(text).reduce((list, text) => putText(list, text, seq), said.decisions)
  }
}

const addCall = (ledger: Ledger, call: Message.ToolCall, seq: number): Ledger => {
  const { command, files, identifiers } = ofCall(call.function)
  const run = command === null ? null : clip(oneLine(redact(command)), LONGEST_COMMAND)
  return {
    ...ledger,
    calls: put(ledger.calls, { id: call.id, command: run, seq }, never, 32),
    commands:
      run === null
        ? ledger.commands
        : put(ledger.commands, { command: run, exitCode: null, seq }, (a) => a.command === run, 24, isForgettable),
    files: files.reduce((list, file) => putFile(list, file, seq), ledger.files),
    identifiers: withTool(ledger.identifiers, identifiers, seq)
  }
}

const addResult = (ledger: Ledger, message: Message.ToolMessage, seq: number): Ledger => {
  const call = ledger.calls.findLast(({ id }) => id === message.tool_call_id)
  const command = call?.command ?? null
  const text = quotable(message)
  const exitCode = exitCodeOf(text)
  const isRun = command !== null && (!isLook(command) || (exitCode !== null && exitCode !== 0))
  const failed = isRun || isError(text) ? withErrors(ledger, errorLines(text), seq) : ledger
  return {
    ...failed,
    calls: ledger.calls.filter((pending) => pending !== call),
    commands:
      exitCode === null
        ? ledger.commands
        : ledger.commands.map((a) => (a.command === command ? { ...a, exitCode } : a)),
    identifiers: /^\s*[{[]/.test(text) ? withTool(ledger.identifiers, jsonIdentifiers(text), seq) : ledger.identifiers
  }
}

/** What is looked at of one message: all of most, both ends of a giant one. Cut at line ends, lest a secret be cut. */
const quotable = (message: Message.Message): string => {
  const text = Message.text(message)
  const longest = message.role === "tool" ? 4_000 : 32_000
  if (text.length <= 2 * longest) return redact(text)
  const start = text.slice(0, longest)
  const end = text.slice(-longest)
  const first = end.indexOf("\n")
  return redact(`${start.slice(0, start.lastIndexOf("\n") + 1)}${first < 0 ? "" : end.slice(first + 1)}`)
}

/** The list with `item` as its newest, instead of what is the `same`; at most `limit` long. */
const put = <A>(
  list: ReadonlyArray<A>,
  item: A,
  same: (a: A) => boolean,
  limit: number,
  leavesFirst: (a: A) => boolean = never
): ReadonlyArray<A> => {
  const all = [...list.filter((a) => !same(a)), item]
  if (all.length > limit) all.splice(Math.max(0, all.findIndex(leavesFirst)), 1)
  return all
}

const never = (): boolean => false

type Kind<K extends keyof Ledger> = Ledger[K][number]

const isMild = (rule: Kind<"constraints">): boolean => !rule.strict
const isRead = (file: Kind<"files">): boolean => file.access === "read"
const isOfTool = (identifier: Kind<"identifiers">): boolean => identifier.source === "tool"

const putText = (list: ReadonlyArray<Kind<"errors">>, text: string, seq: number) =>
  put(list, { text, seq }, (a) => a.text === text, 16)

/** What was written stays known as written when it is read again. */
const putFile = (list: Ledger["files"], file: FileAccess, seq: number): Ledger["files"] => {
  const path = clip(oneLine(redact(file.path)), LONGEST_PATH)
  const before = list.find((known) => known.path === path)
  const access = before?.access === "written" ? "written" : file.access
  return put(list, { path, access, seq }, (known) => known === before, 40, isRead)
}

const withErrors = (ledger: Ledger, lines: ReadonlyArray<string>, seq: number): Ledger =>
  lines.length === 0
    ? ledger
    : { ...ledger, errors: lines.reduce((list, text) => putText(list, text, seq), ledger.errors) }

/**
 * A value under a known name replaces those before it. Several in one message stand side by side, and what names
 * itself, as a URL does, replaces nothing.
 */
const withSaid = (ledger: Ledger, text: string, seq: number): Ledger => {
  const found = Facts.identifiers(text).slice(0, 16)
  if (found.length === 0) return ledger
  const identifiers = found.reduce((list, { isSelfNamed, name, value }) => {
    const isAlone = found.every((other) => other.name !== name || other.value === value)
    const isSame = (a: Kind<"identifiers">) => a.name === name && a.value === value
    const isBefore = (a: Kind<"identifiers">) => a.name === name && a.source === "said" && !isSelfNamed && isAlone
    const before = list.filter((a) => isBefore(a) && !isSame(a)).map((a) => a.value)
    const known = list.find((a) => isSame(a))?.replaced ?? null
    const replaced = before.length === 0 ? known : clip(before.join(", "), LONGEST_REPLACED)
    const identifier = { name, value, replaced, source: "said" as const, seq }
    return put(list, identifier, (a) => isSame(a) || isBefore(a), 48, isOfTool)
  }, ledger.identifiers)
  return { ...ledger, identifiers }
}

const withTool = (list: Ledger["identifiers"], found: ReadonlyArray<Facts.Named>, seq: number): Ledger["identifiers"] =>
  found.slice(0, 8).reduce((list, { name, value: raw }) => {
    const value = redact(raw)
    const same = (a: Kind<"identifiers">) => a.name === name && a.value === value
    if (value !== raw || list.some((a) => same(a) && !isOfTool(a))) return list
    return put(list, { name, value, replaced: null, source: "tool" as const, seq }, same, 48, isOfTool)
  }, list)

const LONGEST_NOTE = 600
const LONGEST_REQUEST = 240
const LONGEST_COMMAND = 160
const LONGEST_PATH = 240
const LONGEST_REPLACED = 120
