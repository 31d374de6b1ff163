/**
 * Digests one message, once: its text without secrets, and its facts for the ledger.
 */
import * as Option from "effect/Option"
import * as Message from "../message/Message.ts"
import { redact } from "../message/Redaction.ts"
import * as Facts from "./facts.ts"
import { findErrorLines, findExitCode, type FileAccess, isError, findJsonIdentifiers, readCallFacts } from "./facts.ts"
import { isRecallCall, looksRecalled } from "../message/ownMarks.ts"
import { safeLine } from "../message/text.ts"
import { clipText, toOneLine } from "../message/text.ts"

/** Redacted. Most messages hold no secret, and the digest shares their strings. */
export interface Digest {
  /** The content as text. */
  readonly body: string
  /** The arguments of its tool calls, in their order. */
  readonly arguments: ReadonlyArray<string>
  readonly facts: MessageFacts
}

/** Redacted and clipped. */
export type MessageFacts = UserFacts | AssistantFacts | ResultFacts | { readonly role: "system" }

export interface UserFacts {
  readonly role: "user"
  readonly said: ReadonlyArray<SaidFact>
  readonly errors: ReadonlyArray<string>
  readonly rules: ReadonlyArray<Facts.Rule>
  readonly decisions: ReadonlyArray<string>
  readonly request: string
}

export interface AssistantFacts {
  readonly role: "assistant"
  readonly said: ReadonlyArray<SaidFact>
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

export interface SaidFact extends Facts.Named {
  /** The value replaces earlier ones of its name. */
  readonly replaces: boolean
}

export interface CallFact {
  readonly id: string
  readonly command: string | null
  readonly isRecall: boolean
  readonly files: ReadonlyArray<FileAccess>
  readonly identifiers: ReadonlyArray<Facts.Named>
}

/** Returns the digest of a message. It is made once for as long as the message is in memory. */
export const digestMessage = (message: Message.Message): Digest => {
  const known = digests.get(message)
  if (known !== undefined) return known
  const digest = Option.getOrElse(makeDigest(message), () => concealDigest(message))
  digests.set(message, digest)
  return digest
}

/** Makes the digests that a later compression needs, so that it does not have to make them all at once. */
export const warmDigests = (entries: ReadonlyArray<{ readonly message: Message.Message }>): void => {
  for (const { message } of entries) digestMessage(message)
}

/** Renders the words of a message as text, and names its other parts. Not redacted. */
export const renderBody = (message: Message.Message): string => {
  if (typeof message.content === "string" && message.role !== "assistant") return message.content
  const parts = Message.parts(message)
  if (parts.length === 0) return Message.text(message)
  const shown = parts.map((part) => Message.partText(part) ?? `[${part.type.replace("_url", "")}]`)
  return [...shown, ...Message.wordsBesideContent(message)].join("\n")
}

/**
 * Returns the text that facts are taken from: only both ends of a giant one. It is cut at line ends, so that no secret is cut in two, and is not redacted yet.
 */
export const excerptForDigest = (message: Message.Message): string => {
  const text = Message.text(message)
  const longest = message.role === "tool" ? 4_000 : 32_000
  if (text.length <= 2 * longest) return text
  const start = text.slice(0, longest)
  const end = text.slice(-longest)
  const first = end.indexOf("\n")
  return `${start.slice(0, start.lastIndexOf("\n") + 1)}${first < 0 ? "" : end.slice(first + 1)}`
}

/** Weak, so that a digest is dropped with its message. */
const digests = new WeakMap<Message.Message, Digest>()

/** None for a message that cannot be read, such as one that needs more memory than V8 has for an expression. */
const makeDigest = Option.liftThrowable((message: Message.Message): Digest => {
  const raw = renderBody(message)
  const body = redact(raw)
  const seen = excerptForDigest(message)
  return {
    body,
    arguments: Message.toolCalls(message).map((call) => redact(Message.callInput(call))),
    facts: readFacts(message, seen, seen === raw ? body : redact(seen))
  }
})

/** Takes a message that cannot be read for a secret as a whole. It says so, and ends no turn. */
const concealDigest = (message: Message.Message): Digest => {
  const concealed: Message.Message =
    message.role === "tool"
      ? { role: "tool", tool_call_id: message.tool_call_id, content: UNREADABLE }
      : { role: message.role, content: UNREADABLE }
  const calls = message.role === "assistant" ? (message.tool_calls ?? []) : []
  return {
    body: UNREADABLE,
    arguments: calls.map(() => UNREADABLE),
    facts: readFacts(concealed, UNREADABLE, UNREADABLE)
  }
}

const UNREADABLE = "[redacted message, which could not be read for secrets]"

const readFacts = (message: Message.Message, raw: string, text: string): MessageFacts => {
  switch (message.role) {
    case "user":
      return {
        role: "user",
        said: findSaid(text),
        errors: findErrorLines(text),
        rules: Facts.findRules(text),
        decisions: Facts.findDecisions(text),
        request: clipText(toOneLine(text), LONGEST_REQUEST)
      }
    case "assistant": {
      const decisions = Message.endsTurn(message) ? Facts.findDecisions(text) : []
      return { role: "assistant", said: findSaid(text), decisions, calls: Message.toolCalls(message).map(readCall) }
    }
    case "tool": {
      const isJson = /^\s*[{[]/.test(raw)
      return {
        role: "tool",
        id: message.tool_call_id,
        exitCode: findExitCode(raw),
        errors: findErrorLines(text),
        looksRecalled: looksRecalled(message),
        isError: (isJson || isError(raw)) && isError(text),
        identifiers: isJson ? withoutSecrets(findJsonIdentifiers(text)) : []
      }
    }
    default:
      return { role: "system" }
  }
}

const readCall = (call: Message.ToolCall): CallFact => {
  const { command, files, identifiers } = readCallFacts(toFunctionCall(call))
  return {
    id: call.id,
    command: command === null ? null : safeLine(command, LONGEST_COMMAND),
    isRecall: isRecallCall(call),
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

const withoutSecrets = (found: ReadonlyArray<Facts.Named>): ReadonlyArray<Facts.Named> =>
  found.slice(0, 8).filter(({ value }) => redact(value) === value)

const LONGEST_REQUEST = 240
const LONGEST_COMMAND = 160
const LONGEST_PATH = 240
