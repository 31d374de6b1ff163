/**
 * Follows the session files of other agents: takes what is added to them into the store, under the session ids that an import
 * would give. A line that is read twice, whoever was killed when, is stored once, because its key is the same each time.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type Dirent, readdirSync, statSync, watch } from "node:fs"
import { basename, extname, join } from "node:path"
import { yieldToLoop } from "../../concurrency/eventLoopBudget.ts"
import { Gateway } from "../../gateway/Gateway.ts"
import { systemErrorText } from "../../message/systemErrorText.ts"
import { SessionId } from "../../session/Session.ts"
import { type LineMessage, type LinesRead, readLine } from "../../transcripts/followLine.ts"
import { CommandError } from "../io.ts"
import { digestBefore, type FileLine, readLines } from "./fileLines.ts"
import { beginning, type Position, type Positions } from "./positions.ts"

export interface Follower {
  /** Reads some of what was added to the file that was written last. Returns false if nothing was added to any file. */
  readonly readNewest: Effect.Effect<boolean>
  /** Reads all that was added. */
  readonly readAll: Effect.Effect<void>
  /** The session whose file was written last, once some of it was read; null without one. */
  readonly latest: Effect.Effect<SessionId | null>
}

/**
 * Makes a reader of session files: `readSome` takes some lines of a file into the store and returns false if it has no new
 * ones, `sessionOf` tells its session once some of it was read.
 */
export const makeReader = (positions: Positions) =>
  Effect.map(Gateway, (gateway) => {
    const sessions = new Map<string, SessionId>()

    const readSome = (file: string) =>
      Effect.gen(function* () {
        const { digest, from, lines } = yield* lookAt(file, yield* positions.load(file))
        rememberSession(file, from.read)
        if (lines.end === from.offset) return false
        const { messages, read } = yield* readMessages(file, lines.lines, from.read)
        yield* deliverAll(file, messages)
        yield* positions.save(file, { offset: lines.end, digest, isWithinLine: lines.isWithinLine, read })
        rememberSession(file, read)
        return true
      })

    const rememberSession = (file: string, { sessionId, spoken }: LinesRead) => {
      const id = decodeSessionId(sessionId ?? nameOf(file))
      if (spoken.length > 0 && Either.isRight(id)) sessions.set(file, id.right)
    }

    /** The session's log has them, and can be searched, once a turn has seen them. The turn also compresses the session. */
    const deliverAll = Effect.fnUntraced(function* (file: string, messages: ReadonlyArray<LineMessage>) {
      const touched = new Set<SessionId>()
      for (let from = 0; from < messages.length; from += GROUP) {
        yield* Effect.forEach(
          messages.slice(from, from + GROUP),
          ({ key, kind, message, sessionId: named }) =>
            Effect.flatMap(decodeSessionId(named ?? nameOf(file)), (sessionId) => {
              touched.add(sessionId)
              return gateway.deliver(sessionId, message, { key, kind })
            }).pipe(Effect.catchIf(isOfMessage, (error) => leaveOut(file, error.message))),
          { concurrency: "unbounded", discard: true }
        )
      }
      yield* Effect.forEach(
        touched,
        (sessionId) => gateway.turn(sessionId, ({ view }) => view(), { wait: "10 seconds" }),
        {
          discard: true
        }
      )
    })

    return { readSome, sessionOf: (file: string) => sessions.get(file) }
  })

/** Makes the follower of the `*.jsonl` files in these folders and theirs. */
export const make = (folders: ReadonlyArray<string>, positions: Positions): Effect.Effect<Follower, never, Gateway> =>
  Effect.gen(function* () {
    const { readSome, sessionOf } = yield* makeReader(positions)
    const readOne = yield* Effect.makeSemaphore(1)
    /** What a file was like when all of it was read. */
    const known = new Map<string, string>()
    let newest: ReadonlyArray<string> = []

    const readPieces = (file: string, most: number): ReturnType<typeof readSome> =>
      Effect.tap(readSome(file), (isMore) => isMore && most > 1 && readPieces(file, most - 1))

    const readNewest = Effect.gen(function* () {
      const files = listFiles(folders)
      newest = files.map(({ file }) => file)
      for (const { file, state } of files) {
        if (known.get(file) === state) continue
        // What cannot be read or stored now is tried again later, and keeps no other file waiting.
        const isMore = yield* Effect.option(
          Effect.tapErrorCause(readPieces(file, PIECES), (cause) => logFailure(file, cause))
        )
        if (isMore._tag === "None") continue
        if (isMore.value) return true
        known.set(file, state)
      }
      return false
    }).pipe(readOne.withPermits(1))

    return {
      readNewest,
      // A call that waits for its turn to read gets it in between.
      readAll: Effect.asVoid(Effect.repeat(Effect.zipLeft(readNewest, yieldToLoop), { while: (isMore) => isMore })),
      latest: Effect.sync(() => newest.map(sessionOf).find((id) => id !== undefined) ?? null)
    }
  })

