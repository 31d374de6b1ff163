/**
 * Removes secrets from text: API keys, tokens, passwords, private keys. Text that merely looks random (hashes, ids,
 * UUIDs, paths, images) stays, unless its name says that it is a secret.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Message from "./Message.ts"
import { hasPlaces, redact } from "./secrets.ts"

export { redact, redactReadable } from "./secrets.ts"

/**
 * The message with every text in it redacted: words, calls, and fields of a server's own; the same object if nothing
 * changed. Images, audio and files stay. `native` is left out, since it may hold any of the words again.
 *
 * @since 0.1.0
 * @category combinators
 */
export const redactMessage = (message: Message.Message): Message.Message =>
  mapFields(withoutNative(message), redactField)

const withoutNative = (message: Message.Message): Message.Message => {
  if (message.native === undefined && message[Message.Native] === undefined) return message
  const { native: _stored, [Message.Native]: _shown, ...rest } = message
  return rest
}

type ChangeField = (value: unknown, key: string) => unknown

/** A copy with the fields that `change` changes; the same object if there are none. */
const mapFields = <A extends object>(of: A, change: ChangeField): A => {
  const changed = Object.entries(of).flatMap(([key, value]) => {
    const redacted = change(value, key)
    return redacted === value ? [] : [[key, redacted] as const]
  })
  return changed.length === 0 ? of : { ...of, ...Object.fromEntries(changed) }
}

const redactField: ChangeField = (value, key) => {
  if (key === "role" || key === "tool_call_id") return value
  if (key === "content") return Array.isArray(value) ? mapChanged(value, redactPart) : redactText(value)
  if (key === "tool_calls") return Array.isArray(value) ? mapChanged(value, redactCall) : value
  return redactValue(value, key)
}

const redactPart = (part: unknown): unknown =>
  Predicate.isRecord(part)
    ? mapFields(part, (value, key) =>
        PART_DATA.has(key) ? value : key === "text" ? redactText(value) : redactValue(value, key)
      )
    : part

/** The data of images, audio and files, and the name of a part's kind. */
const PART_DATA: ReadonlySet<string> = new Set(["type", "image_url", "input_audio", "file"])

const redactCall = (call: unknown): unknown =>
  Predicate.isRecord(call) ? mapFields(call, (value, key) => (key === "id" ? value : redactValue(value, key))) : call

const redactText = (value: unknown): unknown => (typeof value === "string" ? redact(value) : value)

const redactValue: ChangeField = (value, key) => {
  if (typeof value === "string") return redactNamedText(key, redact(value))
  if (Array.isArray(value)) return mapChanged(value, (item) => redactValue(item, key))
  return Predicate.isRecord(value) ? mapFields(value, redactValue) : value
}

/** Some secrets are known by the name of their field alone, as they are in JSON. */
const redactNamedText = (key: string, value: string): string => {
  if (value.length > LONGEST_NAMED || !hasPlaces(key)) return value
  const text = JSON.stringify({ [key]: value })
  const redacted = redact(text)
  if (redacted === text) return value
  const [named] = Object.values(Option.getOrElse(parseFields(redacted), () => ({})))
  return typeof named === "string" ? named : "[redacted secret]"
}

const parseFields = Option.liftThrowable((text: string): { [key: string]: unknown } => JSON.parse(text))

/** No password is longer. */
const LONGEST_NAMED = 1_000

const mapChanged = (items: ReadonlyArray<unknown>, change: (item: unknown) => unknown): ReadonlyArray<unknown> => {
  const changed = items.map(change)
  return changed.some((item, i) => item !== items[i]) ? changed : items
}
