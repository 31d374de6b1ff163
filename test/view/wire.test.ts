/** Views, events and what recall finds survive a wire: encoded to JSON and decoded, they are what they were. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, FastCheck, Schema } from "effect"
import * as CompressionEvent from "../../src/compression/CompressionEvent.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as Recall from "../../src/recall/Recall.ts"
import { type Manifest, wholeLog } from "../../src/session/Session.ts"
import * as View from "../../src/view/View.ts"
import { any, logOf, ofWire, stateOf } from "../support/histories.ts"
import { repetitions } from "../support/repetitions.ts"

/** Sends a value as JSON and reads it on the other side. */
const send = <A, I>(schema: Schema.Schema<A, I>, value: A): A => {
  const json = Schema.parseJson(schema)
  return Schema.decodeUnknownSync(json)(Schema.encodeSync(json)(value))
}

/** Without fields that are undefined and without symbols, neither of which JSON has. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** Views of whole logs, and of logs under a handoff with excerpts and open requests. */
const anyView = FastCheck.tuple(
  any,
  FastCheck.nat(40),
  FastCheck.array(FastCheck.record({ seq: FastCheck.integer({ min: 1, max: 40 }), tokens: FastCheck.nat(80) }), {
    maxLength: 4
  })
).map(([entries, at, excerpts]) => {
  const log = logOf(entries)
  const tailFrom = 1 + (at % (log.length + 1))
  const live = log.filter(({ kind, seq }) => kind === "request" && seq < tailFrom).map(({ seq }) => seq)
  const manifest: Manifest = { ...wholeLog, tailFrom, live, excerpts, ledger: tailFrom > 1 ? "- a fact" : "" }
  return View.assemble(stateOf(log, manifest), estimate)
})

const runs = { numRuns: repetitions(100, 1_000) }

describe("on a wire", () => {
  it("a view is what it was, with the fields of its messages that no schema knows", () =>
    FastCheck.assert(
      FastCheck.property(anyView, (view) => assert.deepStrictEqual(plain(send(View.View, view)), plain(view))),
      runs
    ))

  it("a field of a message that no schema knows is kept, also deep within", () => {
    const view = View.assemble(stateOf(logOf([])), estimate)
    const message = ofWire({
      role: "user",
      content: [{ type: "text", text: "hello", cache_control: { type: "ephemeral" } }],
      name: "ada",
      metadata: { deep: [1, { er: null }] }
    })
    assert.deepStrictEqual(plain(send(View.View, { ...view, messages: [message] }).messages), [plain(message)])
  })

  it("what is no view is refused", () => {
    const view = View.assemble(stateOf(logOf([])), estimate)
    for (const wrong of [
      { ...view, messages: [{ role: "user" }] },
      { ...view, tokens: "many" },
      { ...view, repairs: [{ kind: "unheard-of", seq: 1 }] }
    ]) {
      assert.throws(() => Schema.decodeUnknownSync(View.View)(plain(wrong)))
    }
  })

  it("an event of any kind is what it was", () =>
    FastCheck.assert(
      FastCheck.property(Arbitrary.make(CompressionEvent.Event), (event) => {
        const received = send(CompressionEvent.Event, event)
        assert.deepStrictEqual(plain(received), plain(event))
        assert.strictEqual(CompressionEvent.notice(received), CompressionEvent.notice(event))
      }),
      runs
    ))

  it("what recall found is what it was", () =>
    FastCheck.assert(
      FastCheck.property(Arbitrary.make(Recall.Found), (found) =>
        assert.deepStrictEqual(send(Recall.Found, found), found)
      ),
      runs
    ))
})
