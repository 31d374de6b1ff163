/**
 * Reads a file of lines in two passes. The first reads each line and keeps what decides the conversations; the second takes
 * their messages, and reads the lines of each again.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { statSync } from "node:fs"
import { awaitBudget, chargeWork, runInSlices } from "../../concurrency/eventLoopBudget.ts"
import type { JsonObject } from "../../format/json.ts"
import type { Message } from "../../message/Message.ts"
import { systemErrorText } from "../../message/systemErrorText.ts"
import { chooseSessions } from "../chosen.ts"
import { failTooLarge, UnreadableTranscript } from "../fileText.ts"
import { isMessageRow } from "../plainFormats.ts"
import {
  type Asked,
  readAsked,
  type ReadOptions,
  readRowsStrictly,
  readRowsTolerantly,
  type Salvage,
  type Transcript
} from "../parseText.ts"
import { findRowFormat, recognizeRow, type RowFormat } from "../registry.ts"
import {
  type ImportError,
  isTooOdd,
  LeavingOut,
  type LeftOut,
  parseRow,
  type Steps,
  strict,
  type TranscriptRow,
  type TranscriptSession
} from "../rows.ts"
import { countLines, type Line, salvageLine } from "../salvage.ts"
import { LineChanged, LineFile, LineTooLong } from "./lineFile.ts"
import { LongTexts } from "./longTexts.ts"
import { Packed } from "./packed.ts"

export interface OpenOptions extends ReadOptions {
  readonly onProgress?: ((bytes: number, size: number) => Effect.Effect<void>) | undefined
}

export interface OpenSession extends Omit<TranscriptSession, "messages"> {
  readonly count: number
  readonly outline: Iterable<Message>
  readonly messages: Stream.Stream<Message, UnreadableTranscript>
}

export interface OpenTranscript extends Omit<Transcript, "sessions"> {
  readonly sessions: ReadonlyArray<OpenSession>
}

/** Bytes to read at a time. */
const PIECE = 256 * 1024

/** Messages to make at a time. */
const SLICE = 8

/** Returns undefined for a file that has to be read whole: it has no lines, or lines of a format that is not read so. */
export const openLines = (
  file: string,
  options: OpenOptions,
  piece = PIECE
): Effect.Effect<OpenTranscript | undefined, ImportError | UnreadableTranscript, Scope.Scope> =>
  Effect.gen(function* () {
    const attempt = <A>(read: () => A) =>
      Effect.flatten(chargeWork(() => Either.try({ try: read, catch: (cause) => explain(file, cause) })))
    const isFile = yield* attempt(() => statSync(file).isFile())
    if (!isFile) return undefined
    const lines = yield* Effect.acquireRelease(
      attempt(() => new LineFile(file, piece)),
      (lines) => Effect.sync(() => lines.close())
    )
    const texts = new LongTexts((line) => lines.readLine(line))
    const reading = new LineReading(file, options, texts)
    for (let next = yield* attempt(() => lines.readNext()); next.length > 0;) {
      const read = next
      const isRead = yield* Effect.flatten(chargeWork(() => reading.addAll(read)))
      if (!isRead) return undefined
      if (options.onProgress !== undefined) yield* options.onProgress(lines.position, lines.size)
      yield* awaitBudget
      next = yield* attempt(() => lines.readNext())
    }
    const attemptInSteps = <A>(steps: Steps<A>) =>
      Effect.flatten(runInSlices(tryInSteps(steps, (cause) => explain(file, cause))))
    yield* attemptInSteps(lines.confirm(false))
    const decided = yield* yield* attemptInSteps(reading.decide((line) => lines.readLine(line)))
    if (decided === undefined) return undefined
    const transcript = yield* chooseSessions(decided, file, options)
    const open = ({ messages, ...session }: TranscriptSession): OpenSession => ({
      ...restoreNames(session, texts),
      count: messages.length,
      outline: { [Symbol.iterator]: () => texts.outline(messages) },
      messages: Stream.concat(
        Stream.suspend(() => takeMessages(texts.restore(messages), attempt)),
        Stream.execute(Effect.suspend(() => attemptInSteps(lines.confirm(true))))
      )
    })
    return { ...transcript, sessions: yield* attempt(() => transcript.sessions.map(open)) }
  })

