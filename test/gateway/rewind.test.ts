/** Rewind and reset: what a session shows after them, against a model that keeps nothing but the log. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber, Layer, TestClock } from "effect"
import { Compressor } from "../../src/compression/Compressor.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { renderSummary } from "../support/summaryText.ts"
import * as Ledger from "../../src/ledger/Ledger.ts"
import * as Message from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { Recall } from "../../src/recall/Recall.ts"
import type { Logged, State } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import * as Histories from "../support/histories.ts"
import * as Programs from "../support/programs.ts"
import { problems } from "../support/providerShapes.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { awaitRequests, conversation, deliver, id, recordLogLines, scripted, summary } from "../support/world.ts"

const policy = { contextLength: 4_096, mode: "manual" } as const

/** Names every message it was given, itself or through the summaries of them. */
const oracle: Scripted.ScriptedOutcome = ({ messages }) => {
  const text = messages.map((message) => Message.text(message)).join("\n")
  const direct = [...text.matchAll(/^#(\d+) /gm)].map(([, seq]) => Number(seq))
  const through = [...text.matchAll(/read (\d+)-(\d+)/g)].flatMap(([, from, to]) => spread(Number(from), Number(to)))
  return renderSummary({
    ...Handoff.empty,
    goal: ["go on"],
    done: ["most of it"],
    facts: rangesOf([...direct, ...through]).map(([from, to]) => `read ${from}-${to}`)
  })
}

const spread = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

const rangesOf = (seqs: ReadonlyArray<number>): ReadonlyArray<readonly [number, number]> => {
  const sorted = Array.from(new Set(seqs)).toSorted((a, b) => a - b)
  const starts = sorted.filter((seq) => !sorted.includes(seq - 1))
  const ends = sorted.filter((seq) => !sorted.includes(seq + 1))
  return starts.map((from, i) => [from, ends[i] ?? from])
}

const readBy = (text: string): ReadonlyArray<number> =>
  [...text.matchAll(/read (\d+)-(\d+)/g)].flatMap(([, from, to]) => spread(Number(from), Number(to)))

const seqsOf = (entries: ReadonlyArray<Pick<Logged, "seq">>) => entries.map(({ seq }) => seq)

type Action =
  | { readonly do: "talk"; readonly rounds: number; readonly stopsShort: boolean }
  | { readonly do: "wait" }
  | { readonly do: "compress" }
  | { readonly do: "rewind"; readonly to: number }
  | { readonly do: "reset" }
  | { readonly do: "restore"; readonly back: number }

const actions: FastCheck.Arbitrary<ReadonlyArray<Action>> = FastCheck.array(
  FastCheck.oneof(
    {
      weight: 5,
      arbitrary: FastCheck.record({
        do: FastCheck.constant("talk" as const),
        rounds: FastCheck.integer({ min: 1, max: 7 }),
        stopsShort: FastCheck.boolean()
      })
    },
    { weight: 1, arbitrary: FastCheck.constant({ do: "wait" as const }) },
    { weight: 4, arbitrary: FastCheck.constant({ do: "compress" as const }) },
    {
      weight: 3,
      arbitrary: FastCheck.record({
        do: FastCheck.constant("rewind" as const),
        to: FastCheck.double({ min: 0, max: 1, noNaN: true })
      })
    },
    { weight: 1, arbitrary: FastCheck.constant({ do: "reset" as const }) },
    {
      weight: 3,
      arbitrary: FastCheck.record({
        do: FastCheck.constant("restore" as const),
        back: FastCheck.integer({ min: 1, max: 4 })
      })
    }
  ),
  { minLength: 4, maxLength: 22, size: "max" }
)

/** The log, what of it was taken back, and where the newest reset that was not taken back has put its beginning. */
interface Model {
  readonly texts: Array<string>
  readonly undone: Set<number>
  resets: ReadonlyArray<number>
  waiting: Array<string>
}

describe("rewind", () => {
  it.effect.prop(
    "after any history the view shows what a naive reading of the log shows; the log keeps everything, snapshots their bytes, and segments stand for nothing undone",
    [FastCheck.integer({ min: 0, max: 12 }), actions],
    ([rounds, actions]) =>
      Effect.gen(function* () {
        const { compress, reset, restore, rewind, turn } = yield* Gateway
        const store = yield* SessionStore
        const model: Model = { texts: [], undone: new Set(), resets: [], waiting: [] }
        const views = new Map<number, string>()
        const pasts = new Map<number, Pick<Model, "resets" | "undone"> & { readonly length: number }>()
        let n = 0
        const start = [{ role: "system", content: "You are an agent." } as const, ...conversation(rounds)]
        yield* store.importAll([{ sessionId: id, messages: start }])
        model.texts.push(...start.map((message) => JSON.stringify(message)))

        const talk = (rounds: number, stopsShort: boolean) =>
          turn(id, ({ append, view }) =>
            Effect.gen(function* () {
              for (let round = 0; round < rounds; round++) {
                const [ask, ...answer] = conversation(1, 100 + ++n)
                if (ask === undefined) continue
                yield* deliver(ask)
                yield* view()
                yield* append(...(stopsShort && round === rounds - 1 ? answer.slice(0, 2) : answer))
                const said = stopsShort && round === rounds - 1 ? answer.slice(0, 2) : answer
                model.texts.push(...model.waiting, ...[ask, ...said].map((message) => JSON.stringify(message)))
                model.waiting = []
              }
            })
          )

        const back = Effect.fnUntraced(function* (to: number) {
          const seq = Math.floor(to * model.texts.length)
          const before = yield* store.state(id)
          const result = yield* Effect.either(rewind(id, seq))
          if (model.undone.has(seq)) {
            assert.strictEqual(result._tag === "Left" ? result.left._tag : "", "InvalidRewind")
            return
          }
          const taken = spread(seq + 1, model.texts.length).filter((seq) => !model.undone.has(seq))
          assert.strictEqual(result._tag === "Right" ? result.right.undone : -1, taken.length)
          const after = yield* store.state(id)
          assert.strictEqual(after.generation, before.generation + (taken.length > 0 ? 1 : 0))
          if (taken.length === 0) return
          for (const seq of taken) model.undone.add(seq)
          model.resets = model.resets.filter((from) => from <= seq + 1)
          assert.isNull(after.usage)
          assert.isAtMost(
            after.manifest.tailFrom,
            seq + 1,
            "what is left verbatim begins no later than the point gone back to"
          )
          yield* ledgerIsThatOfTheLog(after)
        })

        const goBackTo = Effect.fnUntraced(function* (back: number) {
          const before = yield* store.state(id)
          const left = (yield* store.snapshots(id)).at(-back)
          if (left === undefined) return
          const snapshot = yield* store.snapshot(left.snapshotId)
          const since = yield* store.range(id, left.lastSeq + 1, before.lastSeq)
          const restored = yield* Effect.either(restore(id, left.snapshotId))
          const after = yield* store.state(id)
          if (restored._tag === "Left") {
            assert.deepInclude(restored.left, { _tag: "InvalidRestore", reason: "too-large" })
            assert.deepStrictEqual(after, before)
            return
          }
          assert.strictEqual(restored.right.generation, before.generation + 1)
          const { live, head, segments, system } = after
          assert.deepStrictEqual(
            { live, head, segments, system },
            {
              live: snapshot.live,
              head: snapshot.head,
              segments: snapshot.segments,
              system: snapshot.system
            }
          )
          assert.strictEqual(after.manifest.ledger, snapshot.manifest.ledger)
          assert.deepStrictEqual(after.tail, [...snapshot.tail, ...since], "what came since follows the old view")
          const { contextFrom, headTo, tailFrom } = after.manifest
          const shown = yield* store.range(id, contextFrom, after.lastSeq)
          yield* ledgerReads(
            shown.filter(({ seq }) => seq > headTo && seq < tailFrom),
            shown.findLast(({ message }) => Message.endsTurn(message))?.seq ?? 0
          )
          const past = pasts.get(left.generation)
          if (past === undefined) return assert.fail("each generation was looked at")
          const taken = [...model.undone].filter((seq) => seq > past.length)
          model.undone.clear()
          for (const seq of [...past.undone, ...taken]) model.undone.add(seq)
          model.resets = past.resets
        })

        const perform = (action: Action) => {
          switch (action.do) {
            case "talk":
              return talk(action.rounds, action.stopsShort)
            case "wait":
              return Effect.map(deliver({ role: "user", content: `And ${++n}?` }), () =>
                model.waiting.push(JSON.stringify({ role: "user", content: `And ${n}?` }))
              )
            case "compress":
              return compress(id)
            case "rewind":
              return back(action.to)
            case "restore":
              return goBackTo(action.back)
            case "reset":
              return Effect.map(reset(id), () => (model.resets = [...model.resets, model.texts.length + 1]))
          }
        }

        const look = Effect.gen(function* () {
          const log = yield* Programs.readAcknowledged(id)
          assert.deepStrictEqual(
            log.map(({ message }) => JSON.stringify(message)),
            [...model.texts, ...model.waiting],
            "log and inbox have everything once, in order"
          )
          assert.deepStrictEqual(
            log.flatMap(({ seq, undone }) => (undone && seq !== null ? [seq] : [])),
            [...model.undone].toSorted((a, b) => a - b),
            "what was taken back is marked"
          )
          const state = yield* store.state(id)
          yield* showsTheLog(state, model)
          const view = View.assemble(state, estimate)
          if (view.messages.some(({ role }) => role !== "system")) assert.deepStrictEqual(problems(view.messages), [])
          views.set(state.generation, baseOf(state))
          const { resets, texts, undone } = model
          pasts.set(state.generation, { resets, undone: new Set(undone), length: texts.length })
        })

        yield* look
        for (const action of actions) {
          yield* perform(action)
          yield* look
        }
        for (const { generation, snapshotId } of yield* store.snapshots(id)) {
          const snapshot = yield* store.snapshot(snapshotId)
          assert.strictEqual(baseOf(snapshot), views.get(generation) ?? baseOf(snapshot), "a snapshot keeps its bytes")
        }
      }).pipe(Effect.provide(scripted(Scripted.layer([oracle]), { policy }))),
    propertyRuns(10, 40)
  )

  /** Head, handoff and live requests: all of a view that a generation alone decides. */
  const baseOf = ({ head, live, manifest, segments, system }: State): string =>
    JSON.stringify([manifest, system, head, segments, live])

  const showsTheLog = Effect.fnUntraced(function* (state: State, { resets, texts, undone }: Model) {
    const store = yield* SessionStore
    const log = (yield* Programs.readAcknowledged(id)).flatMap(({ seq }) => seq ?? [])
    const entries = yield* Effect.forEach(log, (seq) => store.range(id, seq, seq))
    const { head, live, manifest, segments, system, tail } = Histories.stateOf(
      entries.flat(),
      state.manifest,
      state.segments,
      state.generation
    )
    for (const [shown, naive] of [
      [state.system, system],
      [state.head, head],
      [state.live, live],
      [state.tail, tail]
    ] as const) {
      assert.deepStrictEqual(shown, naive)
      for (const { message, seq } of shown) assert.strictEqual(JSON.stringify(message), texts[seq - 1])
    }
    const contextFrom = resets.at(-1) ?? 1
    assert.strictEqual(manifest.contextFrom, contextFrom)
    const left = spread(Math.max(2, contextFrom), texts.length).filter((seq) => !undone.has(seq))
    const covered = spread(manifest.headTo + 1, manifest.tailFrom - 1)
    assert.deepStrictEqual(
      left.filter((seq) => !covered.includes(seq)),
      seqsOf([...head, ...tail]),
      "what is not covered is shown"
    )
    const read = segments.flatMap(({ text }) => readBy(text))
    assert.deepStrictEqual(
      read,
      left.filter((seq) => covered.includes(seq) && seq >= (segments[0]?.fromSeq ?? Infinity)),
      "segments stand for what is left of their range, once"
    )
    for (const [, seq] of manifest.ledger.matchAll(/\(#(\d+)\)/g)) {
      assert.isTrue(covered.includes(Number(seq)) && !undone.has(Number(seq)), `the ledger tells of #${seq}`)
    }
  })

  const ledgerIsThatOfTheLog = Effect.fnUntraced(function* ({ head, lastSeq, live, manifest, tail }: State) {
    const store = yield* SessionStore
    const covered = yield* store.range(id, Math.max(manifest.contextFrom, manifest.headTo + 1), manifest.tailFrom - 1)
    const all = [...head, ...covered, ...tail].filter(({ seq }) => seq <= lastSeq)
    const endedAt = all.findLast(({ message }) => Message.endsTurn(message))?.seq ?? 0
    const open = all.filter(({ kind, seq }) => kind === "request" && seq > endedAt && seq < manifest.tailFrom)
    assert.deepStrictEqual(seqsOf(live), seqsOf(open), "a request whose answer was taken back is open again")
    yield* ledgerReads(covered, endedAt)
  })

  const ledgerReads = Effect.fnUntraced(function* (covered: ReadonlyArray<Logged>, endedAt: number) {
    const store = yield* SessionStore
    const { requests, ...facts } = Ledger.add(Ledger.empty, covered)
    const ledger = yield* Ledger.decode(yield* store.ledger(id))
    assert.deepStrictEqual(ledger, {
      ...facts,
      requests: requests.map((request) => ({ ...request, answered: request.seq < endedAt }))
    })
  })

  const talkOf = (rounds: number) =>
    Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: id, messages: conversation(rounds) }]))

  it.effect("the running turn and compression are superseded, and the log line says what was taken back", () => {
    const model = Scripted.make([{ text: summary("x"), delay: "10 seconds" }])
    const { layer, lines } = recordLogLines()
    return Effect.gen(function* () {
      yield* talkOf(20)
      const { compress, rewind, turn } = yield* Gateway
      const { settled } = yield* Compressor
      const error = yield* turn(id, ({ append, view }) =>
        Effect.gen(function* () {
          yield* view()
          const compression = yield* Effect.fork(compress(id))
          yield* awaitRequests(model, 1)
          assert.deepStrictEqual(yield* rewind(id, 60), { generation: 1, undone: 20 })
          yield* TestClock.adjust("1 minute")
          const { outcome } = yield* Effect.zipLeft(Fiber.join(compression), settled(id))
          assert.strictEqual(outcome, "superseded")
          return yield* Effect.flip(append({ role: "assistant", content: "late" }))
        })
      )
      assert.strictEqual(error._tag, "Superseded")
      assert.include(lines, `rewind: session=${id} to=60 undone=20 generation=1`)
    }).pipe(Effect.provide(Layer.merge(scripted(model.layer, { policy }), layer)))
  })

  it.effect("with nothing to take back nothing changes; what is not there or was taken back is an error", () =>
    Effect.gen(function* () {
      yield* talkOf(5)
      const { rewind, turn } = yield* Gateway
      yield* turn(id, ({ append, view }) =>
        Effect.gen(function* () {
          yield* view()
          assert.deepStrictEqual(yield* rewind(id, 20), { generation: 0, undone: 0 })
          yield* append({ role: "assistant", content: "not superseded" })
        })
      )
      assert.deepStrictEqual(yield* rewind(id, 8), { generation: 1, undone: 13 })
      assert.deepStrictEqual(yield* rewind(id, 8), { generation: 1, undone: 0 })
      for (const [seq, reason] of [
        [-1, "no-such-message"],
        [22, "no-such-message"],
        [1.5, "no-such-message"],
        [9, "undone"],
        [21, "undone"]
      ] as const) {
        const error = yield* Effect.flip(rewind(id, seq))
        assert.deepInclude(error, { _tag: "InvalidRewind", seq, lastSeq: 21, reason })
      }
      assert.strictEqual((yield* Effect.flip(rewind(Histories.sessionId, 0)))._tag, "UnknownSession")
    }).pipe(Effect.provide(scripted(Scripted.layer([]), { policy })))
  )

  it.effect("what was taken back is not found again, and a segment gives what is left of its range", () =>
    Effect.gen(function* () {
      yield* talkOf(20)
      const { compress, rewind } = yield* Gateway
      const { expand, recall } = yield* Recall
      yield* compress(id)
      const [segment] = (yield* Effect.flatMap(SessionStore, (store) => store.state(id))).segments
      if (segment === undefined) assert.fail("it was compressed")
      const cut = segment.fromSeq + 5
      assert.include(seqsOf(yield* recall(id, `#${cut + 1}`)), cut + 1)
      yield* rewind(id, cut)
      assert.notInclude(seqsOf(yield* recall(id, `#${cut + 1}`)), cut + 1)
      const found = yield* recall(id, "billing report", { limit: 100 })
      assert.isTrue(found.length > 0 && found.every(({ seq }) => seq <= cut))
      assert.deepStrictEqual(seqsOf((yield* expand(segment.id)).entries), spread(segment.fromSeq, cut))
    }).pipe(Effect.provide(scripted(Scripted.layer([oracle]), { policy })))
  )

  it.effect("a request whose answer is taken back is shown again, in its own words", () =>
    Effect.gen(function* () {
      const work = conversation(20).filter((message) => message.role !== "user" && !Message.endsTurn(message))
      const ask = { role: "user", content: "Please refund the ticket." } as const
      const store = yield* SessionStore
      const answer = { role: "assistant", content: "It is refunded." } as const
      yield* store.importAll([{ sessionId: id, messages: [...conversation(1), ask, ...work, answer] }])
      const { compress, rewind, view } = yield* Gateway
      yield* compress(id)
      assert.include((yield* store.state(id)).manifest.ledger, "- answered: Please refund the ticket.")
      yield* rewind(id, 5 + work.length)
      assert.deepStrictEqual((yield* view(id)).messages.filter(({ role }) => role === "user").slice(-1), [ask])
      assert.notInclude((yield* store.state(id)).manifest.ledger, "refund the ticket")
    }).pipe(Effect.provide(scripted(Scripted.layer([oracle]), { policy })))
  )
})

