/** Finds the outcome of each turn: the request and the closing words of the answer. */
import { clipText, toOneLine, splitWords } from "../message/text.ts"

/** One message of the talk, in sentences. `isRequest` is false for a notification. */
export interface Spoken {
  readonly seq: number
  readonly role: string
  readonly isRequest: boolean
  readonly endsTurn: boolean
  readonly sentences: ReadonlyArray<string>
}

export interface TurnOutcome {
  readonly text: string
  readonly seq: number
}

/**
 * Finds one outcome for each turn that ended. A closing without content, such as a greeting, is left out unless the
 * request has content. So is a turn that ended with a question, because it asked for something and did nothing yet.
 */
export function* findTurnOutcomes(talk: ReadonlyArray<Spoken>): Generator<void, ReadonlyArray<TurnOutcome>> {
  const hasContent = yield* makeContentTest(talk)
  const found: Array<TurnOutcome> = []
  let asked: Array<string> = []
  for (const { endsTurn, isRequest, sentences, seq } of talk) {
    yield
    if (isRequest) asked.push(toOneLine(sentences.join(" ")))
    if (!endsTurn) continue
    const withContent = asked.findLast(hasContent)
    const request = withContent ?? asked.at(-1)
    const result = sentences.filter(hasContent).slice(0, 2)
    if ((withContent !== undefined || result.length > 0) && !QUESTION.test(sentences.at(-1) ?? "")) {
      const said = clipText(toOneLine((result.length > 0 ? result : sentences.slice(0, 2)).join(" ")), LONGEST_RESULT)
      found.push({ text: request === undefined ? said : `asked "${clipText(request, LONGEST_ASKED)}" → ${said}`, seq })
    }
    asked = []
  }
  return found
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
const LONGEST_ASKED = 100
const LONGEST_RESULT = 200
