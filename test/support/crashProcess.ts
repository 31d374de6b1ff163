/** Agents as child processes that start fast: bundled once. And what a session has to be like whatever became of them. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { assert } from "@effect/vitest"
import { Chunk, Context, Deferred, Effect, FiberId, Layer, Schema, Stream } from "effect"
import { type Acknowledged, SessionStore } from "../../src/store/SessionStore.ts"
import { Tokens } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import { bundleScript } from "./bundledScript.ts"
import { storeOn } from "./crashStore.ts"
import { id, Said, tagOf } from "./crashWords.ts"
import * as HermesFiles from "./hermes.ts"
import { problems } from "./providerShapes.ts"
import { makeTemporaryFolder } from "./temporaryFolder.ts"

/** Creates a Hermes database for the agents to work on. */
export const hermesDatabase = Effect.map(makeTemporaryFolder(), (folder) =>
  HermesFiles.fresh("new", join(folder, "state.db"))
)

/** The path of the bundled agent. */
export class Bundle extends Context.Tag("test/Bundle")<Bundle, string>() {}

export const bundle = Layer.scoped(Bundle, bundleScript("test/support/crashAgent.ts"))

export interface Place {
  readonly filename: string
  readonly name: string
  readonly seed: number
  readonly jitter: number
  /** 0 is until it is killed. */
  readonly rounds: number
}

const decode = Schema.decodeSync(Schema.parseJson(Said))

/** A running agent. It is killed at the end of the scope, if not before. */
export const agent = ({ filename, jitter, name, rounds, seed }: Place) =>
  Effect.gen(function* () {
    const script = yield* Bundle
    const said: Array<Said> = []
    const waiting = new Set<() => void>()
    const end = Deferred.unsafeMake<NodeJS.Signals | number | null>(FiberId.none)
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [script, filename, name, ...[seed, jitter, rounds].map(String)], {
          stdio: ["ignore", "pipe", "inherit"]
        })
      ),
      (child) =>
        Effect.zipRight(
          Effect.sync(() => child.kill("SIGKILL")),
          Deferred.await(end)
        )
    )
    createInterface({ input: child.stdout }).on("line", (line) => {
      said.push(decode(line))
      waiting.forEach((look) => look())
    })
    // After its last line.
    child.on("close", (code, signal) => Deferred.unsafeDone(end, Effect.succeed(signal ?? code)))
    const hasSaid = (words: number) =>
      Effect.async<void>((resume) => {
        const look = () => {
          if (said.length >= words) resume(Effect.void)
        }
        waiting.add(look)
        look()
        return Effect.sync(() => waiting.delete(look))
      })
    return {
      said,
      /** Waits until it has said so many things, or has ended. */
      hasSaid: (words: number) => Effect.raceFirst(hasSaid(words), Deferred.await(end)),
      /** Waits for its end: the exit code, or the signal. */
      ended: Deferred.await(end),
      signal: (signal: NodeJS.Signals) => Effect.sync(() => void child.kill(signal))
    }
  })

export const all = <T extends Said["_tag"]>(said: ReadonlyArray<Said>, tag: T) =>
  said.filter((what): what is Extract<Said, { readonly _tag: T }> => what._tag === tag)

const tagsOf = (log: ReadonlyArray<Acknowledged>) => log.map(({ message }) => tagOf(message))

/**
 * Opens the file as the next start would and looks at everything. `said` is what each process was promised, `unheard`
 * how many writes may have been done without their acknowledgement being heard.
 */
export const examine = (filename: string, said: ReadonlyArray<ReadonlyArray<Said>>, unheard: number) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const messages = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(id)))
    const log = messages.filter(({ seq }) => seq !== null)
    const inbox = messages.filter(({ seq }) => seq === null)
    const tags = tagsOf(messages)
    assert.deepStrictEqual(
      log.map(({ seq }) => seq),
      log.map((_, i) => i + 1),
      "the log has no gap"
    )
    assert.strictEqual(new Set(tags).size, tags.length, "no message is there twice")

    const promised = new Set(said.flat().flatMap((what) => ("tag" in what ? [what.tag] : [])))
    const there = new Set(tags)
    assert.deepStrictEqual(
      [...promised].filter((tag) => !there.has(tag)),
      [],
      "no acknowledged message is missing"
    )
    assert.isAtMost(tags.filter((tag) => !promised.has(tag)).length, unheard, "nothing is there that nobody sent")

    const arrivals = (part: ReadonlyArray<Acknowledged>) => part.flatMap(({ arrival }) => arrival ?? [])
    for (const part of [arrivals(log), arrivals(inbox)]) {
      assert.deepStrictEqual(
        part,
        part.toSorted((a, b) => a - b),
        "arrivals are in order"
      )
    }
    const arrivalOf = new Map(messages.map(({ arrival, message }) => [tagOf(message), arrival]))
    for (const words of said) {
      const delivered = all(words, "Delivered")
      assert.deepStrictEqual(
        delivered.map(({ arrival }) => arrival),
        delivered.map(({ tag }) => arrivalOf.get(tag)),
        "each has its number"
      )
      const appended = all(words, "Appended").map(({ tag }) => tag)
      const mine = new Set(appended)
      assert.deepStrictEqual(
        tags.filter((tag) => mine.has(tag)),
        appended,
        "appended messages are in order"
      )
    }

    const state = yield* store.state(id)
    const snapshots = yield* store.snapshots(id)
    assert.deepStrictEqual(
      snapshots.map(({ generation }) => generation),
      Array.from({ length: state.generation }, (_, i) => i),
      "no generation is skipped"
    )
    assert.deepStrictEqual(
      state.segments.map(({ id }) => id),
      state.manifest.segments,
      "every segment of the manifest is there"
    )
    assert.deepStrictEqual(problems(View.assemble(state, yield* Tokens).messages), [], "the view is valid")
    return { generation: state.generation, tags, written: log.length }
  }).pipe(Effect.provide(storeOn(filename, false)))
