/**
 * Makes the receipt of a compression before its commit: digests of what leaves the view, and for everything of it that
 * is used since, that the new view shows it or how recall finds it. What is neither goes into the ledger first. Costs
 * one pass over the messages that leave and those that stay.
 */
import { createHash, type Hash } from "node:crypto"
import * as Ledger from "../ledger/Ledger.ts"
import { digestMessage, renderBody } from "../ledger/messageDigest.ts"
import * as Message from "../message/Message.ts"
import { redact } from "../message/Redaction.ts"
import type { Counter } from "../message/Tokens.ts"
import type { LeftRange, Receipt, UsedReference } from "../session/Receipt.ts"
import type { Logged, SessionId } from "../session/Session.ts"
import type { View } from "../view/View.ts"
import * as Plan from "./Plan.ts"

interface OfOperation {
  readonly sessionId: SessionId
  readonly operationId: string
  readonly focus: string | null
}

/** Drafts a commit with its receipt, as a generator, so that a caller can yield to the event loop. */
export function* draftWithReceipt(
  operation: OfOperation,
  input: Plan.DraftInput,
  counter: Counter
): Generator<void, Plan.Draft> {
  const draft = Plan.draftCommit(operation, input, counter)
  if (draft.freedTokens <= 0) return draft
  yield
  const left = yield* digestRanges(input.plan.material)
  const found = yield* findUsed(input, draft)
  const lost = found.filter((use) => isLost(use) && isSafe(use)).slice(0, MOST_CARRIED)
  if (lost.length === 0) return addReceipt(operation, draft, { left, used: found, carried: [] })
  const ledger = lost.reduce((before, { seq, text }) => Ledger.addReference(before, text, seq), input.ledger)
  const carrying = Plan.draftCommit(operation, { ...input, ledger }, counter)
  yield
  const handoff = readHandoff(carrying.view)
  const carried = lost.filter(({ text }) => handoff.includes(text))
  const used = found.map((use) => (carried.includes(use) ? { ...use, isShown: true } : use))
  return addReceipt(operation, carrying, { left, used, carried: carried.map(({ text }) => text) })
}

const MOST_CARRIED = 16
const MOST_LISTED = 48

// ── the receipt ──

/** A reference of what leaves. It is lost if the view does not show it and no `query` finds it. */
interface Use extends UsedReference {
  readonly isShown: boolean
}

const isLost = ({ isShown, query }: Use): boolean => !isShown && query === null

/** The texts are without secrets already; this holds even where a part of one tells less than the whole. */
const isSafe = ({ query, text }: Use): boolean => redact(text) === text && (query === null || redact(query) === query)

interface Proof extends Pick<Receipt, "left" | "carried"> {
  readonly used: ReadonlyArray<Use>
}

const addReceipt = (
  { operationId, sessionId }: OfOperation,
  draft: Plan.Draft,
  { carried, left, used }: Proof
): Plan.Draft => {
  const { headTo, live, segments, tailFrom } = draft.commit.manifest
  const [shown, recalled] = [used.filter(({ isShown }) => isShown), used.filter(({ isShown }) => !isShown)]
  const listed = [...recalled, ...shown].slice(0, MOST_LISTED)
  const receipt = {
    version: 1,
    sessionId,
    operationId,
    left,
    stays: { headTo, tailFrom, segments, live, handoff: digestHandoff(draft.view) },
    usedTo: draft.latest.lastSeq,
    used: listed.filter(isSafe).map(describeUse),
    carried,
    unlisted: used.length - listed.length
  } as const
  return { ...draft, commit: { ...draft.commit, receipt: JSON.stringify({ ...receipt, seal: sealReceipt(receipt) }) } }
}

const describeUse = ({ kind, query, seq, text, usedAt }: Use): UsedReference => ({ kind, text, seq, usedAt, query })

/** The digest of a receipt without its seal, whose fields stand in the order of the schema. */
export const sealReceipt = (receipt: Omit<Receipt, "seal">): string =>
  digestOf(createHash("sha256").update(JSON.stringify(receipt)))

// ── digests ──

/** Half of a SHA-256 is enough to find damage. */
const digestOf = (hash: Hash): string => hash.digest("hex").slice(0, 32)

export const digestHandoff = (view: View): string => digestOf(createHash("sha256").update(readHandoff(view)))

