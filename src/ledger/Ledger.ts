/**
 * The ledger: facts carried word for word, taken from the messages by plain code. Always redacted, bounded in size.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { chooseCandidates } from "../message/fitText.ts"
import { type AssistantFacts, type CallFact, digestMessage, type ResultFacts, type UserFacts } from "./messageDigest.ts"
import { joinLines, DENSITIES, renderLines, LONGEST_FAILURE, TIGHT } from "./lines.ts"
import * as Lists from "./lists.ts"
import { isReadOnlyCommand } from "./factsInTools.ts"
import { clipText, toOneLine } from "../message/text.ts"
import { redact } from "../message/Redaction.ts"
import type { Logged } from "../session/Session.ts"
import type { Counter } from "../message/Tokens.ts"

const seq = Schema.Int

/** Ledgers were stored without it once. */
const sinceThen = Schema.optionalWith(Schema.NullOr(Schema.String), { default: () => null })

/**
 * What a session's messages say, by kind, oldest first.
 *
 * - `notes`: what the application wants kept; `seq` is the end of the range it was noted at
 * - `constraints`: sentences of the user that set a rule (`strict`) or voice a preference
 * - `requests`: what was asked for, and whether a turn has ended since
 * - `files`: the last access of each path
 * - `commands`: what was run, the exit code if it was told, the first `error` of a run that failed, and how the run
 *   `before` this one failed
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
  commands: Schema.Array(
    Schema.Struct({
      command: Schema.String,
      exitCode: Schema.NullOr(Schema.Int),
      error: sinceThen,
      before: sinceThen,
      seq
    })
  ),
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
    .map((text) => clipText(toOneLine(redact(text)), LONGEST_NOTE))
    .filter((text) => text !== "")
    .reduce((list, text) => Lists.putText(list, text, seq), ledger.notes)
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
 * The ledger as lines of at most `maxTokens` tokens, notes and constraints first; the empty text if there is nothing to
 * say. Where room is short, lines are; what does not fit is reachable through recall by its `#seq`, but for notes.
 *
 * @since 0.1.0
 * @category getters
 */
export const render = (ledger: Ledger, counter: Counter, maxTokens: number): string => {
  for (const density of DENSITIES) {
    const whole = joinLines(renderLines(ledger, density))
    if (counter.text(whole) <= maxTokens) return whole
  }
  return joinLines(chooseCandidates(renderLines(ledger, TIGHT), joinLines, counter, maxTokens))
}

const addOne = (ledger: Ledger, { kind, message, seq }: Logged): Ledger => {
  const { facts } = digestMessage(message)
  switch (facts.role) {
    case "user":
      return addUser(ledger, facts, kind === "notification", seq)
    case "assistant":
      return addAssistant(ledger, facts, seq)
    case "tool":
      return addResult(ledger, facts, seq)
    default:
      return ledger
  }
}

const addUser = (ledger: Ledger, facts: UserFacts, isNotification: boolean, seq: number): Ledger => {
  const known = {
    ...ledger,
    errors: Lists.putTexts(ledger.errors, facts.errors, seq),
    identifiers: Lists.putSaid(ledger.identifiers, facts.said, seq)
  }
  if (isNotification) return known
  return {
    ...known,
    constraints: Lists.putRules(ledger.constraints, facts.rules, seq),
    decisions: Lists.putTexts(ledger.decisions, facts.decisions, seq),
    requests: facts.request === "" ? ledger.requests : Lists.putRequest(ledger.requests, facts.request, seq)
  }
}

const addAssistant = (ledger: Ledger, { calls, decisions, said }: AssistantFacts, seq: number): Ledger => {
  const identifiers = Lists.putSaid(ledger.identifiers, said, seq)
  const known = identifiers === ledger.identifiers ? ledger : { ...ledger, identifiers }
  if (calls.length > 0) return calls.reduce((before, call) => addCall(before, call, seq), known)
  return { ...ended(known), decisions: Lists.putTexts(known.decisions, decisions, seq) }
}

const addCall = (ledger: Ledger, { command, files, id, identifiers }: CallFact, seq: number): Ledger => ({
  ...ledger,
  calls: Lists.put(ledger.calls, { id, command, seq }, Lists.never, 32),
  commands: command === null ? ledger.commands : Lists.putCommand(ledger.commands, command, seq),
  files: files.reduce((list, file) => Lists.putFile(list, file, seq), ledger.files),
  identifiers: Lists.putTool(ledger.identifiers, identifiers, seq)
})

const addResult = (ledger: Ledger, { exitCode, id, identifiers, ...facts }: ResultFacts, seq: number): Ledger => {
  const call = ledger.calls.findLast((pending) => pending.id === id)
  const command = call?.command ?? null
  const isRun = command !== null && (!isReadOnlyCommand(command) || (exitCode !== null && exitCode !== 0))
  const errors = isRun || facts.isError ? facts.errors : []
  const error = exitCode === 0 ? null : errors[0] === undefined ? null : clipText(errors[0], LONGEST_FAILURE)
  return {
    ...ledger,
    errors: Lists.putTexts(ledger.errors, errors, seq),
    calls: call === undefined ? ledger.calls : ledger.calls.filter((pending) => pending !== call),
    commands:
      exitCode === null && error === null
        ? ledger.commands
        : ledger.commands.map((a) => (a.command === command ? { ...a, exitCode, error } : a)),
    identifiers: Lists.putTool(ledger.identifiers, identifiers, seq)
  }
}

const LONGEST_NOTE = 600
