/** What other APIs say goes through chat messages and comes back, and what chat messages say goes through other APIs. */
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import { FastCheck } from "effect"
import { isRecord } from "effect/Predicate"
import * as Message from "../../src/message/Message.ts"
import * as MessageFormat from "../../src/format/MessageFormat.ts"
import * as Foreign from "../support/foreignMessages.ts"
import { any, call, calls, healthy, ofWire, result } from "../support/histories.ts"

const decode = (format: MessageFormat.MessageFormat, input: unknown): ReadonlyArray<Message.Message> =>
  Either.getOrThrow(MessageFormat.decode(format, input))

const throughJson = <A>(value: A): A => JSON.parse(JSON.stringify(value))

const GENERATED: ReadonlyArray<readonly [MessageFormat.MessageFormat, FastCheck.Arbitrary<unknown>]> = [
  ["anthropic", Foreign.anthropic],
  ["responses", Foreign.responses],
  ["ai-sdk-model", Foreign.aiSdkModel],
  ["ai-sdk-ui", Foreign.aiSdkUi],
  ["legacy-functions", Foreign.legacyFunctions],
  ["chat", any.map((entries) => entries.map(({ message }) => message))]
]

for (const [format, input] of GENERATED) {
  describe(format, () => {
    it.prop(
      "comes back as it was, from the messages, from a log and from a view",
      [input],
      ([input]) => {
        const messages = decode(format, input)
        assert.deepStrictEqual<unknown>(MessageFormat.encode(format, messages), input)
        assert.deepStrictEqual<unknown>(MessageFormat.encode(format, messages.map(Message.hideNative)), input)
        const written = MessageFormat.encode(format, throughJson(messages))
        assert.deepStrictEqual(throughJson<unknown>(written), throughJson(input))
      },
      { fastCheck: { numRuns: 300 } }
    )

    it.prop("is detected, unless it is chat as well", [input], ([input]) => {
      const detected = MessageFormat.detect(input)
      if (detected !== format) {
        assert.strictEqual(detected, "chat")
        assert.isTrue(Either.isRight(MessageFormat.decode("chat", input)))
      }
    })

    it.prop(
      "gives back any messages that it was made from, of a log and of a view",
      [any, input],
      ([entries, input]) => {
        const messages = [...entries.map(({ message }) => message), ...decode(format, input)]
        const encoded = MessageFormat.encode(format, messages)
        if (listItems(encoded).length === 0) return
        assert.deepStrictEqual(decode(format, encoded), messages)
        const ofView = MessageFormat.encode(format, messages.map(Message.hideNative))
        assert.deepStrictEqual(decode(format, ofView), messages)
      }
    )

    it.prop(
      "reads edited items for what they say",
      [any, any, FastCheck.array(edit, { minLength: 1, maxLength: 3 })],
      ([entries, others, edits]) => {
        const [first, second] = [entries, others].map((entries) =>
          MessageFormat.encode(
            format,
            entries.map(({ message }) => message)
          )
        )
        let items = [...listItems(first), ...listItems(second)]
        for (const edit of edits) items = edit(items)
        const edited = format === "anthropic" ? { ...first, messages: items } : items
        assert.deepStrictEqual<unknown>(MessageFormat.encode(format, decode(format, edited)), edited)
      },
      { fastCheck: { numRuns: 300 } }
    )

    it.prop("says what chat messages say, also through JSON", [healthy], ([entries]) => {
      const messages = entries
        .map(({ message }) => message)
        .filter((message) => format !== "legacy-functions" || hasPlainFunctions(message))
      assert.deepStrictEqual(decode(format, throughJson(MessageFormat.encode(format, messages))), messages)
    })

    it.prop("writes any history so that it reads it again", [any], ([entries]) => {
      const written = MessageFormat.encode(
        format,
        entries.map(({ message }) => message)
      )
      assert.isTrue(Either.isRight(MessageFormat.decode(format, written)))
    })
  })
}

type Items = Array<Record<string, unknown>>

const listItems = (encoded: unknown): Items => {
  const items = isRecord(encoded) ? encoded["messages"] : encoded
  return Array.isArray(items) ? items.filter(isRecord) : []
}

const WORDS: ReadonlySet<string> = new Set(["text", "thinking", "content", "arguments", "output", "value", "errorText"])

