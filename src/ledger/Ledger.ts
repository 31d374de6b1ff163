/**
 * The ledger: facts carried word for word, which plain code takes from the messages. It is always redacted and bounded
 * in size.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import {
  type AssistantFacts,
  type CallFact,
  digestMessage,
  type ResultFacts,
  type SaidFact,
  type UserFacts
} from "./messageDigest.ts"
import { describeFailure, isFailed, isForgettable, joinLines, LONGEST_FAILURE, renderLines, TIGHT } from "./lines.ts"
import { dropFilters, isReadOnlyCommand } from "./commands.ts"
import { type FileAccess, findFileRules, type Named, type Rule, statesTask } from "./facts.ts"
import { isTakenBack, type Retraction } from "./rules.ts"
import { safeLine } from "../message/text.ts"
import { clipText } from "../message/text.ts"
import { Ledger, type LedgerItem } from "./schema.ts"
import { omitHandoff } from "../message/whoseWords.ts"
import type { Logged } from "../session/Session.ts"
import { StoreError } from "../session/SessionError.ts"
import type { Counter } from "../message/Tokens.ts"

export { render, withoutLive } from "./lines.ts"
export { Ledger } from "./schema.ts"

/** The ledger of a session without messages. */
export const empty: Ledger = {
  pins: [],
  notes: [],
  constraints: [],
  fileRules: [],
  requests: [],
  files: [],
  commands: [],
  errors: [],
  decisions: [],
  identifiers: [],
  calls: []
}

/** The ledger as text, for a store. */
export const encode = (ledger: Ledger): string => {
  const text = JSON.stringify(ledger)
  encodedLately.delete(text)
  encodedLately.set(text, ledger)
  for (const oldest of encodedLately.keys()) {
    if (encodedLately.size <= KEPT_LEDGERS) break
    encodedLately.delete(oldest)
  }
  return text
}

/** Reads the text of a ledger; `null` stands for the empty one. Fails as `corrupt` if the text is no ledger. */
export const decode = (text: string | null): Either.Either<Ledger, StoreError> => {
  const ledger = text === null ? empty : encodedLately.get(text)
  return ledger === undefined ? decodeText(text) : Either.right(ledger)
}

/** Checking a ledger costs more than adding to it, and the next compression of a session reads what this one wrote. */
const encodedLately = new Map<string, Ledger>()
const KEPT_LEDGERS = 64

const decodeText = (text: string | null): Either.Either<Ledger, StoreError> =>
  Either.mapLeft(
    Schema.decodeUnknownEither(LedgerText)(text),
    ({ message }) => new StoreError({ operation: "read the ledger", reason: "corrupt", detail: message })
  )

const LedgerText = Schema.parseJson(Ledger)

/**
 * Adds messages in the order of the log. Adding them one by one or all at once gives the same ledger, and costs only
 * what the new messages cost. A kind that has too many items loses the least useful one.
 */
export const add = (ledger: Ledger, entries: ReadonlyArray<LedgerEntry>): Ledger => entries.reduce(addMessage, ledger)

/** What the ledger reads of a message of the log. */
export type LedgerEntry = Pick<Logged, "seq" | "message" | "kind" | "arrival">

/**
 * Adds notes of the application, each redacted, in one line and clipped. The newest 16 are kept; a note that is added
 * again counts as new.
 */
export const addNotes = (ledger: Ledger, notes: ReadonlyArray<string>, seq: number): Ledger => {
  const lines = notes.map((text) => safeLine(text, LONGEST_NOTE)).filter((text) => text !== "")
  return { ...ledger, notes: putTexts(ledger.notes, lines, seq) }
}

/** Adds what messages use of others and recall would not find. Its caller has redacted it. */
export const addReference = (ledger: Ledger, value: string, seq: number): Ledger => ({
  ...ledger,
  identifiers: putSaidIdentifiers(ledger.identifiers, [{ name: "in use", value, replaces: false }], seq)
})

/** Adds a pin, which its caller has redacted. The pin of the same name is replaced. */
export const putPin = (ledger: Ledger, pin: LedgerItem<"pins">): Ledger => ({
  ...ledger,
  pins: [...removePin(ledger, pin.name).pins, pin]
})

