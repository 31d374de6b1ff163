import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Logger, LogLevel, Stream, TestClock } from "effect"
import { appendFileSync, mkdirSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Follower from "../../src/cli/follow/follower.ts"
import { LONGEST_LINE } from "../../src/cli/follow/fileLines.ts"
import * as Positions from "../../src/cli/follow/positions.ts"
import * as Random from "../../src/cli/random.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import { text as textOf } from "../../src/message/Message.ts"
import type { Turn } from "../../src/gateway/Turn.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { repetitions } from "../support/repetitions.ts"
import { claudeLine, codexHeader, codexLine, piHeader, piLine } from "../support/sessionFiles.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const layerLife = (db: string) =>
  Gateway.layer({ policy: { contextLength: 32_000 }, routes: [] }).pipe(
    Layer.provideMerge(Sqlite.layer({ filename: db, create: true })),
    Layer.provide(OpenAi.layer)
  )

/** A folder that is followed, and a database beside it. Each life is one of a server. */
const makePlace = Effect.map(makeTemporaryFolder(), (folder) => {
  const sessions = join(folder, "sessions", "project")
  const db = join(folder, "agents.db")
  mkdirSync(sessions, { recursive: true })
  const inLife = <A, E>(
    use: (follower: Follower.Follower) => Effect.Effect<A, E, Gateway.Gateway | SessionStore>,
    wrap: (gateway: Gateway.Gateway["Type"], positions: Positions.Positions) => Wrapped = (gateway, positions) => ({
      gateway,
      positions
    })
  ) =>
    Effect.gen(function* () {
      const { gateway, positions } = wrap(yield* Gateway.Gateway, Positions.make(db))
      const follower = yield* Effect.provideService(
        Follower.make([join(folder, "sessions")], positions),
        Gateway.Gateway,
        gateway
      )
      return yield* use(follower)
    }).pipe(Effect.provide(layerLife(db)), Logger.withMinimumLogLevel(LogLevel.None))
  return { db, file: join(sessions, "one.jsonl"), other: join(sessions, "two.jsonl"), inLife }
})

interface Wrapped {
  readonly gateway: Gateway.Gateway["Type"]
  readonly positions: Positions.Positions
}

const readTexts = (sessionId: string) =>
  Effect.flatMap(SessionStore, (store) =>
    store.log(SessionId.make(sessionId)).pipe(
      Stream.map(({ message }) => textOf(message)),
      Stream.runCollect,
      Effect.map((texts) => Array.from(texts))
    )
  )

const readAfter = (sessionId: string) => (follower: Follower.Follower) =>
  Effect.zipRight(follower.readAll, readTexts(sessionId))

const texts = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `message ${from + i}`)
const byNumber = (a: string, b: string) => Number(a.slice(8)) - Number(b.slice(8))
const claude = (from: number, to: number, id = "one-id") =>
  texts(from, to)
    .map((text, i) => claudeLine(id, from + i, text))
    .join("")