export const readHandoff = ({ messages, parts }: View): string => {
  const from = parts.system.messages + parts.head.messages
  return messages
    .slice(from, from + parts.handoff.messages)
    .map(Message.text)
    .join("\n")
}

/** Adds up the words of messages, whatever a store makes of their other fields. */
export const makeDigester = () => {
  const hash = createHash("sha256")
  let text = ""
  const add = ({ message, seq }: Pick<Logged, "seq" | "message">): void => {
    text += `${seq} ${message.role}\n${renderBody(message)}`
    for (const call of Message.toolCalls(message)) {
      text += `\n${call.id} ${Message.callName(call)} ${Message.callInput(call)}`
    }
    text += "\0"
    // Of many at once: each update takes longer than the hash of a short text.
    if (text.length < HASHED_AT_ONCE) return
    hash.update(text)
    text = ""
  }
  return { add, end: () => digestOf(hash.update(text)) }
}

const HASHED_AT_ONCE = 32_768

/** Digests neighbours together, so that the receipt does not grow with what it covers. */
function* digestRanges(entries: ReadonlyArray<Logged>): Generator<void, ReadonlyArray<LeftRange>> {
  const size = Math.max(LEAST_OF_A_RANGE, Math.ceil(entries.length / MOST_RANGES))
  const ranges: Array<LeftRange> = []
  for (let from = 0; from < entries.length; from += size) {
    const part = entries.slice(from, from + size)
    const digester = makeDigester()
    for (const entry of part) {
      digester.add(entry)
      yield
    }
    const [fromSeq = 0, toSeq = 0] = [part[0]?.seq, part.at(-1)?.seq]
    ranges.push({ fromSeq, toSeq, messages: part.length, digest: digester.end() })
  }
  return ranges
}

const MOST_RANGES = 16
const LEAST_OF_A_RANGE = 16

// ── what is used ──

/** What the messages of the new view use of those that left, the last used first, and the rules among them. */
function* findUsed({ ledger, plan }: Plan.DraftInput, draft: Plan.Draft): Generator<void, ReadonlyArray<Use>> {
  const { live, tail } = draft.next
  const wanted = new Map<string, number>()
  for (const { message, seq } of [...live, ...tail].toReversed()) {
    if (message.role === "user" || message.role === "assistant") {
      for (const text of readTexts(message).flatMap(findReferences)) {
        if (!wanted.has(text) && wanted.size < MOST_WANTED) wanted.set(text, seq)
      }
    }
    yield
  }
  const places = yield* findPlaces(Array.from(wanted.keys()), plan.material)
  const shown = yield* findShown(Array.from(places.keys()), draft.view)
  const references = Array.from(wanted, ([text, usedAt]): ReadonlyArray<Use> => {
    const place = places.get(text)
    if (place === undefined) return []
    const isShown = shown.has(text)
    const query = isShown || !place.isFindable ? null : quoteAround(place.text, place.at, text.length)
    return [{ kind: IS_PATH.test(text) ? "path" : "identifier", text, seq: place.seq, usedAt, query, isShown }]
  }).flat()
  yield
  return [...findRules(ledger, plan, draft.view), ...findOpenCalls(plan.material, tail), ...references]
}

/** References that are looked for; of more, those used last. */
const MOST_WANTED = 1_000

/** Rules that were set in what leaves hold on, whether or not a message repeats them. */
const findRules = (
  { constraints, fileRules }: Ledger.Ledger,
  { fromSeq, toSeq }: Plan.Compress,
  view: View
): ReadonlyArray<Use> => {
  const handoff = readHandoff(view)
  return [...constraints, ...fileRules]
    .filter(({ seq }) => seq >= fromSeq && seq <= toSeq)
    .map(({ seq, text }) => {
      const isShown = handoff.includes(text)
      return { kind: "rule", text, seq, usedAt: null, query: isShown ? null : quoteLongest(text), isShown }
    })
}

/** Calls that left without a result, and whose result came late. No text holds the id of a call. */
const findOpenCalls = (material: ReadonlyArray<Logged>, tail: ReadonlyArray<Logged>): ReadonlyArray<Use> => {
  const called = new Set(tail.flatMap(({ message }) => Message.toolCalls(message).map(({ id }) => id)))
  const late = tail.flatMap(({ message, seq }) =>
    message.role === "tool" && !called.has(message.tool_call_id) ? [{ id: message.tool_call_id, seq }] : []
  )
  if (late.length === 0) return []
  const calls = material.flatMap(({ message, seq }) =>
    Message.toolCalls(message).map(({ id }, i) => ({ id, seq, input: digestMessage(message).arguments[i] ?? "" }))
  )
  return late.flatMap(({ id, seq: usedAt }): ReadonlyArray<Use> => {
    const call = calls.findLast((open) => open.id === id)
    if (call === undefined) return []
    return [{ kind: "call", text: id, seq: call.seq, usedAt, query: quoteLongest(call.input), isShown: false }]
  })
}