describe("reset", () => {
  it.effect("what came before it is not shown again by the next compression", () =>
    Effect.gen(function* () {
      const store = yield* SessionStore
      yield* store.importAll([{ sessionId: id, messages: conversation(4) }])
      const { compress, reset, turn } = yield* Gateway
      yield* reset(id)
      yield* turn(id, ({ append }) => append(...conversation(20, 100)))
      assert.strictEqual((yield* compress(id)).outcome, "committed")
      const { head, tail } = yield* store.state(id)
      assert.isNotEmpty(head)
      assert.isTrue([...head, ...tail].every(({ seq }) => seq > 16))
    }).pipe(Effect.provide(scripted(Scripted.layer([oracle]), { policy })))
  )

  it.effect("is taken back along with the messages a rewind goes back over", () =>
    Effect.gen(function* () {
      yield* Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: id, messages: conversation(4) }]))
      const { reset, rewind, turn, view } = yield* Gateway
      yield* reset(id)
      yield* turn(id, ({ append }) => append(...conversation(1, 100)))
      yield* rewind(id, 16)
      assert.deepStrictEqual((yield* view(id)).messages, [])
      yield* turn(id, ({ append }) => append(...conversation(1, 200)))
      yield* rewind(id, 12)
      assert.deepStrictEqual((yield* view(id)).messages, conversation(3))
    }).pipe(Effect.provide(scripted(Scripted.layer([]), { policy })))
  )
})
