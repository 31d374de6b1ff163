/** Promise 5, nothing lost, nothing twice: log plus inbox are exactly the acknowledged messages. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as Message from "../../src/message/Message.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Models from "../support/models.ts"
import * as Programs from "../support/programs.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import { assistant } from "../support/stores.ts"
import type { Segment } from "../../src/session/Session.ts"
import { conversation, crowded, id, importMessages, scripted } from "../support/world.ts"

describe("promise 5, nothing lost, nothing twice", () => {
  const expected = ["UnknownSession", "IdempotencyConflict", "CompressionFailed", "TurnInterrupted"]

  it.effect.prop(
    "log plus inbox are exactly the acknowledged messages, once each, in order; the next step sees every message delivered before it; a commit covers nothing above its high-water mark",
    [
      FastCheck.nat(12),
      Programs.program,
      Models.script(Models.outcomesWithOverflow),
      FastCheck.constantFrom("extract" as const, "fail" as const),
      FastCheck.constantFrom("background" as const, "preflight" as const)
    ],
    ([rounds, program, script, onExhausted, mode]) =>
      Effect.gen(function* () {
        const history = conversation(rounds)
        yield* importMessages(history)
        const seen = yield* Programs.run(id, program, seesAllBefore)
        for (const error of seen.errors) assert.include(expected, tagOf(error), String(error))
        const log = (yield* Programs.readAcknowledged(id)).slice(history.length)

        const seqs = log.flatMap(({ seq }) => (seq === null ? [] : [seq]))
        assert.deepStrictEqual(
          seqs,
          seqs.map((_, i) => history.length + i + 1)
        )
        assert.isTrue(
          log.slice(seqs.length).every(({ seq }) => seq === null),
          "the inbox comes last"
        )
        assert.deepStrictEqual(
          log.flatMap(({ arrival, message }) => (arrival === null ? [] : [[arrival, Message.text(message)]])),
          seen.delivered.map(({ receipt, text }) => [receipt.arrival, text])
        )
        assert.deepStrictEqual(
          seen.delivered.map(({ receipt }) => receipt.arrival),
          seen.delivered.map(({ receipt }) => receipt.arrival).toSorted((a, b) => a - b)
        )
        const first = new Map(seen.keyed.toReversed().map((keyed) => [keyed.key, keyed] as const))
        for (const keyed of seen.keyed) {
          const original = first.get(keyed.key)
          if (keyed === original) assert.match(keyed.answer, /^first \d+$/)
          else if (keyed.body !== original?.body) assert.strictEqual(keyed.answer, "IdempotencyConflict")
          else assert.strictEqual(keyed.answer, original.answer.replace("first", "again"))
        }
        const appended = log.filter(({ arrival }) => arrival === null).map(({ message }) => JSON.stringify(message))
        assert.deepStrictEqual(
          appended.filter((text) => seen.appended.includes(text)),
          seen.appended
        )
        assert.deepStrictEqual(
          appended,
          seen.tried.filter((text) => appended.includes(text))
        )
        yield* coversItsMaterial
      }).pipe(
        Effect.provide(
          scripted(Models.makeCountingModel(script).layer, {
            ...crowded,
            policy: { ...crowded.policy, mode, onExhausted }
          })
        ),
        onVirtualClock
      ),
    propertyRuns(25, 100)
  )
})

const tagOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : String(error)

/** What was delivered before is in the view, or a handoff stands for it; the newest open request is always shown. */
const seesAllBefore: Programs.Onlooker<SessionStore> = Effect.fnUntraced(function* (view, before) {
  const store = yield* SessionStore
  const log = yield* Effect.orDie(Programs.readAcknowledged(id))
  const { head, live, tail } = yield* Effect.orDie(store.state(id))
  const kept = new Set([...head, ...live, ...tail].map(({ seq }) => seq))
  const shown = view.messages.map((message) => Message.text(message).slice(0, 8))
  const leftOut = new Set(view.repairs.flatMap((r) => (r.kind === "excerpt" && r.tokens === 0 ? [r.seq] : [])))
  const end = log.findLastIndex(({ message }) => Message.endsTurn(message))
  for (const { receipt, text } of before) {
    const place = log.findIndex(({ arrival }) => arrival === receipt.arrival)
    const seq = log[place]?.seq ?? null
    if (seq === null) assert.fail(`${text} was delivered before the step, which did not take it up`)
    const isVisible = shown.includes(text.slice(0, 8))
    const isNewestOpen = place > end && before.findLast(({ kind }) => kind === "request")?.text === text
    if (isNewestOpen) assert.isTrue(isVisible, `the open request ${text} is not in the view`)
    if (kept.has(seq) && !leftOut.has(seq)) assert.isTrue(isVisible, `${text} is neither shown nor covered`)
  }
})