describe("following session files", () => {
  it.scoped("takes in the sessions of Claude Code, Codex and pi under the ids that an import gives", () =>
    Effect.gen(function* () {
      const { file, inLife, other } = yield* makePlace
      writeFileSync(file, claude(0, 4))
      writeFileSync(other, codexHeader("codex-id") + codexLine(0, "hello") + codexLine(1, "hi"))
      writeFileSync(`${other}.pi.jsonl`, piHeader("pi-id") + piLine(0, "where?") + piLine(1, "here"))
      writeFileSync(`${other}.txt`, claude(0, 4, "not-followed"))
      writeFileSync(join(file, "..", "named.jsonl"), codexLine(0, "without a header"))
      const read = yield* inLife((follower) =>
        Effect.zipRight(
          follower.readAll,
          Effect.all([readTexts("one-id"), readTexts("codex-id"), readTexts("pi-id"), readTexts("named")])
        )
      )
      assert.deepStrictEqual(read, [texts(0, 4), ["hello", "hi"], ["where?", "here"], ["without a header"]])
    })
  )

  it.scoped("reads what a file grows by, in this life and in the next one", () =>
    Effect.gen(function* () {
      const { file, inLife } = yield* makePlace
      writeFileSync(file, claude(0, 2))
      yield* inLife((follower) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* readAfter("one-id")(follower), texts(0, 2))
          appendFileSync(file, claude(2, 3))
          assert.deepStrictEqual(yield* readAfter("one-id")(follower), texts(0, 3))
          assert.isFalse(yield* follower.readNewest)
        })
      )
      appendFileSync(file, claude(3, 200))
      assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 200))
    })
  )

  it.scoped(
    "leaves a half line until it is whole, and reads the line that a killed writer's next life puts behind it",
    () =>
      Effect.gen(function* () {
        const { file, inLife } = yield* makePlace
        const next = claudeLine("one-id", 2, "message 2")
        writeFileSync(file, claude(0, 2) + next.slice(0, 40))
        assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 2))
        appendFileSync(file, next.slice(40))
        assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 3))
        appendFileSync(file, claudeLine("one-id", 3, "never said").slice(0, 70))
        assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 3))
        appendFileSync(file, claudeLine("one-id", 4, "message 3"))
        assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 4))
      })
  )

  it.scoped("stores each message once when a file is truncated, rewritten or rotated", () =>
    Effect.gen(function* () {
      const { file, inLife, other } = yield* makePlace
      writeFileSync(file, claude(0, 20))
      assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 20))
      truncateSync(file, 300)
      assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 20))
      writeFileSync(file, claude(0, 22))
      assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 22))
      // Of the same size as before.
      writeFileSync(file, claude(10, 22) + claude(22, 32))
      assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 32))
      renameSync(file, other)
      writeFileSync(file, claude(32, 34))
      assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 34))
      writeFileSync(file, "")
      assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 34))
    })
  )

  it.scoped("reads everything again for a database that was made anew", () =>
    Effect.gen(function* () {
      const { db, file, inLife } = yield* makePlace
      writeFileSync(file, claude(0, 3))
      yield* inLife(readAfter("one-id"))
      for (const end of ["", "-wal", "-shm"]) {
        if (statSync(db + end, { throwIfNoEntry: false }) !== undefined) renameSync(db + end, `${db}.old${end}`)
      }
      assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 3))
    })
  )

  it.scoped("never writes to a file, and leaves out a line that is no JSON, is not UTF-8 or is too long", () =>
    Effect.gen(function* () {
      const { file, inLife } = yield* makePlace
      const long = claudeLine("one-id", 9, "x".repeat(LONGEST_LINE + 1_000))
      const bytes = Buffer.concat([
        Buffer.from(`${claude(0, 2)}no JSON\n`),
        Buffer.from([0xff, 0xfe, 0x0a]),
        Buffer.from(long + claude(2, 4))
      ])
      writeFileSync(file, bytes)
      const { mtimeMs } = statSync(file)
      assert.deepStrictEqual(yield* inLife(readAfter("one-id")), texts(0, 4))
      assert.isTrue(readFileSync(file).equals(bytes))
      assert.strictEqual(statSync(file).mtimeMs, mtimeMs)
    })
  )

  it.scoped("names the session whose file was written last", () =>
    Effect.gen(function* () {
      const { file, inLife, other } = yield* makePlace
      yield* inLife((follower) =>
        Effect.gen(function* () {
          assert.isNull(yield* Effect.zipRight(follower.readNewest, follower.latest))
          writeFileSync(file, claude(0, 2))
          writeFileSync(other, claude(0, 2, "two-id"))
          for (const [path, id, n] of [
            [file, "one-id", 2],
            [other, "two-id", 2],
            [file, "one-id", 4]
          ] as const) {
            appendFileSync(path, claude(n, n + 2, id))
            assert.strictEqual(yield* Effect.zipRight(follower.readAll, follower.latest), SessionId.make(id))
          }
        })
      )
    })
  )

  it.scoped("sees a change by the watcher, without the clock going on", () =>
    Effect.gen(function* () {
      const { file, inLife } = yield* makePlace
      const delivered = yield* Deferred.make<void>()
      yield* inLife(
        (follower) =>
          Effect.gen(function* () {
            yield* Effect.forkScoped(Follower.run(follower, [join(file, "..")]))
            yield* Effect.yieldNow()
            writeFileSync(file, claude(0, 1))
            yield* Deferred.await(delivered)
          }).pipe(Effect.scoped),
        (gateway, positions) => ({
          gateway,
          positions: {
            ...positions,
            save: (path, position) =>
              Effect.zipRight(positions.save(path, position), Deferred.succeed(delivered, undefined))
          }
        })
      )
    })
  )

  it.scoped("looks at a folder that cannot be watched after five seconds", () =>
    Effect.gen(function* () {
      const { file, inLife } = yield* makePlace
      const folder = join(file, "..", "..", "..", "later")
      const read = yield* Deferred.make<void>()
      yield* Effect.gen(function* () {
        const gateway = yield* Gateway.Gateway
        const positions = { ...Positions.make(file), save: () => Effect.asVoid(Deferred.succeed(read, undefined)) }
        const follower = yield* Effect.provideService(Follower.make([folder], positions), Gateway.Gateway, gateway)
        yield* Effect.forkScoped(Follower.run(follower, [folder]))
        yield* TestClock.adjust("4 seconds")
        mkdirSync(folder)
        writeFileSync(file, "")
        writeFileSync(join(folder, "late.jsonl"), claude(0, 1))
        yield* TestClock.adjust("999 millis")
        assert.isFalse(yield* Deferred.isDone(read))
        yield* TestClock.adjust("1 millis")
        yield* Deferred.await(read)
      }).pipe((use) => inLife(() => Effect.scoped(use)))
    })
  )

  const seeds = Array.from({ length: repetitions(12, 120) }, (_, i) => i + 1)
  it.scoped("stores each message of two growing files once, whichever step the server or the writer is killed at", () =>
    Effect.forEach(seeds, (seed) =>
      Effect.gen(function* () {
        const { file, inLife, other } = yield* makePlace
        const random = Random.make(seed)
        const written = [
          { path: file, id: "one-id", count: 0, half: "", isRotated: false },
          { path: other, id: "two-id", count: 0, half: "", isRotated: false }
        ]
        const write = () => {
          const one = random.pick([written[0]!, written[1]!])
          const to = one.count + random.between(0, 6)
          const added = one.half + claude(one.count, to, one.id)
          const next = claudeLine(one.id, to, `message ${to}`)
          const cut = random.chance(0.5) ? random.between(1, next.length - 1) : 0
          appendFileSync(one.path, added + next.slice(0, cut))
          one.half = cut === 0 ? "" : next.slice(cut)
          one.count = cut === 0 ? to : to + 1
          if (one.half !== "" || random.chance(0.8)) return
          if (random.chance(0.5)) writeFileSync(one.path, claude(0, one.count, one.id))
          else {
            renameSync(one.path, join(one.path, "..", `${random.hex(8)}.jsonl`))
            one.isRotated = true
          }
        }
        for (let life = 0; life < 8; life++) {
          write()
          let left = random.between(0, 24)
          const step = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
            Effect.suspend(() => (left-- > 0 ? effect : Effect.die("killed")))
          const around = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.tap(step(effect), () => step(Effect.void))
          yield* inLife(
            (follower) => Effect.exit(follower.readAll),
            (gateway, positions) => ({
              gateway: {
                ...gateway,
                deliver: (...delivery) => around(gateway.deliver(...delivery)),
                turn: <A, E, R>(
                  sessionId: SessionId,
                  agent: (turn: Turn) => Effect.Effect<A, E, R>,
                  options?: Gateway.TurnOptions
                ) => around(gateway.turn(sessionId, agent, options))
              },
              positions: {
                load: (path) => around(positions.load(path)),
                save: (...saved) => around(positions.save(...saved))
              }
            })
          )
        }
        for (const { half, path } of written) appendFileSync(path, half)
        const stored = yield* inLife((follower) =>
          Effect.zipRight(
            follower.readAll,
            Effect.forEach(written, ({ count, id }) => (count === 0 ? Effect.succeed([]) : readTexts(id)))
          )
        )
        // What nobody has read of a rotated file comes after the beginning of the next one.
        const inOrder = stored.map((all, i) => (written[i]?.isRotated === true ? all.toSorted(byNumber) : all))
        assert.deepStrictEqual(
          inOrder,
          written.map(({ count }) => texts(0, count)),
          `seed ${seed}`
        )
      })
    )
  )
})
