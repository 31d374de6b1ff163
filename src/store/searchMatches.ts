/** How a query becomes phrases of an index of words, and how what is found by them is put together. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { UndoneRange } from "../session/Session.ts"
import { isUndone } from "../session/Session.ts"
import type { SearchScope } from "./model.ts"
import type { QueryChunk } from "./searchQuery.ts"

/** Tries one strategy after another until `limit` messages are found, each once. */
export const collectUntil = <E>(
  limit: number,
  strategies: ReadonlyArray<Effect.Effect<ReadonlyArray<number>, E>>
): Effect.Effect<ReadonlyArray<number>, E> =>
  Effect.reduce(strategies, Arr.empty<number>(), (found, strategy) =>
    found.length >= limit
      ? Effect.succeed(found)
      : Effect.map(strategy, (more) => Array.from(new Set([...found, ...more])).slice(0, limit))
  )

/** A query in the index's syntax, of each chunk: of all, and of those that are not single common words. */
export interface Matches {
  readonly all: ReadonlyArray<string>
  readonly rarer: ReadonlyArray<string>
}

export const matchesOf = (chunks: ReadonlyArray<QueryChunk>, isCommon: (phrase: string) => boolean): Matches => {
  const all: Array<string> = []
  const rarer: Array<string> = []
  for (const { phrase, prefix } of chunks) {
    if (phrase === null || prefix === null) continue
    const isOften = !phrase.includes(" ") && isCommon(phrase)
    all.push(isOften ? phrase : prefix)
    if (!isOften) rarer.push(prefix)
  }
  return { all, rarer }
}

export const makeIsSearched = ({ also, except, fromSeq, toSeq }: SearchScope, undone: ReadonlyArray<UndoneRange>) => {
  const [out, inside] = [new Set(except), new Set(also)]
  return (seq: number): boolean =>
    ((seq >= fromSeq && seq <= toSeq && !out.has(seq)) || inside.has(seq)) && !isUndone(undone, seq)
}
