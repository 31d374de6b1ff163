/** Reads the input of commands and prints their answers. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import process from "node:process"
import { buffer } from "node:stream/consumers"
import { systemErrorText } from "../message/systemErrorText.ts"
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
