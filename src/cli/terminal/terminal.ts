/** What a person reads on stderr while they wait; stdout is for answers alone. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import process from "node:process"

const CLEAR = "\r\u001b[K"

/** A line that stays. */
export const printNotice = (text: string): Effect.Effect<void> =>
  Console.error((process.stderr.isTTY ? CLEAR : "") + text)

/** What was asked for, on stdout. A reader that leaves early has had what it wanted. */
export const writeStdout = (text: string): Effect.Effect<void, Error> =>
  Effect.async((resume) => {
    process.stdout.write(`${text}\n`, (error) =>
      resume(error === null || error === undefined || isReaderGone(error) ? Effect.void : Effect.fail(error))
    )
  })

const isReaderGone = (error: Error): boolean => "code" in error && error.code === "EPIPE"

/** What cannot be written is told by `print`, or there is nobody left to tell. */
export const ignoreWriteErrors = (): void =>
  [process.stdout, process.stderr].forEach((stream) => stream.on("error", () => {}))

/** Whether a line can be changed once it is written. */
export const canReplaceLine = (): boolean => process.stderr.isTTY

/** A line that the next one takes the place of; nothing where lines cannot change. */
export const replaceLine = (text: string): Effect.Effect<void> =>
  Effect.sync(() => {
    if (canReplaceLine()) process.stderr.write(CLEAR + text)
  })

/** How wide a picture may be. Some terminals say 0. */
export const terminalWidth = (stream: Terminal): number => Math.min(100, stream.columns || 80)

export const hasColor = (stream: Terminal): boolean => stream.isTTY && process.env.NO_COLOR === undefined

type Terminal = Pick<NodeJS.WriteStream, "isTTY" | "columns">

/** Rows in columns, each as wide as its widest cell. */
export const alignColumns = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> =>
  rows.map((row) =>
    row
      .map((cell, column) => replaceControls(cell).padEnd(Math.max(...rows.map((other) => other[column]?.length ?? 0))))
      .join("  ")
      .trimEnd()
  )

export const formatCount = (n: number): string => n.toLocaleString("en-US")

/** What others wrote, without what would steer the terminal. */
export const replaceControls = (text: string): string => text.replaceAll(/\p{Cc}/gu, "·")
