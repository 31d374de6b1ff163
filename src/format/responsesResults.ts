/** The results of calls in OpenAI's Responses API. Tools that it defines itself have items of a type of their own. */
import { getString, isObject, isString, type JsonObject, listObjects, parseJson } from "./json.ts"
import { describePart, imageUrlOf, makeImage } from "./media.ts"
import { FORMAT, readContent, textOf, writeContent } from "./responsesContent.ts"
import { applyPatch, type Draft, fingerprint, makePatch, partsOf, type Template, withTemplate } from "./template.ts"

const FUNCTION = "function_call_output"
const GENERAL: ReadonlyArray<unknown> = [FUNCTION, "custom_tool_call_output"]

export const isOutput = ({ call_id: id, type }: JsonObject): boolean =>
  isString(type) && type.endsWith("_output") && isString(id) && id !== ""

// ── decoding ──

/** Reads the result of an item; undefined if that is not known. */
export const readResult = (item: JsonObject, asked: JsonObject | undefined): Draft => {
  const { content, template } = GENERAL.includes(item.type) ? readGeneral(item) : readOwn(item)
  const draft = { role: "tool", tool_call_id: getString(item.call_id), content }
  const words = textOf(draft)
  const patch = makePatch(makeResult(draft, asked, template).item, item, words)
  const isOwn = ownForm(template) !== undefined
  return withTemplate(draft, { ...template, own: isOwn ? { ...patch, was: fingerprint(words) } : patch })
}

interface Read {
  readonly content: unknown
  readonly template: Template
}

const readGeneral = ({ output }: JsonObject): Read => {
  const blocks = Array.isArray(output) ? listObjects(output) : undefined
  const { template, words } = readContent(blocks)
  return { content: blocks === undefined ? readOutput(output) : words, template }
}

/** Reads an output that is no list of blocks: text, text in an object, or any other value. */
const readOutput = (output: unknown): string => {
  if (isString(output)) return output
  if (isObject(output) && isString(output.content)) return output.content
  return output === undefined ? "" : JSON.stringify(output)
}

/** The ways in which an item of its own type holds its words. */
type Way = "text" | "screen" | "json" | "fields"

const readOwn = (item: JsonObject): Read => {
  const { call_id: _callId, id: _id, output, status: _status, type, ...fields } = item
  const make = (way: Way, content: unknown): Read => ({
    content,
    template: { format: FORMAT, form: `${way} ${getString(type)}`, ...keepOutcome(output) }
  })
  if (isString(output)) return make("text", output)
  if (isObject(output) && isString(output.image_url) && output.image_url !== "")
    return make("screen", [makeImage(output.image_url)])
  if (output !== undefined) return make("json", JSON.stringify(output))
  return Object.keys(fields).length === 0 ? make("text", "") : make("fields", JSON.stringify(fields))
}

/** How a shell ended is still true of an output that was shortened. */
const keepOutcome = (output: unknown): Pick<Template, "output"> => {
  const outcome = listObjects(output).at(-1)?.outcome
  return isObject(outcome) ? { output: { add: { outcome } } } : {}
}

const ownForm = (template: Template | undefined): { readonly way: string; readonly type: string } | undefined => {
  const [way, type] = template?.form?.split(" ") ?? []
  return way === undefined || type === undefined ? undefined : { way, type }
}

// ── encoding ──

/** Writes the result of an item as its type wants it; undefined if the type has no place for the words. */
export const writeResult = (
  message: Draft,
  asked: JsonObject | undefined,
  template: Template | undefined
): JsonObject | undefined => {
  const { isValid, item } = makeResult(message, asked, template)
  const patch = template?.own
  const words = textOf(message)
  const own = ownForm(template)?.type
  const isOfType = own === undefined || own === item.type
  const fits = isOfType || patch?.instead?.type !== undefined
  if (patch?.was === fingerprint(words) && fits) return applyPatch(item, patch, words)
  if (!isValid) return undefined
  return isOfType ? applyPatch(item, patch, words) : item
}

/** Writes a result as that of a function, which takes any words. */
export const writeFunctionOutput = (message: Draft, template: Template | undefined, type = FUNCTION): JsonObject => {
  const { content, tool_call_id: id } = message
  const isText = isString(content) && template?.form !== "blocks" && template?.slots === undefined
  return { type, call_id: id, output: isText ? content : writeContent(content, template) }
}

interface Made {
  readonly item: JsonObject
  readonly isValid: boolean
}

const makeResult = (message: Draft, asked: JsonObject | undefined, template: Template | undefined): Made => {
  const own = ownForm(template)
  const type = chooseType(asked?.type, own?.type)
  if (GENERAL.includes(type)) return { item: writeFunctionOutput(message, template, type), isValid: true }
  const isChanged = template?.own !== undefined && template.own.was !== fingerprint(textOf(message))
  const fields =
    own?.type === type && !isChanged ? writeAsRead(own.way, message) : writeAnew(type, message, template?.output?.add)
  if (fields === undefined) return { item: writeFunctionOutput(message, template, type), isValid: false }
  return { item: { ...fields, type, call_id: message.tool_call_id }, isValid: true }
}

/** The type of the result of a call: its own if that belongs to the call, else the one that the call wants. */
const chooseType = (asked: unknown, own: string | undefined): string => {
  if (!isString(asked)) return own ?? FUNCTION
  const wanted = [`${asked}_output`, asked.replace(/_call$/, "_output")]
  if (own !== undefined && wanted.includes(own)) return own
  if (asked === "tool_search_call") return "tool_search_output"
  // A local shell may be answered as a function is.
  return asked === "local_shell_call" ? FUNCTION : `${asked}_output`
}

const writeAsRead = (way: string, { content }: Draft): JsonObject => {
  if (way === "screen") return { output: { type: "computer_screenshot", image_url: onlyImage(content) } }
  const value = way === "text" ? content : parseJson(getString(content))
  return way === "fields" ? (isObject(value) ? value : {}) : { output: value }
}

const writeAnew = (type: string, { content }: Draft, added: JsonObject | undefined): JsonObject | undefined => {
  const text = isString(content) ? content : partsOf(content).map(describePart).join("\n")
  switch (type) {
    case "shell_call_output":
      return { output: [{ stdout: text, stderr: "", outcome: { type: "exit", exit_code: 0 }, ...added }] }
    case "apply_patch_call_output":
      return { status: "completed", output: text }
    case "local_shell_call_output":
      return { output: text }
    case "computer_call_output": {
      const url = onlyImage(content)
      return url === undefined ? undefined : { output: { type: "computer_screenshot", image_url: url } }
    }
    default:
      return undefined
  }
}

const onlyImage = (content: unknown): string | undefined => {
  const [part, ...others] = partsOf(content)
  return part === undefined || others.length > 0 ? undefined : imageUrlOf(part)
}