export const removePin = (ledger: Ledger, name: string): Ledger => ({
  ...ledger,
  pins: ledger.pins.filter((pin) => pin.name !== name)
})

/** Counts the tokens of the pins as they are rendered. */
export const countPins = ({ pins }: Ledger, counter: Counter): number =>
  counter.text(joinLines(renderLines({ ...empty, pins }, TIGHT)))

/** Marks every request answered: a turn has ended after the ledger's last message. One that states no task is gone. */
export const answerRequests = (ledger: Ledger): Ledger =>
  ledger.requests.every(({ answered }) => answered)
    ? ledger
    : {
        ...ledger,
        requests: ledger.requests
          .filter(({ answered, text }) => answered || statesTask(text))
          .map((request) => (request.answered ? request : { ...request, answered: true }))
      }

// ── one message ──

const addMessage = (ledger: Ledger, entry: LedgerEntry): Ledger => {
  const { kind, message, seq } = omitHandoff(entry)
  const { facts, quoted } = digestMessage(message)
  switch (facts.role) {
    case "user":
      return addUserFacts(ledger, facts, kind === "notification", seq)
    case "assistant":
      return addAssistantFacts(ledger, facts, seq)
    case "tool":
      return addResultFacts(putRulesRead(ledger, facts, quoted, seq), facts, seq)
    default:
      return { ...ledger, fileRules: putFileRules(ledger.fileRules, facts.followed, facts.rules, seq) }
  }
}

const addUserFacts = (ledger: Ledger, facts: UserFacts, isNotification: boolean, seq: number): Ledger => {
  const known = {
    ...ledger,
    errors: putErrors(ledger.errors, facts.errors, null, seq),
    identifiers: putIdentifiers(ledger.identifiers, facts, seq)
  }
  if (isNotification) return known
  const { constraints, requests } = facts.takesBack ? takeBackOrder(ledger) : ledger
  return {
    ...known,
    constraints: putRules(takeBackRules(constraints, facts.retractions, seq), facts.rules, seq),
    decisions: putTexts(ledger.decisions, facts.decisions, seq),
    requests: facts.request === "" ? requests : putRequest(requests, facts.request, seq)
  }
}

/** Removes the last order, and the rule that it is if it says nothing else. */
const takeBackOrder = ({ constraints, requests }: Ledger): Pick<Ledger, "constraints" | "requests"> => {
  const order = requests.findLast(({ text }) => statesTask(text))
  return {
    constraints: constraints.filter(({ seq, text }) => seq !== order?.seq || text !== order.text),
    requests: requests.filter((request) => request !== order)
  }
}

const addAssistantFacts = (ledger: Ledger, facts: AssistantFacts, seq: number): Ledger => {
  const { calls, decisions } = facts
  const identifiers = putIdentifiers(ledger.identifiers, facts, seq)
  const known = identifiers === ledger.identifiers ? ledger : { ...ledger, identifiers }
  if (calls.length > 0) return calls.reduce((before, call) => addCall(before, call, seq), known)
  return { ...answerRequests(known), decisions: putTexts(known.decisions, decisions, seq) }
}

const addCall = (
  ledger: Ledger,
  { command, files, followed, id, identifiers, isRecall }: CallFact,
  seq: number
): Ledger => ({
  ...ledger,
  calls: putNewest(ledger.calls, { id, command, isRecall, followed, seq }, { isSame: isNeverSame, limit: 32 }),
  commands: command === null ? ledger.commands : putCommand(ledger.commands, command, seq),
  files: files.reduce((list, file) => putFile(list, file, seq), ledger.files),
  identifiers: putToolIdentifiers(ledger.identifiers, identifiers, seq)
})

