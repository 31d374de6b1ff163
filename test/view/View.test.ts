import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { countLeast, LEAST_EXCERPT, makeExcerpt, planExcerpts } from "../../src/view/excerpt.ts"
import * as Message from "../../src/message/Message.ts"
import { type Logged, type Manifest, type Segment, type State, wholeLog } from "../../src/session/Session.ts"
import { estimate, overhead, total } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import * as WireLimits from "../../src/view/WireLimits.ts"
import {
  any,
  call,
  calls,
  type Entry,
  healthy,
  logOf,
  ofWire,
  plain,
  request,
  result,
  says,
  stateOf,
  system
} from "../support/histories.ts"
import { mistralIds, problems, problemsAtEnd } from "../support/providerShapes.ts"
import { propertyRuns, repetitions } from "../support/repetitions.ts"

const viewOf = (entries: ReadonlyArray<Entry>) => View.assemble(stateOf(logOf(entries)), estimate)

/** A state under a manifest nobody would plan: any head, any tail, any excerpts. */
const anyState: FastCheck.Arbitrary<State> = FastCheck.tuple(
  any,
  FastCheck.array(FastCheck.nat(60), { minLength: 3, maxLength: 3 }),
  FastCheck.array(
    FastCheck.record({ seq: FastCheck.integer({ min: 1, max: 40 }), tokens: FastCheck.constantFrom(0, 30, 80) }),
    {
      maxLength: 6
    }
  )
).map(([entries, [a = 0, b = 0, c = 0], excerpts]) => {
  const log = logOf(entries)
  const headTo = Math.min(a, b) % (log.length + 1)
  const handsOff = c % 2 === 0
  const tailFrom = headTo + 1 + (handsOff ? Math.max(a, b) % (log.length + 1) : 0)
  const live = log.filter(({ seq, kind }) => kind === "request" && seq < tailFrom).map(({ seq }) => seq)
  const manifest: Manifest = { ...wholeLog, headTo, tailFrom, live, excerpts, ledger: handsOff ? "- a fact" : "" }
  return stateOf(log, manifest, c % 4 === 0 ? [segment("s", 1, 2)] : [])
})

const segment = (id: string, fromSeq: number, toSeq: number): Segment => ({
  id,
  level: 0,
  children: [],
  fromSeq,
  toSeq,
  text: "## Goal\n- go on",
  tokens: estimate.text("## Goal\n- go on"),
  degraded: null,
  focus: null,
  model: "m"
})

const shownOf = ({ system, head, live, tail }: State): ReadonlyArray<Logged> => [...system, ...head, ...live, ...tail]

describe("Valid: every view is accepted by OpenAI, Anthropic, Mistral and Gemini", () => {
  it.prop(
    "whatever the log holds",
    [any],
    ([entries]) => assert.deepStrictEqual(problems(viewOf(entries).messages), []),
    {
      fastCheck: { numRuns: repetitions(250, 1_000) }
    }
  )

  it.prop(
    "whatever the manifest says",
    [anyState],
    ([state]) => assert.deepStrictEqual(problems(View.assemble(state, estimate).messages), []),
    propertyRuns(150, 1_000)
  )

  it.prop("at every step of a turn, before its results are there", [healthy, FastCheck.nat()], ([entries, n]) =>
    assert.deepStrictEqual(problems(viewOf(entries.slice(0, 1 + (n % entries.length))).messages), [])
  )

  it.prop("a healthy history is shown as it is, without repairs", [healthy], ([entries]) => {
    const view = viewOf(entries)
    assert.deepStrictEqual(view.repairs, [])
    assert.strictEqual(view.messages.length, entries.length)
    for (const [i, { message }] of entries.entries()) assert.deepStrictEqual(view.messages[i], message)
  })
})

