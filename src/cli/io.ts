/** Reads the input of commands and prints their answers. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import process from "node:process"
import { buffer } from "node:stream/consumers"
import { systemErrorText } from "../message/systemErrorText.ts"
import { readHeader } from "../sqlite/file.ts"
import { escapeHidden } from "./terminal/printable.ts"
import { printNotice, writeStdout } from "./terminal/terminal.ts"

/** A command cannot go on. The user reads `message`, one line. */
export class CommandError extends Schema.TaggedError<CommandError>()("CommandError", { message: Schema.String }) {}

/** Prints the answer of a command on stdout: one JSON value, or the lines that `format` returns, each without a break. */
export const printAnswer = (
  isJson: boolean,
  value: unknown,
  format: () => ReadonlyArray<string>
): Effect.Effect<void, CommandError> =>
  Effect.mapError(
    writeStdout(isJson ? [escapeHidden(JSON.stringify(value))] : format()),
    (cause) => new CommandError({ message: `cannot write the answer: ${systemErrorText(cause)}` })
  )

export const readTextFile = (file: string): Effect.Effect<string, CommandError> =>
  Effect.flatMap(
    Effect.try({
      try: () => readFileSync(file),
      catch: (cause) => new CommandError({ message: `cannot read ${file}: ${systemErrorText(cause)}` })
    }),
    (bytes) => decodeUtf8(file, bytes)
  )

/** Reads stdin to its end. `hint` tells a person at a terminal what is waited for. */
export const readStdin = (hint: string): Effect.Effect<string, CommandError> =>
  Effect.zipRight(
    process.stdin.isTTY ? printNotice(hint) : Effect.void,
    // A synchronous read would not react to Ctrl-C.
    Effect.tryPromise({
      try: () => buffer(process.stdin),
      catch: (cause) => new CommandError({ message: `cannot read stdin: ${systemErrorText(cause)}` })
    })
  ).pipe(Effect.flatMap((bytes) => decodeUtf8("stdin", bytes)))

/** Refuses other encodings, whose characters would be stored as replacement characters. */
export const decodeUtf8 = (name: string, bytes: Uint8Array): Either.Either<string, CommandError> =>
  Either.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => new CommandError({ message: `${name}: expected text in UTF-8` })
  })

/** Writes a picture. A file that is there and is none stays as it is: it may be the database of the sessions. */
export const writeSvgFile = (file: string, svg: string): Effect.Effect<void, CommandError> =>
  Effect.flatMap(
    Effect.try({
      try: () => {
        if (isOtherFile(file)) return false
        writeFileSync(file, svg, { mode: 0o600 })
        return true
      },
      catch: (cause) => new CommandError({ message: `cannot write ${file}: ${systemErrorText(cause)}` })
    }),
    (isWritten) =>
      isWritten
        ? Effect.void
        : new CommandError({ message: `${file} is there already and is no SVG: it stays as it is` })
  )

const isOtherFile = (file: string): boolean => {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return false
  const header = readHeader(file)
  return header !== "absent" && header.length > 0 && !header.includes("<svg")
}