const addResultFacts = (ledger: Ledger, { exitCode, id, identifiers, ...facts }: ResultFacts, seq: number): Ledger => {
  const call = ledger.calls.findLast((pending) => pending.id === id)
  if (call?.isRecall === true && facts.looksRecalled)
    return { ...ledger, calls: ledger.calls.filter((pending) => pending !== call) }
  const command = call?.command ?? null
  const isRun = command !== null && (!isReadOnlyCommand(command) || (exitCode !== null && exitCode !== 0))
  const errors = isRun || facts.isError ? facts.errors : []
  // The code is that of the last command of a pipe: a filter succeeds although what it shows failed.
  const isOwnCode = exitCode !== 0 || command === null || dropFilters(command) === command.trim()
  const isSuccess = exitCode === 0 && (isOwnCode || errors.length === 0)
  const error = isSuccess || errors[0] === undefined ? null : clipText(errors[0], LONGEST_FAILURE)
  return {
    ...ledger,
    errors: putErrors(ledger.errors, errors, command, seq),
    calls: call === undefined ? ledger.calls : ledger.calls.filter((pending) => pending !== call),
    commands:
      exitCode === null && error === null
        ? ledger.commands
        : ledger.commands.map((run) =>
            run.command === command ? { ...run, exitCode: isOwnCode || isSuccess ? exitCode : null, error } : run
          ),
    identifiers: putToolIdentifiers(ledger.identifiers, identifiers, seq)
  }
}

// ── the lists: the newest item last, no item twice, bounded ──

/**
 * Appends `item` and removes the items it replaces. A list longer than `limit` loses the oldest of its items of least
 * worth; worth is at least 0.
 */
const putNewest = <A>(
  list: ReadonlyArray<A>,
  item: A,
  {
    isSame,
    limit,
    worthOf = worthNothing
  }: {
    readonly isSame: (a: A) => boolean
    readonly limit: number
    readonly worthOf?: (a: A) => number
  }
): ReadonlyArray<A> => {
  const all = list.filter((a) => !isSame(a))
  all.push(item)
  if (all.length > limit) all.splice(findLeastWorth(all, worthOf), 1)
  return all
}

const findLeastWorth = <A>(list: ReadonlyArray<A>, worthOf: (a: A) => number): number => {
  let least = 0
  let lowest = Infinity
  for (const [i, item] of list.entries()) {
    const worth = worthOf(item)
    if (worth >= lowest) continue
    least = i
    lowest = worth
    if (worth === 0) break
  }
  return least
}

const isNeverSame = (): boolean => false
const worthNothing = (): number => 0

const putTexts = (list: Ledger["notes"], texts: ReadonlyArray<string>, seq: number): Ledger["notes"] =>
  texts.reduce(
    (before, text) => putNewest(before, { text, seq }, { isSame: (item) => item.text === text, limit: 16 }),
    list
  )

/** Replaces the errors of earlier runs of a command by those of the newest, which may have none. */
const putErrors = (
  list: Ledger["errors"],
  texts: ReadonlyArray<string>,
  run: string | null,
  seq: number
): Ledger["errors"] => {
  const command = run === null ? null : dropFilters(run)
  const others = command === null ? list : list.filter((error) => error.command !== command)
  return texts.reduce(
    (before, text) => putNewest(before, { text, command, seq }, { isSame: (item) => item.text === text, limit: 16 }),
    others
  )
}

const putRules = (list: Ledger["constraints"], rules: ReadonlyArray<Rule>, seq: number): Ledger["constraints"] =>
  rules.reduce(
    (before, { isStrict, text }) =>
      putNewest(
        before,
        { text, strict: isStrict, seq },
        { isSame: (rule) => rule.text === text, limit: 80, worthOf: ({ strict }) => (strict ? 1 : 0) }
      ),
    list
  )

/** Adds the rules of a file that the agent was told to follow and that this result gives. */
const putRulesRead = (ledger: Ledger, { id, isError }: ResultFacts, quoted: string, seq: number): Ledger => {
  const followed = ledger.calls.findLast((call) => call.id === id)?.followed ?? null
  if (followed === null || isError) return ledger
  return { ...ledger, fileRules: putFileRules(ledger.fileRules, followed, findFileRules(quoted), seq) }
}

const putFileRules = (
  list: Ledger["fileRules"],
  file: string | null,
  rules: ReadonlyArray<string>,
  seq: number
): Ledger["fileRules"] =>
  file === null
    ? list
    : rules.reduce(
        (before, text) =>
          putNewest(
            before,
            { text, file, seq },
            { isSame: (rule) => rule.text === text && rule.file === file, limit: 32 }
          ),
        list
      )

