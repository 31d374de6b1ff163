/**
 * Reads the sessions of other agents from their files: Claude Code, Codex, pi, Hermes Agent, or plain chat messages.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import type * as Scope from "effect/Scope"
import { isSqliteFile } from "../hermes/file.ts"
import type { StoreError } from "../session/SessionError.ts"
import { chooseSessions, failEmpty } from "./chosen.ts"
import { readBytes, readText, UnreadableTranscript } from "./fileText.ts"
import { readHermes } from "./hermes.ts"
import { parseText, parseWhole, readAsked, type ReadOptions, toTranscript, type Transcript } from "./parseText.ts"
import { Format } from "./registry.ts"
import {
  ImportError,
  type Branch,
  type LeftOut,
  type NumberAsText,
  type Subagent,
  type TranscriptSession
} from "./rows.ts"
import { countLines, decodeLines, iterateLines } from "./salvage.ts"
import { openLines, type OpenOptions, type OpenSession, type OpenTranscript } from "./streamed/openLines.ts"

export {
  /**
   * The format of a file:
   *
   * - `messages`: a JSON array of chat messages, or an object that has one under `messages`, or one such object per line
   * - `jsonl`: one chat message per line
   * - `sessions`: one `{session, message}` per line
   * - `pi`, `claude-code`, `codex`: the session files of these agents
   * - `hermes`: the database of a Hermes Agent
   * - `chatgpt`, `claude-ai`: the `conversations.json` of an export
   * - `gemini-cli`, `qwen-code`, `opencode`, `cline`, `copilot-cli`, `openhands`, `swe-agent`, `goose`, `kiro`,
   *   `droid`, `cursor`, `continue`, `trae`, `aider`: what these agents write
   * - `codex-exec`: what `codex exec --json` prints
   * - `gemini`, `ai-studio`: a list of contents as Gemini's API takes it, and a prompt that Google AI Studio saved
   * - `letta`, `langsmith`: an agent file, and exported runs
   * - `sharegpt`, `tau-bench`: conversations to train on, and results of a benchmark
   * - the formats of `MessageFormat`: a JSON array of such messages, the body of a request with them, or one per line
   *
   * @since 0.1.0
   * @category models
   */
  Format,
  /**
   * A file could not be imported. `line` counts from 1, and is null if no single line is at fault. `expected` and `found`
   * show no content of the file, which may hold secrets.
   *
   * @since 0.1.0
   * @category errors
   */
  ImportError,
  /**
   * A number that no double holds, such as 9007199254740993 or 1e400. It was read as the text of it. `path` are the keys and
   * indexes that lead to it, joined by dots. `line` is null in a file that is one array.
   *
   * @since 0.1.0
   * @category models
   */
  type NumberAsText,
  /**
   * A sub-agent: the session that it worked for, the call that began it, and a name that no other sub-agent of that
   * session has. `of` and `call` are null where the file does not tell.
   *
   * @since 0.1.0
   * @category models
   */
  type Subagent,
  /**
   * A branch of a conversation that is not the live one: the whole conversation as it was, from its beginning. `of` is the
   * session of the live branch, null where the file does not tell. No other branch of that session has the name.
   *
   * @since 0.1.0
   * @category models
   */
  type Branch,
  /**
   * An entry that was left out because it could not be read, and why. `text` is the entry as it stands in the file; of a
   * file that is one JSON value, the entry as JSON.
   *
   * @since 0.1.0
   * @category models
   */
  type LeftOut,
  /**
   * The messages of one session, in order. `sessionId` is null if the format has no session ids; the id of a sub-agent's
   * session, and of a branch, is `<of>.<name>`.
   *
   * @since 0.1.0
   * @category models
   */
  type TranscriptSession,
  /**
   * The sessions of a file.
   *
   * @since 0.1.0
   * @category models
   */
  type Transcript,
  /**
   * An entry that is not in the format is left out, and named in `left`. If more than a tenth of the entries are so, the
   * first of them is an error. With `strict`, it is one in any case. With `salvage`, whatever is whole is read, and lines
   * that are torn or padded are left out too. A Hermes database has no lines; there both change nothing.
   *
   * `format` is detected if it is `"auto"`, which is the default. Sub-agents become sessions of their own; `"skip"` leaves
   * them out, and counts their messages in `skipped`. Of a tree `branch` says which branches are read: the `"live"` one,
   * which is the default, `"all"`, each as a session of its own, or those of a name alone, such as `"branch-1"`.
   *
   * @since 0.1.0
   * @category models
   */
  type ReadOptions,
  /**
   * Options of `openFile`. `onProgress` is told how many bytes of the file have been read so far, and how many it has.
   *
   * @since 0.1.0
   * @category models
   */
  type OpenOptions,
  /**
   * A session of an open file. `messages` reads the messages from the file when they are taken; it may run more than once.
   * `outline` is the same messages to count by: the long texts in them may be cut short. It may be iterated more than once,
   * and reads nothing from the file. `count` is the number of messages.
   *
   * @since 0.1.0
   * @category models
   */
  type OpenSession,
  /**
   * The sessions of an open file.
   *
   * @since 0.1.0
   * @category models
   */
  type OpenTranscript,
  /**
   * A file could not be read, is neither a database nor text in UTF-8, is longer than a text can be, or was changed while it
   * was read.
   *
   * @since 0.1.0
   * @category errors
   */
  UnreadableTranscript
}

