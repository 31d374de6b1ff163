/** Delivers the messages of prompts to a session, each once, though every prompt repeats all before it. */
import { createHash, type Hash } from "node:crypto"
import { isObject, isString, type JsonObject, listObjects } from "../format/json.ts"
import { IdempotencyConflict, type Sessions } from "../promise/Promise.ts"
import { readItems } from "./prompt.ts"

/** Delivers what is new of a prompt. */
export type RecordPrompt = (
  sessionId: string,
  items: ReadonlyArray<JsonObject>,
  signal: AbortSignal | undefined
) => Promise<void>

/** The sessions of which is remembered what was delivered. The store knows of all others. */
const MOST_REMEMBERED = 10_000

export const makeRecorder = (sessions: Sessions): RecordPrompt => {
  const delivered = new Map<string, { readonly count: number; readonly key: string | undefined }>()
  const deliver = async (sessionId: string, item: JsonObject, key: string | undefined, signal?: AbortSignal) => {
    const kind = item.role === "user" ? "request" : "notification"
    for (const [i, message] of readItems([item]).entries()) {
      const keyOfMessage = `ai-sdk:${key}:${i}`
      await sessions.deliver(sessionId, message, { key: keyOfMessage, kind, signal }).catch(ignoreConflict)
    }
  }
  return async (sessionId, items, signal) => {
    const before = delivered.get(sessionId)
    const after = nameItems(items, (before?.count ?? 0) - 1)
    const isGrown = before !== undefined && after[before.count - 1] === before.key
    const keys = isGrown ? after : nameItems(items, 0)
    const known = isGrown ? before.count : 0
    for (const [i, item] of items.entries()) if (i >= known) await deliver(sessionId, item, keys[i], signal)
    delivered.delete(sessionId)
    delivered.set(sessionId, { count: items.length, key: keys.at(-1) })
    const [oldest] = delivered.keys()
    if (delivered.size > MOST_REMEMBERED && oldest !== undefined) delivered.delete(oldest)
  }
}

/** The same message may come in another form: from the steps of a call, and later from what the program has stored. */
const ignoreConflict = (error: unknown): void => {
  if (!(error instanceof IdempotencyConflict)) throw error
}

/** Names each message, from the first on that is asked for, by what it says and by all that comes before it. */
const nameItems = (items: ReadonlyArray<JsonObject>, first: number): ReadonlyArray<string | undefined> => {
  const hash = createHash("sha256")
  return items.map((item, i) => {
    addWords(hash, item)
    return i < first ? undefined : hash.copy().digest("base64url")
  })
}

/** Adds what every form of a message has: the ids of calls and results; of others, words and files. */
const addWords = (hash: Hash, { content, role }: JsonObject): void => {
  const parts = listObjects(content)
  const ids = parts.flatMap(({ toolCallId }) => (isString(toolCallId) ? [toolCallId] : []))
  const words = isString(content) ? [content] : parts.flatMap(({ data, text, type }) => (type === "text" ? text : data))
  hash.update(`\n${String(role)}`)
  for (const value of ids.length > 0 ? ids : words) addValue(hash, value)
}

const addValue = (hash: Hash, value: unknown): void => {
  const own = isObject(value) && "type" in value ? (value.data ?? value.url ?? value.text ?? value.reference) : value
  if (own === undefined) return
  hash.update("\0")
  hash.update(isString(own) || own instanceof Uint8Array ? own : JSON.stringify(own))
}
