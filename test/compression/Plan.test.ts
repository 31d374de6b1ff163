import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { existsSync, readFileSync } from "node:fs"
import * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as Ledger from "../../src/ledger/Ledger.ts"
import * as Message from "../../src/message/Message.ts"
import * as Plan from "../../src/compression/Plan.ts"
import * as SegmentTree from "../../src/handoff/segmentTree.ts"
import { findOpenRequests } from "../../src/session/openRequests.ts"
import { type Logged, type State, wholeLog } from "../../src/session/Session.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import {
  any,
  call,
  calls,
  type Entry,
  logOf,
  notification,
  ofWire,
  plain,
  request,
  result,
  says,
  stateOf,
  system
} from "../support/histories.ts"
import { commitPlan, countConversation, overheadOf, planOf, policyOf, segmentOf } from "../support/plans.ts"
import { problems, problemsAtEnd } from "../support/providerShapes.ts"
import { propertyRuns } from "../support/repetitions.ts"

/** The results of every call, found the slow way. */
const pairsOf = (log: ReadonlyArray<Logged>): ReadonlyArray<readonly [call: number, result: number]> => {
  const taken = new Set<string>()
  return log.flatMap(({ seq, message }) => {
    if (message.role !== "tool") return []
    for (const before of log.slice(0, seq - 1).toReversed())
      for (const [k, { id }] of [...Message.toolCalls(before.message).entries()].toReversed())
        if (id === message.tool_call_id && !taken.has(`${before.seq}/${k}`)) {
          taken.add(`${before.seq}/${k}`)
          return [[before.seq, seq] as const]
        }
    return []
  })
}

/** The call at the end of the log that nothing but results follow, not all of them. */
const pendingSeq = (log: ReadonlyArray<Logged>): number | undefined => {
  const last = log.findLast(({ message }) => message.role !== "tool")
  const answered = pairsOf(log).filter(([called]) => called === last?.seq).length
  return last !== undefined && answered < Message.toolCalls(last.message).length ? last.seq : undefined
}

/** What every plan keeps to, on the state it was made from. */
const check = (log: ReadonlyArray<Logged>, state: State, plan: Plan.Compress): State => {
  // A plan that only shortens makes a generation, too, and may let all segments leave the view.
  const isFirst = state.manifest.tailFrom === state.manifest.contextFrom
  const headTo = isFirst ? plan.headTo : state.manifest.headTo
  const firstSeq = state.system.length + 1

  assert.strictEqual(plan.headTo, headTo, "the head stays")
  assert.strictEqual(plan.fromSeq, isFirst ? Math.max(headTo + 1, firstSeq) : state.manifest.tailFrom, "no gap")
  assert.strictEqual(plan.toSeq, plan.tailFrom - 1)
  assert.isAtLeast(plan.coveredTokens, SegmentTree.countEmptyHandoff(estimate), "a summary can be smaller")
  assert.deepStrictEqual(
    plan.material.map(({ seq }) => seq),
    log.filter(({ seq }) => seq >= plan.fromSeq && seq <= plan.toSeq).map(({ seq }) => seq)
  )
  for (const [called, answered] of pairsOf(log)) {
    if (called >= plan.fromSeq)
      assert.strictEqual(called >= plan.tailFrom, answered >= plan.tailFrom, "a pair is split")
    if (isFirst) assert.strictEqual(called <= headTo, answered <= headTo, "a pair is split by the head")
  }
  assert.notStrictEqual(log[plan.tailFrom - 1]?.message.role, "tool", "no tail begins with a result")
  assert.isTrue(plan.tailFrom <= (pendingSeq(log) ?? Infinity), "a call whose result may still come left the view")
  assert.isFalse(plan.excerpts.some(({ seq, tokens }) => tokens === 0 && plan.live.includes(seq)))

  const open = findOpenRequests(state).filter(({ seq }) => seq < plan.tailFrom)
  assert.deepStrictEqual(
    plan.live,
    open.slice(open.length - plan.live.length).map(({ seq }) => seq)
  )
  assert.isTrue(open.length === 0 || plan.live.length > 0, "the newest request is pinned")

  const next = commitPlan(log, state, plan)
  assert.deepStrictEqual(
    [next.head, next.tail].flat(),
    log.filter(({ seq }) => seq >= firstSeq && !covers(seq, next))
  )
  assert.isAtMost(countConversation(next), plan.shares.target, "Fits")
  checkView(log, next)
  return next
}

