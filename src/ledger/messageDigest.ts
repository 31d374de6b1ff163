/**
 * Digests one message, once: its text without secrets, and its facts for the ledger.
 */
import * as Option from "effect/Option"
import { workLater } from "../concurrency/eventLoopBudget.ts"
import * as Message from "../message/Message.ts"
import type { Logged } from "../session/Session.ts"
import { redact, redactReadable } from "../message/Redaction.ts"
import * as Facts from "./facts.ts"
import type { Retraction } from "./rules.ts"
import { findErrorLines, findExitCode, type FileAccess, isError, findJsonIdentifiers, readCallFacts } from "./facts.ts"
import { isRecallCall, looksRecalled, separateQuotes, type Voices } from "../message/whoseWords.ts"
import { safeLine } from "../message/text.ts"
import { clipText, isBlank, keepEnds, toOneLine } from "../message/text.ts"

/** Redacted. Most messages hold no secret, and the digest shares their strings. */
export interface Digest {
  /** The content as text. */
  readonly body: string
  /** The writer's own words, without what they quote. A tool has none. Only both ends of a giant text. */
  readonly said: string
  /** The words that are only quoted, and all that a tool returned. Only both ends of a giant text. */
  readonly quoted: string
  /** The arguments of its tool calls, in their order. */
  readonly arguments: ReadonlyArray<string>
  readonly facts: MessageFacts
  /** It could not be read for secrets, so that a placeholder stands for all its words. */
  readonly isConcealed: boolean
}

/** Redacted and clipped. */
export type MessageFacts = UserFacts | AssistantFacts | ResultFacts | SystemFacts

export interface UserFacts {
  readonly role: "user"
  readonly said: ReadonlyArray<SaidFact>
  readonly quoted: ReadonlyArray<Facts.Named>
  readonly errors: ReadonlyArray<string>
  readonly rules: ReadonlyArray<Facts.Rule>
  readonly retractions: ReadonlyArray<Retraction>
  /** The order before it is taken back. */
  readonly takesBack: boolean
  readonly decisions: ReadonlyArray<string>
  readonly request: string
}

export interface AssistantFacts {
  readonly role: "assistant"
  readonly said: ReadonlyArray<SaidFact>
  readonly quoted: ReadonlyArray<Facts.Named>
  readonly decisions: ReadonlyArray<string>
  readonly calls: ReadonlyArray<CallFact>
}

/** Facts whose meaning depends on the call that the result answers. */
export interface ResultFacts {
  readonly role: "tool"
  readonly id: string
  readonly exitCode: number | null
  /** Errors of the call if it ran a command or `isError`; else the result is a text about errors. */
  readonly errors: ReadonlyArray<string>
  readonly isError: boolean
  /** It has the form of an answer of the recall tools, which it is if it answers their call. */
  readonly looksRecalled: boolean
  readonly identifiers: ReadonlyArray<Facts.Named>
}

export interface SystemFacts {
  readonly role: "system"
  /** The file of rules for agents that the message gives, and its rules. */
  readonly followed: string | null
  readonly rules: ReadonlyArray<string>
}

export interface SaidFact extends Facts.Named {
  /** The value replaces earlier ones of its name. */
  readonly replaces: boolean
}

export interface CallFact {
  readonly id: string
  readonly command: string | null
  readonly isRecall: boolean
  readonly followed: string | null
  readonly files: ReadonlyArray<FileAccess>
  readonly identifiers: ReadonlyArray<Facts.Named>
}

/** Returns the digest of a message. It is made once for as long as the message is in memory. */
export const digestMessage = (message: Message.Message): Digest => {
  const known = digests.get(message)
  if (known !== undefined) return known
  const digest = Option.getOrElse(Option.flatten(makeDigest(message)), () => concealDigest(message))
  digests.set(message, digest)
  return digest
}

/**
 * Makes the digests that a later compression needs, so that it does not have to make them all at once: soon, while their
 * turn waits for its model or the store.
 */
export const warmDigests = (entries: ReadonlyArray<{ readonly message: Message.Message }>): void =>
  workLater(entries, ({ message }) => digestMessage(message))

/** Names the messages that could not be read for secrets; null if all could. */
export const describeConcealed = (entries: ReadonlyArray<Logged>): string | null => {
  const found = entries.filter(({ message }) => digestMessage(message).isConcealed).map(({ seq }) => `#${seq}`)
  return found.length === 0
    ? null
    : `kept from the summary, since they could not be read for secrets: ${clipText(found.join(", "), LONGEST_COMMAND)}`
}

/** Renders the words of a message as text, and names its other parts. Not redacted. */
export const renderBody = (message: Message.Message): string => {
  if (typeof message.content === "string" && message.role !== "assistant") return message.content
  const parts = Message.parts(message)
  if (parts.length === 0) return Message.text(message)
  const shown = parts.map((part) => Message.partText(part) ?? `[${part.type.replace("_url", "")}]`)
  return [...shown, ...Message.wordsBesideContent(message)].join("\n")
}

/** Weak, so that a digest is dropped with its message. */
const digests = new WeakMap<Message.Message, Digest>()

