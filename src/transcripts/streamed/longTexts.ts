/**
 * Leaves the long texts of a file on the disk. What decides a conversation are ids, parents, roles and the beginnings of
 * texts: a reader gets lines whose long texts are shortened, and each message is made of the whole ones when it is taken.
 */
import { createHash, randomBytes } from "node:crypto"
import * as Either from "effect/Either"
import { isObject, type JsonObject } from "../../format/json.ts"
import type * as Message from "../../message/Message.ts"
import { parseExactly } from "../exactJson.ts"
import type { MakeMessages, Tolerance } from "../rows.ts"
import { LineChanged } from "./lineFile.ts"
import { DigestNumbers } from "./digestNumbers.ts"
import { Packed } from "./packed.ts"

/** Returns what of a line its reader looks at. */
export type Outline = (value: JsonObject) => JsonObject

/** A longer text is shortened to its beginning, by which readers know what an agent says in the name of its user. */
const LONGEST_TEXT = 160
const BEGINNING = 64

/** The digits of the number of a text. */
const DIGITS = 7
const RADIX = 36

/** Texts of so many characters, of so many lines that were read last, stay in memory: replies have several lines. */
const MOST_KEPT = 100_000
const MOST_LINES = 64

/** So many short texts are looked at to find an equal one. */
const MOST_SHARED = 1_000

/** How messages are made of objects again, and what they are with short texts. `maker` is the number of what makes them. */
interface Recipe {
  readonly source: ReadonlyArray<JsonObject>
  readonly maker: number
  readonly messages: ReadonlyArray<Message.Message>
}

/** Nobody is told the place: messages cannot be made again only if their line has changed. */
const NOWHERE = { file: "", line: null }

export class LongTexts {
  readonly #readLine: (line: number) => string
  /** Opens the number of a text. Nothing in a file can have been written with it. */
  readonly #mark = `\u0001${randomBytes(9).toString("base64url")}`
  /** Equal texts are equal when they are shortened. */
  #numbers = new DigestNumbers()
  /** Of each number the line, and which of the long texts of the line it is. */
  readonly #places: Array<number> = []
  #recipes = new Packed<Recipe>()
  readonly #makers: Array<MakeMessages> = []
  /** The numbers of recipes by what they make, if equal messages must be equal. */
  #known: Map<string, number> | undefined
  /** The lines whose texts were read last, oldest first. */
  readonly #kept: Array<{ readonly line: number; readonly texts: ReadonlyArray<string> }> = []
  #size = 0
  readonly #recent = new Map<string, string>()
  #outline: Outline = (value) => value
  #outlineFrom = Infinity

  /**
   * Notes how to make messages of the whole texts. A reader gets others in their place, of the same roles, which say only
   * the number of that; of equal messages they are equal if there are branches to compare.
   */
  readonly make: Tolerance["make"] = (source, make, place) =>
    Either.map(make(source, place), (messages) => {
      if (messages.length === 0) return messages
      const number = this.#note({ source, maker: this.#numberMaker(make), messages })
      return messages.map(({ role }) => standIn(role, String(number)))
    })

  constructor(readLine: (line: number) => string) {
    this.#readLine = readLine
  }

  /** From this line on, only what `outline` returns is kept. */
  cutTo(outline: Outline, line: number): void {
    this.#outline = outline
    this.#outlineFrom = line
  }

