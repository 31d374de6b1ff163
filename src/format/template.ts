/**
 * The template of a foreign message: what it has beside the words of its chat message, and in which order. Its slots refer
 * to the words instead of repeating them, so an encoder fills in the message as it is now, whatever was shortened or
 * renamed meanwhile.
 */
import * as Schema from "effect/Schema"
import { isDeepStrictEqual } from "node:util"
import { Native } from "../message/model.ts"
import { getString, isObject, isString, type JsonObject } from "./json.ts"

const Json = Schema.Record({ key: Schema.String, value: Schema.Unknown })

/**
 * The difference between what an encoder writes by itself and the original: fields to `add`, to replace (`instead`), and to
 * leave out (`without`). `was` is the fingerprint of the words that the last two belong to; once these have changed, only
 * `add` still holds.
 */
const patchFields = {
  add: Schema.optional(Json),
  instead: Schema.optional(Json),
  without: Schema.optional(Schema.Array(Schema.String)),
  was: Schema.optional(Schema.Number)
}
const Patch = Schema.Struct(patchFields)
export type Patch = typeof Patch.Type

/**
 * The place of one block. It refers to a part, a call, or thoughts of the message (the first, and how many texts of each
 * kind), or holds other blocks. A `raw` block is sent as it is. `form` is another way to write it, and `whole` one that
 * holds only as long as the words are the same. `beside` is a part with words that the block has beside
 * its own, and their fingerprint, and `names` the call whose id the block repeats.
 */
const Place = {
  ...patchFields,
  part: Schema.optional(Schema.Number),
  beside: Schema.optional(Schema.Struct({ part: Schema.Number, was: Schema.Number })),
  call: Schema.optional(Schema.Number),
  names: Schema.optional(Schema.Number),
  thought: Schema.optional(Schema.Array(Schema.Number)),
  raw: Schema.optional(Json),
  form: Schema.optional(Schema.String),
  whole: Schema.optional(Schema.String)
}
const InnerSlot = Schema.Struct(Place)
const Slot = Schema.Struct({ ...Place, blocks: Schema.optional(Schema.Array(InnerSlot)) })
export type Slot = typeof Slot.Type

const Template = Schema.Struct({
  format: Schema.String,
  /** Begins a foreign message of its own, where the encoder would merge it with the one before it. */
  begins: Schema.optional(Schema.Boolean),
  /** Belongs to the foreign message of the chat message before it. */
  joins: Schema.optional(Schema.Boolean),
  /** The foreign message that this message is, or is the first of. */
  group: Schema.optional(Patch),
  /** Fields of the foreign message that say once more what its parts say. */
  repeats: Schema.optional(Schema.Array(Schema.String)),
  /** The result of a tool within it. */
  own: Schema.optional(Patch),
  /** The output within that result. */
  output: Schema.optional(Patch),
  /** How the content is written, where that is not as usual: as text, as blocks, or as the format says. */
  form: Schema.optional(Schema.String),
  slots: Schema.optional(Schema.Array(Slot)),
  /** The lengths of the texts that `reasoning_content` is made of, and the fingerprint of it. */
  thoughts: Schema.optional(Schema.Struct({ lengths: Schema.Array(Schema.Number), was: Schema.Number })),
  /** The places of the blocks in the foreign message, where results do not come first. */
  at: Schema.optional(Schema.Array(Schema.Number))
})
export type Template = typeof Template.Type

const isTemplate = Schema.is(Template)

/** The template of a message of a log or of a view, if it is one of this format. */
export const getTemplate = (message: object, format: string): Template | undefined => {
  const native = nativeOf(message)
  return isTemplate(native) && native.format === format ? native : undefined
}

const nativeOf = (message: object): unknown => ("native" in message ? message.native : Reflect.get(message, Native))

/** A chat message in the making. */
export type Draft = JsonObject & { readonly role: string; readonly [Native]?: unknown }

/** A message of a view as a log holds it; any other as it is. */
export const showNative = <A extends object>(message: A): A | (A & { readonly native: unknown }) => {
  const native: unknown = Reflect.get(message, Native)
  if (native === undefined) return message
  const shown = { ...message, native }
  Reflect.deleteProperty(shown, Native)
  return shown
}

/** A copy of a message of a log or of a view, as a log holds it. */
export const makeDraft = <A extends { readonly role: string }>(message: A): Draft => ({ ...showNative(message) })

/** The message with what is left of its template when fields without a value are gone; without one if none is left. */
export const withTemplate = (draft: Draft, { format, ...rest }: Template): Draft => {
  const kept = Object.entries(rest).filter(([, value]) => value !== undefined && value !== false)
  return kept.length === 0 ? draft : { ...draft, native: { format, ...Object.fromEntries(kept) } }
}

