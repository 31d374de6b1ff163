import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Layer } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Recall from "../../src/recall/Recall.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { conversation, id, scripted, summary } from "../support/world.ts"

const recall = (query: string, options?: Recall.RecallOptions) =>
  Effect.flatMap(Recall.Recall, ({ recall }) => recall(id, query, options))
const seqs = (query: string, options?: Recall.RecallOptions) =>
  Effect.map(recall(query, options), (found) => found.map(({ seq }) => seq))
const importAll = (messages: ReadonlyArray<Message>, sessionId = id) =>
  Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId, messages }]))

const outOfView = { where: "out-of-view", limit: 1_000 } as const
const plain = Recall.layer.pipe(Layer.provideMerge(Sqlite.layerTemporary))
const world = scripted(Scripted.layer([summary("the report")]))

/** Message 26 of 80 leaves the view with the compression. */
const LOST = 26
const history = conversation(20).map((message, i): Message =>
  i === LOST - 1 && message.role === "assistant" ? { ...message, content: "The port is 8123, said Ada." } : message
)

const compressed = Effect.gen(function* () {
  yield* importAll(history)
  const gateway = yield* Gateway.Gateway
  const { outcome } = yield* gateway.compress(id)
  assert.strictEqual(outcome, "committed")
  return yield* Effect.flatMap(SessionStore, (store) => store.state(id))
})