/** What every plan keeps to that only shortens. */
const checkShorten = (log: ReadonlyArray<Logged>, state: State, plan: Plan.Shorten): State => {
  const draft = Plan.draftShortening({ operationId: "op" }, plan, { ledger: Ledger.empty, latest: state }, estimate)
  const { manifest } = draft.commit
  const segments = state.segments.filter(({ id }) => manifest.segments.includes(id))
  const next = stateOf(log, manifest, segments, state.generation + 1)
  assert.isAtMost(countConversation(next), plan.shares.target, "Fits")
  checkView(log, next)
  return next
}

const checkView = (log: ReadonlyArray<Logged>, state: State): void => {
  const { messages } = View.assemble(state, estimate)
  assert.deepStrictEqual(problems(messages), [])
  const last = log.at(-1)?.message
  assert.deepStrictEqual(problemsAtEnd(messages, last !== undefined && !Message.endsTurn(last)), [])
  const unread = listUnread(log)
  const isSeen = messages.some(
    (message) => message.role === "tool" && unread.some((text) => isExcerptOf(message, text))
  )
  if (unread.length > 0) assert.isTrue(isSeen, "the model never sees the results of its calls")
}

/** The texts of the last results, if the model has not answered to them. */
const listUnread = (log: ReadonlyArray<Logged>): ReadonlyArray<string> => {
  const called = log.findLast(({ message }) => message.role === "assistant")
  if (called === undefined || Message.toolCalls(called.message).length === 0) return []
  const answers = new Set(pairsOf(log).flatMap(([from, to]) => (from === called.seq ? [to] : [])))
  // Fields may leave no room, and a group that an older late result holds together may be too large.
  if (/reasoning|thinking|extra_|_field_/.test(Object.keys(called.message).join() + JSON.stringify(called))) return []
  if (Message.findSafeCuts(log.map(({ message }) => message))[called.seq - 1] !== true) return []
  return log.filter(({ seq }) => answers.has(seq)).map(({ message }) => Message.text(message))
}

/** Lone surrogates and blank texts are mended, and pictures leave a result for a message of their own. */
const isExcerptOf = (shown: Message.Message, text: string): boolean =>
  Message.text(shown).replace(LEFT_OUT, "").slice(0, 3).toWellFormed() === text.slice(0, 3).toWellFormed() ||
  !/\S{3}/.test(text)

/** Stands before the words of a message that has lost a picture. */
const LEFT_OUT = /^\[… \d+ parts? left out; recall seq \d+ …\]\n/

const covers = (seq: number, { manifest }: State) => seq > manifest.headTo && seq < manifest.tailFrom

/** Compresses as the log grows, as often as the plan allows, each time for the window given with the piece. */
const live = (pieces: ReadonlyArray<readonly [ReadonlyArray<Entry>, CompressionPolicy.PolicyOptions]>): number => {
  let entries: ReadonlyArray<Entry> = []
  let base: State | undefined
  for (const [piece, options] of pieces) {
    entries = [...entries, ...piece]
    const log = logOf(entries)
    const state = base === undefined ? stateOf(log) : stateOf(log, base.manifest, base.segments, base.generation)
    const plan = planOf(state, options)
    if (plan._tag === "Compress") base = check(log, state, plan)
    if (plan._tag === "Shorten") base = checkShorten(log, state, plan)
    if (plan._tag === "NothingToCompress") assert.isTrue(mayStay(state, options), "over its target for no reason")
  }
  return base?.generation ?? 0
}

/** Within the target, or nothing to take: no message since the last compression, or a result that may still come. */
const mayStay = (state: State, options: CompressionPolicy.PolicyOptions): boolean => {
  const target = CompressionPolicy.shares(policyOf(options), overheadOf(state))?.target ?? 0
  const isPending = pendingSeq(state.tail.map((entry, i) => ({ ...entry, seq: i + 1 }))) !== undefined
  return countConversation(state) <= target || state.tail.length === 0 || isPending
}

const options: FastCheck.Arbitrary<CompressionPolicy.PolicyOptions> = FastCheck.record({
  contextLength: FastCheck.constantFrom(4_096, 4_096, 8_192, 32_000, 128_000, 2_000_000),
  protectFirstN: FastCheck.constantFrom(0, 1, 3, 3, 3, 5, 40),
  protectLastN: FastCheck.constantFrom(0, 1, 5, 20, 200)
})

