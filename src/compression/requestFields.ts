/** The checks of a compression's options, for `readOptions`, and what is kept of them. */
import { redact } from "../message/Redaction.ts"
import { isAmount, isFlag, isNumber, isObject, isText } from "../model/InvalidSetting.ts"
import { WINDOW_FIELDS } from "./CompressionPolicy.ts"
import type { CompressionRequest } from "./Compressor.ts"

export const REQUEST_FIELDS = {
  ...WINDOW_FIELDS,
  focus: isText,
  overhead: isAmount,
  learnedWindow: isNumber,
  isUrgent: isFlag,
  payment: isObject
}

/** The focus goes into prompts, log lines, segments and the row of the operation. */
export const withoutSecrets = ({ focus, ...rest }: CompressionRequest): CompressionRequest => ({
  ...rest,
  focus: focus === undefined ? undefined : redact(focus)
})
