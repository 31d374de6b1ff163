/** Makes the text of a provider's error safe to log. */
import * as Redacted from "effect/Redacted"
import { safeLine } from "../message/text.ts"

const LONGEST = 300

/** A route as far as its secrets go; the key may be a credential that fetches it. */
interface Called {
  readonly apiKey: Redacted.Redacted | { readonly name: string }
  readonly baseUrl: string
}

/**
 * One short line without secrets, without the key of the call and without the query and the user of its URL, all of which
 * a provider may echo.
 */
export const safeErrorText = ({ apiKey, baseUrl }: Called, text: string): string => {
  const secrets = [...(Redacted.isRedacted(apiKey) ? [Redacted.value(apiKey)] : []), ...listUrlSecrets(baseUrl)]
  const safe = secrets
    .filter((secret) => secret !== "")
    .reduce((left, secret) => left.replaceAll(secret, "<redacted>"), text)
  return safeLine(safe, LONGEST)
}

/** Lists the parts of a URL that may be secrets, the longest first, in each form in which servers and clients write it. */
const listUrlSecrets = (baseUrl: string): ReadonlyArray<string> => {
  if (!URL.canParse(baseUrl)) return [baseUrl]
  const { password, search, searchParams, username } = new URL(baseUrl)
  const [, asWritten = ""] = /\?(.*)$/s.exec(baseUrl.toWellFormed()) ?? []
  return [asWritten, search.slice(1), password, `${username}:${password}`, ...searchParams.values()]
    .flatMap((part) => [part, encodeURIComponent(part), encodeStrictly(part), encodeForForm(part)])
    .filter((part) => part.length >= SHORTEST)
    .sort((a, b) => b.length - a.length)
}

const encodeStrictly = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

const encodeForForm = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1)

/** Shorter values stand in any text, such as the number of a version. */
const SHORTEST = 4

/** The text of anything that was thrown. Some objects have none, and others throw when they are asked for it. */
export const textOf = (thrown: unknown): string => {
  try {
    return String(thrown)
  } catch {
    return "it threw what has no text"
  }
}
