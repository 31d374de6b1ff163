/** Reads the lines that were added to a file, some at a time. The file is only read, whatever becomes of it meanwhile. */
import { isUtf8 } from "node:buffer"
import { createHash } from "node:crypto"
import { closeSync, openSync, readSync } from "node:fs"
import type { Line } from "../../transcripts/salvage.ts"

/** A line without its break, and the place of its first byte. */
export interface FileLine extends Line {
  readonly offset: number
}

/** Whole lines, and the place behind them, which is `isWithinLine` if that line is too long to be read. */
export interface Lines {
  readonly lines: ReadonlyArray<FileLine>
  readonly end: number
  readonly isWithinLine: boolean
}

/** So many bytes are read at a time. A longer line is read whole up to the second number, and left out above it. */
const PIECE = 256 * 1024
export const LONGEST_LINE = 32 * 1024 * 1024

const BREAK = 0x0a

/** Reads whole lines from a place on. One without its end is left for later: its writer may not be done with it. */
export const readLines = (file: string, from: number, isWithinLine: boolean): Lines =>
  withFile(file, (descriptor) => {
    for (let size = PIECE; ; size *= 2) {
      const bytes = readPiece(descriptor, from, size)
      const begin = isWithinLine ? bytes.indexOf(BREAK) + 1 : 0
      if (isWithinLine && begin === 0) return { lines: [], end: from + bytes.length, isWithinLine }
      const end = bytes.lastIndexOf(BREAK) + 1
      if (end > 0)
        return { lines: splitLines(bytes.subarray(begin, end), from + begin), end: from + end, isWithinLine: false }
      if (bytes.length < size) return { lines: [], end: from, isWithinLine }
      if (size >= LONGEST_LINE) return { lines: [], end: from + bytes.length, isWithinLine: true }
    }
  })

const splitLines = (bytes: Buffer, offset: number): ReadonlyArray<FileLine> => {
  const lines: Array<FileLine> = []
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(BREAK, from)
    const line = bytes.subarray(from, end)
    lines.push({ offset: offset + from, text: line.toString("utf8"), isUtf8: isUtf8(line) })
    from = end + 1
  }
  return lines
}

/** So many bytes before a place tell whether a file still has before it what it had. */
const DIGESTED = 4_096

/** A digest of what stands before a place. That of a file which ends before it is another. */
export const digestBefore = (file: string, place: number): string =>
  withFile(file, (descriptor) => {
    const from = Math.max(0, place - DIGESTED)
    return createHash("sha256")
      .update(readPiece(descriptor, from, place - from))
      .digest("hex")
  })

const readPiece = (descriptor: number, from: number, size: number): Buffer => {
  const bytes = Buffer.allocUnsafe(size)
  let length = 0
  while (length < size) {
    const read = readSync(descriptor, bytes, length, size - length, from + length)
    if (read === 0) break
    length += read
  }
  return bytes.subarray(0, length)
}

const withFile = <A>(file: string, use: (descriptor: number) => A): A => {
  const descriptor = openSync(file, "r")
  try {
    return use(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