describe("Valid: every repair is listed", () => {
  const leavesOut = (repair: View.Repair) =>
    ["orphaned-result", "duplicate-result", "empty-message"].includes(repair.kind) ||
    (repair.kind === "excerpt" && repair.tokens === 0)
  const adds = ({ kind }: View.Repair) => ["no-result", "bridge", "opening", "closing", "moved-parts"].includes(kind)

  const changes = ({ kind }: View.Repair) => kind === "moved-parts"

  it.prop(
    "what is missing, changed or added is named, everything else is as the log has it",
    [anyState],
    ([state]) => {
      const { messages, repairs, parts } = View.assemble(state, estimate)
      const handoff = state.segments.length > 0 || state.manifest.ledger !== "" ? 1 : 0
      const expected = shownOf(state).length + handoff - repairs.filter(leavesOut).length + repairs.filter(adds).length
      assert.strictEqual(messages.length, expected)
      assert.isAtLeast(parts.handoff.messages, handoff)

      const shown = new Set(messages.map((message) => JSON.stringify(message)))
      const repaired = new Set(repairs.filter((repair) => !adds(repair) || changes(repair)).map(({ seq }) => seq))
      const renamed = new Set(repairs.flatMap((repair) => (repair.kind === "renamed-call" ? [repair.from] : [])))
      for (const { seq, message } of shownOf(state)) {
        const isRenamed = message.role === "tool" && renamed.has(message.tool_call_id)
        assert.isTrue(
          shown.has(JSON.stringify(message)) || repaired.has(seq) || isRenamed,
          `message ${seq} was changed in silence`
        )
      }
    },
    propertyRuns(150, 1_000)
  )

  it.prop(
    "ids at Mistral are nine letters and digits, the same in every view for the same id, and no two calls have one",
    [any],
    ([entries]) => {
      const shorten = (entries: ReadonlyArray<Entry>) =>
        View.assemble(stateOf(logOf(entries)), estimate, WireLimits.mistral)
      const { messages, repairs } = shorten(entries)
      assert.deepStrictEqual(mistralIds(messages), [])
      const ids = messages.flatMap(Message.toolCalls).map(({ id }) => id)
      assert.strictEqual(new Set(ids).size, ids.length)
      const seen = new Set<string>()
      for (const repair of repairs) {
        if (repair.kind !== "renamed-call" || repair.from === "Ab3dE6gH9" || seen.has(repair.from)) continue
        seen.add(repair.from)
        const [, alone] = shorten([request("go"), calls(call(repair.from)), result(repair.from, "1")]).messages
        assert.strictEqual(repair.to, alone === undefined ? undefined : Message.toolCalls(alone)[0]?.id)
      }
    },
    propertyRuns(100, 1_000)
  )

  it("a model that uses one id for every call costs no more the longer it goes on", () => {
    const entries = Array.from({ length: 60_000 }, () => [calls(call("call_0")), result("call_0", "x")]).flat()
    const { messages } = viewOf([request("go"), ...entries])
    const ids = messages.flatMap((message) => Message.toolCalls(message).map(({ id }) => id))
    assert.strictEqual(new Set(ids).size, 60_000)
    assert.strictEqual(ids.at(-1), "call_0_60000")
  })

  it.prop("the log stays as it is", [any], ([entries]) => {
    const before = JSON.stringify(entries)
    viewOf(entries)
    assert.strictEqual(JSON.stringify(entries), before)
  })

  const table: ReadonlyArray<
    readonly [string, ReadonlyArray<Entry>, ReadonlyArray<View.Repair>, ReadonlyArray<string>]
  > = [
    [
      "a call never answered",
      [request("go"), calls(call("a")), says("done")],
      [{ kind: "no-result", seq: 2, toolCallId: "a" }],
      ["user", "assistant", "tool", "assistant"]
    ],
    [
      "a late result",
      [request("go"), calls(call("a")), says("wait"), result("a", "1")],
      [
        { kind: "moved-result", seq: 4, callSeq: 2 },
        { kind: "closing", seq: 4 }
      ],
      ["user", "assistant", "tool", "assistant", "user"]
    ],
    [
      "an orphaned and a doubled result",
      [request("go"), result("b", "0"), calls(call("a")), result("a", "1"), result("a", "2")],
      [
        { kind: "orphaned-result", seq: 2, toolCallId: "b" },
        { kind: "duplicate-result", seq: 5, toolCallId: "a" }
      ],
      ["user", "assistant", "tool"]
    ],
    [
      "an id used again",
      [request("go"), calls(call("a")), result("a", "1"), calls(call("a")), result("a", "2")],
      [{ kind: "renamed-call", seq: 4, from: "a", to: "a_2" }],
      ["user", "assistant", "tool", "assistant", "tool"]
    ],
    [
      "arguments that are no object",
      [request("go"), calls(call("a", "rm -rf")), result("a", "1")],
      [{ kind: "invalid-arguments", seq: 2, toolCallId: "a" }],
      ["user", "assistant", "tool"]
    ],
    [
      "an assistant without words, a user without words",
      [request("go"), plain({ role: "assistant", content: null, tool_calls: [] }), request("")],
      [
        { kind: "empty-message", seq: 2 },
        { kind: "empty-content", seq: 3 }
      ],
      ["user", "user"]
    ],
    [
      "an empty list of calls beside words",
      [request("go"), plain({ role: "assistant", content: "done", tool_calls: [] })],
      [{ kind: "empty-content", seq: 2 }],
      ["user", "assistant"]
    ],
    [
      "a user right after a tool",
      [request("go"), calls(call("a")), result("a", "1"), request("stop")],
      [{ kind: "bridge", seq: 4 }],
      ["user", "assistant", "tool", "assistant", "user"]
    ],
    [
      "an instruction after an assistant",
      [request("go"), says("done"), system("be brief"), request("more")],
      [{ kind: "system-as-user", seq: 3 }],
      ["user", "assistant", "user", "user"]
    ],
    [
      "an assistant that begins",
      [system("you are kind"), says("hello"), request("hi")],
      [{ kind: "opening", seq: 2 }],
      ["system", "user", "assistant", "user"]
    ],
    ["nothing but instructions", [system("you are kind")], [{ kind: "opening", seq: 0 }], ["system", "user"]]
  ]
  for (const [name, entries, repairs, roles] of table)
    it(name, () => {
      const view = viewOf(entries)
      assert.deepStrictEqual(view.repairs, repairs)
      assert.deepStrictEqual(
        view.messages.map(({ role }) => role),
        roles
      )
    })

  const odd = "\ud83d"
  const picture = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } } as const
  const single: ReadonlyArray<readonly [string, ReadonlyArray<Entry>, View.Repair["kind"], unknown]> = [
    [
      "a half of an emoji in a result",
      [request("go"), calls(call("a")), result("a", `cut ${odd}… end`)],
      "lone-surrogate",
      { role: "tool", tool_call_id: "a", content: "cut \ufffd… end" }
    ],
    [
      "a half of an emoji in a user message",
      [request(`cut ${odd}`)],
      "lone-surrogate",
      { role: "user", content: "cut \ufffd" }
    ],
    [
      "a half of an emoji raw in arguments",
      [request("go"), calls(call("a", `{"s":"${odd}"}`)), result("a", "1")],
      "lone-surrogate",
      calls(call("a", '{"s":"\ufffd"}')).message
    ],
    [
      "a half of an emoji escaped in arguments, beside a whole one and a backslash",
      [request("go"), calls(call("a", '{"s":"\\ud83d","t":"\\ud83d\\ude00\\\\ud83d"}')), result("a", "1")],
      "lone-surrogate",
      calls(call("a", '{"s":"\\ufffd","t":"\\ud83d\\ude00\\\\ud83d"}')).message
    ],
    [
      "a half of an emoji in a field of the server's own",
      [request("go"), plain(ofWire({ role: "assistant", content: "x", reasoning_content: `so ${odd}` }))],
      "lone-surrogate",
      { role: "assistant", content: "x", reasoning_content: "so \ufffd" }
    ],
    [
      "an id of 75 characters",
      [request("go"), calls(call(`call_${"x".repeat(70)}`)), result(`call_${"x".repeat(70)}`, "1")],
      "renamed-call",
      { role: "tool", tool_call_id: `call_${"x".repeat(27)}`, content: "1" }
    ],
    [
      "an id with foreign characters",
      [request("go"), calls(call("call_abc|fc:мир")), result("call_abc|fc:мир", "1")],
      "renamed-call",
      { role: "tool", tool_call_id: "call_abc_fc____", content: "1" }
    ],
    ...[
      ["", "unnamed_tool"],
      ["  ", "unnamed_tool"],
      ["web search/мир", "web_search"],
      ["7zip", "_7zip"],
      ["t".repeat(100), "t".repeat(64)]
    ].map(([from = "", name = ""]): (typeof single)[number] => [
      `a tool named "${from.slice(0, 20)}"`,
      [
        request("go"),
        calls({ id: "a", type: "function", function: { name: from, arguments: "{}" } }),
        result("a", "1")
      ],
      "renamed-tool",
      calls({ id: "a", type: "function", function: { name, arguments: "{}" } }).message
    ]),
    [
      "a refusal",
      [request("do bad"), plain({ role: "assistant", content: null, refusal: "I can't." }), request("then do good")],
      "words-as-text",
      { role: "assistant", content: "I can't." }
    ],
    [
      "the transcript of audio",
      [request("speak"), plain({ role: "assistant", audio: { id: "audio_1", transcript: "hello" } }), request("again")],
      "words-as-text",
      { role: "assistant", content: "hello" }
    ],
    [
      "a legacy call",
      [request("go"), plain({ role: "assistant", content: null, function_call: { name: "read", arguments: "{}" } })],
      "words-as-text",
      { role: "assistant", content: "read {}" }
    ],
    [
      "a picture of an instruction",
      [plain(ofWire({ role: "system", content: [{ type: "text", text: "so" }, picture] })), request("go")],
      "left-out-parts",
      {
        role: "system",
        content: [
          { type: "text", text: "so" },
          { type: "text", text: "[a picture or file was left out; recall seq 1]" }
        ]
      }
    ]
  ]
  for (const [name, entries, kind, shown] of single)
    it(`${name}: ${kind}`, () => {
      const view = viewOf(entries)
      assert.include(
        view.repairs.map((repair) => repair.kind),
        kind
      )
      assert.deepInclude(view.messages, shown)
      assert.deepStrictEqual(problems(view.messages), [])
    })

  it("pictures of results stand in a user message behind the batch", () => {
    const shot = (id: string) =>
      plain(ofWire({ role: "tool", tool_call_id: id, content: [{ type: "text", text: `shot ${id}` }, picture] }))
    const { messages, repairs } = viewOf([
      request("go"),
      calls(call("a"), call("b")),
      shot("a"),
      shot("b"),
      says("I see")
    ])
    assert.deepStrictEqual<ReadonlyArray<unknown>>(messages.slice(2), [
      ...["a", "b"].map((id) => ({
        role: "tool",
        tool_call_id: id,
        content: [
          { type: "text", text: `shot ${id}` },
          { type: "text", text: "[1 part of this result stands in the next user message]" }
        ]
      })),
      { role: "assistant", content: "[the results are continued by the user]" },
      { role: "user", content: [{ type: "text", text: "[of the result of call a]" }, picture] },
      { role: "user", content: [{ type: "text", text: "[of the result of call b]" }, picture] },
      { role: "assistant", content: "I see" }
    ])
    assert.deepStrictEqual(repairs, [
      { kind: "moved-parts", seq: 3 },
      { kind: "bridge", seq: 3 },
      { kind: "moved-parts", seq: 4 }
    ])
  })

  it("a renamed call takes its own result with it", () => {
    const entries = [
      request("go"),
      calls(call("a"), call("a")),
      result("a", "of the second"),
      result("a", "of the first")
    ]
    const [, made, ...results] = viewOf(entries).messages
    assert.deepStrictEqual(made === undefined ? [] : Message.toolCalls(made).map(({ id }) => id), ["a", "a_2"])
    assert.deepStrictEqual(results, [
      { role: "tool", tool_call_id: "a_2", content: "of the second" },
      { role: "tool", tool_call_id: "a", content: "of the first" }
    ])
  })

  it("arguments nobody can parse reach the model as text", () => {
    const [, made] = viewOf([request("go"), calls(call("a", '{"path": "x')), result("a", "1")]).messages
    const [first] = made === undefined ? [] : Message.toolCalls(made)
    assert.strictEqual(first && Message.callInput(first), '{"_raw":"{\\"path\\": \\"x"}')
  })
})

