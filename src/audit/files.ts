/** Log files as one trail, block by block: plain or gzip, several in the order of their times. */
import { createReadStream } from "node:fs"
import { pipeline, Readable } from "node:stream"
import { StringDecoder } from "node:string_decoder"
import { createGunzip } from "node:zlib"
import { parseLine } from "./parseLine.ts"
import type { Line } from "./trail.ts"
import { systemErrorText } from "../message/systemErrorText.ts"

/** Lines of the trail, and how many lines there were for them. */
export interface Block {
  readonly lines: ReadonlyArray<Line>
  readonly of: number
}

/** A file that could not be read to its end. */
export class Unreadable extends Error {
  readonly file: string
  constructor(file: string, cause: unknown) {
    super(systemErrorText(cause), { cause })
    this.file = file
  }
}

/**
 * The blocks of all files. A rotated log is several files that follow each other, and processes that work side by side
 * may each have their own: the next line is the one of the earliest time, of equal ones that of the file begun first.
 */
export async function* blocks(files: ReadonlyArray<string>): AsyncGenerator<Block> {
  const cursors: Array<Cursor> = []
  for (const file of new Set(files)) {
    const cursor = new Cursor(blocksOf(file))
    yield { lines: [], of: await cursor.fill() }
    if (!cursor.isDone) cursors.push(cursor)
  }
  cursors.sort((a, b) => a.at - b.at)
  while (cursors.length > 0) {
    const [first, ...others] = cursors.toSorted((a, b) => a.at - b.at)
    if (first === undefined) return
    const lines = first.take(Math.min(...others.map(({ at }) => at)))
    yield { lines, of: await first.fill() }
    if (first.isDone) cursors.splice(cursors.indexOf(first), 1)
  }
}

/** Where the reading of a file stands; a line without a time has that of the one before it. */
class Cursor {
  at = -Infinity
  isDone = false
  private lines: ReadonlyArray<Line> = []
  private next = 0
  private readonly source: AsyncIterator<Block>

  constructor(source: AsyncIterator<Block>) {
    this.source = source
  }

  /** Reads on until there is a line to take; how many lines that took. */
  async fill(): Promise<number> {
    let read = 0
    while (this.next === this.lines.length && !this.isDone) {
      const { done, value } = await this.source.next()
      if (done === true) this.isDone = true
      else {
        this.lines = value.lines
        this.next = 0
        read += value.of
      }
    }
    this.look()
    return read
  }

  /** The lines at hand that are not later than `until`, one at least. */
  take(until: number): ReadonlyArray<Line> {
    const from = this.next
    do {
      this.next += 1
      this.look()
    } while (this.next < this.lines.length && this.at <= until)
    return this.lines.slice(from, this.next)
  }

  private look() {
    this.at = this.lines[this.next]?.at ?? this.at
  }
}

/** What is longer is no line of the trail, and is not kept. */
const LONGEST_LINE = 1 << 20

async function* blocksOf(file: string): AsyncGenerator<Block> {
  let rest = ""
  let line = 0
  const readLine = (text: string): ReadonlyArray<Line> => {
    line += 1
    const found = parseLine(text.endsWith("\r") ? text.slice(0, -1) : text, { file, line })
    return found === undefined ? [] : [found]
  }
  for await (const text of textOf(file)) {
    const texts = (rest + text).split("\n")
    const last = texts.pop() ?? ""
    rest = last.length > LONGEST_LINE ? last.slice(0, 1) : last
    yield { lines: texts.flatMap(readLine), of: texts.length }
  }
  if (rest !== "") yield { lines: readLine(rest), of: 1 }
}

async function* textOf(file: string): AsyncGenerator<string> {
  try {
    const decoder = new StringDecoder("utf8")
    for await (const bytes of unpacked(createReadStream(file, { highWaterMark: BLOCK }))) yield decoder.write(bytes)
  } catch (cause) {
    throw new Unreadable(file, cause)
  }
}

const BLOCK = 1 << 16

/** By what it begins with, not by its name. The file may be a pipe, of which the beginning is read once. */
async function* unpacked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const parts = source[Symbol.asyncIterator]()
  const first = await parts.next()
  if (first.done === true) return
  const whole = Readable.from(resumed(first.value, parts), { objectMode: false })
  const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b
  // An error of the file comes out of the reading below.
  yield* isGzip ? pipeline(whole, createGunzip({ chunkSize: BLOCK }), () => {}) : whole
}

async function* resumed(first: Buffer, parts: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first
  yield* { [Symbol.asyncIterator]: () => parts }
}
