/** Writing to a terminal: answers go to stdout, everything a user reads while waiting goes to stderr. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import process from "node:process"
import { makePrintable, showLine } from "./printable.ts"

const CLEAR_LINE = "\r\u001b[K"

type Terminal = Pick<NodeJS.WriteStream, "isTTY" | "columns">

/** `width` is in columns. Without `color` only the glyphs tell parts of a drawing apart. */
export interface Style {
  readonly width: number
  readonly color: boolean
}

/** The style to draw with on a stream. Its width is at most 100, and 80 where it is unknown. */
export const styleOf = (stream: Terminal): Style => ({ width: terminalWidth(stream), color: hasColor(stream) })

const isDumb = (): boolean => process.env.TERM === "dumb"

/** True if stderr is a terminal on which a written line can be replaced. */
export const canReplaceLine = (): boolean => process.stderr.isTTY && !isDumb()

/** Writes a line to stderr. It replaces a line of `replaceLine`. */
export const printNotice = (line: string): Effect.Effect<void> =>
  Effect.suspend(() => Console.error((canReplaceLine() ? CLEAR_LINE : "") + showLine(line, hasColor(process.stderr))))

/** Writes a line to stderr that the next line replaces. Does nothing where lines cannot be replaced. */
export const replaceLine = (line: string): Effect.Effect<void> =>
  Effect.sync(() => {
    if (canReplaceLine()) process.stderr.write(CLEAR_LINE + showLine(line, hasColor(process.stderr)))
  })

/** Writes the lines of an answer to stdout. A reader that closes the pipe early, such as `head`, is no error. */
export const writeStdout = (lines: ReadonlyArray<string>): Effect.Effect<void, Error> =>
  Effect.async((resume) => {
    process.stdout.write(lines.map((line) => `${showLine(line, hasColor(process.stdout))}\n`).join(""), (error) =>
      resume(error === null || error === undefined || isReaderGone(error) ? Effect.void : Effect.fail(error))
    )
  })

const isReaderGone = (error: Error): boolean => "code" in error && error.code === "EPIPE"

/** Keeps a broken stdout or stderr from crashing the process: `writeStdout` reports the failure. */
export const ignoreWriteErrors = (): void =>
  [process.stdout, process.stderr].forEach((stream) => stream.on("error", () => {}))

/** A terminal that does not know its width may report 0. */
const terminalWidth = (stream: Terminal): number => Math.min(100, stream.columns || 80)

/** False for a file or pipe, a dumb terminal, and where the user sets `NO_COLOR`. */
const hasColor = (stream: Terminal): boolean => stream.isTTY && !isDumb() && process.env.NO_COLOR === undefined

/** Aligns rows in columns, each as wide as its widest cell. */
export const alignColumns = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const table = rows.map((row) => row.map((cell) => makePrintable(cell).replaceAll("\t", " ")))
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()
  )
}

/** Breaks a paragraph between words into lines of at most `width` columns. Only a longer word exceeds it. */
export const wrapWords = (text: string, width: number, indent = ""): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = indent
  for (const word of text.split(" ")) {
    const longer = line === indent ? indent + word : `${line} ${word}`
    if (longer.length > width && line !== indent) {
      lines.push(line)
      line = indent + word
    } else line = longer
  }
  return [...lines, line]
}

export const formatCount = (n: number): string => n.toLocaleString("en-US")

export const formatQuantity = (n: number, what: string): string => `${formatCount(n)} ${what}${n === 1 ? "" : "s"}`
