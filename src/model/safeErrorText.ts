/** What an error tells: one line, safe to log, whatever a provider echoed in it. */
import * as Redacted from "effect/Redacted"
import { redact } from "../message/Redaction.ts"
import { clipText, toOneLine } from "../message/text.ts"

const LONGEST = 300

/** Without the key of the call, whatever it looks like. */
export const safeErrorText = (apiKey: Redacted.Redacted | undefined, text: string): string => {
  const key = apiKey === undefined ? "" : Redacted.value(apiKey)
  return clipText(toOneLine(redact(key === "" ? text : text.replaceAll(key, "<redacted>"))), LONGEST)
}
