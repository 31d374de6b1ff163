/** What goes to an API after a view has shortened results and calls, or renamed calls: still valid items, in sound pairs. */
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import { FastCheck } from "effect"
import * as Message from "../../src/message/Message.ts"
import * as MessageFormat from "../../src/format/MessageFormat.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as Foreign from "../support/foreignMessages.ts"

const decode = (format: MessageFormat.MessageFormat, input: unknown): ReadonlyArray<Message.Message> =>
  Either.getOrThrow(MessageFormat.decode(format, input))

const shot = (n: number) => ({ type: "computer_screenshot", image_url: `data:image/png;base64,${"A".repeat(40 + n)}` })
const long = "a line of the log\n".repeat(40)
const outcome = { type: "exit", exit_code: 2 }

/** The calls that OpenAI defines itself, and what a client answers to each. */
const PAIRS = {
  shell: [
    { type: "shell_call", id: "sh_1", status: "completed", action: { commands: ["ls -R", long], timeout_ms: 1000 } },
    { type: "shell_call_output", max_output_length: 4096, output: [{ stdout: long, stderr: "", outcome }] }
  ],
  patch: [
    {
      type: "apply_patch_call",
      id: "apc_1",
      status: "completed",
      operation: { type: "update_file", path: "a.ts", diff: long }
    },
    { type: "apply_patch_call_output", status: "failed", output: long }
  ],
  computer: [
    {
      type: "computer_call",
      id: "cu_1",
      status: "completed",
      pending_safety_checks: [],
      action: { type: "screenshot" }
    },
    { type: "computer_call_output", acknowledged_safety_checks: [], output: shot(1) }
  ],
  codex: [
    { type: "local_shell_call", id: null, status: "completed", action: { type: "exec", command: ["cat", long] } },
    { type: "function_call_output", output: long }
  ],
  search: [
    { type: "tool_search_call", execution: "client", status: "completed", arguments: { goal: long } },
    { type: "tool_search_output", execution: "client", status: "completed", tools: [{ type: "function", name: long }] }
  ],
  custom: [
    { type: "custom_tool_call", name: "patch", input: long },
    { type: "custom_tool_call_output", output: long }
  ],
  function: [
    { type: "function_call", id: "fc_1", status: "completed", name: "read", arguments: JSON.stringify({ path: long }) },
    { type: "function_call_output", output: [{ type: "input_text", text: long }] }
  ]
} as const
type Kind = keyof typeof PAIRS
const KINDS: ReadonlyArray<Kind> = ["shell", "patch", "computer", "codex", "search", "custom", "function"]

/** The fields that each item must have, and those that it may have. */
const isText = (value: unknown) => typeof value === "string"
const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)
const has = (value: unknown, ...fields: ReadonlyArray<string>) =>
  isObject(value) && fields.every((field) => field in value)
const isOutput = (value: unknown) => isText(value) || Array.isArray(value)
/** The types of items name only those that most sessions have. */
type Item = { readonly [key: string]: unknown }
type Check = (item: Item) => boolean
const encode = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<Item> =>
  MessageFormat.encode("responses", messages)

const VALID: { readonly [type: string]: readonly [answer: string, isValid: Check, isValidAnswer: Check] } = {
  shell_call: [
    "shell_call_output",
    ({ action }) => has(action, "commands"),
    ({ output }) =>
      Array.isArray(output) &&
      output.every((one: unknown) => has(one, "stdout", "stderr", "outcome") && has(one, "stdout", "stderr"))
  ],
  apply_patch_call: [
    "apply_patch_call_output",
    ({ operation }) => has(operation, "type", "path", "diff"),
    ({ output, status }) => isText(output) && status === "failed"
  ],
  computer_call: [
    "computer_call_output",
    ({ action }) => has(action, "type"),
    ({ output }) => has(output, "type", "image_url")
  ],
  local_shell_call: [
    "function_call_output",
    ({ action }) => has(action, "type", "command"),
    ({ output }) => isOutput(output)
  ],
  tool_search_call: [
    "tool_search_output",
    ({ arguments: input }) => has(input, "goal"),
    ({ tools }) => Array.isArray(tools)
  ],
  custom_tool_call: ["custom_tool_call_output", ({ input }) => isText(input), ({ output }) => isOutput(output)],
  function_call: [
    "function_call_output",
    ({ action, arguments: input, operation, pending_safety_checks: checks }) =>
      isText(input) && [action, operation, checks].every((field) => field === undefined),
    ({ acknowledged_safety_checks: checks, max_output_length: length, output }) =>
      isOutput(output) && checks === undefined && length === undefined
  ]
}