/** Changes the first words within a value, in place. Returns false if there are none. */
const changeWords = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.some(changeWords)
  if (!isRecord(value)) return false
  return Object.entries(value).some(([key, field]) => {
    if (!WORDS.has(key) || typeof field !== "string") return changeWords(field)
    value[key] = `${field}!`
    return true
  })
}

const place = FastCheck.nat({ max: 60 })

/** What a caller does to the items of a request, by copy and in place. */
const edit: FastCheck.Arbitrary<(items: Items) => Items> = FastCheck.oneof(
  FastCheck.tuple(place, place).map(
    ([from, length]) =>
      (items: Items) =>
        items.slice(from % (items.length + 1), length)
  ),
  place.map((at) => (items: Items) => items.filter((_, i) => i !== at % items.length)),
  place.map((at) => (items: Items) => items.toSpliced(at, 0, ...items.slice(at, at + 2))),
  place.map((at) => (items: Items) => {
    items.unshift(...items.splice(at, 1))
    return items
  }),
  place.map((at) => (items: Items) => {
    changeWords(items[at % items.length])
    return items
  }),
  place.map((at) => (items: Items) => items.map((item, i) => (i === at % items.length ? structuredClone(item) : item)))
)

/** Ids of calls, and several calls in one message, are more than functions can say. */
const hasPlainFunctions = (message: Message.Message): boolean =>
  message.role !== "tool" && Message.toolCalls(message).length === 0

