/** Chat messages with functions, as they were before tools: one `function_call` a message, answered by role `function`. */
import { type Fields, findFault, getString, isObject, isString, type JsonObject } from "./json.ts"
import { findAnswered, splitRounds } from "./calls.ts"
import { describePart } from "./media.ts"
import type { Run } from "./origins.ts"
import { type Call, type Draft, getTemplate, makeCall, withTemplate, wordsOf } from "./template.ts"

const FORMAT = "legacy-functions"

const FIELDS: { readonly [role: string]: Fields } = {
  function: { name: "string", content: "string?" }
}

/** Finds the first fault of what is legacy in the messages. `Message.parse` checks the rest. */
export const findLegacyFault = (messages: ReadonlyArray<unknown>): string | undefined => {
  for (const [i, message] of messages.entries()) {
    const path = `messages.${i}`
    const fault = findFault(message, path, isObject(message) ? (FIELDS[getString(message.role)] ?? {}) : {})
    if (fault !== undefined) return fault
    const call = isObject(message) ? (message.function_call ?? undefined) : undefined
    const inCall = call && findFault(call, `${path}.function_call`, { name: "string", arguments: "string" })
    if (inCall !== undefined) return inCall
  }
  return undefined
}

/**
 * The id of each call of a function. The name alone makes it, so that a result fits its call even if they are decoded apart;
 * ids may repeat in a log.
 */
const makeId = (name: string): string => `${ID}${name}`
const ID = "function_"

/** Reads messages, which have no fault. */
export const readLegacyFunctions = (messages: ReadonlyArray<JsonObject>): ReadonlyArray<Draft> =>
  messages.map((message) => {
    const { content, function_call: call, name, ...rest } = message
    const role = getString(message.role)
    if (role === "function") {
      const draft = { ...rest, role: "tool", tool_call_id: makeId(getString(name)), content: content ?? "" }
      return isString(content) ? draft : withTemplate(draft, { format: FORMAT, own: { add: { content } } })
    }
    // A message with the tools of today stays as it is.
    if (role === "tool" || "tool_calls" in message)
      return withTemplate({ ...message, role }, { format: FORMAT, form: "chat" })
    if (!isObject(call)) return { ...message, role }
    const { arguments: input, name: called, ...others } = call
    const made = makeCall({
      id: makeId(getString(called)),
      name: getString(called),
      input: getString(input),
      isCustom: false
    })
    const { function_call: _, ...kept } = message
    const own = Object.keys(others).length > 0 ? { add: others } : undefined
    return withTemplate({ ...kept, role, tool_calls: [made] }, { format: FORMAT, own })
  })

/**
 * A message has one call at most, so of several calls each but the first is a message of its own, before its result. Only
 * so is it clear which of two calls of one function a result answers.
 */
export const writeLegacyFunctions = (messages: ReadonlyArray<Draft>): ReadonlyArray<Run> => {
  const answered = findAnswered(messages)
  return splitRounds(messages).map((round) => {
    const [reply] = round
    const [, ...others] = reply?.role === "assistant" && !isChat(reply) ? wordsOf(reply).calls : []
    const unwritten = new Map(others.map((call) => [call.id, call]))
    const items = round.flatMap((message) => {
      if (message.role !== "tool" || isChat(message)) return [writeMessage(message)]
      const id = getString(message.tool_call_id)
      const call = unwritten.get(id)
      unwritten.delete(id)
      const result = writeResult(message, answered.get(message)?.name ?? id.replace(ID, ""))
      return call === undefined ? [result] : [makeCallMessage(call), result]
    })
    return { messages: round, items: [...items, ...Array.from(unwritten.values(), makeCallMessage)] }
  })
}
const isChat = (message: Draft): boolean => getTemplate(message, FORMAT)?.form === "chat"

const writeMessage = (message: Draft): JsonObject => {
  const { native: _native, ...chat } = message
  if (isChat(message)) return chat
  const { tool_call_id: _id, tool_calls: _calls, ...rest } = chat
  const [call] = message.role === "assistant" ? wordsOf(message).calls : []
  if (call === undefined) return rest
  return { ...rest, function_call: { ...writeCall(call), ...getTemplate(message, FORMAT)?.own?.add } }
}

const writeResult = (message: Draft, name: string): JsonObject => {
  const { native: _native, tool_call_id: _id, tool_calls: _calls, ...rest } = message
  const content = isString(message.content) ? message.content : wordsOf(message).parts.map(describePart).join("\n")
  const add = content === "" ? getTemplate(message, FORMAT)?.own?.add : undefined
  return { ...rest, role: "function", name, content, ...add }
}

const makeCallMessage = (call: Call): JsonObject => ({
  role: "assistant",
  content: null,
  function_call: writeCall(call)
})

const writeCall = ({ input, isCustom, name }: Call) => ({
  name,
  arguments: isCustom ? JSON.stringify({ input }) : input
})
