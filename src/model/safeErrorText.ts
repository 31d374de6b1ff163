/** Makes the text of a provider's error safe to log. */
import * as Redacted from "effect/Redacted"
import { safeLine } from "../message/text.ts"

const LONGEST = 300

/** One short line without secrets and without the key of the call, which a provider may echo. */
export const safeErrorText = (apiKey: Redacted.Redacted | undefined, text: string): string => {
  const key = apiKey === undefined ? "" : Redacted.value(apiKey)
  return safeLine(key === "" ? text : text.replaceAll(key, "<redacted>"), LONGEST)
}
