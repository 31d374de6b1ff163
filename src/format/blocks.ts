/** Takes the blocks of a foreign message apart into the words of a chat message, and puts them together again. */
import { getString, isString, type JsonObject } from "./json.ts"
import { readDescription } from "./media.ts"
import {
  applyPatch,
  DOCUMENT,
  type Call,
  fingerprint,
  isSame,
  joinThoughts,
  makeCall,
  makePatch,
  makeText,
  type Slot,
  splitThoughts,
  type Template,
  textOfCall,
  textOfPart,
  type Words
} from "./template.ts"

/**
 * What a block is in a chat message: a part, a call, thoughts, or blocks within it. `standIn` describes a block that chat
 * messages cannot hold; `names` is the id of the call that it is about. `form` asks the writer for another way to write
 * it, and `whole` for one that holds only as long as the words are the same. `beside` are words that the block has beside
 * these.
 */
export type Piece =
  | { readonly part: JsonObject; readonly form?: string | undefined; readonly beside?: string | undefined }
  | { readonly call: Call; readonly form?: string; readonly whole?: string; readonly beside?: string | undefined }
  | { readonly thoughts: ReadonlyArray<ReadonlyArray<string>> }
  | { readonly blocks: ReadonlyArray<JsonObject>; readonly form?: string | undefined }
  | { readonly standIn: string; readonly names?: unknown }
  | { readonly isWordless: true }

/** Writes the blocks of a format. */
export interface Dialect {
  readonly read: (block: JsonObject) => Piece
  /** Writes one part; undefined for one that cannot be sent, such as blank text. */
  readonly writePart: (part: JsonObject, form?: string) => JsonObject | undefined
  readonly writeCall: (call: Call, form?: string) => JsonObject
  /** The field in which a block names a call. */
  readonly idField?: string
  /** The words of a call, if there are more of them than its own. */
  readonly textOfCall?: (call: Call) => string
  /** Writes thoughts of the texts given, by kind. */
  readonly writeThought: (texts: ReadonlyArray<ReadonlyArray<string>>) => JsonObject
  /** Writes reasoning that comes from elsewhere. */
  readonly writeReasoning: (reasoning: string) => ReadonlyArray<JsonObject>
  /** Returns true for a raw block that is only valid beside the unchanged thoughts. */
  readonly isBoundToThoughts: (raw: JsonObject) => boolean
  /** Returns true if thoughts may go back with other words than they came with. */
  readonly canChangeThoughts: boolean
  /** The dialect within blocks that hold blocks, and how these are written. */
  readonly inner?: Dialect
  readonly writeBlocks?: (blocks: ReadonlyArray<JsonObject>, form?: string) => JsonObject
}

/** The words of blocks, and the slots that put the blocks together again. */
export interface Taken {
  readonly parts: ReadonlyArray<JsonObject>
  readonly calls: ReadonlyArray<Call>
  readonly thoughts: ReadonlyArray<string>
  readonly slots: ReadonlyArray<Slot>
}

export const takeApart = (dialect: Dialect, blocks: ReadonlyArray<JsonObject>): Taken => {
  const parts: Array<JsonObject> = []
  const calls: Array<Call> = []
  const thoughts: Array<string> = []
  const takeBeside = (part: JsonObject) => ({ part: parts.push(part) - 1, was: fingerprint(textOfPart(part)) })
  const take = (dialect: Dialect, block: JsonObject): Slot => {
    const piece = dialect.read(block)
    if ("isWordless" in piece) return { raw: block }
    if ("blocks" in piece) {
      const inner = dialect.inner ?? dialect
      const slots = piece.blocks.map((block) => take(inner, block))
      const written = dialect.writeBlocks?.(putSlots(inner, { parts, calls, thoughts }, slots), piece.form) ?? {}
      return { blocks: slots, ...withForm(piece.form), ...makePatch(written, block, "") }
    }
    if ("thoughts" in piece) {
      const thought = [thoughts.length, ...piece.thoughts.map((texts) => texts.length)]
      thoughts.push(...piece.thoughts.flat())
      return { thought, ...makePatch(dialect.writeThought(piece.thoughts), block, "") }
    }
    const beside = "beside" in piece && piece.beside !== undefined && piece.beside !== "" ? piece.beside : undefined
    const about = beside === undefined ? {} : { beside: takeBeside(makeText(beside)) }
    if ("call" in piece) {
      const words = (dialect.textOfCall ?? textOfCall)(piece.call)
      const slot = { call: calls.push(piece.call) - 1, ...about, ...withForm(piece.form) }
      const { whole } = piece
      if (whole === undefined) return { ...slot, ...makePatch(dialect.writeCall(piece.call, piece.form), block, words) }
      return {
        ...slot,
        whole,
        ...makePatch(dialect.writeCall(piece.call, whole), block, words),
        was: fingerprint(words)
      }
    }
    if ("standIn" in piece) {
      const part = makeText(piece.standIn)
      const words = textOfPart(part)
      const names = piece.names === undefined ? -1 : calls.findLastIndex(({ id }) => id === piece.names)
      return {
        part: parts.push(part) - 1,
        whole: DESCRIBED,
        ...makePatch(readDescription(piece.standIn), block, words),
        was: fingerprint(words),
        ...(names >= 0 && { names })
      }
    }
    const words = textOfPart(piece.part)
    const slot = { part: parts.push(piece.part) - 1, ...about }
    const written = dialect.writePart(piece.part, piece.form)
    if (written === undefined) return { ...slot, raw: block, was: fingerprint(words) }
    const isDocument = piece.form?.startsWith(DOCUMENT) === true
    const patch = makePatch(written, block, words)
    return { ...slot, ...withForm(piece.form), ...patch, ...(isDocument && { was: fingerprint(words) }) }
  }
  const slots = blocks.map((block) => take(dialect, block))
  return { parts, calls, thoughts, slots }
}