const assertPairs = (items: ReadonlyArray<Item>) => {
  const calls = new Map(items.filter(({ type }) => String(type).endsWith("_call")).map((item) => [item.call_id, item]))
  const results = items.filter(({ type }) => String(type).endsWith("_output"))
  assert.strictEqual(results.length, calls.size)
  for (const result of results) {
    const call = calls.get(result.call_id)
    const [answer, isValid, isValidAnswer] = VALID[String(call?.type)] ?? []
    assert.strictEqual(result.type, answer)
    assert.isTrue(call !== undefined && isValid?.(call), JSON.stringify(call))
    assert.isTrue(isValidAnswer?.(result), JSON.stringify(result))
  }
}

const shorten = (message: Message.Message): Message.Message => {
  if (message.role !== "assistant") return Message.withContent(message, "a li[… left out …]")
  const calls = Message.toolCalls(message).map((call) =>
    Message.withCallInput(call, call.type === "custom" ? "a li…" : JSON.stringify({ excerpt: "a li…" }))
  )
  return { ...message, tool_calls: calls }
}

const session = (kinds: ReadonlyArray<Kind>) =>
  kinds.flatMap((kind, i) => PAIRS[kind].map((item) => ({ ...item, call_id: `call_${i}` })))

const isShortened = FastCheck.array(FastCheck.boolean(), { minLength: 20, maxLength: 20 })

describe("Responses", () => {
  it.prop(
    "gets a valid pair for every call of every kind, whichever of the two was shortened",
    [
      FastCheck.array(FastCheck.constantFrom(...KINDS), { minLength: 1, maxLength: 7 }),
      isShortened,
      FastCheck.boolean()
    ],
    ([kinds, isShortened, isApart]) => {
      const items = session(kinds)
      const messages = isApart ? items.flatMap((item) => decode("responses", [item])) : decode("responses", items)
      const kept = messages.map((message, i) => (isShortened[i] === true ? shorten(message) : message))
      assertPairs(encode(kept))
      assertPairs(encode(kept.map(Message.hideNative)))
      if (!kept.some((message, i) => message !== messages[i])) assert.deepStrictEqual<unknown>(encode(kept), items)
    }
  )

  it.prop(
    "gets results that the client writes itself as each call wants them",
    [FastCheck.array(FastCheck.constantFrom(...KINDS), { minLength: 1, maxLength: 7 })],
    ([kinds]) => {
      const messages = session(kinds).flatMap((item): ReadonlyArray<Message.Message> => {
        if (item.type.endsWith("_call")) return decode("responses", [item])
        return [{ role: "tool", tool_call_id: item.call_id, content: "done" }]
      })
      const items = encode(messages)
      assertPairs(items.map((item) => (item.type === "apply_patch_call_output" ? { ...item, status: "failed" } : item)))
    }
  )

  it("keeps how a shell and a patch ended, and the words that are left", () => {
    const kept = decode("responses", session(["shell", "patch"])).map((message) =>
      message.role === "tool" ? shorten(message) : message
    )
    const [, shell, , patch] = encode(kept)
    const text = "a li[… left out …]"
    assert.deepStrictEqual<unknown>(
      [shell, patch],
      [
        {
          type: "shell_call_output",
          call_id: "call_0",
          max_output_length: 4096,
          output: [{ stdout: text, stderr: "", outcome }]
        },
        { type: "apply_patch_call_output", call_id: "call_1", status: "failed", output: text }
      ]
    )
  })
})

describe("the AI SDK", () => {
  const said = [
    {
      role: "assistant",
      content: [
        { type: "tool-call", toolCallId: "a", toolName: "rm", input: {} },
        { type: "tool-approval-request", approvalId: "ok", toolCallId: "a" }
      ]
    }
  ]

  it("gets a renamed call, and the request to approve it under the same id", () => {
    const [reply] = decode("ai-sdk-model", said)
    const renamed = { ...reply, tool_calls: [{ id: "b", type: "function", function: { name: "rm", arguments: "{}" } }] }
    const written = MessageFormat.encode("ai-sdk-model", [Either.getOrThrow(Message.parse(renamed))])
    assert.deepStrictEqual<unknown>(written, JSON.parse(JSON.stringify(said).replaceAll(`"a"`, `"b"`)))
  })

  it("gets no request to approve a call that was left out", () => {
    const [reply] = decode("ai-sdk-model", said)
    const { tool_calls: _, ...bare } = Object(reply)
    assert.deepStrictEqual(MessageFormat.encode("ai-sdk-model", [Either.getOrThrow(Message.parse(bare))]), [])
  })
})

