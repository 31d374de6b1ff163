/** The checks of a compression's options, for `readOptions`. */
import { isAmount, isFlag, isNumber, isObject, isText } from "../model/InvalidSetting.ts"
import { WINDOW_FIELDS } from "./CompressionPolicy.ts"

export const REQUEST_FIELDS = {
  ...WINDOW_FIELDS,
  focus: isText,
  overhead: isAmount,
  learnedWindow: isNumber,
  isUrgent: isFlag,
  payment: isObject
}
