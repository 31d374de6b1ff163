/** A file of lines: read once in pieces, while noting where each line begins, so that any line can be read again. */
import { constants, isUtf8 } from "node:buffer"
import { type BigIntStats, closeSync, fstatSync, openSync, readSync } from "node:fs"
import { crc32 } from "node:zlib"
import type { Steps } from "../rows.ts"
import type { Line } from "../salvage.ts"

/** A line is longer than a text can be. */
export class LineTooLong extends Error {}

/** A line does not hold any more what it held when it was read first, or is gone. */
export class LineChanged extends Error {}

const BREAK = 0x0a
const BYTE_ORDER_MARK = Buffer.from("\uFEFF")

export class LineFile {
  /** In bytes, as the file was opened. What is added to it later is not read. */
  readonly size: number
  readonly #descriptor: number
  readonly #piece: number
  /** Where each line begins that has been read, and where the next one does. */
  readonly #starts: Array<number>
  /** The checksum of each line that has been read, without its break. */
  readonly #checksums: Array<number> = []
  /** The file when it was last known to hold the lines that have been read. */
  #confirmed: BigIntStats
  #hasEnded = false

  /** `piece` is the number of bytes to read at a time. */
  constructor(file: string, piece: number) {
    this.#descriptor = openSync(file, "r")
    this.#confirmed = this.#stat()
    this.size = Number(this.#confirmed.size)
    this.#piece = piece
    const opening = this.#read(0, Math.min(BYTE_ORDER_MARK.length, this.size))
    this.#starts = [opening.equals(BYTE_ORDER_MARK) ? opening.length : 0]
  }

  /** The number of bytes that have been read as lines. */
  get position(): number {
    return this.#starts.at(-1) ?? 0
  }

  /** Reads the next lines, at least one; none at the end of the file. */
  readNext(): ReadonlyArray<Line> {
    if (this.#hasEnded) return []
    const pieces: Array<Buffer> = []
    const start = this.position
    for (let length = 0; ;) {
      const piece = this.#read(start + length, Math.min(this.#piece, this.size - start - length))
      pieces.push(piece)
      length += piece.length
      if (length > constants.MAX_STRING_LENGTH) throw new LineTooLong()
      const end = piece.lastIndexOf(BREAK)
      this.#hasEnded = piece.length === 0
      if (end < 0 && !this.#hasEnded) continue
      const bytes = pieces.length === 1 ? piece : Buffer.concat(pieces)
      return this.#split(bytes, this.#hasEnded ? length : length - piece.length + end + 1)
    }
  }

  /** Reads a line again, by its number from 1. Throws `LineChanged`. */
  readLine(line: number): string {
    const [start = 0, end = start] = this.#starts.slice(line - 1, line + 1)
    const bytes = this.#read(start, end - start)
    const content = bytes.at(-1) === BREAK ? bytes.subarray(0, -1) : bytes
    if (crc32(content) !== this.#checksums[line - 1]) throw new LineChanged()
    return content.toString("utf8")
  }

  /**
   * Throws `LineChanged` if the file does not hold any more what was read of it. The lines are read again only if the file was
   * written to. It may have grown `sinceRead`, since its agent may be working: then its lines are not compared.
   */
  *confirm(sinceRead: boolean): Steps<void> {
    const now = this.#stat()
    if (now.size < this.size) throw new LineChanged()
    const isSame = now.mtimeNs === this.#confirmed.mtimeNs && now.ctimeNs === this.#confirmed.ctimeNs
    if (isSame || (sinceRead && now.size > this.size)) return
    for (let line = 1; line <= this.#checksums.length; line++) {
      this.readLine(line)
      yield
    }
    this.#confirmed = now
  }

  #stat(): BigIntStats {
    return fstatSync(this.#descriptor, { bigint: true })
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #split(bytes: Buffer, end: number): ReadonlyArray<Line> {
    const lines: Array<Line> = []
    const start = this.position
    for (let from = 0; from < end || (from === 0 && this.#hasEnded);) {
      const found = bytes.indexOf(BREAK, from)
      const to = found < 0 ? end : found
      const line = bytes.subarray(from, to)
      lines.push({ text: line.toString("utf8"), isUtf8: isUtf8(line) })
      this.#checksums.push(crc32(line))
      from = to + 1
      this.#starts.push(start + Math.min(from, end))
    }
    return lines
  }

  /** Reads so many bytes from a place on. Throws `LineChanged` if the file has become shorter. */
  #read(from: number, size: number): Buffer {
    const bytes = Buffer.allocUnsafe(size)
    for (let length = 0; length < size;) {
      const read = readSync(this.#descriptor, bytes, length, size - length, from + length)
      if (read === 0) throw new LineChanged()
      length += read
    }
    return bytes
  }
}