describe("names of authors and tools", () => {
  const nameOf = (message: Message.Message | undefined) =>
    Object.entries(message ?? {}).find(([key]) => key === "name")?.[1]
  const shown = (...entries: ReadonlyArray<Entry>) => View.assemble(stateOf(logOf(entries)), estimate)
  it("of a message: characters that OpenAI refuses are replaced, and nothing stays of a name of nothing", () => {
    for (const [from, to] of [
      ["Ada Lovelace", "Ada_Lovelace"],
      ["<ops|team>/a\\b", "ops_team_a_b"],
      ["мир", "мир"],
      ["x".repeat(65), "x".repeat(64)],
      [" ", ""],
      ["", ""]
    ] as const) {
      const { messages, repairs } = shown(plain(ofWire({ role: "user", content: "hi", name: from })))
      assert.strictEqual(nameOf(messages[0]), to === "" ? undefined : to)
      assert.deepStrictEqual(repairs, from === "мир" ? [] : [{ kind: "renamed-author", seq: 1, from, to }])
      assert.deepStrictEqual(problems(messages), [])
    }
  })
  it("of a result: that of its call, as it is shown", () => {
    const named = { ...call("a"), function: { name: "web search", arguments: "{}" } }
    const answer = plain(ofWire({ role: "tool", tool_call_id: "a", name: "web search", content: "ok" }))
    const { messages, repairs } = shown(request("go"), calls(named), answer)
    assert.strictEqual(nameOf(messages[2]), "web_search")
    assert.deepInclude(repairs, { kind: "renamed-tool", seq: 3, from: "web search", to: "web_search" })
    assert.deepStrictEqual(problems(messages), [])
  })
})

