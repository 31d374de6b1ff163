/** Promise 10 for histories as agents really leave them: read from a file, shown, compressed, shown again, and recalled. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import * as Recall from "../../src/recall/Recall.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import * as Models from "../support/models.ts"
import { problems } from "../support/providerShapes.ts"
import { compressSession, conversation, id, importMessages, manual, scripted } from "../support/world.ts"

const lines = (...messages: ReadonlyArray<object>) => messages.map((message) => JSON.stringify(message)).join("\n")
const ask = (content: unknown) => ({ role: "user", content })
const say = (fields: object) => ({ role: "assistant", content: null, ...fields })
const call = (fields: { readonly id?: string; readonly name?: string }) =>
  say({
    tool_calls: [
      {
        id: fields.id ?? "call_file",
        type: "function",
        function: { name: fields.name ?? "read", arguments: `{"path":"a"}` }
      }
    ]
  })
const result = (content: unknown, callId = "call_file") => ({ role: "tool", tool_call_id: callId, content })
const DONE = say({ content: "done" })
const LONG_ID = `call_${"y".repeat(75)}`

/** A history, the repairs that its view lists, and a word of it that is shown, summarized and recalled. */
const HISTORIES: ReadonlyArray<readonly [string, text: string, repairs: ReadonlyArray<string>, word: string]> = [
  [
    "half a character in a result",
    lines(ask("go"), call({}), result("quokka cut \ud83d… end"), DONE),
    ["lone-surrogate"],
    "quokka"
  ],
  [
    "a call id of 80 characters",
    lines(ask("go"), call({ id: LONG_ID }), result("quokka", LONG_ID), DONE),
    ["renamed-call"],
    "quokka"
  ],
  ["an empty tool name", lines(ask("go"), call({ name: "" }), result("quokka tool"), DONE), ["renamed-tool"], "quokka"],
  [
    "a blank tool name",
    lines(ask("go"), call({ name: "  " }), result("quokka tool"), DONE),
    ["renamed-tool"],
    "quokka"
  ],
  [
    "a picture in a result",
    lines(
      ask("go"),
      call({}),
      result([
        { type: "text", text: "quokka" },
        { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }
      ]),
      DONE
    ),
    ["moved-parts", "bridge"],
    "quokka"
  ],
  [
    "a refusal",
    lines(ask("do bad"), say({ refusal: "No quokka for you." }), ask("then do good")),
    ["words-as-text"],
    "quokka"
  ],
  [
    "a legacy call",
    lines(ask("go"), say({ function_call: { name: "read", arguments: `{"path":"quokka"}` } }), ask("and?")),
    ["words-as-text"],
    "quokka"
  ],
  [
    "spoken words",
    lines(ask("speak"), say({ audio: { id: "audio_1", transcript: "hello quokka" } }), ask("again")),
    ["words-as-text"],
    "quokka"
  ],
  [
    "a call of Anthropic's API",
    lines(
      ask("read a"),
      say({ content: [{ type: "tool_use", id: "toolu_1", name: "read", input: { path: "wombat" } }] }),
      ask([{ type: "tool_result", tool_use_id: "toolu_1", content: "quokka" }]),
      say({ content: [{ type: "text", text: "done" }] })
    ),
    [],
    "quokka"
  ]
]

// The head of a session stays in the view as it is.
const EARLIER = conversation(3)
const LATER = conversation(20, 100)

describe("promise 10, valid, for a file with", () => {
  for (const [name, text, repairs, word] of HISTORIES)
    it.effect(name, () => {
      const model = Models.makeCountingModel([Models.oracle])
      return Effect.gen(function* () {
        const { sessions } = yield* Transcripts.parse(text, { file: "session.jsonl" })
        const messages = sessions.flatMap(({ messages }) => messages)
        yield* importMessages([...EARLIER, ...messages, ...LATER])
        const { view } = yield* Gateway
        const before = yield* view(id)
        assert.deepStrictEqual(problems(before.messages), [])
        assert.include(JSON.stringify(before.messages), word)
        assert.deepStrictEqual<ReadonlyArray<string>>(
          before.repairs.map(({ kind }) => kind),
          repairs
        )

        assert.strictEqual((yield* compressSession()).outcome, "committed")
        const after = yield* view(id)
        assert.isBelow(after.messages.length, before.messages.length)
        assert.deepStrictEqual(problems(after.messages), [])
        const sent = model.model.requests.flatMap((request) => request.messages.map(Message.text)).join("\n")
        assert.include(sent, word)
        assert.isTrue(sent.isWellFormed())
        const { recall } = yield* Recall.Recall
        assert.isNotEmpty(yield* recall(id, word))
      }).pipe(Effect.provide(scripted(model.layer, { policy: { ...manual, contextLength: 8_000 } })))
    })
})
