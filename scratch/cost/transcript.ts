/** A transcript as the price simulator reads it: its messages, and the words that each answer takes from before. */
import { Either } from "effect"
import { readFileSync } from "node:fs"
import * as Message from "../../src/message/Message.ts"
import { estimate } from "../../src/message/Tokens.ts"
import { parse } from "../../src/transcripts/Transcripts.ts"

/** What a cache keeps or loses as a whole: a message, or a part of its content. */
export interface Unit {
  readonly key: string
  readonly tokens: number
  readonly words: ReadonlySet<string>
}

/** Rare words that an answer uses, by the `seq` of the answer: last seen long before it, or a few messages before it. */
export interface Needs {
  readonly far: ReadonlyMap<number, ReadonlyArray<string>>
  readonly near: ReadonlyMap<number, ReadonlyArray<string>>
}

/** Which words tell: those that occur more than once, and still in few messages. */
export interface Rarity {
  readonly isRare: (word: string) => boolean
}

export interface Transcript extends Rarity {
  readonly name: string
  readonly messages: ReadonlyArray<Message.Message>
  readonly units: ReadonlyArray<Unit>
  readonly tokens: number
  readonly needs: Needs
}

/** Reads a file in any format that the library imports. Of several sessions it takes the longest, or all as one. */
export const read = (file: string, isJoined = false): Transcript => {
  const { sessions } = Either.getOrThrow(parse(readFileSync(file, "utf8"), { file, format: "auto" }))
  const all = sessions.map(({ messages }) => messages)
  const messages = isJoined ? all.flat() : (all.sort((a, b) => b.length - a.length)[0] ?? [])
  const units = messages.map(unitOf)
  const isRare = rareWords(units)
  const name = file.split("/").at(-1) ?? file
  const tokens = units.reduce((sum, { tokens }) => sum + tokens, 0)
  return { name, messages, units, tokens, needs: needsOf(messages, units, isRare), isRare }
}

const wordsIn = (text: string): ReadonlySet<string> =>
  new Set((text.match(/[A-Za-z_$][\w$.-]{4,}/g) ?? []).map((word) => word.replace(/[.-]+$/, "").toLowerCase()))

/** The rare words of a text, for those who write summaries. */
export const rareIn = (text: string, { isRare }: Rarity): ReadonlyArray<string> => [...wordsIn(text)].filter(isRare)

const makeUnit = (key: string, tokens: number): Unit => ({ key, tokens, words: wordsIn(key) })

export const textUnit = (text: string): Unit => makeUnit(text, estimate.text(text) + 4)

const cache = new WeakMap<Message.Message, Unit>()

/** A whole message. */
export const unitOf = (message: Message.Message): Unit => {
  const calls = Message.toolCalls(message).map(
    (call) => `\n${call.id} ${Message.callName(call)} ${Message.callInput(call)}`
  )
  const answered = message.role === "tool" ? message.tool_call_id : ""
  const unit =
    cache.get(message) ??
    makeUnit(`${message.role}\n${Message.text(message)}${calls.join("")}${answered}`, estimate.message(message))
  cache.set(message, unit)
  return unit
}

/** The parts of a message that a cache can keep on their own. */
export const unitsOf = (message: Message.Message): ReadonlyArray<Unit> => {
  if (message.role !== "user" || Message.parts(message).length < 2) return [unitOf(message)]
  return Message.parts(message).map((part) => unitOf(Message.withContent(message, [part])))
}

const rareWords = (units: ReadonlyArray<Unit>) => {
  const counts = new Map<string, number>()
  for (const { words } of units) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return (word: string) => {
    const count = counts.get(word) ?? 0
    return count >= 2 && count <= Math.max(3, 0.03 * units.length)
  }
}

/** Far is more than 20 messages before, near 5 to 20 of them. */
const needsOf = (
  messages: ReadonlyArray<Message.Message>,
  units: ReadonlyArray<Unit>,
  isRare: (word: string) => boolean
): Needs => {
  const far = new Map<number, ReadonlyArray<string>>()
  const near = new Map<number, ReadonlyArray<string>>()
  const last = new Map<string, number>()
  for (const [i, { words }] of units.entries()) {
    if (messages[i]?.role === "assistant") {
      const distances = [...words].filter(isRare).map((word) => [word, i - (last.get(word) ?? i)] as const)
      const between = (least: number, most: number) =>
        distances.flatMap(([word, distance]) => (distance >= least && distance <= most ? [word] : []))
      far.set(i + 1, between(21, Infinity))
      near.set(i + 1, between(5, 20))
    }
    for (const word of words) last.set(word, i)
  }
  return { far, near }
}
