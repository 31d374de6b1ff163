/** Reads log files block by block as one log: plain or gzip, the lines of several files in the order of their times. */
import { createReadStream } from "node:fs"
import { pipeline, Readable } from "node:stream"
import { StringDecoder } from "node:string_decoder"
import { createGunzip } from "node:zlib"
import { parseLine } from "./parseLine.ts"
import type { Line } from "./trail.ts"
import { systemErrorText } from "../message/systemErrorText.ts"

/** The lines about events, and how many lines were read to get them. */
export interface LineBlock {
  readonly lines: ReadonlyArray<Line>
  readonly lineCount: number
}

/** A file that could not be read to its end. */
export class UnreadableFile extends Error {
  readonly file: string
  constructor(file: string, cause: unknown) {
    super(systemErrorText(cause), { cause })
    this.file = file
  }
}

/**
 * Reads the blocks of all files. The files of a rotated log follow each other, and those of parallel processes overlap,
 * so the next line is the one with the earliest time. Of equal times, the file with the earlier first line comes first.
 */
export async function* readBlocks(files: ReadonlyArray<string>): AsyncGenerator<LineBlock> {
  const cursors: Array<FileCursor> = []
  for (const file of new Set(files)) {
    const cursor = new FileCursor(readBlocksOf(file))
    yield { lines: [], lineCount: await cursor.readOn() }
    if (!cursor.isDone) cursors.push(cursor)
  }
  cursors.sort((a, b) => a.at - b.at)
  while (cursors.length > 0) {
    const [first, ...others] = cursors.toSorted((a, b) => a.at - b.at)
    if (first === undefined) return
    const lines = first.takeUntil(Math.min(...others.map(({ at }) => at)))
    yield { lines, lineCount: await first.readOn() }
    if (first.isDone) cursors.splice(cursors.indexOf(first), 1)
  }
}

/** The position in a file. A line without a time takes the time of the line before it. */
class FileCursor {
  at = -Infinity
  isDone = false
  private lines: ReadonlyArray<Line> = []
  private next = 0
  private readonly source: AsyncIterator<LineBlock>

  constructor(source: AsyncIterator<LineBlock>) {
    this.source = source
  }

  /** Reads until there is a line to take, and returns how many lines were read. */
  async readOn(): Promise<number> {
    let read = 0
    while (this.next === this.lines.length && !this.isDone) {
      const { done, value } = await this.source.next()
      if (done === true) this.isDone = true
      else {
        this.lines = value.lines
        this.next = 0
        read += value.lineCount
      }
    }
    this.updateTime()
    return read
  }

  /** Takes the lines of the current block that are not later than `until`, at least one. */
  takeUntil(until: number): ReadonlyArray<Line> {
    const from = this.next
    do {
      this.next += 1
      this.updateTime()
    } while (this.next < this.lines.length && this.at <= until)
    return this.lines.slice(from, this.next)
  }

  private updateTime() {
    this.at = this.lines[this.next]?.at ?? this.at
  }
}

/** In characters. A longer line is not kept: no line about an event is so long. */
const LONGEST_LINE = 1 << 20

async function* readBlocksOf(file: string): AsyncGenerator<LineBlock> {
  let rest = ""
  let line = 0
  const readLine = (text: string): ReadonlyArray<Line> => {
    line += 1
    const found = parseLine(text.endsWith("\r") ? text.slice(0, -1) : text, { file, line })
    return found === undefined ? [] : [found]
  }
  for await (const text of readText(file)) {
    const texts = (rest + text).split("\n")
    const last = texts.pop() ?? ""
    rest = last.length > LONGEST_LINE ? last.slice(0, 1) : last
    yield { lines: texts.flatMap(readLine), lineCount: texts.length }
  }
  if (rest !== "") yield { lines: readLine(rest), lineCount: 1 }
}

async function* readText(file: string): AsyncGenerator<string> {
  try {
    const decoder = new StringDecoder("utf8")
    for await (const bytes of unpackIfGzip(createReadStream(file, { highWaterMark: BLOCK }))) yield decoder.write(bytes)
  } catch (cause) {
    throw new UnreadableFile(file, cause)
  }
}

const BLOCK = 1 << 16

/** Unpacks a file that begins with the bytes of gzip. The file can be a pipe, whose first bytes are read only once. */
async function* unpackIfGzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (first.done === true) return
  const whole = Readable.from(prependChunk(first.value, chunks), { objectMode: false })
  const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b
  // An error of the file is thrown by reading the pipeline's result.
  yield* isGzip ? pipeline(whole, createGunzip({ chunkSize: BLOCK }), () => {}) : whole
}

async function* prependChunk(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first
  yield* { [Symbol.asyncIterator]: () => rest }
}
