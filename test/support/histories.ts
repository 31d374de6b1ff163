/**
 * Histories to test with: healthy ones, broken ones, and the state a log is in under a manifest, read naively.
 */
import { Either, FastCheck } from "effect"
import { type ContentPart, type Message, parse, type ToolCall, withContent } from "../../src/message/Message.ts"
import {
  type DeliveryKind,
  type Logged,
  type Manifest,
  type Segment,
  SessionId,
  type State,
  wholeLog
} from "../../src/session/Session.ts"
import { type Counter, estimate } from "../../src/message/Tokens.ts"

/** A message before it is in a log. */
export interface Entry {
  readonly message: Message
  readonly kind: DeliveryKind | null
}

/** A message as servers send it, which may hold what its type does not show. */
export const ofWire = (value: unknown): Message => Either.getOrThrow(parse(value))

export const request = (content: string): Entry => ({ message: { role: "user", content }, kind: "request" })
export const notification = (content: string): Entry => ({ message: { role: "user", content }, kind: "notification" })
export const plain = (message: Message): Entry => ({ message, kind: null })
export const says = (content: string): Entry => plain({ role: "assistant", content })
export const system = (content: string): Entry => plain({ role: "system", content })
export const result = (id: string, content: string): Entry => plain({ role: "tool", tool_call_id: id, content })
export const call = (id: string, args: string = "{}"): ToolCall => ({
  id,
  type: "function",
  function: { name: "read_file", arguments: args }
})
export const calls = (...tool_calls: Array<ToolCall>): Entry => plain({ role: "assistant", content: null, tool_calls })

export const logOf = (entries: ReadonlyArray<Entry>, counter: Counter = estimate): ReadonlyArray<Logged> =>
  entries.map(({ message, kind }, i) => ({
    seq: i + 1,
    message,
    tokens: counter.message(message),
    kind,
    arrival: kind === null ? null : i + 1,
    at: 1_780_000_000_000 + i
  }))

export const sessionId = SessionId.make("s-1")

const isInstruction = ({ message }: Logged) => message.role === "system" || message.role === "developer"

/** The state of a log under a manifest, by its definition. */
export const stateOf = (
  log: ReadonlyArray<Logged>,
  manifest: Manifest = wholeLog,
  segments: ReadonlyArray<Segment> = [],
  generation: number = manifest === wholeLog ? 0 : 1
): State => {
  const first = log.findIndex((entry) => !isInstruction(entry))
  const left = log.filter(({ seq }) => !manifest.undone.some(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= toSeq))
  const isLeading = ({ seq }: Logged) => first < 0 || seq <= first
  const conversation = left.filter((entry) => !isLeading(entry) && entry.seq >= manifest.contextFrom)
  return {
    sessionId,
    generation,
    base: {},
    lastSeq: log.length,
    manifest,
    system: left.filter(isLeading),
    head: conversation.filter(({ seq }) => seq <= manifest.headTo),
    segments,
    live: conversation.filter(({ seq }) => manifest.live.includes(seq)),
    tail: conversation.filter(({ seq }) => seq >= manifest.tailFrom && seq > manifest.headTo),
    usage: null,
    windows: []
  }
}

const words = FastCheck.string({ maxLength: 400, unit: "grapheme" })
const kind = FastCheck.constantFrom<DeliveryKind | null>("request", "request", "notification", null)

/** Mostly short, now and then as long as a file. */
export const text: FastCheck.Arbitrary<string> = FastCheck.oneof(
  { weight: 6, arbitrary: words },
  { weight: 1, arbitrary: FastCheck.tuple(words, FastCheck.integer({ min: 1, max: 60 })).map(([s, n]) => s.repeat(n)) }
)
/** Text that a query language would read as operators. */
export const syntax: FastCheck.Arbitrary<string> = FastCheck.array(
  FastCheck.constantFrom(
    ..."\"*():^-+{}[]%_\\'&|!~\u0000".split(""),
    " NEAR",
    " AND ",
    " OR ",
    "NOT ",
    "body:",
    "a",
    "库"
  ),
  {
    maxLength: 8
  }
).map((parts) => parts.join(""))

const visible = text.map((s) => `. ${s}`)

/** Words with halves of surrogate pairs that stand alone, as a cut through an emoji leaves them. */
const oddText = FastCheck.oneof(
  { weight: 8, arbitrary: text },
  { weight: 1, arbitrary: text.map((s) => `${s} cut \ud83d… and \ude00 on`) }
)