describe("the end of a view", () => {
  it("is no message of the model while it has something to answer", () => {
    const batch = Array.from({ length: 40 }, (_, i) => call(`c${i}`, JSON.stringify({ text: "x".repeat(400) })))
    const log = logOf([request("go"), calls(...batch), ...batch.map(({ id }) => result(id, "ok"))])
    const state = stateOf(log, { ...wholeLog, excerpts: [{ seq: 2, tokens: LEAST_EXCERPT }] })
    const { messages, repairs } = View.assemble(state, estimate)
    assert.strictEqual(messages.at(-1)?.role, "user")
    assert.deepInclude(repairs, { kind: "closing", seq: log.length })
    assert.strictEqual(View.assemble(stateOf(logOf([request("go"), says("ok")])), estimate).messages.length, 2)
  })
  it.prop("whatever the history", [any], ([entries]) => {
    const last = entries.at(-1)?.message
    const { messages } = View.assemble(stateOf(logOf(entries)), estimate)
    assert.deepStrictEqual(problemsAtEnd(messages, last !== undefined && !Message.endsTurn(last)), [])
  })
})

describe("what only its own format reads", () => {
  it("stands in a view where no server gets it, and costs what it costs", () => {
    const native = { format: "anthropic", signature: "s".repeat(400) }
    const log = [request("go"), plain(ofWire({ role: "assistant", content: "done", native }))]
    const { messages, tokens } = viewOf(log)
    assert.deepStrictEqual(messages[1]?.[Message.Native], native)
    assert.notInclude(JSON.stringify(messages), native.signature)
    assert.strictEqual(tokens, total(logOf(log)))
  })
})

