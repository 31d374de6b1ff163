/** Makes text of any origin fit for a log line, an error or a listing. */
import { redact } from "./Redaction.ts"
import { clipText, toOneLine } from "./text.ts"

/** Removes secrets, joins all lines into one, and clips the result to `length` characters. */
export const safeLine = (text: string, length: number): string => clipText(toOneLine(redact(text)), length)