/**
 * Parses the text of a file in any format but `hermes`. Returns all of its messages, or the first error. `file` is the
 * name that the error shows.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (
  text: string,
  options: ReadOptions & { readonly file: string }
): Either.Either<Transcript, ImportError> => {
  const read = Either.try(() => ({ ...options }))
  if (Either.isLeft(read)) return Either.left(failEmpty("", "options that cannot be read"))
  const { file = "" } = read.right
  if (typeof text !== "string" || typeof file !== "string") return Either.left(failEmpty("", "what is no text"))
  const source = text.replace(/^\uFEFF/, "")
  if (source.trim() === "") return Either.left(failEmpty(file, "an empty file"))
  const lines = countLines(iterateLines(source))
  return Either.flatMap(parseText(source, file, read.right), (transcript) =>
    chooseSessions({ ...transcript, lines }, file, read.right)
  )
}

/**
 * Reads the sessions of a file, which is text or a Hermes database. The bytes of the file do not change.
 *
 * Fails with an `UnreadableTranscript` if the file cannot be read, with an `ImportError` if it is not in the format, and
 * with a `StoreError` if it is a database that is damaged or not a Hermes database.
 *
 * @since 0.1.0
 * @category constructors
 */
export const readFile = (
  filename: string,
  options?: ReadOptions
): Effect.Effect<Transcript, ImportError | StoreError | UnreadableTranscript> =>
  Effect.suspend((): Effect.Effect<Transcript, ImportError | StoreError | UnreadableTranscript> => {
    const read = Either.try({
      try: () => ({ ...options }),
      catch: () => new UnreadableTranscript({ file: "", reason: "unreadable", detail: "its options cannot be read" })
    })
    if (Either.isLeft(read)) return read.left
    const { salvage = false } = read.right
    if (typeof filename !== "string") {
      return new UnreadableTranscript({ file: "", reason: "unreadable", detail: "the name of a file is text" })
    }
    if (!isDatabase(filename, read.right)) {
      const asked = { ...read.right, file: filename }
      if (!salvage) return Effect.flatMap(readText(filename), (text) => parse(text, asked))
      return Effect.flatMap(readBytes(filename), (bytes) => {
        const lines = decodeLines(bytes)
        const whole = parseWhole(lines, filename, readAsked(asked))
        return Either.flatMap(whole, ({ transcript }) =>
          chooseSessions({ ...transcript, lines: countLines(lines.map(({ text }) => text)) }, filename, asked)
        )
      })
    }
    return Effect.flatMap(readHermes(filename), (contents) =>
      chooseSessions(toTranscript("hermes", [])(contents), filename, {})
    )
  })

const isDatabase = (filename: string, { format = "auto" }: ReadOptions): boolean =>
  format === "hermes" || (format === "auto" && isSqliteFile(filename))

/**
 * Opens a file to read its messages one after another, as a file of a gigabyte has to be. The memory that it takes grows
 * with the number of lines, not with their texts. Files of lines of `claude-code`, `codex`, `pi`, `sessions` and `jsonl` are
 * read so; all others as `readFile` does. Sessions, messages and errors are the same. What is written behind the end of the
 * file meanwhile is not read.
 *
 * The file stays open until the scope closes. Taking messages fails with an `UnreadableTranscript` if they are not in the
 * file any more.
 *
 * @since 0.1.0
 * @category constructors
 */
export const openFile = (
  filename: string,
  options?: OpenOptions
): Effect.Effect<OpenTranscript, ImportError | StoreError | UnreadableTranscript, Scope.Scope> =>
  Effect.gen(function* () {
    const read = Either.try(() => ({ ...options }))
    const isText = Either.isRight(read) && typeof filename === "string" && !isDatabase(filename, read.right)
    const opened = isText ? yield* openLines(filename, read.right) : undefined
    return opened ?? showWhole(yield* readFile(filename, options))
  })

const showWhole = ({ sessions, ...transcript }: Transcript): OpenTranscript => ({
  ...transcript,
  sessions: sessions.map(({ messages, ...session }) => ({
    ...session,
    count: messages.length,
    outline: messages,
    messages: Stream.fromIterable(messages)
  }))
})