describe("the parts of a view", () => {
  it.prop("add up, tools included", [anyState], ([state]) => {
    const tools = [{ type: "function", function: { name: "read_file", parameters: {} } }]
    const view = View.assemble(state, estimate, { tools })
    const parts = Object.values(view.parts)
    const sum = (sizes: ReadonlyArray<number>) => sizes.reduce((a, b) => a + b, 0)
    assert.strictEqual(sum(parts.map(({ messages }) => messages)), view.messages.length)
    assert.strictEqual(sum(parts.map(({ tokens }) => tokens)) + overhead(estimate, { tools }), view.tokens)
    assert.strictEqual(view.tokens - overhead(estimate, { tools }), sum(view.messages.map(estimate.message)))
  })

  it("a system prompt given replaces the one in the log", () => {
    const view = View.assemble(stateOf(logOf([system("old"), request("hi")])), estimate, { system: "new" })
    assert.deepStrictEqual(view.messages, [
      { role: "system", content: "new" },
      { role: "user", content: "hi" }
    ])
  })

  it("head, handoff, open requests and tail stand in this order", () => {
    const log = logOf([request("one"), says("1"), request("two"), calls(call("a")), result("a", "x"), calls(call("b"))])
    const manifest: Manifest = { ...wholeLog, headTo: 2, tailFrom: 6, live: [3], segments: ["s"] }
    const { messages, parts, repairs } = View.assemble(stateOf(log, manifest, [segment("s", 3, 5)]), estimate)
    assert.deepStrictEqual(
      messages.map((message) => Message.text(message).split("\n")[0]?.slice(0, 20)),
      ["one", "1", "[throughline handoff", "two", "", "[no result: this cal"]
    )
    assert.deepStrictEqual(
      [parts.system, parts.head, parts.handoff, parts.live, parts.tail].map(({ messages }) => messages),
      [0, 2, 1, 1, 2]
    )
    assert.deepStrictEqual(repairs, [{ kind: "no-result", seq: 6, toolCallId: "b" }])
  })
})

