/**
 * What was asked and what came of it, in the words of both.
 */
import { clipText, toOneLine, splitWords } from "../message/text.ts"

/** One message of the talk, in sentences. `isRequest` tells a request from a notification. */
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
 * One outcome for each turn that ended. A closing that says nothing of the work, such as a greeting, is left out unless
 * what was asked does. A turn that ended with a question asked for something rather than did it.
 */
export function* findTurnOutcomes(talk: ReadonlyArray<Spoken>): Generator<void, ReadonlyArray<TurnOutcome>> {
  const isTelling = yield* tellingIn(talk)
  const found: Array<TurnOutcome> = []
  let asked: Array<string> = []
  for (const { endsTurn, isRequest, sentences, seq } of talk) {
    yield
    if (isRequest) asked.push(toOneLine(sentences.join(" ")))
    if (!endsTurn) continue
    const telling = asked.findLast(isTelling)
    const request = telling ?? asked.at(-1)
    const result = sentences.filter(isTelling).slice(0, 2)
    if ((telling !== undefined || result.length > 0) && !QUESTION.test(sentences.at(-1) ?? "")) {
      const said = clipText(toOneLine((result.length > 0 ? result : sentences.slice(0, 2)).join(" ")), LONGEST_RESULT)
      found.push({ text: request === undefined ? said : `asked "${clipText(request, LONGEST_ASKED)}" → ${said}`, seq })
    }
    asked = []
  }
  return found
}

/** Whether a text shares words with other things that were said; but not the small words that everything shares. */
function* tellingIn(talk: ReadonlyArray<Spoken>): Generator<void, (text: string) => boolean> {
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

/** In a short talk the small words of a language are as rare as any; where letters are words, none is small. */
const SMALL = /^[^\d\u0e00-\uffff]{1,3}$/
const QUESTION = /[?？؟]\W*$/
const LONGEST_ASKED = 100
const LONGEST_RESULT = 200