function* tryInSteps<A, E>(steps: Steps<A>, explain: (cause: unknown) => E): Steps<Either.Either<A, E>> {
  try {
    return Either.right(yield* steps)
  } catch (cause) {
    return Either.left(explain(cause))
  }
}

/** Ids may be long texts. */
const restoreNames = <S extends Omit<TranscriptSession, "messages">>(session: S, texts: LongTexts): S => {
  const { branch, sessionId, subagent } = session
  const restore = (text: string | null) => (text === null ? null : texts.restoreText(text))
  return {
    ...session,
    sessionId: restore(sessionId),
    ...(branch === undefined ? {} : { branch: { ...branch, of: restore(branch.of) } }),
    ...(subagent === undefined
      ? {}
      : {
          subagent: {
            of: restore(subagent.of),
            call: restore(subagent.call),
            name: texts.restoreText(subagent.name)
          }
        })
  }
}

const takeMessages = (
  messages: Iterator<Message>,
  attempt: <A>(read: () => A) => Effect.Effect<A, UnreadableTranscript>
): Stream.Stream<Message, UnreadableTranscript> =>
  Stream.repeatEffectChunkOption(
    attempt(() => {
      const taken: Array<Message> = []
      while (taken.length < SLICE) {
        const next = messages.next()
        if (next.done === true) break
        taken.push(next.value)
      }
      return Chunk.unsafeFromArray(taken)
    }).pipe(
      Effect.mapError(Option.some),
      Effect.filterOrFail(Chunk.isNonEmpty, () => Option.none())
    )
  )

const explain = (file: string, cause: unknown): UnreadableTranscript => {
  if (cause instanceof LineTooLong) return failTooLarge(file, "in a line")
  return cause instanceof LineChanged
    ? new UnreadableTranscript({ file, reason: "changed", detail: "it was changed while it was read" })
    : new UnreadableTranscript({ file, reason: "unreadable", detail: systemErrorText(cause) })
}

/** The lines of a file as they are kept. */
class ShortLines {
  readonly file: string
  readonly values = new Packed<JsonObject>()
  readonly numbersAsText = new Map<number, ReadonlyArray<string>>()
  constructor(file: string) {
    this.file = file
  }
}

/** A line whose value is unpacked when it is looked at. */
class ShortRow implements TranscriptRow {
  readonly #lines: ShortLines
  readonly #index: number
  readonly line: number
  constructor(lines: ShortLines, index: number, line: number) {
    this.#lines = lines
    this.#index = index
    this.line = line
  }
  get file(): string {
    return this.#lines.file
  }
  get value(): JsonObject {
    return this.#lines.values.get(this.#index)
  }
  get key(): object {
    return this
  }
  get numbersAsText(): ReadonlyArray<string> {
    return this.#lines.numbersAsText.get(this.#index) ?? NO_NUMBERS
  }
}

const NO_NUMBERS: ReadonlyArray<string> = []

/** The lines of a file so far. */
class LineReading {
  readonly #file: string
  readonly #options: ReadOptions
  readonly #asked: Asked
  readonly #texts: LongTexts
  readonly #short: ShortLines
  readonly #rows: Array<TranscriptRow> = []
  readonly #torn: Array<ImportError> = []
  #firstError: ImportError | undefined
  #format: RowFormat | undefined
  /** The first line of a known kind is a message: only all lines together tell of which API. */
  #isOfMessages = false
  #line = 0
  #lines = 0

  constructor(file: string, options: ReadOptions, texts: LongTexts) {
    this.#file = file
    this.#options = options
    this.#asked = readAsked(options)
    this.#texts = texts
    this.#short = new ShortLines(file)
  }

  /** Returns false if the file has to be read whole. */
  addAll(lines: ReadonlyArray<Line>): Either.Either<boolean, ImportError | UnreadableTranscript> {
    for (const line of lines) {
      const isRead = this.#add(line)
      if (Either.isLeft(isRead) || !isRead.right) return isRead
    }
    return Either.right(true)
  }