describe("an excerpt", () => {
  const messages: FastCheck.Arbitrary<Message.Message> = any.map(
    ([first]) => first?.message ?? { role: "user", content: "" }
  )
  const whole = (message: Message.Message): boolean =>
    Message.toolCalls(message).every(
      (call) => call.type === "custom" || Message.callInput(call) === "" || Message.callInput(call).startsWith("{")
    )

  it.prop(
    "takes no more than it may, and stays a message whose arguments parse",
    [messages, FastCheck.integer({ min: LEAST_EXCERPT, max: 400 }), FastCheck.integer({ min: 1, max: 50 })],
    ([message, to, times]) => {
      const large = larger(message, times)
      const { message: shown } = makeExcerpt(large, { seq: 7, tokens: estimate.message(large), to }, estimate)
      assert.isAtMost(estimate.message(shown), Math.max(to, LEAST_EXCERPT))
      if (estimate.message(large) <= to) return assert.strictEqual(shown, large)
      assert.strictEqual(shown.role, large.role)
      if (!saysTheSame(shown, large)) assert.include(JSON.stringify(shown), "recall seq 7")
      assert.isTrue(isWellFormed(JSON.stringify(shown)) || !isWellFormed(JSON.stringify(large)))
      assert.isTrue(whole(shown) || !whole(large))
    },
    propertyRuns(150, 1_000)
  )

  it("keeps the beginning and the end", () => {
    const text = `FIRST ${"middle ".repeat(2_000)}LAST`
    const shown = Message.text(
      makeExcerpt({ role: "user", content: text }, { seq: 3, tokens: 3_504, to: 100 }, estimate).message
    )
    assert.match(shown, /^FIRST .*\n\[… \d+ tokens left out; recall seq 3 …\]\n.* LAST$/)
    assert.isAtLeast(estimate.text(shown), 80)
  })

  it("leaves images out that do not fit, and keeps those that do", () => {
    const picture = { type: "image_url", image_url: { url: "data:,", detail: "low" } } as const
    const content = [{ type: "text", text: "look ".repeat(400) } as const, picture]
    const shorten = (to: number) =>
      makeExcerpt({ role: "user", content }, { seq: 3, tokens: 600, to }, estimate).message
    assert.include(Message.text(shorten(80)), "[… 1 part left out; recall seq 3 …]")
    assert.deepStrictEqual(shorten(200).content?.at(-1), picture)
  })

  it("leaves the oldest calls of a batch out when not all fit", () => {
    const batch = Array.from({ length: 100 }, (_, i) => call(`c${i}`, JSON.stringify({ path: "x".repeat(200) })))
    const message = calls(...batch).message
    const { message: shown } = makeExcerpt(message, { seq: 3, tokens: estimate.message(message), to: 200 }, estimate)
    const kept = Message.toolCalls(shown).map(({ id }) => id)
    assert.strictEqual(kept.at(-1), "c99")
    assert.strictEqual(Message.text(shown), `[… ${100 - kept.length} tool calls left out; recall seq 3 …]`)
  })
})