/** Recognizes words that have changed. FNV-1a: it guards against accidents, not against anybody's intent. */
export const fingerprint = (words: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Returns undefined if the encoder's own form is the original. `words` are those that the form is about. */
export const makePatch = (written: JsonObject, original: JsonObject, words: string): Patch | undefined => {
  const entries = Object.entries(original)
  const add = entries.filter(([key]) => !Object.hasOwn(written, key))
  const instead = entries.filter(([key, value]) => Object.hasOwn(written, key) && !isSame(written[key], value))
  const without = Object.keys(written).filter((key) => !Object.hasOwn(original, key))
  if (add.length + instead.length + without.length === 0) return undefined
  return {
    ...(add.length > 0 && { add: Object.fromEntries(add) }),
    ...(instead.length > 0 && { instead: Object.fromEntries(instead) }),
    ...(without.length > 0 && { without }),
    ...(instead.length + without.length > 0 && { was: fingerprint(words) })
  }
}

export const applyPatch = (written: JsonObject, patch: Patch | undefined, words: string): JsonObject => {
  if (patch === undefined) return written
  const isUnchanged = patch.was === undefined || patch.was === fingerprint(words)
  if (!isUnchanged) return { ...written, ...patch.add }
  const kept = Object.entries(written).filter(([key]) => patch.without?.includes(key) !== true)
  return { ...Object.fromEntries(kept), ...patch.instead, ...patch.add }
}

export const isSame = (a: unknown, b: unknown): boolean => isDeepStrictEqual(a, b)

const THOUGHT_BREAK = "\n\n"

export const joinThoughts = (thoughts: ReadonlyArray<string>): string => thoughts.join(THOUGHT_BREAK)

/** The texts of the reasoning again; undefined if it has changed, because no signature fits it then. */
export const splitThoughts = (
  reasoning: string | undefined,
  thoughts: Template["thoughts"]
): ReadonlyArray<string> | undefined => {
  if (thoughts === undefined) return []
  if (reasoning === undefined || fingerprint(reasoning) !== thoughts.was) return undefined
  let from = 0
  return thoughts.lengths.map((length) => {
    const thought = reasoning.slice(from, from + length)
    from += length + THOUGHT_BREAK.length
    return thought
  })
}

/** A call of a tool, as it stands in `tool_calls`. */
export interface Call {
  readonly id: string
  readonly name: string
  readonly input: string
  readonly isCustom: boolean
}

/** The call in `tool_calls` itself. */
export const makeCall = ({ id, input, isCustom, name }: Call): JsonObject =>
  isCustom
    ? { id, type: "custom", custom: { name, input } }
    : { id, type: "function", function: { name, arguments: input } }

/** The words of a message by kind: the parts of its content, its calls and its reasoning. */
export interface Words {
  readonly parts: ReadonlyArray<JsonObject>
  readonly calls: ReadonlyArray<Call>
  readonly reasoning: string | undefined
  /** The parts that came as files of text, from any format. */
  readonly documents: ReadonlySet<number>
}

export const wordsOf = (message: object): Words => {
  if (!isObject(message)) return { parts: [], calls: [], reasoning: undefined, documents: new Set() }
  const { audio, content, function_call: legacy, reasoning_content: reasoning, refusal, tool_calls: calls } = message
  const beside = [
    isString(refusal) && refusal !== "" ? { type: "refusal", refusal } : undefined,
    isObject(audio) && isString(audio.transcript) ? makeText(audio.transcript) : undefined,
    isObject(legacy) ? makeText(`${getString(legacy.name)}(${getString(legacy.arguments)})`) : undefined
  ].filter((part) => part !== undefined)
  const parts = [...partsOf(content), ...beside]
  return {
    parts,
    documents: findDocuments(message, parts),
    calls: Array.isArray(calls) ? calls.filter(isObject).map(readCall) : [],
    reasoning: isString(reasoning) && reasoning !== "" ? reasoning : undefined
  }
}

/** The form of a text that came as a file. Every format may read it, since it gives away no more than that. */
export const DOCUMENT = "document"

const findDocuments = (message: object, parts: ReadonlyArray<JsonObject>): ReadonlySet<number> => {
  const native = nativeOf(message)
  const slots = isTemplate(native) ? (native.slots ?? []) : []
  return new Set(
    slots.flatMap(({ form, part, was }) => {
      const words = part === undefined ? undefined : parts[part]
      const isDocument = words !== undefined && form?.startsWith(DOCUMENT) === true
      return isDocument && part !== undefined && was === fingerprint(textOfPart(words)) ? [part] : []
    })
  )
}

/** The parts of a content. Text is one part, empty text none. */
export const partsOf = (content: unknown): ReadonlyArray<JsonObject> => {
  if (isString(content)) return content === "" ? [] : [makeText(content)]
  return Array.isArray(content) ? content.filter(isObject) : []
}

export const makeText = (text: string): JsonObject => ({ type: "text", text })

const readCall = (call: JsonObject): Call => {
  const isCustom = call.type === "custom"
  const called = isCustom ? call.custom : call.function
  const { arguments: args, input, name } = isObject(called) ? called : {}
  return { id: getString(call.id), name: getString(name), input: getString(isCustom ? input : args), isCustom }
}

/** The words of a part or a call, to be fingerprinted. The id of a call is not of its words, since views rename ids. */
export const textOfPart = (part: JsonObject): string => JSON.stringify(part)
export const textOfCall = ({ input, name }: Call): string => `${name} ${input}`