/** So many pieces of a file are read before another file may be written last. */
const PIECES = 4

/** So many messages are on disk together, or none of them: their order stays if this process is killed. */
const GROUP = 50

/** What a file has behind a position; behind its beginning if it has been cut or replaced since. */
const lookAt = (file: string, position: Position) =>
  Effect.try({
    try: () => {
      const isSame = position.offset === 0 || digestBefore(file, position.offset) === position.digest
      const from = isSame ? position : beginning
      const lines = readLines(file, from.offset, from.isWithinLine)
      return { from, lines, digest: digestBefore(file, lines.end) }
    },
    catch: (cause) => new CommandError({ message: `cannot read ${file}: ${systemErrorText(cause)}` })
  })

const readMessages = (file: string, lines: ReadonlyArray<FileLine>, before: LinesRead) =>
  Effect.gen(function* () {
    const messages: Array<LineMessage> = []
    let read = before
    for (const line of lines) {
      const next = readLine(read, { file, ...line })
      yield* Effect.forEach(next.left, ({ expected, found }) =>
        leaveOut(file, `at byte ${line.offset}: expected ${expected}, found ${found}`)
      )
      for (const message of next.messages) messages.push(message)
      read = next.read
    }
    return { messages, read }
  })

const logFailure = (file: string, cause: Cause.Cause<unknown>) =>
  Effect.logWarning(`not all of ${file} was read`, cause)

const leaveOut = (file: string, why: string) => Effect.logWarning(`left out of ${file}: ${why}`)

/** Errors of one message, which leave the others as they are. */
const isOfMessage = <E extends { readonly _tag: string }>(
  error: E
): error is Extract<E, { readonly _tag: "IdempotencyConflict" | "InvalidKey" | "InvalidMessage" | "ParseError" }> =>
  ["IdempotencyConflict", "InvalidKey", "InvalidMessage", "ParseError"].includes(error._tag)

const decodeSessionId = Schema.decodeEither(SessionId)
const nameOf = (file: string): string => basename(file, extname(file))

interface SessionFile {
  readonly file: string
  /** Another after each write. */
  readonly state: string
}

/** Lists the files, the one that was written last first. What is gone by the time it is looked at is left out. */
const listFiles = (folders: ReadonlyArray<string>): ReadonlyArray<SessionFile> =>
  folders
    .flatMap((folder) => listFolder(folder))
    .flatMap((file) => {
      const stat = statSync(file, { throwIfNoEntry: false })
      if (stat === undefined || stat.size === 0) return []
      return [{ file, state: `${stat.ino} ${stat.size} ${stat.mtimeMs}`, at: stat.mtimeMs }]
    })
    .toSorted((a, b) => b.at - a.at)

const listFolder = (folder: string): ReadonlyArray<string> => {
  try {
    const entries: ReadonlyArray<Dirent> = readdirSync(folder, { recursive: true, withFileTypes: true })
    return entries.flatMap((entry) =>
      entry.isFile() && entry.name.endsWith(".jsonl") ? [join(entry.parentPath, entry.name)] : []
    )
  } catch {
    // It may not be there yet.
    return []
  }
}

/** How often the folders are looked at, whatever their watchers say: a network disk may tell of no change. */
const POLL = "5 seconds"

/** Reads what is added, as long as the scope is open. A failure is logged, and what it left is read later. */
export const run = (follower: Follower, folders: ReadonlyArray<string>): Effect.Effect<never, never, Scope.Scope> =>
  Effect.gen(function* () {
    const changes = yield* Queue.sliding<void>(1)
    yield* Effect.forEach(folders, (folder) => watchFolder(folder, () => changes.unsafeOffer(undefined)))
    const read = Effect.catchAllCause(follower.readAll, (cause) => Effect.logWarning("not all was read", cause))
    return yield* Effect.forever(Effect.zipRight(read, Effect.raceFirst(Queue.take(changes), Effect.sleep(POLL))))
  })

/** A folder that cannot be watched is looked at now and then. */
const watchFolder = (folder: string, onChange: () => void) =>
  Effect.acquireRelease(
    Effect.option(
      Effect.try(() => watch(folder, { recursive: true, persistent: false }, onChange).on("error", () => {}))
    ),
    (watcher) => Effect.sync(() => watcher._tag === "Some" && watcher.value.close())
  )
