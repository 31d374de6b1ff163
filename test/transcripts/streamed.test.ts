/** Files whose texts stay on the disk until they are taken: read as they are whole. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Clock, Effect, Either, Exit, FastCheck as fc, Fiber, Stream } from "effect"
import { appendFileSync, truncateSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { yieldToLoop } from "../../src/concurrency/eventLoopBudget.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import { DigestNumbers } from "../../src/transcripts/streamed/digestNumbers.ts"
import { openLines } from "../../src/transcripts/streamed/openLines.ts"
import { AGENT_FILES } from "../support/agentFiles.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"
import { mutate, mutations } from "../support/mutations.ts"

const STREAMED = ["claude-code", "codex", "pi", "sessions", "jsonl"]

/** Opens a file in pieces of so many bytes, and takes all of its messages. Undefined if it is read whole. */
const takeAll = (file: string, options: Transcripts.ReadOptions, piece?: number) =>
  Effect.gen(function* () {
    const opened = yield* openLines(file, options, piece)
    if (opened === undefined) return undefined
    const sessions = yield* Effect.forEach(opened.sessions, ({ count, messages, outline, ...session }) =>
      Effect.map(Stream.runCollect(messages), (taken) => {
        const all = Chunk.toReadonlyArray(taken)
        assert.deepStrictEqual(
          Array.from(outline, ({ role }) => role),
          all.map(({ role }) => role)
        )
        assert.strictEqual(count, all.length)
        return { ...session, messages: all }
      })
    )
    return { ...opened, sessions }
  }).pipe(Effect.scoped, Effect.either)

const show = (read: Either.Either<unknown, Error>): unknown => Either.getOrElse(read, String)

/** Says each word at length, with what JSON escapes, blanks around it and characters of two units. */
const lengthen = (text: string): string =>
  text.replaceAll(/word\d/g, (word) => `\\n  ${word} ${'é\\u0001😀\\"{'.repeat(40)} end\\t `)

const makeSlowClock = (): Clock.Clock => {
  const clock = Clock.make()
  let now = 0n
  return { ...clock, unsafeCurrentTimeNanos: () => (now += 10_000_000n) }
}

const SAID = { role: "user", content: "said" }
const FORK = { subagent_history_start_ordinal: 3 }

describe("numbers of texts", () => {
  it("are the same for equal texts alone, however many there are", () => {
    const numbers = new DigestNumbers()
    const texts = Array.from({ length: 3_000 }, (_, index) => `text ${index}`)
    for (const [index, text] of texts.entries()) assert.strictEqual(numbers.number(text, index), index)
    for (const [index, text] of texts.entries()) assert.strictEqual(numbers.number(text, texts.length), index)
  })
})