/** The form of a stand-in. Its block is read from the words again, so that no word is stored or counted twice. */
const DESCRIBED = "described"

const withForm = (form: string | undefined) => (form === undefined ? {} : { form })

/** The things that slots refer to. Thoughts are undefined if they have changed. */
interface Referents {
  readonly parts: ReadonlyArray<JsonObject>
  readonly calls: ReadonlyArray<Call>
  readonly thoughts: ReadonlyArray<string> | undefined
  readonly reasoning?: string | undefined
}

const putSlots = (dialect: Dialect, referents: Referents, slots: ReadonlyArray<Slot>): ReadonlyArray<JsonObject> =>
  slots.map((slot) => putSlot(dialect, referents, slot)).filter((block) => block !== undefined)

const putSlot = (dialect: Dialect, referents: Referents, slot: Slot): JsonObject | undefined => {
  const { blocks, call, form, part, raw, thought, was, whole } = slot
  if (blocks !== undefined) {
    const filled = putSlots(dialect.inner ?? dialect, referents, blocks)
    if (filled.length === 0 && blocks.length > 0) return undefined
    const written = dialect.writeBlocks?.(filled, form)
    return written && applyPatch(written, slot, "")
  }
  if (thought !== undefined) return putThought(dialect, referents, slot, thought)
  if (call !== undefined) {
    const words = referents.calls[call]
    if (words === undefined) return undefined
    const text = (dialect.textOfCall ?? textOfCall)(words)
    if (whole !== undefined && was !== fingerprint(text)) return dialect.writeCall(words)
    return applyPatch(dialect.writeCall(words, whole ?? form), slot, text)
  }
  if (part !== undefined) {
    const words = referents.parts[part]
    if (words === undefined) return undefined
    const isSameText = was === fingerprint(textOfPart(words))
    if (raw !== undefined && isSameText) return raw
    if (whole !== undefined) return isSameText ? putWhole(dialect, referents, slot, words) : dialect.writePart(words)
    const written = dialect.writePart(words, form)
    return written && (raw === undefined ? applyPatch(written, slot, textOfPart(words)) : written)
  }
  const isStale = raw !== undefined && referents.thoughts === undefined && dialect.isBoundToThoughts(raw)
  return isStale ? undefined : raw
}

/** A view may have renamed the call that the block is about, or have left it out. */
const putWhole = (
  { idField }: Dialect,
  { calls }: Referents,
  slot: Slot,
  words: JsonObject
): JsonObject | undefined => {
  const block = applyPatch(readDescription(getString(words.text)), slot, textOfPart(words))
  if (slot.names === undefined || idField === undefined) return block
  const call = calls[slot.names]
  return call && { ...block, [idField]: call.id }
}