/**
 * The segments stand for the log without gap or overlap, each for just what its model was given to read. One that was
 * healed is there twice: degraded in old snapshots, and once more.
 */
const coversItsMaterial = Effect.gen(function* () {
  const store = yield* SessionStore
  if ((yield* store.sessions).length === 0) return
  const now = yield* store.state(id)
  const before = yield* Effect.forEach(yield* store.snapshots(id), ({ snapshotId }) => store.snapshot(snapshotId))
  const segments = new Map([...before, now].flatMap(({ segments }) => segments.map((s) => [s.id, s] as const)))
  const places = new Map([...segments.values()].map((s) => [`${s.level} ${s.fromSeq} ${s.toSeq}`, s] as const))
  const healed = [...segments.values()].filter((s) => ![...places.values()].includes(s))
  assert.isTrue(healed.every(({ degraded }) => degraded !== null))
  let next = now.manifest.headTo + 1
  for (const { children, degraded, fromSeq, text, toSeq } of [...places.values()].sort(byPlace)) {
    assert.isAtLeast(toSeq, fromSeq)
    if (degraded === null) assert.deepStrictEqual(Models.rangeOf(text), [fromSeq, toSeq])
    if (children.length > 0) {
      const ends = [children.at(0), children.at(-1)].map((id) => segments.get(id ?? ""))
      assert.deepStrictEqual([ends[0]?.fromSeq, ends[1]?.toSeq], [fromSeq, toSeq])
      continue
    }
    assert.strictEqual(fromSeq, next)
    next = toSeq + 1
  }
  if (segments.size > 0) assert.strictEqual(now.manifest.tailFrom, next)
})

const byPlace = (a: Segment, b: Segment): number => a.fromSeq - b.fromSeq

describe("promise 5, what the handoff says of requests", () => {
  const ask = { role: "user", content: "Please refund the ticket." } as const
  const rounds = conversation(14).filter(({ role }) => role !== "user" && role !== "system")
  const work = rounds.filter((message) => !Message.endsTurn(message))

  const handoffAfter = Effect.fnUntraced(function* (messages: ReadonlyArray<Message.Message>) {
    yield* importMessages([
      ...conversation(1),
      { role: "user", content: "Hello." },
      assistant("Hello."),
      ask,
      ...messages
    ])
    const { compress, view } = yield* Gateway.Gateway
    assert.strictEqual((yield* compress(id)).outcome, "committed")
    const { segments } = yield* Effect.flatMap(SessionStore, (store) => store.state(id))
    const { messages: shown } = yield* view(id)
    return { shown, ledger: Message.text(shown.find(Handoff.isHandoff) ?? ask).split("ledger]")[1], segments }
  })

  it.effect("one that was answered after the summarized range is not called open", () =>
    Effect.gen(function* () {
      const { ledger, segments } = yield* handoffAfter([...work, assistant("It is refunded.")])
      assert.include(ledger, "- answered: Please refund the ticket.")
      assert.notInclude(ledger, "- open:")
      assert.deepStrictEqual(
        segments.map(({ text }) => Handoff.parse(text).openWork),
        [[]]
      )
    }).pipe(Effect.provide(scripted(Models.makeCountingModel([]).layer, { ...crowded, routes: [] })))
  )

  it.effect("one that is live is a message of its own, and the ledger does not call it open for ever", () =>
    Effect.gen(function* () {
      const { ledger, shown } = yield* handoffAfter(work)
      assert.deepInclude(shown, ask)
      assert.notInclude(ledger, "Please refund the ticket.")
    }).pipe(Effect.provide(scripted(Models.makeCountingModel([]).layer, { ...crowded, routes: [] })))
  )
})