/** None for a message that cannot be read for secrets; throws where one needs more memory than V8 has for an expression. */
const makeDigest = Option.liftThrowable((message: Message.Message): Option.Option<Digest> => {
  const raw = renderBody(message)
  const words = Message.text(message)
  const body = redactReadable(raw)
  const spoken = words === raw ? body : redactReadable(words)
  const inputs = Message.toolCalls(message).map((call) => redactReadable(Message.callInput(call)))
  if (Option.isNone(body) || Option.isNone(spoken) || !inputs.every(Option.isSome)) return Option.none()
  const { quoted, said } = separateVoices(message, spoken.value)
  const facts = readFacts(message, words, said, quoted)
  const read = inputs.map(({ value }) => value)
  return Option.some({ body: body.value, arguments: read, said, quoted, facts, isConcealed: false })
})

/** Takes a message that cannot be read for a secret as a whole. It says so, and ends no turn. */
const concealDigest = (message: Message.Message): Digest => {
  const concealed: Message.Message =
    message.role === "tool"
      ? { role: "tool", tool_call_id: message.tool_call_id, content: UNREADABLE }
      : { role: message.role, content: UNREADABLE }
  const calls = message.role === "assistant" ? (message.tool_calls ?? []) : []
  const voices = separateVoices(message, UNREADABLE)
  return {
    body: UNREADABLE,
    arguments: calls.map(() => UNREADABLE),
    ...voices,
    facts: readFacts(concealed, UNREADABLE, voices.said, voices.quoted),
    isConcealed: true
  }
}

const UNREADABLE = "[redacted message, which could not be read for secrets; recall still shows it by its #number]"

/** Separates the whole text before it cuts it: what is said may stand far behind what is quoted. */
const separateVoices = ({ role }: Message.Message, text: string): Voices => {
  if (role === "tool") return { said: "", quoted: keepEnds(text, LONGEST_OUTPUT) }
  const { quoted, said } = separateQuotes(text)
  return { said: keepEnds(said, LONGEST_TEXT), quoted: keepEnds(quoted, LONGEST_TEXT) }
}

/** `raw` is not redacted. */
const readFacts = (message: Message.Message, raw: string, said: string, quoted: string): MessageFacts => {
  switch (message.role) {
    case "user":
      return {
        role: "user",
        said: findSaid(said),
        quoted: findQuoted(quoted),
        errors: findErrorLines(`${said}\n${quoted}`),
        ...Facts.findTold(said),
        request: clipText(toOneLine(isBlank(said) ? quoted : said), LONGEST_REQUEST)
      }
    case "assistant": {
      const decisions = Message.endsTurn(message) ? Facts.findDecisions(said) : []
      const calls = Message.toolCalls(message).map(readCall)
      return { role: "assistant", said: findSaid(said), quoted: findQuoted(quoted), decisions, calls }
    }
    case "tool": {
      const isJson = /^\s*[{[]/.test(raw)
      return {
        role: "tool",
        id: message.tool_call_id,
        exitCode: findExitCode(raw),
        errors: findErrorLines(quoted),
        looksRecalled: looksRecalled(message),
        isError: (isJson || isError(raw)) && isError(quoted),
        identifiers: isJson ? withoutSecrets(findJsonIdentifiers(quoted)) : []
      }
    }
    default: {
      const followed = Facts.findFollowed(said)
      const rules = followed === null ? [] : Facts.findFileRules(said)
      return { role: "system", followed: followed === null ? null : safeLine(followed, LONGEST_PATH), rules }
    }
  }
}

const readCall = (call: Message.ToolCall): CallFact => {
  const { command, files, followed, identifiers } = readCallFacts(toFunctionCall(call))
  return {
    id: call.id,
    command: command === null ? null : safeLine(command, LONGEST_COMMAND),
    isRecall: isRecallCall(call),
    followed: followed === null ? null : safeLine(followed, LONGEST_PATH),
    files: files.map(({ access, path }) => ({ access, path: safeLine(path, LONGEST_PATH) })),
    identifiers: withoutSecrets(identifiers)
  }
}

/** The free text of a custom tool's input, such as a patch, is read like a function's only argument. */
const toFunctionCall = (call: Message.ToolCall): Message.FunctionCall =>
  call.type === "custom"
    ? { name: call.custom.name, arguments: JSON.stringify({ input: call.custom.input }) }
    : call.function

/** Several values of one name in one message stand side by side. Identifiers that name themselves replace nothing. */
const findSaid = (text: string): ReadonlyArray<SaidFact> => {
  const found = Facts.findIdentifiers(text).slice(0, 16)
  return found.map(({ isSelfNamed, name, value }) => ({
    name,
    value,
    replaces: !isSelfNamed && found.every((other) => other.name !== name || other.value === value)
  }))
}

const findQuoted = (text: string): ReadonlyArray<Facts.Named> =>
  Facts.findIdentifiers(text)
    .slice(0, 16)
    .map(({ name, value }) => ({ name, value }))

const withoutSecrets = (found: ReadonlyArray<Facts.Named>): ReadonlyArray<Facts.Named> =>
  found.slice(0, 8).filter(({ value }) => redact(value) === value)

/** The longest ends that are kept, in characters. */
const LONGEST_TEXT = 32_000
const LONGEST_OUTPUT = 4_000
const LONGEST_REQUEST = 240
const LONGEST_COMMAND = 160
const LONGEST_PATH = 240