describe("Fits: a view after a compression is within its target", () => {
  it.prop(
    "whatever the history, the window and the number of compressions; nothing is lost, no pair is split",
    [FastCheck.array(FastCheck.tuple(any, options), { minLength: 1, maxLength: 4 })],
    ([pieces]) => void live(pieces),
    propertyRuns(150, 1_000)
  )

  const long = "word ".repeat(20_000)
  const rounds = (n: number, output: string): ReadonlyArray<Entry> =>
    Array.from({ length: n }, (_, i) => [calls(call(`c${i}`, `{"n":${i}}`)), result(`c${i}`, output)]).flat()
  const batch = (n: number, args: string, output: string): ReadonlyArray<Entry> => {
    const made = Array.from({ length: n }, (_, i) => call(`p${i}`, JSON.stringify({ args })))
    return [calls(...made), ...made.map(({ id }) => result(id, output))]
  }
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } } as const
  const picture = (text: string): Entry => ({
    message: { role: "user", content: [{ type: "text", text }, image, image] },
    kind: "request"
  })

  /** Sized so that head, open requests and tail all but fill their shares in a window of 4,096 and of 2,048. */
  const brimful = (target: number): ReadonlyArray<Entry> => {
    const words = (tokens: number) => "w".repeat(4 * (Math.floor(tokens) - 4))
    const ballast = Array.from({ length: 100 }, () => notification(words(60)))
    const tail = Array.from({ length: 19 }, () => notification(words((0.35 * target) / 19)))
    return [request(words(0.12 * target)), says("-"), ...ballast, request(words(0.13 * target)), ...ballast, ...tail]
  }

  const extremes: ReadonlyArray<readonly [string, ReadonlyArray<Entry>]> = [
    ["one request and 1,000 tool rounds", [request("go"), ...rounds(1_000, "ok ".repeat(100))]],
    [
      "20 times as much tool output as anything else",
      [request("go on ".repeat(50)), ...rounds(40, "out ".repeat(1_500))]
    ],
    ["every share full", brimful(819)],
    ["every share full in the smallest window", brimful(409)],
    ["one giant message", [request(long.repeat(4))]],
    ["one giant message and its answer", [request(long), says(long)]],
    [
      "giant tool arguments",
      [request("go"), calls(call("a", JSON.stringify({ long }))), result("a", "ok"), says("done")]
    ],
    ["giant arguments at the end", [request("go"), ...rounds(30, "fine"), ...batch(1, long, "ok")]],
    ["a giant result at the end", [request("go"), ...rounds(300, "fine ".repeat(20)), ...batch(1, "x", long)]],
    ["500 open requests", Array.from({ length: 500 }, (_, i) => request(`request ${i}: ${"please ".repeat(40)}`))],
    ["500 giant notifications", Array.from({ length: 500 }, () => notification("beep ".repeat(2_000)))],
    ["images", Array.from({ length: 60 }, (_, i) => [picture(`look at ${i}`), says("seen")]).flat()],
    ["no user message", [...rounds(200, "fine ".repeat(50)), says(long)]],
    ["only one user message", [request("go"), ...Array.from({ length: 200 }, () => says("thinking ".repeat(100)))]],
    ["everything one tool batch", [request("go"), ...batch(300, "x".repeat(500), "out ".repeat(300))]],
    [
      "a tool batch inside the first three messages",
      [request("go"), ...batch(2, "x", "y"), ...rounds(200, long.slice(0, 900))]
    ],
    [
      "a pending batch too large for the tail",
      [request("go"), ...rounds(100, "fine ".repeat(50)), ...batch(300, "x".repeat(500), "o").slice(0, 9)]
    ],
    [
      "a result that came 1,000 messages late",
      [request("go"), calls(call("late")), ...rounds(500, "fine ".repeat(20)), result("late", "x"), says("k")]
    ],
    ["tool results nobody asked for", Array.from({ length: 300 }, (_, i) => result(`n${i}`, "out ".repeat(100)))],
    [
      "a system prompt, and instructions between",
      [system("be kind"), ...Array.from({ length: 200 }, () => [system("now ".repeat(50)), says("fine")]).flat()]
    ]
  ]
  for (const [name, entries] of extremes)
    it(name, () => {
      for (const contextLength of [2_048, 4_096, 8_000, 32_000, 200_000, 2_000_000]) {
        const threshold = 0.5
        const first = live([[entries, { contextLength, threshold }]])
        const total = logOf(entries).reduce((sum, { tokens }) => sum + tokens, 0)
        if (total > contextLength && contextLength <= 8_000) assert.strictEqual(first, 1, "nothing was compressed")
        live([
          [entries, { contextLength: 2_000_000, threshold }],
          [entries, { contextLength, threshold }],
          [[request("and then?")], { contextLength: 4_096, threshold }]
        ])
      }
    })

  it("an open request that may fill what a head leaves, which needs a message before it", () => {
    const before = [says("w".repeat(150)), calls(call("a")), result("b", ""), says(""), result("b", "")]
    const after = [request("and this?"), result("a", "cut on"), result("b", ""), result("b", ""), request("")]
    for (let length = 60; length < 400; length += 1) {
      const content = [{ type: "text", text: "𐀀".repeat(length) } as const, image]
      const asked: Entry = { message: { role: "user", content }, kind: "request" }
      live([[[...before, asked, ...after], { contextLength: 4_096, protectFirstN: 5, protectLastN: 0 }]])
    }
  })
})