describe("Recall", () => {
  it.effect("says whose words were found, where, when, and which segment covers them", () =>
    Effect.gen(function* () {
      const { segments } = yield* compressed
      assert.deepStrictEqual(yield* recall("Ada port", { limit: 1 }), [
        {
          sessionId: id,
          seq: LOST,
          role: "assistant",
          at: 0,
          excerpt: 'The port is 8123, said Ada. read_file {"path":"src/6.ts"}',
          segment: segments.find((segment) => segment.fromSeq <= LOST && LOST <= segment.toSeq)?.id ?? "none"
        }
      ])
    }).pipe(Effect.provide(world))
  )

  it.effect("out of view is exactly what the view does not show in full", () =>
    Effect.gen(function* () {
      yield* importAll(history)
      assert.deepStrictEqual(yield* seqs("part", outOfView), [])
      const gateway = yield* Gateway.Gateway
      yield* gateway.compress(id)
      const view = yield* gateway.view(id)
      const shown = new Set(view.messages.map((message) => JSON.stringify(message)))
      const hidden = history.flatMap((message, i) => (shown.has(JSON.stringify(message)) ? [] : [i + 1]))
      const requests = hidden.filter((seq) => history[seq - 1]?.role === "user")
      assert.isNotEmpty(requests)
      assert.deepStrictEqual(
        (yield* seqs('"look at part"', outOfView)).toSorted((a, b) => a - b),
        requests
      )
      assert.lengthOf(yield* seqs('"look at part"', { limit: 1_000 }), 20)
    }).pipe(Effect.provide(world))
  )

  it.effect("what is shown as an excerpt is out of view, a live request is not", () =>
    Effect.gen(function* () {
      const store = yield* SessionStore
      const words = ["system", "apple one", "apple two", "apple three", "apple four", "apple five"]
      yield* importAll(words.map((content, i) => ({ role: i === 0 ? "system" : "user", content })))
      const acquired = yield* store.acquire(id, { name: "operation", holder: "me", ttl: 1_000 })
      if (acquired._tag === "Held") return assert.fail("nobody else asked")
      const { ledger, manifest } = {
        ledger: yield* store.ledger(id),
        manifest: (yield* store.state(id)).manifest
      }
      const shown = { ...manifest, headTo: 2, tailFrom: 5, live: [4], excerpts: [{ seq: 6, tokens: 30 }] }
      yield* store.commit(acquired.lease, { operationId: "op", base: 0, manifest: shown, segments: [], ledger })
      assert.deepStrictEqual((yield* seqs("apple", outOfView)).toSorted(), [3, 6])
      assert.deepStrictEqual(yield* seqs("system", outOfView), [])
    }).pipe(Effect.provide(plain))
  )

  it.effect("after a reset everything is still found", () =>
    Effect.gen(function* () {
      yield* compressed
      yield* Effect.flatMap(Gateway.Gateway, (gateway) => gateway.reset(id))
      assert.deepStrictEqual(yield* seqs("Ada", outOfView), [LOST])
    }).pipe(Effect.provide(world))
  )

  it.effect("a message is found by the number that views and handoffs give it", () =>
    Effect.gen(function* () {
      const long = `${"word ".repeat(400)}end`
      yield* importAll([
        { role: "user", content: "see #2" },
        { role: "assistant", content: long }
      ])
      for (const query of ["#2", "seq 2", "recall seq 2"]) {
        const [first] = yield* recall(query)
        assert.deepStrictEqual([first?.seq, first?.excerpt], [2, long], query)
      }
      assert.deepStrictEqual(yield* seqs("#2"), [2, 1])
      assert.deepStrictEqual(yield* seqs("#3"), [])
      assert.deepStrictEqual(yield* seqs("#99999999999999999999"), [])
    }).pipe(Effect.provide(plain))
  )

  it.effect("an excerpt shows the place", () =>
    Effect.gen(function* () {
      yield* importAll([
        { role: "user", content: `${"nothing here ".repeat(300)}the needle${" nor here".repeat(300)}` }
      ])
      const [found] = yield* recall("needle")
      assert.match(found?.excerpt ?? "", /^….*the needle.*…$/)
      assert.isAtMost(found?.excerpt.length ?? 0, 250)
    }).pipe(Effect.provide(plain))
  )

  it.effect("messages beside the found ones follow them while the limit allows it, but no answers of recall", () =>
    Effect.gen(function* () {
      const call = { id: "c", type: "function", function: { name: "recall", arguments: `{"query":"pear"}` } } as const
      yield* importAll([
        { role: "user", content: "one" },
        { role: "assistant", content: "two" },
        { role: "user", content: "the needle" },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "c", content: "[throughline recall] #1 user: one" },
        { role: "user", content: "another needle" },
        { role: "assistant", content: "seven" }
      ])
      assert.deepStrictEqual(yield* seqs("needle"), [6, 3])
      assert.deepStrictEqual(yield* seqs("needle", { beside: 1 }), [6, 3, 7, 2])
      assert.deepStrictEqual(yield* seqs("needle", { beside: 1, limit: 3 }), [6, 3, 7])
      assert.deepStrictEqual(yield* seqs("needle", { beside: 2 }), [6, 3, 7, 2, 1])
      assert.deepStrictEqual(yield* seqs("#3", { beside: 1 }), [3, 2])
    }).pipe(Effect.provide(plain))
  )

  it.effect("a message is shown whole up to the length that was asked for, and around the hit beyond it", () =>
    Effect.gen(function* () {
      const long = `${"nothing here ".repeat(60)}the paintings${" nor here".repeat(20)}`
      yield* importAll([{ role: "user", content: long }])
      const excerpts = yield* Effect.forEach([long.length, long.length - 1, Number.NaN], (wholeUpTo) =>
        Effect.map(recall("painted", { wholeUpTo }), ([found]) => found?.excerpt ?? "")
      )
      assert.strictEqual(excerpts[0], long)
      assert.match(excerpts[1] ?? "", /^….*the paintings.*…$/)
      assert.strictEqual(excerpts[2], excerpts[1])
    }).pipe(Effect.provide(plain))
  )

  it.effect("limits: none, few, absurd; no words, no session", () =>
    Effect.gen(function* () {
      yield* importAll(Array.from({ length: 30 }, (_, n) => ({ role: "user", content: `apple ${n}` })))
      const lengths = yield* Effect.forEach([0, -1, Number.NaN, 2.9, Number.POSITIVE_INFINITY], (limit) =>
        Effect.map(seqs("apple", { limit }), (found) => found.length)
      )
      assert.deepStrictEqual(lengths, [0, 0, 0, 2, 30])
      assert.lengthOf(yield* seqs("apple"), 10)
      assert.deepStrictEqual(yield* seqs("  "), [])
      const nobody = SessionId.make("nobody")
      const error = yield* Effect.flip(Effect.flatMap(Recall.Recall, ({ recall }) => recall(nobody, "apple")))
      assert.strictEqual(error._tag, "UnknownSession")
    }).pipe(Effect.provide(plain))
  )

  it.effect.prop(
    "expanding a segment piece by piece gives each of its messages once, in order",
    [fc.integer({ min: 0, max: 2_000 })],
    ([maxTokens]) =>
      Effect.gen(function* () {
        const { segments } = yield* compressed
        const { expand } = yield* Recall.Recall
        const [segment] = segments
        if (segment === undefined) return assert.fail("a compression makes a segment")
        const whole = yield* expand(segment.id)
        const expected = history.slice(segment.fromSeq - 1, segment.toSeq)
        assert.deepStrictEqual(
          whole.entries.map(({ message }) => message),
          expected
        )
        assert.deepStrictEqual([whole.sessionId, whole.segment, whole.next], [id, segment, null])
        const pieces: Array<Message> = []
        let fromSeq: number | null = segment.fromSeq
        while (fromSeq !== null) {
          const { entries, next }: Recall.Expansion = yield* expand(segment.id, { fromSeq, maxTokens })
          const tokens = entries.reduce((sum, entry) => sum + entry.tokens, 0)
          assert.isTrue(entries.length === 1 || tokens <= maxTokens)
          pieces.push(...entries.map(({ message }) => message))
          fromSeq = next
        }
        assert.deepStrictEqual(pieces, expected)
      }).pipe(Effect.provide(world)),
    propertyRuns(3, 12)
  )

  it.effect("a segment that is not there is a typed error, a place beyond it is empty", () =>
    Effect.gen(function* () {
      const { segments } = yield* compressed
      const { expand } = yield* Recall.Recall
      assert.strictEqual((yield* Effect.flip(expand("seg_nothing")))._tag, "UnknownSegment")
      const beyond = yield* expand(segments[0]?.id ?? "", { fromSeq: 1_000 })
      assert.deepStrictEqual([beyond.entries, beyond.next], [[], null])
    }).pipe(Effect.provide(world))
  )
})