const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } } as const
const screenshot = { type: "image_url", image_url: { url: `data:image/png;base64,${"AAAA".repeat(300)}` } } as const
const file = { type: "file", file: { file_id: "file-1" } } as const
const content: FastCheck.Arbitrary<string | Array<ContentPart>> = FastCheck.oneof(
  { weight: 4, arbitrary: oddText },
  { weight: 1, arbitrary: FastCheck.constantFrom("", " \n") },
  {
    weight: 1,
    arbitrary: FastCheck.array(
      FastCheck.oneof(
        oddText.map((text) => ({ type: "text" as const, text })),
        text.map((refusal) => ({ type: "refusal" as const, refusal })),
        FastCheck.constantFrom(image, screenshot, file)
      ),
      {
        maxLength: 3
      }
    )
  }
)

/** A turn as agents make them: a request, rounds of parallel calls, each answered at once, and a last word. */
const turn = FastCheck.record({
  ask: visible,
  kind: FastCheck.constantFrom<DeliveryKind>("request", "notification"),
  rounds: FastCheck.array(FastCheck.array(FastCheck.tuple(visible, visible), { minLength: 1, maxLength: 3 }), {
    maxLength: 4
  }),
  last: visible
})

/** Histories no provider finds fault with; ids never repeat. */
export const healthy: FastCheck.Arbitrary<ReadonlyArray<Entry>> = FastCheck.tuple(
  FastCheck.boolean(),
  FastCheck.array(turn, { minLength: 1, maxLength: 6 })
).map(([hasSystem, turns]) => {
  let id = 0
  const round = (made: ReadonlyArray<readonly [string, string]>): ReadonlyArray<Entry> => {
    const batch = made.map(([args, output]) => ({ call: call(`call_${++id}`, JSON.stringify({ args })), output }))
    return [calls(...batch.map(({ call }) => call)), ...batch.map(({ call, output }) => result(call.id, output))]
  }
  const entries = turns.flatMap(({ ask, kind, rounds, last }) => [
    { message: { role: "user", content: ask }, kind } satisfies Entry,
    ...rounds.flatMap(round),
    says(last)
  ])
  return hasSystem ? [system("You are an agent."), ...entries] : entries
})

/** What servers put beside a message, and want back: mostly nothing. */
const fieldsOfServers: FastCheck.Arbitrary<object> = FastCheck.oneof(
  { weight: 4, arbitrary: FastCheck.constant({}) },
  {
    weight: 1,
    arbitrary: FastCheck.record(
      {
        name: FastCheck.constantFrom(
          "Ada",
          "reader",
          "Ada Lovelace",
          "<ops|team>",
          "мир/a\\b",
          " ",
          "",
          "x".repeat(80)
        ),
        reasoning_content: oddText,
        reasoning_details: FastCheck.array(
          text.map((text) => ({ type: "reasoning.text", text })),
          { maxLength: 2 }
        ),
        thinking_blocks: text.map((thinking) => [{ type: "thinking", thinking, signature: "c2lnbmVk" }]),
        extra_content: text.map((thought_signature) => ({ google: { thought_signature } })),
        annotations: FastCheck.constant([]),
        a_field_to_come: FastCheck.jsonValue({ maxDepth: 2 })
      },
      { requiredKeys: [] }
    )
  }
)

/** Replies whose only words are these, at each place where a server may put them. */
export const repliesSaying = (words: string): ReadonlyArray<Message> =>
  [
    { content: words },
    { content: [{ type: "text", text: words }] },
    { content: [{ type: "refusal", refusal: words }] },
    { content: null, refusal: words },
    { content: null, audio: { id: "audio_1", transcript: words } },
    { content: null, function_call: { name: "read_file", arguments: JSON.stringify({ path: words }) } },
    { content: null, tool_calls: [call("a", JSON.stringify({ path: words }))] },
    { content: null, tool_calls: [{ id: "a", type: "custom", custom: { name: "apply_patch", input: words } }] }
  ].map((fields) => ofWire({ role: "assistant", ...fields }))

/** Words of a reply that stand outside its content. */
const wordsBeside: FastCheck.Arbitrary<object> = FastCheck.oneof(
  { weight: 8, arbitrary: FastCheck.constant({}) },
  { weight: 1, arbitrary: FastCheck.constant({ refusal: null, audio: null, function_call: null }) },
  { weight: 1, arbitrary: text.map((refusal) => ({ refusal })) },
  { weight: 1, arbitrary: text.map((text) => ({ function_call: { name: "read_file", arguments: text } })) },
  { weight: 1, arbitrary: text.map((transcript) => ({ audio: { id: "audio_1", transcript } })) }
)

const besideReply = FastCheck.tuple(fieldsOfServers, wordsBeside).map(([fields, words]) => ({ ...fields, ...words }))