describe("the head", () => {
  const filler = Array.from({ length: 100 }, () => [request("more ".repeat(20)), says("word ".repeat(60))]).flat()
  const headTo = (entries: ReadonlyArray<Entry>, options: Partial<CompressionPolicy.PolicyOptions> = {}) => {
    const plan = planOf(stateOf(logOf([...entries, ...filler])), { contextLength: 16_000, ...options })
    return plan._tag === "Compress" ? plan.headTo : -1
  }

  it("is the first messages, the system prompt left aside", () => {
    assert.strictEqual(headTo([request("one"), says("1"), request("two")]), 3)
    assert.strictEqual(headTo([system("be kind"), request("one"), says("1"), request("two")]), 4)
    assert.strictEqual(headTo([request("one"), says("1"), request("two")], { protectFirstN: 1 }), 1)
  })
  it("ends before a call whose result would not be in it, and before results", () => {
    assert.strictEqual(headTo([request("one"), calls(call("a"), call("b")), result("a", "1"), result("b", "2")]), 1)
    assert.strictEqual(headTo([request("one"), calls(call("a")), result("a", "1"), says("done")]), 1)
    assert.strictEqual(
      headTo([request("one"), calls(call("a")), result("a", "1"), says("done")], { protectFirstN: 4 }),
      4
    )
  })
  it("gives up what does not fit its share", () => {
    assert.strictEqual(headTo([request("one"), says("word ".repeat(500))]), 1)
    assert.strictEqual(headTo([request("word ".repeat(500))]), 0)
  })
  it("is not chosen once messages have left the view, though no handoff stands for them any more", () => {
    const log = logOf([request("one"), says("1"), request("two"), says("2"), ...filler])
    const plan = planOf(stateOf(log, { ...wholeLog, tailFrom: 3 }), { contextLength: 16_000 })
    assert.deepInclude(plan, { _tag: "Compress", headTo: 0, fromSeq: 3 })
  })
})

describe("a head for a larger window", () => {
  it("stays, shortened to what it may have now, its open requests still shown", () => {
    const asks = Array.from({ length: 40 }, (_, i) => request(`${i} ${"please ".repeat(60)}`))
    const filler = Array.from({ length: 400 }, () => notification("word ".repeat(200)))
    const large = { contextLength: 200_000, protectFirstN: 40 }
    assert.strictEqual(
      live([
        [[...asks, ...filler], large],
        [filler, { ...large, contextLength: 4_096 }]
      ]),
      2
    )
  })
})