describe("the excerpts of a batch of calls", () => {
  const batch = (n: number, words: number, size: number) => {
    const made = Array.from({ length: n }, (_, i) => call(`c${i}`, JSON.stringify({ text: "line ".repeat(words) })))
    return logOf([calls(...made), ...made.map(({ id }) => result(id, "out ".repeat(size)))])
  }
  const shown = (log: ReadonlyArray<Logged>, room: number) => {
    const state = stateOf(log, { ...wholeLog, excerpts: planExcerpts(log, room, estimate) })
    const { messages, tokens } = View.assemble(state, estimate)
    return { tokens, kept: messages.flatMap((message) => Message.toolCalls(message)), messages }
  }
  it("keep all calls while each may have a pointer for its arguments and an excerpt of its result", () => {
    for (const [n, room] of [
      [20, 1_500],
      [100, 6_500]
    ] as const) {
      const { kept, tokens } = shown(batch(n, 400, 400), room)
      assert.lengthOf(kept, n)
      assert.isAtMost(tokens, room + 20)
      assert.isAtLeast(tokens, 0.85 * room)
    }
  })
  it("leave the oldest out with their results, whose room the others take", () => {
    const { kept, messages, tokens } = shown(batch(300, 400, 400), 6_500)
    assert.isAtLeast(kept.length, 100)
    assert.strictEqual(kept.at(-1)?.id, "c299")
    assert.isAtMost(tokens, 6_520)
    assert.isAtLeast(tokens, 5_500)
    assert.strictEqual(messages.filter(({ role }) => role === "tool").length, kept.length)
  })
  it.prop(
    "fit the room, and use it, whatever they hold",
    [
      FastCheck.nat(60),
      FastCheck.nat(300),
      FastCheck.integer({ min: 1, max: 300 }),
      FastCheck.integer({ min: 200, max: 4_000 })
    ],
    ([n, words, size, room]) => {
      const log = batch(n + 1, words, size)
      const { kept, tokens } = shown(log, room)
      // An opening stands before the batch, and a pointer may be longer than the arguments it stands for.
      assert.isAtMost(tokens, room + 80)
      assert.isAbove(kept.length, 0)
      const whole = log.reduce((sum, entry) => sum + entry.tokens, 0)
      assert.isAtLeast(tokens, Math.min(whole, 0.6 * room - 100))
    },
    propertyRuns(100, 1_000)
  )
})

