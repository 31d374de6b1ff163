/**
 * Open requests: requests that no turn has answered yet. A turn answers every request before its last message.
 */
import * as Message from "../message/Message.ts"
import type { Logged, State } from "./Session.ts"

/** Returns whether one of these messages ends a turn, which answers every request before it. */
export const hasTurnEnd = (entries: ReadonlyArray<Logged>): boolean =>
  entries.some(({ message }) => Message.endsTurn(message))

/** Returns the `seq` of the last message that ends a turn; undefined if none does. */
export const findLastTurnEnd = (entries: ReadonlyArray<Pick<Logged, "seq" | "message">>): number | undefined =>
  entries.findLast(({ message }) => Message.endsTurn(message))?.seq

/** Returns the requests after `seq`, oldest first. */
export const findRequestsAfter = (seq: number | undefined, entries: ReadonlyArray<Logged>): ReadonlyArray<Logged> =>
  entries.filter((entry) => entry.kind === "request" && entry.seq > (seq ?? 0))

/** Returns every open request of the session, oldest first. */
export const findOpenRequests = ({ head, live, manifest, tail }: State): ReadonlyArray<Logged> => {
  const endInTail = tail.findLastIndex(({ message }) => Message.endsTurn(message))
  if (endInTail >= 0) return tail.slice(endInTail + 1).filter(({ kind }) => kind === "request")
  // Once messages after the head are covered, the manifest names the open requests among and before them.
  const isHeadInFrontOfTail = head.length > 0 && manifest.tailFrom === manifest.headTo + 1
  const before = isHeadInFrontOfTail ? findRequestsAfter(findLastTurnEnd(head), head) : live
  return [...before, ...tail].filter(({ kind }) => kind === "request")
}

/** Keeps those of the requests with the seqs `live` that no turn has answered since. */
export const keepOpen = (live: ReadonlyArray<number>, latest: State): ReadonlyArray<number> => {
  const open = new Set(findOpenRequests(latest).map(({ seq }) => seq))
  return live.filter((seq) => open.has(seq))
}

/**
 * Returns whether no request of a range that ends with `toSeq` is to be called open by its summary: a later turn has
 * answered it, or it stands behind the handoff in its own words, as the requests `live` do.
 */
export const isAnswered = (toSeq: number, live: ReadonlyArray<number>, state: State): boolean =>
  live.length > 0 || isAnsweredInTail(toSeq, state)

/** Returns whether a turn has ended in the tail after `toSeq`. */
export const isAnsweredInTail = (toSeq: number, { tail }: State): boolean =>
  tail.some(({ message, seq }) => seq > toSeq && Message.endsTurn(message))

/** Returns the texts of the newest requests, oldest first: they tell a summarizer what matters to the user now. */
export const listNewestRequests = (entries: ReadonlyArray<Logged>): ReadonlyArray<string> =>
  entries
    .filter(({ kind }) => kind === "request")
    .slice(-NEWEST_REQUESTS)
    .map(({ message }) => Message.text(message))

const NEWEST_REQUESTS = 3