describe("the tail", () => {
  const tailOf = (entries: ReadonlyArray<Entry>, options: Partial<CompressionPolicy.PolicyOptions> = {}) => {
    const log = logOf(entries)
    const plan = planOf(stateOf(log), { contextLength: 16_000, ...options })
    return plan._tag === "Compress" ? log.slice(plan.tailFrom - 1) : []
  }

  const talk = (length: number) => Array.from({ length: 400 }, () => says("word ".repeat(length)))

  it("takes messages until the target is full", () => {
    const log = logOf(talk(8))
    const state = stateOf(log)
    const plan = planOf(state, { contextLength: 16_000 })
    if (plan._tag !== "Compress") return assert.fail("there is no plan")
    assert.isAtLeast(log.length + 1 - plan.tailFrom, 20)
    assert.isAtLeast(countConversation(commitPlan(log, state, plan)), 0.9 * plan.shares.target)
  })
  it("keeps protectLastN messages, and more where they fit", () => {
    assert.isAtLeast(tailOf(talk(36)).length, 20)
    assert.isAtLeast(tailOf(talk(80)).length, 20)
    assert.isAtLeast(tailOf(talk(400)).length, 20)
  })
  for (const size of [840, 9_000])
    it(`keeps the last batch with its results of ${size} words, and pushes nothing out for them`, () => {
      const last = [calls(call("a"), call("b")), result("a", "word ".repeat(size)), result("b", "x")]
      const plan = planOf(stateOf(logOf([...talk(40), ...last])), { contextLength: 16_000 })
      if (plan._tag !== "Compress") return assert.fail("there is no plan")
      assert.isAtMost(plan.tailFrom, 403 - 19)
      const [largest] = plan.excerpts.toSorted((a, b) => b.tokens - a.tokens)
      assert.strictEqual(largest?.seq, 402)
      assert.isAtLeast(largest?.tokens ?? 0, plan.shares.tail / 3)
    })
  const signed = (characters: number): Entry =>
    plain(
      ofWire({
        role: "assistant",
        content: null,
        reasoning_content: "I think ".repeat(300),
        extra_content: { google: { thought_signature: "s".repeat(characters) } },
        tool_calls: [call("a", JSON.stringify({ text: "word ".repeat(24_000) }))]
      })
    )
  it("keeps reasoning and signature of a call that has just written a large file", () => {
    const log = logOf([...talk(40), request("go"), signed(400), result("a", "ok")])
    const state = stateOf(log)
    const plan = planOf(state, { contextLength: 16_000 })
    if (plan._tag !== "Compress") return assert.fail("there is no plan")
    const { messages, repairs } = View.assemble(commitPlan(log, state, plan), estimate)
    const shown = Object.fromEntries(Object.entries(messages.at(-2) ?? {}))
    assert.hasAllKeys(shown, ["role", "content", "reasoning_content", "extra_content", "tool_calls"])
    assert.notInclude(
      repairs.map(({ kind }) => kind),
      "left-out-fields"
    )
  })
  it("leaves a group to the handoff whose fields alone are larger than its wish", () => {
    const log = logOf([...talk(40), request("go"), signed(40_000), result("a", "ok")])
    const plan = planOf(stateOf(log), { contextLength: 16_000 })
    assert.strictEqual(plan._tag === "Compress" ? plan.toSeq : 0, log.length)
  })
  it("is never cut after a call whose result may still come", () => {
    const tail = tailOf([...talk(40), calls(call("a"), call("b")), result("a", "x")])
    assert.isTrue(tail.some(({ message }) => Message.toolCalls(message).length > 0))
  })
})

