import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as MessageFormat from "../../src/format/MessageFormat.ts"
import { isHandoff } from "../../src/handoff/Handoff.ts"
import { type Message, parse, parts, text as textOf } from "../../src/message/Message.ts"
import { isImportedHandoff } from "../../src/message/whoseWords.ts"
import { type Segment, type State, wholeLog } from "../../src/session/Session.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import * as WireLimits from "../../src/view/WireLimits.ts"
import { any, logOf, stateOf, text } from "../support/histories.ts"
import { problems } from "../support/providerShapes.ts"
import { propertyRuns } from "../support/repetitions.ts"

const MARK = { type: "ephemeral" }

const anySegments: FastCheck.Arbitrary<ReadonlyArray<Segment>> = FastCheck.array(
  FastCheck.record({ level: FastCheck.nat(2), text, degraded: FastCheck.constantFrom(null, "no route") }),
  { maxLength: 6 }
).map((made) =>
  made.map(({ degraded, level, text }, i) => {
    const [children, tokens] = [[], estimate.text(text)]
    const range = { fromSeq: 2 * i + 1, toSeq: 2 * i + 2 }
    return { id: `seg_${i}`, level, children, ...range, text, tokens, degraded, focus: null, model: "m" }
  })
)

/** A session whose first messages left for these segments. */
const stateWith = (entries: Parameters<typeof logOf>[0], segments: ReadonlyArray<Segment>, ledger: string): State => {
  const log = logOf(entries)
  return stateOf(log, { ...wholeLog, tailFrom: 1 + Math.floor(log.length / 2), ledger }, segments)
}

const anyState = FastCheck.tuple(any, anySegments, text).map((made) => stateWith(...made))

const countMarks = (blocks: unknown): number => JSON.stringify(blocks ?? null).split(`"cache_control":{`).length - 1

const tool = { name: "read_file", cache_control: MARK }
const assemble = (state: State, options: Parameters<typeof View.assemble>[2] = {}) =>
  View.assemble(state, estimate, { ...WireLimits.defaults, ...options })
const partsOf = (messages: ReadonlyArray<Message>) => messages.filter(isHandoff).flatMap(parts)

describe("the handoff in parts", () => {
  it.prop(
    "is the same text, counted and repaired the same, whatever the session holds",
    [anyState],
    ([state]) => {
      const { messages, ...marked } = assemble(state, { cacheMarks: true })
      const { messages: plain, ...rest } = assemble(state)
      assert.deepStrictEqual(
        messages.map((message, i) => (isHandoff(message) ? textOf(message) : plain[i])),
        plain.map((message) => (isHandoff(message) ? textOf(message) : message))
      )
      assert.deepStrictEqual(marked, rest)
      assert.deepStrictEqual(problems(messages), [])
    },
    propertyRuns(100, 1_000)
  )

  it.prop(
    "keeps the parts of the segments that stay, but for their marks, whatever comes behind them",
    [any, anySegments, text, anySegments, text],
    ([entries, kept, ledger, more, laterLedger]) => {
      const textsOf = (segments: ReadonlyArray<Segment>, ledger: string) =>
        partsOf(assemble(stateWith(entries, segments, ledger), { cacheMarks: true }).messages).map((part) =>
          part.type === "text" ? part.text : undefined
        )
      if (kept.length === 0) return
      const before = textsOf(kept, ledger)
      const stable = before.slice(0, 1 + kept.length)
      assert.strictEqual(stable.length, 1 + kept.length)
      assert.deepStrictEqual(textsOf([...kept, ...more], laterLedger).slice(0, stable.length), stable)
    },
    propertyRuns(50, 500)
  )

  it.prop(
    "has marks as far as the request has fewer than four, and the last segment keeps its mark longest",
    [anyState, FastCheck.nat(6), FastCheck.boolean()],
    ([state, marks, isMarkedPrompt]) => {
      const tools = Array.from({ length: marks }, () => tool)
      const block = { type: "text" as const, text: "be brief", cache_control: MARK }
      const system: Message = { role: "system", content: isMarkedPrompt ? [block] : "be brief" }
      const { messages } = assemble(state, { cacheMarks: true, tools, system })
      const marked = partsOf(messages).flatMap((part, i) => ("cache_control" in part ? [i] : []))
      const others = countMarks(tools) + countMarks(messages) - marked.length
      assert.isAtMost(marked.length, Math.max(0, 4 - others))
      const { segments } = state
      const wanted = new Set([segments.length - 1, segments.findLastIndex(({ level }) => level > 0)])
      wanted.delete(-1)
      const most = Math.max(0, Math.min(wanted.size, 4 - others))
      assert.deepStrictEqual(
        marked,
        Array.from(wanted, (place) => 1 + place)
          .toSorted((a, b) => a - b)
          .slice(wanted.size - most)
      )
      const body = MessageFormat.encode("anthropic", messages, { tools })
      assert.isAtMost(countMarks(body) + marks, Math.max(4, marks))
      if (others === 0) assert.strictEqual(countMarks(body), marked.length)
    },
    propertyRuns(100, 1_000)
  )

  it("is asked for by the limits of Anthropic alone; any other server gets a string", () => {
    const state = stateWith([], [], "- a fact")
    const contents = [{}, WireLimits.defaults, WireLimits.openai, WireLimits.gemini, WireLimits.mistral].map(
      (limits) => View.assemble(state, estimate, limits).messages.find(isHandoff)?.content
    )
    assert.isTrue(contents.every((content) => typeof content === "string"))
    assert.isArray(View.assemble(state, estimate, WireLimits.anthropic).messages.find(isHandoff)?.content)
  })

  it("is recognized when it comes back with an imported history", () => {
    const { messages } = assemble(stateWith([], [], "- a fact"), { cacheMarks: true })
    const read = messages.map((message) => parse(JSON.parse(JSON.stringify(message))))
    const imported = read.flatMap((message, i) =>
      message._tag === "Right" ? [{ message: message.right, seq: i + 1, kind: null, arrival: null }] : []
    )
    assert.deepStrictEqual(imported.map(isImportedHandoff), messages.map(isHandoff))
  })
})