describe("what chat messages cannot hold", () => {
  it("is stored once", () => {
    const output = "four thousand and seven hundred ".repeat(200)
    const [reply] = decode("responses", [
      { type: "mcp_call", id: "mcp_1", server_label: "shop", name: "orders", arguments: "{}", output }
    ])
    const [result] = decode("responses", [
      { type: "shell_call_output", call_id: "a", output: [{ stdout: output, stderr: "", outcome }] }
    ])
    const [picture] = decode("responses", [{ type: "computer_call_output", call_id: "a", output: shot(4000) }])
    for (const message of [reply, result])
      assert.strictEqual(JSON.stringify(message).split("four thousand").length - 1, 200)
    assert.strictEqual(JSON.stringify(picture).split("A".repeat(4000)).length - 1, 1)
  })
})

/** What a view leaves of a message: all of it, a text and the pictures, a text alone, or one call less. */
type Cut = "nothing" | "words" | "everything" | "call"
const TEXT = "zanzibar"
const TEXT_OUT = new RegExp(`${TEXT}|${Buffer.from(TEXT).toString("base64")}`)

const cut = (message: Message.Message, how: Cut): Message.Message => {
  if (how === "nothing" || (how === "call" && message.role !== "assistant")) return message
  const others = Message.parts(message).filter((part) => Message.partText(part) === undefined)
  const calls = Message.toolCalls(shorten(message)).slice(how === "call" ? 1 : 0)
  const bare = message.role === "assistant" && calls.length > 0 ? { ...message, tool_calls: calls } : message
  const content = [{ type: "text", text: TEXT } as const, ...others]
  return Message.withContent(bare, how === "words" && others.length > 0 ? content : TEXT)
}

const GENERATED = [
  ["anthropic", Foreign.anthropic],
  ["responses", Foreign.responses],
  ["ai-sdk-model", Foreign.aiSdkModel],
  ["ai-sdk-ui", Foreign.aiSdkUi]
] as const
const cuts = FastCheck.array(FastCheck.constantFrom<Cut>("nothing", "words", "everything", "call"), {
  minLength: 40,
  maxLength: 40
})

/** Version 4 of the AI SDK says in these fields what the parts say. */
const leaveRepeats = (key: string, value: unknown): unknown =>
  key === "content" || key === "toolInvocations" ? undefined : value

describe("shortened messages of any kind", () => {
  for (const [format, arbitrary] of GENERATED) {
    // Bytes hide their words in JSON.
    const given: FastCheck.Arbitrary<unknown> = arbitrary
    const input = given.map((input): unknown => JSON.parse(JSON.stringify(input)))
    it.prop(
      `of ${format} go out with the words that are left, once, and are read again`,
      [input, cuts],
      ([input, cuts]) => {
        const messages = decode(format, input).map((message, i) => cut(message, cuts[i] ?? "nothing"))
        const isCut = ({ content }: Message.Message) => JSON.stringify(content ?? "").includes(TEXT)
        for (const to of MessageFormat.MessageFormat.literals) {
          const written = JSON.stringify(MessageFormat.encode(to, messages.map(Message.hideNative)))
          assert.isTrue(Either.isRight(MessageFormat.decode(to, JSON.parse(written))))
          if (to !== format) continue
          const once = format === "ai-sdk-ui" ? JSON.stringify(JSON.parse(written), leaveRepeats) : written
          assert.strictEqual(once.split(TEXT_OUT).length - 1, messages.filter(isCut).length)
        }
      }
    )
  }
})

describe("what version 4 of the AI SDK says twice", () => {
  const parts = [{ type: "text", text: long }]
  const decodeReply = (fields: object) => {
    const [reply] = decode("ai-sdk-ui", [{ id: "message-0", role: "assistant", parts, ...fields }])
    assert.isDefined(reply)
    return reply
  }

  it("is counted once", () => {
    const twice = estimate.message(decodeReply({ content: long, toolInvocations: [] }))
    assert.isAtMost(twice - estimate.message(decodeReply({})), 30)
  })

  it("is shortened in both places", () => {
    const shortened = Message.withContent(decodeReply({ content: long }), "short")
    const [written] = MessageFormat.encode("ai-sdk-ui", [shortened])
    assert.include(JSON.stringify(written), `"content":"short"`)
    assert.notInclude(JSON.stringify(written), long.slice(0, 40))
  })
})