/** Ids of several servers, of which only one is nine letters and digits. */
const ids = ["a", "b", "c", "call_1", "call_1234", "Ab3dE6gH9", "call|fc", "functions.read:1", "x".repeat(75), "мир"]
const someId = FastCheck.constantFrom(...ids)
const someName = FastCheck.constantFrom("read_file", "read_file", "", "  ", "web search/мир", "7zip", "t".repeat(100))
const someCall = FastCheck.tuple(
  someId,
  FastCheck.oneof(
    oddText,
    oddText.map((s) => JSON.stringify({ s })),
    FastCheck.constantFrom("{}", "", "[]", "null", "{", '{"s":"\\\\ud83d"}', '{"s":"\\\\\\ud83d"}')
  ),
  FastCheck.boolean(),
  someName,
  fieldsOfServers
).map(([id, input, isCustom, name, fields]): ToolCall => ({
  ...(isCustom
    ? { id, type: "custom", custom: { name, input } }
    : { id, type: "function", function: { name, arguments: input } }),
  ...fields
}))

const anyMessage: FastCheck.Arbitrary<Message> = FastCheck.oneof(
  { weight: 3, arbitrary: content.map((content) => withContent<Message>({ role: "user", content: "" }, content)) },
  { weight: 1, arbitrary: content.map((content) => withContent<Message>({ role: "system", content: "" }, content)) },
  {
    weight: 4,
    arbitrary: FastCheck.tuple(someId, content).map(([id, content]) =>
      withContent<Message>({ role: "tool", tool_call_id: id, content: "" }, content)
    )
  },
  {
    weight: 2,
    arbitrary: FastCheck.tuple(FastCheck.oneof(content, FastCheck.constant(null)), besideReply).map(
      ([content, beside]) => withContent<Message>({ role: "assistant", ...beside }, content)
    )
  },
  {
    weight: 4,
    arbitrary: FastCheck.tuple(
      FastCheck.oneof(content, FastCheck.constant(null)),
      FastCheck.array(someCall, { maxLength: 3 }),
      besideReply
    ).map(([content, tool_calls, beside]) =>
      withContent<Message>({ role: "assistant", ...beside, tool_calls }, content)
    )
  },
  {
    weight: 1,
    // A new one each time, since a test may change it in place.
    arbitrary: FastCheck.constant("done").map((content) => ofWire({ role: "assistant", content, tool_calls: null }))
  }
)

/** Anything in any order: calls never answered, late, doubled and orphaned results, ids used again, empty contents. */
export const broken: FastCheck.Arbitrary<ReadonlyArray<Entry>> = FastCheck.array(
  FastCheck.tuple(anyMessage, kind).map(([message, kind]) => ({
    message,
    kind: message.role === "user" ? kind : null
  })),
  { minLength: 1, maxLength: 40, size: "max" }
)

/** Either of both. */
export const any: FastCheck.Arbitrary<ReadonlyArray<Entry>> = FastCheck.oneof(healthy, broken)

/** Histories of one shape each in which something is out of proportion, beside the random ones. */
const lopsided: FastCheck.Arbitrary<ReadonlyArray<Message>> = FastCheck.tuple(
  FastCheck.constantFrom("rounds", "outputs", "burst", "giant"),
  FastCheck.integer({ min: 1, max: 150 }),
  FastCheck.integer({ min: 1, max: 400 })
).map(([shape, count, size]) => {
  const words = (n: number) => "Invoice 4711 was looked at again. ".repeat(n)
  const round = (n: number) => [
    calls(call(`call_${n}`)).message,
    result(`call_${n}`, words(shape === "outputs" ? 20 : 2)).message
  ]
  const rounds = Array.from({ length: count }, (_, n) => round(n)).flat()
  const asks = Array.from({ length: shape === "burst" ? count : 1 }, (_, n) => request(`Ask ${n}.`).message)
  if (shape === "giant") return [...asks, ...rounds.slice(0, 40), request(words(10 * size)).message]
  return shape === "burst" ? [...rounds, ...asks] : [...asks, ...rounds]
})

/** The messages of any history, random or lopsided. */
export const anyMessages = FastCheck.oneof(
  any.map((entries) => entries.map(({ message }) => message)),
  lopsided
)

/** Policies from the smallest window on, compressing on demand alone. */
export const anyPolicy = FastCheck.record({
  contextLength: FastCheck.constantFrom(2_048, 4_096, 8_000, 32_000),
  mode: FastCheck.constant("manual" as const),
  threshold: FastCheck.constantFrom(0.5, { tokens: 1_500 }),
  targetRatio: FastCheck.constantFrom(0.1, 0.2, 0.4)
})