describe("results that the model has not read", () => {
  const words = (tokens: number) => "The log says ok. ".repeat(tokens / 4)
  const batch = (n: number, tokens: number): ReadonlyArray<Entry> => {
    const made = Array.from({ length: n }, (_, i) => call(`c${i}`, JSON.stringify({ path: "x".repeat(60) })))
    return [calls(...made), ...made.map(({ id }) => result(id, words(tokens)))]
  }
  const talk = (n: number) => Array.from({ length: n }, () => [request("and now?"), says("word ".repeat(220))]).flat()
  const go = request("read the log")
  const shown = (entries: ReadonlyArray<Entry>, contextLength = 32_768) => {
    const log = logOf(entries)
    const state = stateOf(log)
    const plan = planOf(state, { contextLength })
    if (plan._tag !== "Shorten" && plan._tag !== "Compress") return assert.fail(`there is no plan: ${plan._tag}`)
    const next = plan._tag === "Shorten" ? checkShorten(log, state, plan) : check(log, state, plan)
    const view = View.assemble(next, estimate)
    return { tokens: countConversation(next), view, results: view.messages.filter(({ role }) => role === "tool") }
  }

  for (const turns of [0, 1, 2, 8, 40])
    it(`are shown as excerpts after ${turns} turns, however large they are`, () => {
      assert.lengthOf(shown([...talk(turns), go, ...batch(1, 45_000)]).results, 1)
      assert.lengthOf(shown([...talk(turns), go, ...batch(4, 10_000)]).results, 4)
      assert.lengthOf(shown([...talk(turns), go, ...batch(1, 400_000)]).results, 1)
    })
  it("have the whole target where there is nothing else", () => {
    assert.isAtLeast(shown([go, ...batch(1, 45_000)]).tokens, 6_000)
  })
  it("have what a short handoff leaves of the smallest window, though little came before them", () => {
    const smallest = { contextLength: 2_048 }
    for (let length = 40; length <= 60; length++) {
      const early = [request("hi"), ...Array.from({ length: 40 }, () => says("fine ".repeat(length)))]
      const state = stateOf(logOf(early))
      const plan = planOf(state, smallest)
      if (plan._tag !== "Compress") return assert.fail(`not compressed: ${plan._tag}`)
      const made = { segment: segmentOf("g1", plan, 20), condensed: [], ledger: "" }
      const { manifest, segments } = Plan.makeManifest(plan, state, made, estimate)
      const log = logOf([...early, go, ...batch(1, 400)])
      const later = stateOf(log, manifest, segments, 1)
      const next = planOf(later, smallest)
      if (next._tag === "Compress") check(log, later, next)
      else if (next._tag === "Shorten") checkShorten(log, later, next)
      else assert.fail(`${countConversation(later)} tokens stay`)
    }
  })
  it("are all shown where excerpts of all fit the target", () => {
    for (const turns of [0, 8]) assert.lengthOf(shown([...talk(turns), go, ...batch(60, 1_000)]).results, 60)
  })
  it("are shown as far as they fit, the newest, where there are too many", () => {
    const { results, tokens } = shown([go, ...batch(1_000, 100)])
    assert.isAbove(results.length, 80)
    assert.isAtLeast(tokens, 6_000)
  })
  it("are shown with a message that was delivered after them", () => {
    assert.lengthOf(shown([...talk(8), go, ...batch(2, 20_000), notification("a build is done")]).results, 2)
    assert.lengthOf(shown([...talk(8), go, ...batch(2, 20_000), request("are you there?")]).results, 2)
  })
  it("as calls that still wait, with what they have so far", () => {
    assert.lengthOf(shown([go, ...batch(100, 1_000).slice(0, -1)]).results, 100)
    assert.isAbove(shown([go, ...batch(300, 1_000).slice(0, -1)]).results.length, 80)
  })
  it("before calls that nobody answered", () => {
    for (const turns of [0, 8])
      for (const answered of [1, 20, 70, 150]) {
        const { results } = shown([...talk(turns), go, ...batch(300, 1_000).slice(0, 1 + answered)])
        const read = results.filter((message) => Message.text(message).startsWith("The log says ok."))
        assert.isAtLeast(read.length, Math.min(answered, 60), `${turns} turns, ${answered} answered`)
      }
  })
  it("with all their calls, however long the arguments", () => {
    for (const answered of [0, 19, 20]) {
      const made = Array.from({ length: 20 }, (_, i) => call(`c${i}`, JSON.stringify({ text: "word ".repeat(1_500) })))
      const results = made.slice(0, answered).map(({ id }) => result(id, words(1_000)))
      assert.lengthOf(shown([...talk(8), go, calls(...made), ...results]).results, 20)
    }
  })
  it("and notifications, as excerpts", () => {
    const { view } = shown([go, notification(words(45_000))])
    assert.include(Message.text(view.messages.at(-1) ?? go.message), "The log says ok.")
  })
})

describe("open requests", () => {
  it.prop("stay open over a compression, until a turn ends", [any], ([entries]) => {
    const log = logOf(entries)
    const open = findOpenRequests(stateOf(log))
    const total = log.reduce((sum, { tokens }) => sum + tokens, 0)
    const plan = planOf(stateOf(log), { contextLength: 8_192 })
    if (plan._tag !== "Compress" || total === 0) return
    const unpinned = open.filter(({ seq }) => seq < plan.tailFrom && !plan.live.includes(seq))
    const next = commitPlan(log, stateOf(log), plan)
    assert.deepStrictEqual(
      findOpenRequests(next),
      open.filter((entry) => !unpinned.includes(entry))
    )
    const answered = [...log, ...logOf([...entries, says("done")]).slice(-1)]
    assert.deepStrictEqual(findOpenRequests(stateOf(answered, next.manifest, next.segments)), [])
  })
})

