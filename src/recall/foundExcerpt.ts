/** The excerpt of a text around the hits of a search, in one line. */
import { cutAtCodePoint } from "../message/text.ts"
import { toOneLine } from "../message/text.ts"
import type { QueryChunk } from "../store/searchQuery.ts"

/** About `length` characters around the place with the most terms, with an ellipsis for the text left out. */
export const excerptAroundHit = (text: string, chunks: ReadonlyArray<QueryChunk>, length: number): string => {
  if (text.length <= length) return toOneLine(text)
  const best = findBestPlace(text, chunks, length)
  const from = cutAtCodePoint(text, Math.max(0, Math.min(best - Math.floor(length / 4), text.length - length)))
  const to = cutAtCodePoint(text, Math.min(text.length, from + length))
  return `${from > 0 ? "…" : ""}${toOneLine(text.slice(from, to))}${to < text.length ? "…" : ""}`
}

/** The first place with the most different terms, by their length, near each other. */
const findBestPlace = (text: string, chunks: ReadonlyArray<QueryChunk>, length: number): number => {
  const places = findPlaces(foldCase(text), termsOf(chunks))
  let best = { at: 0, weight: 0 }
  for (const [i, { at }] of places.entries()) {
    const near = new Map<string, number>()
    for (let k = i; k < places.length; k++) {
      const place = places[k]
      if (place === undefined || place.at > at + (length * 3) / 4) break
      near.set(place.term, place.term.length)
    }
    const weight = Array.from(near.values()).reduce((sum, n) => sum + n, 0)
    if (weight > best.weight) best = { at, weight }
  }
  return best.at
}

interface Place {
  readonly at: number
  readonly term: string
}

/** The most places of one term that are compared. */
const MOST_PLACES = 50

const findPlaces = (text: string, terms: ReadonlyArray<string>): ReadonlyArray<Place> =>
  terms
    .flatMap((term) => {
      const found: Array<Place> = []
      for (
        let at = text.indexOf(term);
        at >= 0 && found.length < MOST_PLACES;
        at = text.indexOf(term, at + term.length)
      ) {
        found.push({ at, term })
      }
      return found
    })
    .sort((a, b) => a.at - b.at)

/** The terms of a query: each chunk as it was written, its words, and what a word shares with its other forms. */
const termsOf = (chunks: ReadonlyArray<QueryChunk>): ReadonlyArray<string> =>
  Array.from(
    new Set(
      chunks
        .flatMap(({ text }) => [text, ...(text.match(WORD) ?? []).flatMap((word) => [word, cutEnding(word)])])
        .map(foldCase)
    )
  )

const cutEnding = (word: string): string => word.slice(0, Math.max(SHORTEST_STEM, word.length - LONGEST_ENDING))

const SHORTEST_STEM = 4
const LONGEST_ENDING = 3

const WORD = /[\p{L}\p{M}\p{N}]{2,}/gu

/** Lower case without accents. The accents stay where removing them would change the length, and so the places. */
const foldCase = (text: string): string => {
  if (IS_PLAIN.test(text)) return text.toLowerCase()
  const plain = text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase()
  return plain.length === text.length ? plain : text.toLowerCase()
}

const IS_PLAIN = /^[\0-\u007f]*$/
