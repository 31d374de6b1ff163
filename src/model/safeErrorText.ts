/** Makes the text of a provider's error safe to log. */
import * as Redacted from "effect/Redacted"
import { safeLine } from "../message/text.ts"

const LONGEST = 300

/** One short line without secrets and without the key of the call, which a provider may echo. */
export const safeErrorText = (apiKey: Redacted.Redacted | undefined, text: string): string => {
  const key = apiKey === undefined ? "" : Redacted.value(apiKey)
  return safeLine(key === "" ? text : text.replaceAll(key, "<redacted>"), LONGEST)
}

/** The text of anything that was thrown. Some objects have none, and others throw when they are asked for it. */
export const textOf = (thrown: unknown): string => {
  try {
    return String(thrown)
  } catch {
    return "it threw what has no text"
  }
}
