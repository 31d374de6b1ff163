/** The place in the page, which is the part of the address after `#`, so that it can be kept and shared. */
import { useEffect, useState } from "preact/hooks"

export const TABS = [
  "view",
  "log",
  "snapshots",
  "segments",
  "ledger",
  "rules",
  "receipts",
  "recall",
  "timeline",
  "cost"
] as const
export type Tab = (typeof TABS)[number]

/** `at` is what a tab shows: the number of a message, the id of a snapshot or a segment, or the words of a search. */
export type Route =
  | { readonly page: "sessions" }
  | { readonly page: "doctor" }
  | { readonly page: "session"; readonly session: string; readonly tab: Tab; readonly at: string | null }

export const linkTo = (session: string, tab: Tab, at?: string | number): string =>
  `#/sessions/${encodeURIComponent(session)}/${tab}${at === undefined ? "" : `/${encodeURIComponent(String(at))}`}`

export const readRoute = (hash: string): Route => {
  const [, page, session, tab, at] = hash.split("/").map(decode)
  if (page === "doctor") return { page }
  if (page !== "sessions" || session === undefined || session === "") return { page: "sessions" }
  return { page: "session", session, tab: TABS.find((known) => known === tab) ?? "view", at: at ?? null }
}

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const useRoute = (): Route => {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const follow = () => setHash(location.hash)
    window.addEventListener("hashchange", follow)
    return () => window.removeEventListener("hashchange", follow)
  }, [])
  return readRoute(hash)
}