  /** Finds the conversations. Undefined if the lines are of a format that is read whole. */
  *decide(readLine: (line: number) => string): Steps<Either.Either<Transcript | undefined, ImportError>> {
    this.#texts.forgetDigests()
    const format = this.#format ?? findRowFormat(this.#asked.format, this.#rows)
    if (this.#rows.length === 0 || format?.outline === undefined) return Either.right(undefined)
    const read = yield* this.#options.salvage === true
      ? this.#salvage(format, readLine)
      : this.#readDespiteOdd(format, readLine)
    return Either.map(read, (transcript) => ({ ...transcript, lines: this.#lines }))
  }

  *#salvage(format: RowFormat, readLine: (line: number) => string): Steps<Either.Either<Transcript, ImportError>> {
    const whole = yield* this.#readTolerantly(format, readLine)
    return Either.map(whole, ({ transcript }) => transcript)
  }

  *#readDespiteOdd(
    format: RowFormat,
    readLine: (line: number) => string
  ): Steps<Either.Either<Transcript, ImportError>> {
    const read = yield* this.#readStrictly(format)
    if (Either.isRight(read) || this.#options.strict === true) return read
    const whole = Either.getOrUndefined(yield* this.#readTolerantly(format, readLine))
    // What a terminal wrote before the first entry is read whole.
    return whole === undefined || isTooOdd([], whole.transcript.left, whole.tried)
      ? read
      : Either.right(whole.transcript)
  }

  *#readStrictly(format: RowFormat): Steps<Either.Either<Transcript, ImportError>> {
    if (this.#firstError !== undefined) return Either.left(this.#firstError)
    const { hasBranches } = this.#asked
    this.#texts.forgetMessages(hasBranches)
    return yield* readRowsStrictly(format, this.#rows, this.#file, { ...strict, hasBranches, make: this.#texts.make })
  }

  *#readTolerantly(format: RowFormat, readLine: (line: number) => string): Steps<Either.Either<Salvage, ImportError>> {
    const { hasBranches } = this.#asked
    this.#texts.forgetMessages(hasBranches)
    const torn = this.#torn.map((error): LeftOut => ({ error, text: readLine(error.line ?? 0) }))
    return yield* readRowsTolerantly(format, this.#rows, torn, new LeavingOut(hasBranches, readLine, this.#texts.make))
  }

  #add({ isUtf8, text }: Line): Either.Either<boolean, ImportError | UnreadableTranscript> {
    const line = ++this.#line
    const isSalvage = this.#options.salvage === true
    if (!isUtf8 && !isSalvage) {
      return Either.left(new UnreadableTranscript({ file: this.#file, reason: "not-utf8", detail: "" }))
    }
    const count = countLines([text])
    this.#lines += count
    if (count === 0) return Either.right(true)
    const parsed = parseRow(text, this.#file, line)
    if (Either.isRight(parsed) && isUtf8) return Either.right(this.#addRow(parsed.right, line))
    // Whatever begins otherwise is another kind of file.
    if (this.#lines <= 1) return Either.right(false)
    if (Either.isLeft(parsed)) {
      if (this.#options.strict === true && !isSalvage) return Either.left(parsed.left)
      this.#firstError ??= parsed.left
    }
    const { left, taken } = salvageLine({ text, isUtf8 }, this.#file, line)
    for (const row of taken) this.#rows.push(row)
    for (const { error } of left) this.#torn.push(error)
    return Either.right(true)
  }

  /** Returns false if the format that the row tells is read whole. */
  #addRow(row: TranscriptRow, line: number): boolean {
    if (this.#format === undefined && !this.#isOfMessages) {
      this.#format = recognizeRow(this.#asked.format, row)
      this.#isOfMessages = this.#format === undefined && isMessageRow(row)
      if (this.#format !== undefined) {
        if (this.#format.outline === undefined) return false
        this.#texts.cutTo(this.#format.outline, line)
      }
    }
    const index = this.#short.values.push(this.#texts.shorten(row.value, line))
    if (row.numbersAsText.length > 0) this.#short.numbersAsText.set(index, row.numbersAsText)
    this.#rows.push(new ShortRow(this.#short, index, line))
    return true
  }
}
