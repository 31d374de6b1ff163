/** Chat messages with functions, as they were before tools: one `function_call` a message, answered by role `function`. */
import { type Fields, findFault, getString, isObject, isString, type JsonObject } from "./json.ts"
import { Native } from "../message/model.ts"
import { findAnswered } from "./calls.ts"
import { describePart } from "./media.ts"
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

/** A message has one call at most, so of several calls each but the first is a message of its own, before its result. */
export const writeLegacyFunctions = (messages: ReadonlyArray<Draft>): ReadonlyArray<JsonObject> => {
  const answered = findAnswered(messages)
  const unwritten = new Map<string, Call>()
  const writeOthers = () => {
    const others = Array.from(unwritten.values(), makeCallMessage)
    unwritten.clear()
    return others
  }
  const written = messages.flatMap((message, i) => {
    const template = getTemplate(message, FORMAT)
    const { [Native]: _hidden, native: _native, tool_call_id: id, tool_calls: _calls, ...rest } = message
    if (template?.form === "chat")
      return [{ ...rest, ...pick(message, "tool_call_id"), ...pick(message, "tool_calls") }]
    if (message.role === "assistant") {
      const before = writeOthers()
      const [call, ...others] = wordsOf(message).calls
      for (const other of others) unwritten.set(other.id, other)
      return [
        ...before,
        call === undefined ? rest : { ...rest, function_call: { ...writeCall(call), ...template?.own?.add } }
      ]
    }
    if (message.role !== "tool") return [...writeOthers(), rest]
    const name = answered[i]?.name ?? getString(id).replace(ID, "")
    const content = isString(message.content) ? message.content : wordsOf(message).parts.map(describePart).join("\n")
    const result = { ...rest, role: "function", name, content, ...(content === "" && template?.own?.add) }
    const call = unwritten.get(getString(id))
    if (call === undefined) return [result]
    unwritten.delete(call.id)
    return [makeCallMessage(call), result]
  })
  return [...written, ...writeOthers()]
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

const pick = (message: Draft, field: string) => (field in message ? { [field]: message[field] } : {})
