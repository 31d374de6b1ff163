/** The checks of what an agent gives to its turn: the options of a step, and the report of its cost. */
import * as Either from "effect/Either"
import { WINDOW_FIELDS } from "../compression/CompressionPolicy.ts"
import { serialize } from "../message/Message.ts"
import {
  checkSetting,
  type CheckField,
  isAmount,
  isFlag,
  isJsonList,
  isOneOf,
  isText
} from "../model/InvalidSetting.ts"

const isPrompt: CheckField = (field, value) =>
  checkSetting(field, typeof value === "string" || Either.isRight(serialize(value)), "text or a message", value)

export const STEP_FIELDS = {
  ...WINDOW_FIELDS,
  system: isPrompt,
  tools: isJsonList,
  maxRequestBytes: isAmount,
  maxImages: isAmount,
  maxImageBytes: isAmount,
  imagesInToolResults: isFlag,
  callIds: isOneOf("common", "mistral"),
  cacheMarks: isFlag
}

export const USAGE_FIELDS = { inputTokens: isAmount, cachedTokens: isAmount, outputTokens: isAmount, model: isText }