describe("nothing to do", () => {
  it("when all of it fits", () => {
    const state = stateOf(logOf([request("one"), says("1"), request("two"), says("2")]))
    assert.strictEqual(planOf(state, { contextLength: 128_000 })._tag, "NothingToCompress")
  })
  it("right after a compression", () => {
    const log = logOf(Array.from({ length: 300 }, () => [request("more ".repeat(20)), says("word ".repeat(60))]).flat())
    const plan = planOf(stateOf(log), { contextLength: 16_000 })
    assert.strictEqual(plan._tag, "Compress")
    if (plan._tag !== "Compress") return
    assert.strictEqual(planOf(commitPlan(log, stateOf(log), plan), { contextLength: 16_000 })._tag, "NothingToCompress")
  })
  it("when system prompt and tools leave no room", () => {
    const input = {
      state: stateOf(logOf([request("hi")])),
      policy: policyOf({ contextLength: 8_000 }),
      counter: estimate
    }
    assert.deepStrictEqual(Plan.make({ ...input, overhead: 7_800 }), Plan.NoHeadroom({ room: 200 }))
  })
})

describe("a counter that gives no number", () => {
  it("does not keep a plan from being made", () => {
    let asked = 0
    const count = () => {
      assert.isBelow(++asked, 100_000, "the plan goes round in circles")
      return Number.NaN
    }
    const long = [calls(call("a")), result("a", "word ".repeat(9_000))]
    const talk = Array.from({ length: 60 }, () => [request("more ".repeat(20)), says("word ".repeat(60))]).flat()
    const state = stateOf(logOf([...talk, ...long]))
    const policy = policyOf({ contextLength: 8_000 })
    Plan.make({ state, policy, counter: { text: count, message: count }, overhead: 0 })
    assert.isAbove(asked, 0)
  })
})

describe("an imported handoff", () => {
  it("is summarized on, and never kept as part of the head", () => {
    const handoff = Handoff.makeMessage({ segments: [], ledger: "- never touch db", renderer: Handoff.RENDERER })
    const talk = Array.from({ length: 60 }, (_, n) => [
      request(`Part ${n}? ${"word ".repeat(40)}`),
      says(`Part ${n} is fine.`)
    ])
    const log = logOf([request("Hello."), plain(handoff), says("Hello."), ...talk.flat()])
    const plan = planOf(stateOf(log), { contextLength: 8_000 })
    assert(plan._tag === "Compress")
    assert.deepStrictEqual([plan.headTo, plan.fromSeq], [1, 2])
  })
})

describe("real transcripts", () => {
  const read = (path: string): ReadonlyArray<ReadonlyArray<Entry>> => {
    const lines = existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []
    const sessions = new Map<string, Array<Entry>>()
    for (const line of lines) {
      const row: { readonly session?: string; readonly message?: Message.Message } & Message.Message = JSON.parse(line)
      const message = row.message ?? row
      const entries = sessions.get(row.session ?? "") ?? []
      entries.push(message.role === "user" ? { message, kind: "request" } : plain(message))
      sessions.set(row.session ?? "", entries)
    }
    return [...sessions.values()]
  }
  const chunks = (entries: ReadonlyArray<Entry>, size: number) =>
    Array.from({ length: Math.ceil(entries.length / size) }, (_, i) => entries.slice(i * size, (i + 1) * size))
  const table = [
    { path: "../shared/transcripts/coding-agent.jsonl", contextLength: 272_000, size: 300, least: 1 },
    { path: "../shared/transcripts/coding-agent.jsonl", contextLength: 16_000, size: 20, least: 20 },
    { path: "../shared/transcripts/airline-desk.jsonl", contextLength: 4_096, size: 8, least: 1 }
  ]
  for (const { path, contextLength, size, least } of table) {
    const isHere = existsSync(path)
    it(isHere ? `${path} in a window of ${contextLength}` : `(${path} is not here: nothing to check)`, () => {
      const generations = read(path).map((entries) =>
        live(chunks(entries, size).map((piece) => [piece, { contextLength }]))
      )
      if (isHere) assert.isAtLeast(Math.max(...generations), least)
    })
  }
})