const putThought = (
  dialect: Dialect,
  { reasoning, thoughts }: Referents,
  slot: Slot,
  [first = 0, ...counts]: ReadonlyArray<number>
): JsonObject | undefined => {
  if (thoughts === undefined && !dialect.canChangeThoughts) return undefined
  let from = first
  const texts = counts.map((count, kind) => {
    // Changed reasoning can no longer be told apart: the first block gets all of it.
    if (thoughts === undefined) return first === 0 && kind === 0 && reasoning !== undefined ? [reasoning] : []
    from += count
    return thoughts.slice(from - count, from)
  })
  return applyPatch(dialect.writeThought(texts), slot, "")
}

/** Puts the blocks of a message together: by its slots if it has any, and what no slot refers to at the end. */
export const putTogether = (
  dialect: Dialect,
  { calls, documents, parts, reasoning }: Words,
  template: Template | undefined
): ReadonlyArray<JsonObject> => {
  const slots = template?.slots
  if (slots === undefined) {
    const thoughts = reasoning === undefined ? [] : dialect.writeReasoning(reasoning)
    return [...thoughts, ...writeParts(dialect, parts, documents), ...calls.map((call) => dialect.writeCall(call))]
  }
  const thoughts = splitThoughts(reasoning, template?.thoughts)
  const places = slots.flatMap((slot) => [slot, ...(slot.blocks ?? [])])
  // Words beside a block are written if they have changed, or if the block is gone.
  const hasBeside = ({ beside, call, part }: Slot): boolean => {
    const words = beside && parts[beside.part]
    const isThere = call === undefined ? part === undefined || part < parts.length : call < calls.length
    return words !== undefined && isThere && fingerprint(textOfPart(words)) === beside?.was
  }
  const usedParts = new Set(places.flatMap((slot) => (hasBeside(slot) ? [slot.part, slot.beside?.part] : [slot.part])))
  const usedCalls = new Set(places.map(({ call }) => call))
  return [
    ...putSlots(dialect, { parts, calls, thoughts, reasoning }, slots),
    ...writeParts(
      dialect,
      parts.filter((_, i) => !usedParts.has(i)),
      new Set()
    ),
    ...calls.filter((_, i) => !usedCalls.has(i)).map((call) => dialect.writeCall(call))
  ]
}

const writeParts = (
  dialect: Dialect,
  parts: ReadonlyArray<JsonObject>,
  documents: Words["documents"]
): ReadonlyArray<JsonObject> => {
  const { inner = dialect, writeBlocks } = dialect
  const blocks = parts
    .map((part, i) => inner.writePart(part, documents.has(i) ? DOCUMENT : undefined))
    .filter((block) => block !== undefined)
  return writeBlocks === undefined || blocks.length === 0 ? blocks : [writeBlocks(blocks)]
}

/** The slots and thoughts of a template, if the encoder would not write these blocks by itself. */
export const keepSlots = (
  dialect: Dialect,
  taken: Taken,
  blocks: ReadonlyArray<JsonObject>
): Pick<Template, "slots" | "thoughts"> => {
  const reasoning = reasoningOf(taken)
  if (isSame(putTogether(dialect, { ...taken, reasoning, documents: new Set() }, undefined), blocks)) return {}
  if (reasoning === undefined) return { slots: taken.slots }
  const lengths = taken.thoughts.map(({ length }) => length)
  return { slots: taken.slots, thoughts: { lengths, was: fingerprint(reasoning) } }
}

const reasoningOf = ({ thoughts }: Taken): string | undefined => {
  const reasoning = joinThoughts(thoughts)
  return reasoning === "" ? undefined : reasoning
}

/** The fields of an assistant's chat message. A single text is plain text. */
export const assistantFields = (taken: Taken): JsonObject => {
  const reasoning = reasoningOf(taken)
  return {
    content: taken.parts.length === 0 ? null : simplify(taken.parts),
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
    ...(taken.calls.length > 0 && { tool_calls: taken.calls.map(makeCall) })
  }
}

/** A single text as plain text. */
export const simplify = (parts: ReadonlyArray<JsonObject>): string | ReadonlyArray<JsonObject> => {
  const [first] = parts
  return parts.length === 1 && first?.type === "text" && isString(first.text) ? first.text : parts
}

/** Blocks as text where there is a single one that is only a text, and that is asked for. */
export const shapeContent = (
  blocks: ReadonlyArray<JsonObject>,
  isText: boolean
): string | ReadonlyArray<JsonObject> => {
  if (!isText) return blocks
  if (blocks.length === 0) return ""
  const [first] = blocks
  return blocks.length === 1 && first !== undefined && Object.keys(first).length === 2 && isString(first.text)
    ? first.text
    : blocks
}