describe("a file of lines", () => {
  for (const format of STREAMED) {
    const text = AGENT_FILES[format] ?? ""
    it.scoped.prop(
      `${format} is the same in pieces as whole, whatever has become of it`,
      {
        changes: mutations,
        options: fc.constantFrom<Transcripts.ReadOptions>(
          {},
          { strict: true },
          { salvage: true },
          { branch: "all" },
          { subagents: "skip" }
        ),
        isLong: fc.boolean(),
        piece: fc.integer({ min: 1, max: 2_000 })
      },
      ({ changes, isLong, options, piece }) =>
        Effect.gen(function* () {
          const mutated = changes.reduce(mutate, isLong ? lengthen(text) : text)
          const file = join(yield* makeTemporaryFolder(), "f")
          writeFileSync(file, mutated)
          const opened = yield* takeAll(file, options, piece)
          if (Either.isRight(opened) && opened.right === undefined) return
          const whole = yield* Effect.either(Transcripts.readFile(file, options))
          assert.deepStrictEqual(show(opened), show(whole))
        }),
      { fastCheck: { numRuns: 25 } }
    )
  }

  it.scoped("is read in pieces where its format can be, and whole otherwise", () =>
    Effect.gen(function* () {
      const file = join(yield* makeTemporaryFolder(), "f")
      for (const [format, text] of Object.entries(AGENT_FILES)) {
        writeFileSync(file, lengthen(text))
        const opened = yield* Effect.flatten(takeAll(file, {}))
        assert.strictEqual(opened?.format, STREAMED.includes(format) ? format : undefined)
      }
    })
  )

  it.scoped("tells how much of it is read, and an outline to count by before any message is taken", () =>
    Effect.gen(function* () {
      const file = join(yield* makeTemporaryFolder(), "f")
      writeFileSync(file, lengthen(AGENT_FILES["claude-code"] ?? ""))
      const told: Array<readonly [number, number]> = []
      const { sessions } = yield* Transcripts.openFile(file, {
        onProgress: (...progress) => Effect.sync(() => void told.push(progress))
      })
      const [bytes, size] = told.at(-1) ?? []
      assert.strictEqual(bytes, size)
      const whole = yield* Transcripts.readFile(file)
      assert.deepStrictEqual(
        sessions.map(({ outline }) => Array.from(outline, ({ role }) => role)),
        whole.sessions.map(({ messages }) => messages.map(({ role }) => role))
      )
    })
  )

  it.scoped("is what its first known line says, and may begin with a byte order mark", () =>
    Effect.gen(function* () {
      const file = join(yield* makeTemporaryFolder(), "f")
      const chat = lengthen('{"role":"user","content":"word1"}\n').repeat(20)
      for (const text of [`\uFEFF${chat}`, chat + (AGENT_FILES["claude-code"]?.split("\n", 1)[0] ?? "")]) {
        writeFileSync(file, text)
        const whole = yield* Effect.either(Transcripts.readFile(file))
        assert.strictEqual(Either.getOrThrow(whole).format, "jsonl")
        assert.deepStrictEqual(show(yield* takeAll(file, {})), show(whole))
      }
    })
  )

  it.scoped("keeps the ids and names of sessions, however long, and counts what is skipped as a whole one does", () =>
    Effect.gen(function* () {
      const file = join(yield* makeTemporaryFolder(), "f")
      const [main, agent, call] = ["main ", "agent ", "call "].map((name) => name.repeat(60))
      const reasoning = { type: "reasoning", encrypted_content: call }
      const files: ReadonlyArray<ReadonlyArray<object>> = [
        [{ session: main, message: { role: "user", content: "hi" } }],
        [
          { type: "session_meta", payload: { id: agent, thread_source: "subagent", parent_thread_id: main, ...FORK } },
          { type: "response_item", ordinal: 1, payload: reasoning },
          { type: "response_item", ordinal: 5, payload: { type: "message", role: "user", content: "hi" } }
        ],
        [
          { type: "user", uuid: "1", sessionId: main, message: { role: "user", content: "hi" } },
          { type: "user", uuid: "2", sessionId: main, agentId: agent, isSidechain: true, parent_tool_use_id: call },
          { type: "user", uuid: "3", parentUuid: "1", sessionId: main, message: { role: "user", content: "a" } },
          { type: "user", uuid: "4", parentUuid: "1", sessionId: main, message: { role: "user", content: "b" } }
        ]
      ]
      for (const lines of files) {
        writeFileSync(file, lines.map((line) => JSON.stringify({ message: SAID, ...line })).join("\n"))
        const options = { branch: "all" }
        const whole = yield* Effect.either(Transcripts.readFile(file, options))
        assert.isTrue(Either.isRight(whole))
        assert.deepStrictEqual(show(yield* takeAll(file, options)), show(whole))
      }
    })
  )

  it.scoped("that is rewritten while it is read first gives an error, and one that is appended to is read", () =>
    Effect.gen(function* () {
      const file = join(yield* makeTemporaryFolder(), "f")
      const text = lengthen(AGENT_FILES["claude-code"] ?? "")
      const openWhile = (write: () => void) => {
        writeFileSync(file, text)
        utimesSync(file, 0, 0)
        return Effect.either(openLines(file, { onProgress: () => Effect.sync(write) }, 100))
      }
      const rewritten = yield* openWhile(() => writeFileSync(file, text.replaceAll("word1", "other")))
      assert.strictEqual(
        Either.isLeft(rewritten) ? rewritten.left.message : "",
        `${file}: it was changed while it was read`
      )
      assert.isTrue(Either.isRight(yield* openWhile(() => appendFileSync(file, "{"))))
      assert.isTrue(Either.isRight(yield* openWhile(() => utimesSync(file, 1, 1))))
    })
  )

  it.scoped("lets others work while its conversations are decided, and stops there when it is interrupted", () =>
    Effect.gen(function* () {
      const file = join(yield* makeTemporaryFolder(), "f")
      for (const format of STREAMED) {
        writeFileSync(file, (AGENT_FILES[format] ?? "").trimEnd())
        let [isRead, turns] = [false, 0]
        const open = Transcripts.openFile(file, { onProgress: () => Effect.sync(() => void (isRead = true)) })
        // Each step takes longer than a turn of the event loop may.
        const opened = yield* Effect.fork(Effect.scoped(Effect.withClock(open, makeSlowClock())))
        const takeTurn = Effect.map(yieldToLoop, () => (isRead ? (turns += 1) : turns))
        yield* Effect.repeat(takeTurn, { until: () => turns === 3 })
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(opened)), format)
      }
    })
  )

  it.scoped("that becomes shorter while it is read first gives an error", () =>
    Effect.gen(function* () {
      const file = join(yield* makeTemporaryFolder(), "f")
      writeFileSync(file, AGENT_FILES["claude-code"] ?? "")
      const onProgress = (bytes: number) => Effect.sync(() => truncateSync(file, bytes))
      const error = yield* Effect.flip(openLines(file, { onProgress }, 100))
      assert.include({ ...error }, { _tag: "UnreadableTranscript", reason: "changed" })
    })
  )

  it.scoped("that is changed while it is open gives an error, and no other words", () =>
    Effect.gen(function* () {
      const file = join(yield* makeTemporaryFolder(), "f")
      const text = lengthen(AGENT_FILES["claude-code"] ?? "")
      writeFileSync(file, text)
      const { sessions } = yield* Transcripts.openFile(file)
      // An agent that writes on at the end changes nothing.
      writeFileSync(file, `${text}{"type":"user"`)
      for (const { messages } of sessions) yield* Stream.runDrain(messages)
      writeFileSync(file, text)
      const reasons: Array<string> = []
      // What is written within a tick of the clock of the file system would have the same time.
      utimesSync(file, 0, 0)
      const endings = text.replaceAll("end\\t", "END\\t")
      const short = text.replace('"user"', '"User"')
      for (const changed of [text.replaceAll("word1", "other"), text.replaceAll("{", "["), "", endings, short]) {
        const { sessions } = yield* Transcripts.openFile(file)
        writeFileSync(file, changed)
        const error = yield* Effect.flip(Effect.forEach(sessions, ({ messages }) => Stream.runDrain(messages)))
        reasons.push(error.reason)
        writeFileSync(file, text)
        utimesSync(file, 0, 0)
      }
      assert.deepStrictEqual(reasons, Array(5).fill("changed"))
    })
  )
})
