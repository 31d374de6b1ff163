/** Finds the outcome of each turn: what the user said, word for word, and what the answer says was done. */
import { statesTask } from "../ledger/facts.ts"
import { digestMessage } from "../ledger/messageDigest.ts"
import { OUTCOME } from "../ledger/lines.ts"
import * as Message from "../message/Message.ts"
import { clipMiddle, clipText, splitSentences, splitWords, toOneLine } from "../message/text.ts"
import type { Logged } from "../session/Session.ts"

/**
 * One message of the talk, in sentences. `isRequest` is false for a notification; one that `takesBack` the order before it
 * is a request, too.
 */
export interface Spoken {
  readonly seq: number
  readonly role: string
  readonly isRequest: boolean
  readonly takesBack: boolean
  readonly endsTurn: boolean
  readonly sentences: ReadonlyArray<string>
}

/** `asked` are the user's messages of a turn; `said` are the sentences of its answer that say most. */
export interface TurnOutcome {
  readonly asked: ReadonlyArray<string>
  readonly said: ReadonlyArray<string>
  readonly seq: number
}

/** The longest text of each of the user's messages and of an answer, in characters. */
export interface OutcomeDensity {
  readonly asked: number
  readonly said: number
}

/** Reads what a message says itself. */
export const readSpoken = ({ kind, message, seq }: Logged): Spoken => {
  const { facts, said } = digestMessage(message)
  const isRequest = message.role === "user" && kind !== "notification"
  return {
    seq,
    role: message.role,
    isRequest,
    takesBack: isRequest && facts.role === "user" && facts.takesBack,
    endsTurn: Message.endsTurn(message),
    sentences: splitSentences(said)
  }
}

export const renderOutcome = ({ asked, said }: TurnOutcome, density: OutcomeDensity): string => {
  const words = asked.map((text) => `"${clipMiddle(text, density.asked)}"`).join(", ")
  const result = fillWith(said, density.said)
  return words === "" ? result : `asked ${words}${OUTCOME}${result}`
}

/**
 * Removes the orders that the user has taken back, with the work on them. The message that takes an order back stays, since
 * it may say why.
 */
export const dropTakenBack = (talk: ReadonlyArray<Spoken>): ReadonlyArray<Spoken> => {
  const kept: Array<Spoken> = []
  for (const spoken of talk) {
    const order = spoken.takesBack ? kept.findLastIndex(isOrder) : -1
    if (order >= 0) kept.splice(order)
    kept.push(spoken)
  }
  return kept
}

const isOrder = ({ isRequest, sentences }: Spoken): boolean => isRequest && statesTask(joinSentences(sentences))

/**
 * Finds one outcome for each turn that ended. A closing without content, such as a greeting, is left out unless the
 * request has content. A turn that ended with a question did nothing yet: its request belongs to the next outcome.
 */
export function* findTurnOutcomes(talk: ReadonlyArray<Spoken>): Generator<void, ReadonlyArray<TurnOutcome>> {
  const hasContent = yield* makeContentTest(talk)
  const found: Array<TurnOutcome> = []
  let asked: Array<string> = []
  for (const { endsTurn, isRequest, sentences, seq } of talk) {
    yield
    if (isRequest) asked.push(joinSentences(sentences))
    if (!endsTurn) continue
    if (QUESTION.test(sentences.at(-1) ?? "")) {
      asked = asked.slice(-MOST_ASKED_BACK)
      continue
    }
    const requests = asked.filter((text) => hasContent(text) || statesTask(text))
    const first = sentences.findIndex((sentence) => !LEADS_IN.test(sentence) && hasContent(sentence))
    const result = sentences.slice(Math.max(0, first)).filter((sentence) => !LEADS_IN.test(sentence))
    if (requests.length > 0 || first >= 0)
      found.push({ asked: requests, said: result.length > 0 ? result : sentences, seq })
    asked = []
  }
  return found
}

/** Joins sentences in one line. Where a line ended without a mark, a stroke shows it. */
const joinSentences = (sentences: ReadonlyArray<string>): string =>
  toOneLine(
    sentences.map((text, i) => (i === sentences.length - 1 || MARKED.test(text) ? text : `${text} /`)).join(" ")
  )

/** Takes whole sentences as long as they fit. The first is clipped where not even it does. */
const fillWith = (sentences: ReadonlyArray<string>, length: number): string => {
  let text = ""
  for (const sentence of sentences) {
    const longer = text === "" ? toOneLine(sentence) : `${text} ${toOneLine(sentence)}`
    if (text !== "" && longer.length > length) break
    text = longer
  }
  return clipText(text, length)
}

/** Makes a test for texts with content: those that share words with other sentences, small words left aside. */
function* makeContentTest(talk: ReadonlyArray<Spoken>): Generator<void, (text: string) => boolean> {
  const all = new Set(talk.flatMap(({ sentences }) => sentences))
  const counts = new Map<string, number>()
  for (const sentence of all) {
    for (const word of new Set(splitWords(sentence))) counts.set(word, (counts.get(word) ?? 0) + 1)
    yield
  }
  const common = Math.max(4, all.size / 12)
  const isShared = (word: string): boolean => {
    const count = counts.get(word) ?? 0
    return count > 1 && count <= common && !SMALL.test(word)
  }
  return (text) => new Set(splitWords(text).filter(isShared)).size > 1
}

/** Needed because small words may be rare in a short talk. Scripts whose letters are words have no small ones. */
const SMALL = /^[^\d\u0e00-\uffff]{1,3}$/
const QUESTION = /[?？؟][^\w?？؟]*$/
/** So many requests wait for an outcome where each answer asks back. */
const MOST_ASKED_BACK = 2
/** The end of a sentence that says that something follows, and not what. */
const LEADS_IN = /[:：][*_`\s]*$/
const MARKED = /[.!?…:;,،。！？：；、"'”’)\]`]$/