describe("an excerpt keeps what its provider wants back", () => {
  const details = [{ type: "reasoning.encrypted", data: "c2lnbmVk".repeat(20) }]
  const blocks = [{ type: "thinking", thinking: "so", signature: "c2lnbmVk".repeat(20) }]
  const google = { google: { thought_signature: "c2lnbmVk".repeat(20) } }
  const native = { format: "anthropic", signature: "c2lnbmVk" }
  const edit = { ...call("a", JSON.stringify({ text: "line of a file ".repeat(8_000) })), extra_content: google }
  const reply = ofWire({
    role: "assistant",
    content: null,
    reasoning_content: "I think ".repeat(4_000),
    reasoning_details: details,
    thinking_blocks: blocks,
    extra_content: google,
    a_field_to_come: { of: "a server" },
    tool_calls: [edit],
    native
  })
  const tokens = estimate.message(reply)

  it("all fields of the message and of its calls, reasoning as text that may be cut", () => {
    const { message: shown } = makeExcerpt(reply, { seq: 2, tokens, to: 1_000 }, estimate)
    assert.isAtMost(estimate.message(shown), 1_000)
    assert.isAtLeast(estimate.message(shown), 800)
    const { reasoning_details, thinking_blocks, extra_content, a_field_to_come, reasoning_content, tool_calls } =
      Object.fromEntries(Object.entries(shown))
    assert.deepStrictEqual(
      { reasoning_details, thinking_blocks, extra_content, a_field_to_come },
      {
        reasoning_details: details,
        thinking_blocks: blocks,
        extra_content: google,
        a_field_to_come: { of: "a server" }
      }
    )
    assert.match(String(reasoning_content), /^I think .*tokens left out; recall seq 2.* I think $/s)
    assert.deepStrictEqual(shown[Message.Native], native)
    assert.deepInclude(tool_calls[0], { id: "a", extra_content: google })
  })

  it("of reasoning at least a pointer, and what does not fit is listed", () => {
    const { message: shown } = makeExcerpt(reply, { seq: 2, tokens, to: LEAST_EXCERPT }, estimate)
    assert.isAtMost(estimate.message(shown), LEAST_EXCERPT)
    assert.deepInclude(Object.fromEntries(Object.entries(shown)), { reasoning_content: "recall seq 2" })
    const log = logOf([request("go"), plain(reply), result("a", "ok")])
    const state = stateOf(log, { ...wholeLog, excerpts: [{ seq: 2, tokens: LEAST_EXCERPT }] })
    const { repairs } = View.assemble(state, estimate)
    const fields = ["reasoning_details", "thinking_blocks", "extra_content", "a_field_to_come", "native"]
    assert.deepInclude(repairs, { kind: "left-out-fields", seq: 2, fields })
  })

  it("the call whose signature stands for the batch, before newer ones", () => {
    const batch = [
      edit,
      ...Array.from({ length: 20 }, (_, i) => call(`c${i}`, JSON.stringify({ path: "x".repeat(200) })))
    ]
    const message = calls(...batch).message
    const { message: shown } = makeExcerpt(message, { seq: 2, tokens: estimate.message(message), to: 200 }, estimate)
    const kept = Message.toolCalls(shown)
    assert.strictEqual(kept[0]?.id, "a")
    assert.strictEqual(kept.at(-1)?.id, "c19")
    assert.deepInclude(Object.fromEntries(Object.entries(kept[0] ?? {})), { extra_content: google })
  })

  it("planned within the share of the message, as far as the room allows", () => {
    const log = logOf([request("go ".repeat(2_000)), plain(reply), result("a", "ok ".repeat(2_000))])
    const [, planned] = planExcerpts(log, 1_500, estimate)
    const fixed = estimate.message(makeExcerpt(reply, { seq: 2, tokens, to: 500 }, estimate).message)
    assert.isAtLeast(planned?.tokens ?? 0, 400)
    assert.isAtLeast(fixed, 300)
    assert.isAbove(countLeast(log, LEAST_EXCERPT, estimate), 200)
    const least = planExcerpts(log, 200, estimate)
    assert.deepStrictEqual(
      least.map(({ tokens }) => tokens),
      [LEAST_EXCERPT, LEAST_EXCERPT + 72, LEAST_EXCERPT]
    )
    assert.lengthOf(
      Message.toolCalls(makeExcerpt(reply, { seq: 2, tokens, to: LEAST_EXCERPT + 72 }, estimate).message),
      1
    )
  })
})

const saysTheSame = (shown: Message.Message, large: Message.Message): boolean =>
  Message.text(shown) === Message.text(large) &&
  JSON.stringify(Message.toolCalls(shown)) === JSON.stringify(Message.toolCalls(large)) &&
  !JSON.stringify(large.content).includes("image_url")

const larger = (message: Message.Message, times: number): Message.Message => {
  if (typeof message.content === "string") return { ...message, content: message.content.repeat(times) }
  if (message.role !== "assistant") return message
  const made = Message.toolCalls(message).flatMap((call) => Array.from({ length: times }, () => call))
  return made.length === 0 ? message : { ...message, tool_calls: made }
}

const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text) && !/\\ud[89a-f]/i.test(text)

describe("real transcripts", () => {
  const path = "../shared/transcripts/coding-agent.jsonl"
  const title = existsSync(path) ? "a coding session, each of its prefixes" : `(${path} is not here: nothing to check)`
  it(title, () => {
    const lines = existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []
    const log = logOf(
      lines.map((line) => {
        const message: Message.Message = JSON.parse(line)
        return { message, kind: message.role === "user" ? "request" : null }
      })
    )
    for (let n = 1; n <= log.length; n += 7) {
      const view = View.assemble(stateOf(log.slice(0, n)), estimate)
      assert.deepStrictEqual(problems(view.messages), [])
    }
  })
})