describe("encode", () => {
  const said = {
    messages: [
      { role: "user", content: [{ type: "text", text: "read it", cache_control: { type: "ephemeral" } }] },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "I have to read it.", signature: "c2lnbmVk" },
          { type: "redacted_thinking", data: "aGlkZGVu" },
          { type: "text", text: "I read it." },
          { type: "tool_use", id: "toolu_1", name: "read_file", input: { path: "a" } }
        ]
      },
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "toolu_1",
            content: [{ type: "text", text: "a long text" }],
            is_error: true,
            cache_control: { type: "ephemeral" }
          }
        ]
      }
    ]
  }

  it("fills in the words as they are now, and keeps the rest", () => {
    const [ask, reply, result] = decode("anthropic", said)
    assert.isDefined(ask)
    assert.isDefined(reply)
    assert.isDefined(result)
    const shortened = Message.withContent(result, "a long…")
    const { messages } = MessageFormat.encode("anthropic", [ask, reply, shortened])
    assert.deepStrictEqual<unknown>(messages, [
      said.messages[0],
      said.messages[1],
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "toolu_1",
            content: "a long…",
            is_error: true,
            cache_control: { type: "ephemeral" }
          }
        ]
      }
    ])
  })

  it("keeps four marks of Anthropic's cache: one of the system prompt, and the newest", () => {
    const mark = { cache_control: { type: "ephemeral" } }
    const block = (text: string, isMarked = true) => ({ type: "text", text, ...(isMarked && mark) })
    const bodyOf = (isKept: (text: string) => boolean) => ({
      system: [block("x", false), block("y")],
      messages: [
        { role: "user", content: [block("a", isKept("a")), block("b", isKept("b"))] },
        { role: "assistant", content: [block("c", isKept("c"))] },
        { role: "user", content: [block("d", isKept("d")), block("e", isKept("e"))] }
      ]
    })
    const encoded = MessageFormat.encode(
      "anthropic",
      decode(
        "anthropic",
        bodyOf(() => true)
      )
    )
    assert.deepStrictEqual<unknown>(
      encoded,
      bodyOf((text) => "cde".includes(text))
    )
  })

  it("counts the marks of the tools that are sent along", () => {
    const mark = { cache_control: { type: "ephemeral" } }
    const block = (text: string) => ({ type: "text", text, ...mark })
    const messages = decode("anthropic", {
      system: [block("s")],
      messages: ["a", "b", "c", "d"].map((text, i) => ({
        role: i % 2 === 0 ? "user" : "assistant",
        content: [block(text)]
      }))
    })
    const marksOf = (value: unknown) =>
      Array.from(JSON.stringify(value).matchAll(/"text":"(.)","cache_control"/g), ([, text]) => text).join("")
    const toolsOf = (marked: number) =>
      Array.from({ length: 6 }, (_, i) => ({ name: `t${i}`, ...(i < marked && mark) }))
    const kept = [0, 1, 2, 3, 4, 5].map((marked) => {
      const tools = toolsOf(marked)
      const encoded = MessageFormat.encode("anthropic", messages, { tools })
      assert.deepStrictEqual(decode("anthropic", encoded), messages)
      return marksOf(encoded)
    })
    assert.deepStrictEqual(kept, ["sbcd", "scd", "sd", "s", "", ""])
  })

  it("throws a typed error for a format that is unknown, and for messages that cannot be read", () => {
    const refused: ReadonlyArray<ReadonlyArray<unknown>> = [
      ["xml", []],
      ["__proto__", []],
      ["anthropic", "hello"],
      ["anthropic", [], null],
      ["chat", 7],
      ["responses", [null]]
    ]
    for (const given of refused)
      assert.throws(() => Reflect.apply(MessageFormat.encode, undefined, given), Message.InvalidMessage)
  })

  it("gives legacy functions every call, also those without a result", () => {
    const { message: reply } = calls(call("a"), call("b"), call("c"))
    const { message: answer } = result("c", "read")
    const written = MessageFormat.encode("legacy-functions", [reply, answer, { role: "user", content: "go on" }])
    assert.deepStrictEqual(
      written.map(({ role }) => role),
      ["assistant", "assistant", "function", "assistant", "user"]
    )
  })

  it("sends no thoughts under a signature that is not theirs", () => {
    const [, reply] = decode("anthropic", said)
    const { messages } = MessageFormat.encode("anthropic", [ofWire({ ...reply, reasoning_content: "I need not." })])
    assert.deepStrictEqual<unknown>(messages, [{ role: "assistant", content: said.messages[1]?.content.slice(2) }])
  })

  it("gives no API what another one signed or encrypted", () => {
    const replies = [
      ...decode("anthropic", said),
      ...decode("responses", [
        { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "c2VjcmV0" },
        { type: "message", role: "assistant", id: "msg_1", content: [{ type: "output_text", text: "Yes." }] }
      ])
    ]
    const written = GENERATED.map(
      ([format]) => [format, JSON.stringify(MessageFormat.encode(format, replies))] as const
    )
    const holders = (secret: string) => written.filter(([, text]) => text.includes(secret)).map(([format]) => format)
    assert.deepStrictEqual(holders("c2lnbmVk"), ["anthropic"])
    assert.deepStrictEqual(holders("aGlkZGVu"), ["anthropic"])
    assert.deepStrictEqual(holders("c2VjcmV0"), ["responses"])
  })

  it.prop("gives Anthropic's API sides that alternate, results first, and no empty text", [any], ([entries]) => {
    const { messages, system } = MessageFormat.encode(
      "anthropic",
      entries.map(({ message }) => message)
    )
    const contents = [system, ...messages.map(({ content }) => content)]
    for (const content of contents) {
      if (content === undefined) continue
      if (typeof content === "string") assert.notStrictEqual(content.trim(), "")
      if (!Array.isArray(content)) continue
      const types = content.map(({ type }) => type)
      assert.isNotEmpty(types)
      assert.isTrue(content.every((block) => block.type !== "text" || block.text.trim() !== ""))
      const others = types.findIndex((type) => type !== "tool_result")
      assert.isTrue(others < 0 || !types.slice(others).includes("tool_result"))
    }
    assert.isTrue(messages.every(({ role }, i) => role !== messages[i - 1]?.role))
  })
})