/** Removes the rules that were taken back. In their place stands the sentence that did it. */
const takeBackRules = (
  list: Ledger["constraints"],
  retractions: ReadonlyArray<Retraction>,
  seq: number
): Ledger["constraints"] =>
  retractions.reduce((before, retraction) => {
    const kept = before.filter(({ text }) => !isTakenBack(text, retraction))
    return kept.length === before.length ? before : putRules(kept, [{ text: retraction.text, isStrict: false }], seq)
  }, list)

const putRequest = (list: Ledger["requests"], text: string, seq: number): Ledger["requests"] =>
  putNewest(
    list,
    { text, answered: false, seq },
    { isSame: isNeverSame, limit: 24, worthOf: ({ answered }) => (answered ? 0 : 1) }
  )

/** Keeps the newest run of a command, with how the run before it failed. */
const putCommand = (list: Ledger["commands"], command: string, seq: number): Ledger["commands"] => {
  const core = dropFilters(command)
  const isSameCommand = (known: string) => known === command || (known.includes(core) && dropFilters(known) === core)
  const last = list.find((known) => isSameCommand(known.command))
  const before = last === undefined ? null : (describeFailure(last, LONGEST_BEFORE) ?? last.before)
  const run = { command, exitCode: null, error: null, before, seq }
  return putNewest(list, run, {
    isSame: (known) => known === last,
    limit: 32,
    // The result of the new run is still to come.
    worthOf: (known) => (known === run ? Infinity : worthOfRun(known))
  })
}

const worthOfRun = (run: LedgerItem<"commands">): number => (isFailed(run) ? 2 : 0) + (isForgettable(run) ? 0 : 1)

/** Keeps a written file as written when it is read again. */
const putFile = (list: Ledger["files"], { path, ...file }: FileAccess, seq: number): Ledger["files"] => {
  const before = list.find((known) => known.path === path)
  const access = before?.access === "written" ? "written" : file.access
  return putNewest(
    list,
    { path, access, seq },
    { isSame: (known) => known === before, limit: 56, worthOf: (known) => (known.access === "written" ? 1 : 0) }
  )
}

type Identifiers = Ledger["identifiers"]

/** Those that are only quoted count like a tool's: they replace nothing that was said. */
const putIdentifiers = (
  all: Identifiers,
  { quoted, said }: Pick<UserFacts, "quoted" | "said">,
  seq: number
): Identifiers => putSaidIdentifiers(putToolIdentifiers(all, quoted, seq), said, seq)

const putSaidIdentifiers = (all: Identifiers, said: ReadonlyArray<SaidFact>, seq: number): Identifiers =>
  said.reduce((list, { name, replaces, value }) => {
    const isSame = (known: LedgerItem<"identifiers">) => known.name === name && known.value === value
    const isReplaced = (known: LedgerItem<"identifiers">) => known.name === name && known.source === "said" && replaces
    const before = list.filter((known) => isReplaced(known) && !isSame(known)).map((known) => known.value)
    const replaced =
      before.length === 0 ? (list.find(isSame)?.replaced ?? null) : clipText(before.join(", "), LONGEST_REPLACED)
    return putNewest(
      list,
      { name, value, replaced, source: "said" as const, seq },
      { isSame: (known) => isSame(known) || isReplaced(known), limit: 48, worthOf: worthOfIdentifier }
    )
  }, all)

/** Leaves an identifier alone that the user or the agent has said in prose. */
const putToolIdentifiers = (all: Identifiers, found: ReadonlyArray<Named>, seq: number): Identifiers =>
  found.reduce((list, { name, value }) => {
    const isSame = (known: LedgerItem<"identifiers">) => known.name === name && known.value === value
    if (list.some((known) => isSame(known) && known.source === "said")) return list
    return putNewest(
      list,
      { name, value, replaced: null, source: "tool" as const, seq },
      { isSame, limit: 48, worthOf: worthOfIdentifier }
    )
  }, all)

const worthOfIdentifier = ({ source }: LedgerItem<"identifiers">): number => (source === "tool" ? 0 : 1)

/** In characters. */
const LONGEST_NOTE = 600
const LONGEST_BEFORE = 80
const LONGEST_REPLACED = 120
