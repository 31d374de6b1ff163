/**
 * Texts as PostgreSQL keeps them. It knows no NUL character, and half of a surrogate pair has no UTF-8: a text with either is
 * kept as JSON behind a mark. A text has one form, so that two are equal if their forms are.
 */
import { isStorable } from "../session/Session.ts"

const MARK = "\u0001json:"

/** Keeps also what is no text, whatever was given: no row has it. */
export const keepText = (text: string): string =>
  typeof text !== "string"
    ? `${MARK}${typeof text}`
    : isStorable(text) && !text.startsWith(MARK)
      ? text
      : MARK + JSON.stringify(text)

export const readText = (kept: string): string =>
  kept.startsWith(MARK) ? String(JSON.parse(kept.slice(MARK.length))) : kept

export const keepTextOrNull = (text: string | null): string | null => (text === null ? null : keepText(text))

export const readTextOrNull = (kept: string | null): string | null => (kept === null ? null : readText(kept))

/** An id of a session or snapshot, to look for. What cannot be kept is the id of none. */
export const keepId = (id: string): string => (typeof id === "string" && isStorable(id) ? id : NO_ID)

/** Longer than the id of any session. */
const NO_ID = "?".repeat(1_000)