  /** Shortens the long texts of a line. */
  shorten(value: JsonObject, line: number): JsonObject {
    let index = 0
    return mapTexts(this.#cut(value, line), (text) => {
      const core = text.trim()
      if (core.length <= LONGEST_TEXT) return this.#share(text)
      const number = this.#number(core, line, index++)
      const named = this.#mark + number.toString(RADIX).padStart(DIGITS, "0")
      return copyText(startOf(text) + cutText(core) + named + endOf(text))
    })
  }

  /** Call it when all lines are read: only their readers compare texts. */
  forgetDigests(): void {
    this.#numbers = new DigestNumbers()
  }

  /** Call it before lines are read, perhaps once more. */
  forgetMessages(hasBranches: boolean): void {
    this.#recipes = new Packed()
    this.#known = hasBranches ? new Map() : undefined
  }

  /** The messages of a conversation, made of the whole texts. Throws `LineChanged`. */
  *restore(standIns: ReadonlyArray<Message.Message>): Generator<Message.Message> {
    for (const recipe of this.#findRecipes(standIns)) yield* this.#remake(recipe)
  }

  /** The messages of a conversation with their short texts. */
  *outline(standIns: ReadonlyArray<Message.Message>): Generator<Message.Message> {
    for (const { messages } of this.#findRecipes(standIns)) yield* messages
  }

  *#findRecipes(standIns: ReadonlyArray<Message.Message>): Generator<Recipe> {
    for (let index = 0; index < standIns.length;) {
      const recipe = this.#recipes.get(Number(standIns[index]?.content))
      yield recipe
      index += recipe.messages.length
    }
  }

  #remake({ maker, messages, source }: Recipe): ReadonlyArray<Message.Message> {
    const make = this.#makers[maker]
    const whole = source.map((value) => mapTexts(value, (text) => this.restoreText(text)))
    const made = make === undefined ? Either.right([]) : make(whole, NOWHERE)
    if (Either.isLeft(made) || made.right.length !== messages.length) throw new LineChanged()
    return made.right
  }

  #numberMaker(make: MakeMessages): number {
    const known = this.#makers.indexOf(make)
    return known < 0 ? this.#makers.push(make) - 1 : known
  }

  #note(recipe: Recipe): number {
    if (this.#known === undefined) return this.#recipes.push(recipe)
    const digest = digestOf(JSON.stringify(recipe.messages))
    const number = this.#known.get(digest) ?? this.#recipes.push(recipe)
    this.#known.set(digest, number)
    return number
  }

  /** A text as it was before it was shortened, or of several that were. Throws `LineChanged`. */
  restoreText(shortened: string): string {
    let text = shortened
    for (let at = text.indexOf(this.#mark); at >= 0; at = text.indexOf(this.#mark, at)) {
      const end = at + this.#mark.length + DIGITS
      const core = this.#readText(Number.parseInt(text.slice(end - DIGITS, end), RADIX))
      const beginning = cutText(core)
      const before = text.slice(0, at)
      if (!before.endsWith(beginning)) throw new LineChanged()
      text = before + core.slice(beginning.length) + text.slice(end)
    }
    return text
  }

  #readText(number: number): string {
    const [line = 0, index = 0, length = 0] = this.#places.slice(number * 3, number * 3 + 3)
    const core = this.#readTexts(line)[index]
    if (core?.length !== length) throw new LineChanged()
    return core
  }

  /** The long texts of a line. */
  #readTexts(line: number): ReadonlyArray<string> {
    const known = this.#kept.findLast((kept) => kept.line === line)
    if (known !== undefined) return known.texts
    const value = parseExactly(this.#readLine(line))?.value
    if (!isObject(value)) throw new LineChanged()
    const texts: Array<string> = []
    mapTexts(this.#cut(value, line), (text) => {
      const core = text.trim()
      if (core.length > LONGEST_TEXT) texts.push(core)
      return text
    })
    this.#keep(line, texts)
    return texts
  }

  #keep(line: number, texts: ReadonlyArray<string>): void {
    this.#kept.push({ line, texts })
    this.#size += sumLengths(texts)
    while (this.#kept.length > 1 && (this.#size > MOST_KEPT || this.#kept.length > MOST_LINES)) {
      this.#size -= sumLengths(this.#kept.shift()?.texts ?? [])
    }
  }

  /** The same id stands in several lines that follow each other, and is kept once. */
  #share(text: string): string {
    const known = this.#recent.get(text)
    if (known !== undefined) return known
    if (this.#recent.size >= MOST_SHARED) this.#recent.clear()
    this.#recent.set(text, text)
    return text
  }

  #cut(value: JsonObject, line: number): JsonObject {
    return line >= this.#outlineFrom ? this.#outline(value) : value
  }

  #number(core: string, line: number, index: number): number {
    const next = this.#places.length / 3
    const number = this.#numbers.number(core, next)
    if (number === next) this.#places.push(line, index, core.length)
    return number
  }
}

/** 132 bits. */
const DIGEST = 22

const digestOf = (text: string): string =>
  createHash("sha256").update(text, "utf16le").digest("base64").slice(0, DIGEST)

const standIn = (role: Message.Message["role"], content: string): Message.Message =>
  role === "tool" ? { role, tool_call_id: "", content } : { role, content }

const sumLengths = (texts: ReadonlyArray<string>): number => texts.reduce((sum, { length }) => sum + length, 0)

const startOf = (text: string): string => text.slice(0, text.length - text.trimStart().length)
const endOf = (text: string): string => text.slice(text.trimEnd().length)

/** The beginning of a text, which does not end within a character. */
const cutText = (text: string): string => {
  const code = text.charCodeAt(BEGINNING - 1)
  return text.slice(0, code >= 0xd800 && code <= 0xdbff ? BEGINNING - 1 : BEGINNING)
}

/** A copy of its own: V8 keeps the whole of a text for as long as a piece of it is there. */
const copyText = (text: string): string => JSON.parse(JSON.stringify(text))

/** A copy of a value with other texts in it. */
const mapTexts = (value: JsonObject, map: (text: string) => string): JsonObject => {
  const mapValue = (value: unknown): unknown => {
    if (typeof value === "string") return map(value)
    if (Array.isArray(value)) return value.map(mapValue)
    return isObject(value) ? mapTexts(value, map) : value
  }
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, mapValue(field)]))
}