describe("decode", () => {
  const asked = ofWire({ role: "user", name: "Ada", content: "Read both." })
  const { message: reply } = calls(call("a", '{ "path": "x" }'), call("b", '{ "path": "y" }'))
  const messages = [
    ofWire({ role: "developer", content: "Be brief." }),
    asked,
    ofWire({ role: "user", content: "Now." }),
    reply,
    ofWire({ role: "tool", name: "read_file", tool_call_id: "b", content: "of y" }),
    ofWire({ role: "tool", name: "read_file", tool_call_id: "a", content: "of x" })
  ]
  const [added] = [ofWire({ role: "assistant", content: "Both are short." })]

  for (const [format] of GENERATED) {
    it(`${format}: gives back the messages beside a changed and an added item`, () => {
      const before = [asked, { role: "assistant" as const, content: "Which?" }, ...messages]
      const sent = listItems(MessageFormat.encode(format, before.slice(0, -3)))
      const [last] = [sent.at(-1)]
      assert.isTrue(changeWords(last))
      const answer = listItems(MessageFormat.encode(format, [added]))
      const decoded = decode(format, [...sent, ...throughJson(answer)])
      assert.deepStrictEqual(decoded[0], asked)
      assert.deepStrictEqual(Message.text(decoded.at(-1) ?? added), Message.text(added))
      assert.include(decoded.map(Message.text).join("\n"), "!")
    })
  }

  it("refuses what is not in the format, and names the field without its value", () => {
    const inputs = [
      ["anthropic", { messages: [{ role: "tool", content: "secret" }] }],
      ["anthropic", { messages: [{ role: "user", content: [{ type: "tool_result", content: "secret" }] }] }],
      ["responses", [{ type: "function_call", name: "secret", arguments: "{}" }]],
      ["ai-sdk-model", [{ role: "tool", content: "secret" }]],
      ["ai-sdk-ui", [{ role: "user", content: "secret" }]],
      ["legacy-functions", [{ role: "function", content: "secret" }]],
      ["chat", ["secret"]]
    ] as const
    assert.deepStrictEqual(
      inputs.map(([format, input]) =>
        Either.match(MessageFormat.decode(format, input), { onLeft: ({ issue }) => issue, onRight: () => "read" })
      ),
      [
        `anthropic: messages.0.role: Expected "user" | "assistant"`,
        "anthropic: messages.0.content.0.tool_use_id: Expected a non-empty string",
        "responses: input.0.call_id: Expected a non-empty string",
        "ai-sdk-model: messages.0.content: Expected an array of objects with a type",
        "ai-sdk-ui: messages.0.parts: Expected an array of objects with a type",
        "legacy-functions: messages.0.name: Expected a string",
        "chat: messages.0: Expected an object"
      ]
    )
  })
})

describe("real traffic, decoded", () => {
  const wordsOf = (format: MessageFormat.MessageFormat, input: unknown) =>
    Either.getOrThrow(MessageFormat.decode(format, input)).map(Message.text).join("\n")

  it("keeps the words of tools that the provider runs, whatever their fields are called and their script", () => {
    const words = wordsOf("anthropic", [
      {
        role: "assistant",
        content: [
          { type: "mcp_tool_use", id: "m", name: "orders", server_name: "shop", input: { id: "ORD-4711" } },
          {
            type: "mcp_tool_result",
            tool_use_id: "m",
            content: [{ type: "text", text: "港口是四七一一。".repeat(40) }]
          }
        ]
      }
    ])
    assert.include(words, "ORD-4711")
    assert.include(words, "港口是四七一一。".repeat(40))
  })

  it("gives bytes back in the class they came in, also after the log", () => {
    for (const image of [Buffer.from([137, 80, 78, 71]), Uint8Array.from([1, 2, 3]), Uint8Array.from([4, 5]).buffer]) {
      const messages = [{ role: "user", content: [{ type: "image", image, mediaType: "image/png" }] }]
      const decoded = Either.getOrThrow(MessageFormat.decode("ai-sdk-model", messages))
      const logged = decoded.map((message) => Either.getOrThrow(Message.parse(JSON.parse(JSON.stringify(message)))))
      assert.deepStrictEqual<unknown>(MessageFormat.encode("ai-sdk-model", logged), messages)
    }
  })

  it("reads the body in which messages were detected", () => {
    const body = { id: "x", messages: [{ id: "1", role: "user", parts: [{ type: "text", text: "hello" }] }] }
    assert.strictEqual(MessageFormat.detect(body), "ai-sdk-ui")
    assert.strictEqual(wordsOf("ai-sdk-ui", body), "hello")
  })

  it("takes an empty list of parts and an empty mark for none", () => {
    for (const message of [
      { role: "user", content: "x", parts: [] },
      { role: "assistant", content: [{ type: "thinking", thinking: [], signature: null }] }
    ])
      assert.isTrue(Either.isRight(Message.parse(message)), JSON.stringify(message))
  })

  it("writes a call without arguments as one with none", () => {
    const call = { id: "a", type: "function", function: { name: "now", arguments: "" } } as const
    const { messages } = MessageFormat.encode("anthropic", [
      { role: "user", content: "When?" },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "a", content: "noon" }
    ])
    assert.deepStrictEqual(messages[1]?.content, [{ type: "tool_use", id: "a", name: "now", input: {} }])
  })
})