/** The words of a message without its secrets, and the inputs of its calls. */
const readTexts = (message: Message.Message): ReadonlyArray<string> => {
  const { arguments: inputs, body } = digestMessage(message)
  return [body, ...inputs.map((input) => input.replaceAll(ESCAPED, " "))]
}

/** The signs of JSON that would be read as the first letter of a word. */
const ESCAPED = /\\[nrtbf"]/g

/** Finds paths and identifiers: words with a digit, an inner mark, or capitals within. Prose has hyphens and dots too. */
const findReferences = (text: string): ReadonlyArray<string> =>
  (text.match(REFERENCE) ?? []).flatMap((found) => {
    const bare = found.replace(POSITION, "")
    return bare.length >= SHORTEST && TELLING.test(bare) && !IS_REDACTED.test(bare) ? [bare] : []
  })

const REFERENCE = /[A-Za-z0-9_][\w$@~./#:+-]{2,158}[A-Za-z0-9_]/g
/** A line and a column after the name of a file. */
const POSITION = /(?::\d{1,7}){1,2}$/
const TELLING = /\d|[a-z][A-Z]|\w[_/@#:$]\w|\w\.[A-Za-z]\w|^[A-Z]{4,}$|-\w{1,40}-/
const IS_REDACTED = /redacted/
const IS_PATH = /\/|\.[A-Za-z]{1,5}$/
const SHORTEST = 4

// ── where it stands ──

/** The newest message with a reference, and where it stands there. Recall leaves out what it was asked and answered. */
interface Place {
  readonly seq: number
  readonly text: string
  readonly at: number
  readonly isFindable: boolean
}

function* findPlaces(
  references: ReadonlyArray<string>,
  entries: ReadonlyArray<Logged>
): Generator<void, ReadonlyMap<string, Place>> {
  const places = new Map<string, Place>()
  const find = makeFinder(references)
  for (const { message, seq } of entries.toReversed()) {
    for (const { isFindable, text } of readFindable(message)) {
      find(text, (reference, at) => {
        if (places.get(reference)?.isFindable === true || (places.has(reference) && !isFindable)) return
        places.set(reference, { seq, text, at, isFindable })
      })
    }
    yield
  }
  return places
}

/** Finds the references that a view shows beside the messages that use them: before its tail, or in a result. */
export function* findShown(
  references: ReadonlyArray<string>,
  { messages, parts }: View
): Generator<void, ReadonlySet<string>> {
  const before = parts.system.messages + parts.head.messages + parts.handoff.messages
  const shown = new Set<string>()
  const find = makeFinder(references)
  for (const [i, message] of messages.entries()) {
    if (i >= before && message.role !== "tool") continue
    for (const text of [renderBody(message), ...Message.toolCalls(message).map(Message.callInput)]) {
      find(text, (reference) => shown.add(reference))
    }
    yield
  }
  return shown
}

/** The texts of a message, and whether recall looks through them: it leaves out what it was asked and what it answered. */
const readFindable = (message: Message.Message) => {
  const { arguments: inputs, body, facts } = digestMessage(message)
  const isRecalled = facts.role === "tool" && facts.looksRecalled
  return [
    { text: body, isFindable: !isRecalled },
    ...inputs.map((text, i) => ({
      text,
      isFindable: !(facts.role === "assistant" && facts.calls[i]?.isRecall === true)
    }))
  ]
}

/** Finds references in texts: one pass over each, whatever the number of references. */
const makeFinder = (references: ReadonlyArray<string>) => {
  const byKey = new Map<number, Array<Anchored>>()
  // Tells at once of most words that no reference has their key.
  const mayHave = new Uint8Array(KEYS)
  for (const reference of references) {
    const anchored = anchorReference(reference)
    mayHave[anchored.key] = 1
    byKey.set(anchored.key, [...(byKey.get(anchored.key) ?? []), anchored])
  }
  return (text: string, onFound: (reference: string, at: number) => void): void =>
    scanRuns(text, (from, to) => {
      const key = keyOfRun(text, from, to)
      if (mayHave[key] === 0) return
      for (const { offset, reference } of byKey.get(key) ?? []) {
        if (standsAt(text, reference, from - offset)) onFound(reference, from - offset)
      }
    })
}

/** A reference by the key of its longest run of letters and digits, which begins at `offset`. */
interface Anchored {
  readonly reference: string
  readonly key: number
  readonly offset: number
}

const anchorReference = (reference: string): Anchored => {
  let anchored = { reference, key: 0, offset: 0 }
  let longest = 0
  scanRuns(reference, (from, to) => {
    if (to - from <= longest) return
    longest = to - from
    anchored = { reference, key: keyOfRun(reference, from, to), offset: from }
  })
  return anchored
}

/** A number for the length of a run and its first and last character. */
const keyOfRun = (text: string, from: number, to: number): number =>
  (to - from + 31 * text.charCodeAt(from) + 961 * text.charCodeAt(to - 1)) % KEYS

const KEYS = 8_191

/** Visits each run of letters and digits. A loop over characters, since outputs are long. */
const scanRuns = (text: string, visit: (from: number, to: number) => void): void => {
  let from = 0
  for (let i = 0; i < text.length; i++) {
    if (isWordCode(text.charCodeAt(i))) continue
    if (i > from) visit(from, i)
    from = i + 1
  }
  if (text.length > from) visit(from, text.length)
}

/** Letters and digits of scripts with spaces: the others have words of one character. */
const isWordCode = (code: number): boolean => code < WORD_CODES.length && WORD_CODES[code] === 1

const WORD_CODES = Uint8Array.from({ length: 0xe00 }, (_, code) =>
  Number(code < 0x80 ? /[A-Za-z0-9]/.test(String.fromCharCode(code)) : code >= 0xc0)
)

const standsAt = (text: string, reference: string, at: number): boolean =>
  at >= 0 &&
  text.startsWith(reference, at) &&
  !isWordCode(text.charCodeAt(at - 1)) &&
  !isWordCode(text.charCodeAt(at + reference.length))

// ── the recall that finds it ──

/**
 * Quotes the line around a place, as far as it holds no quote. A word that stands alone is asked for with others near
 * it, since longer words begin like it. Returns null if there is no word.
 */
const quoteAround = (text: string, at: number, length: number): string | null => {
  const line = cutWords(text, at, length)
  const isAlone = !/[^A-Za-z0-9]/.test(line)
  const near = isAlone ? (text.slice(Math.max(0, at - NEAR), at + length + NEAR).match(NEAR_WORD) ?? []) : []
  const others = Array.from(new Set(near.slice(1, -1))).filter((word) => word !== line)
  const telling = others.toSorted((a, b) => b.length - a.length).slice(0, 2)
  return line === "" ? null : [line, ...telling].map((words) => `"${words}"`).join(" ")
}

/** Quotes the beginning of the longest part of a text that holds no quote. */
const quoteLongest = (text: string): string | null => {
  const parts = text.split(ENDS_LINE).map((part) => part.slice(Math.max(0, part.search(LETTER))))
  const longest = parts.reduce((best, part) => (part.length > best.length ? part : best), "")
  return LETTER.test(longest) ? quoteAround(longest, 0, 0) : null
}

/** Cuts whole words around a place, up to a quote or the end of its line. */
const cutWords = (text: string, at: number, length: number): string => {
  const [least, most] = [Math.max(0, at - AROUND), Math.min(text.length, at + length + AROUND)]
  let from = at
  while (from > least && !ENDS_LINE.test(text.charAt(from - 1))) from -= 1
  while (from < at && (isWordCode(text.charCodeAt(from - 1)) || !isWordCode(text.charCodeAt(from)))) from += 1
  let end = at + length
  while (end < most && !ENDS_LINE.test(text.charAt(end))) end += 1
  let to = end
  while (to > at + length && (isWordCode(text.charCodeAt(to)) || !isWordCode(text.charCodeAt(to - 1)))) to -= 1
  return text.slice(from, to > from ? to : end)
}

/** A bracket begins what stands in the place of a secret. */
const ENDS_LINE = /["\n\r[\]]/
const LETTER = /[\p{L}\p{N}]/u
const NEAR_WORD = /[A-Za-z0-9]{5,40}/g
const AROUND = 40
const NEAR = 200
