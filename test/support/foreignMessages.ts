/** Messages of other APIs to test with: everything a format can say, in any order it can say it. */
import { FastCheck } from "effect"

type Json = { readonly [key: string]: unknown }

/** An object of fixed and of optional fields. */
const object = (
  required: { readonly [key: string]: FastCheck.Arbitrary<unknown> },
  optional: { readonly [key: string]: FastCheck.Arbitrary<unknown> } = {}
): FastCheck.Arbitrary<Json> =>
  FastCheck.record({ ...required, ...optional }, { requiredKeys: Object.keys(required), noNullPrototype: true })

const is = <A>(value: A) => FastCheck.constant(value)

/** Words, blank text, JSON that is text, marks and halves of characters. */
const words = FastCheck.oneof(
  { weight: 6, arbitrary: FastCheck.string({ unit: "grapheme", maxLength: 30 }) },
  { weight: 1, arbitrary: FastCheck.constantFrom("", " ", "\n\n", "null", "{}", '{"a":1}', "\ud83d", "[image]") }
)
const base64 = FastCheck.base64String({ maxLength: 24 })
const textBase64 = FastCheck.oneof(
  base64,
  FastCheck.string({ unit: "grapheme", maxLength: 30 }).map((text) => Buffer.from(text).toString("base64"))
)
const id = FastCheck.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 20 })
const callId = FastCheck.oneof(FastCheck.constantFrom("call_1", "call_2", "toolu_01", "fc|x"), id)
const name = FastCheck.constantFrom("read_file", "bash", "web search", "")
const value = FastCheck.jsonValue({ maxDepth: 2, noUnicodeString: false }).map((json): unknown =>
  JSON.parse(JSON.stringify(json))
)
const input = FastCheck.oneof(
  {
    weight: 4,
    arbitrary: FastCheck.dictionary(FastCheck.constantFrom("path", "command", "x"), value, { noNullPrototype: true })
  },
  { weight: 1, arbitrary: value }
)
const mediaType = FastCheck.constantFrom("image/png", "image/jpeg", "application/pdf", "text/plain", "text/csv")
const url = FastCheck.oneof(
  FastCheck.constantFrom("https://example.com/a.png", "data:image/png;base64,AAAA", "data:text/plain,x"),
  FastCheck.tuple(FastCheck.constantFrom("text/plain", "text/csv;charset=utf-8", "text/markdown"), textBase64).map(
    ([type, data]) => `data:${type};base64,${data}`
  )
)
const flag = FastCheck.boolean()

const unknownBlock = (type: FastCheck.Arbitrary<string>) => object({ type }, { id, name, text: words, content: value })

// ── Anthropic ──

const cached = { cache_control: FastCheck.constantFrom(null, { type: "ephemeral" }, { type: "ephemeral", ttl: "1h" }) }
const anthropicText = object(
  { type: is("text"), text: words },
  { ...cached, citations: FastCheck.constantFrom(null, []) }
)
const anthropicImage = object(
  {
    type: is("image"),
    source: FastCheck.oneof(
      object({ type: is("base64"), media_type: mediaType, data: base64 }),
      object({ type: is("url"), url }),
      object({ type: is("file"), file_id: id })
    )
  },
  cached
)
const anthropicDocument = object(
  {
    type: is("document"),
    source: FastCheck.oneof(
      object({ type: is("base64"), media_type: is("application/pdf"), data: base64 }),
      object({ type: is("text"), media_type: is("text/plain"), data: words }),
      object({ type: is("url"), url }),
      object({ type: is("content"), content: words })
    )
  },
  { ...cached, title: FastCheck.oneof(words, is(null)), context: words, citations: object({ enabled: flag }) }
)
const shown = FastCheck.oneof(
  { weight: 4, arbitrary: anthropicText },
  anthropicImage,
  anthropicDocument,
  unknownBlock(FastCheck.constantFrom("search_result", "tool_reference", "future"))
)
const toolResult = object(
  { type: is("tool_result"), tool_use_id: callId },
  { ...cached, content: FastCheck.oneof(words, FastCheck.array(shown, { maxLength: 3 })), is_error: flag }
)
const thinking = FastCheck.oneof(
  object({ type: is("thinking"), thinking: words, signature: base64 }),
  object({ type: is("redacted_thinking"), data: base64 })
)
const toolUse = object(
  { type: is("tool_use"), id: callId, name, input },
  { ...cached, caller: object({ type: is("direct") }) }
)
const serverBlock = unknownBlock(
  FastCheck.constantFrom("server_tool_use", "web_search_tool_result", "mcp_tool_use", "container_upload", "compaction")
)

const anthropicMessage = FastCheck.oneof(
  object(
    {
      role: is("assistant"),
      content: FastCheck.oneof(
        { weight: 1, arbitrary: words },
        {
          weight: 5,
          arbitrary: FastCheck.array(FastCheck.oneof(anthropicText, thinking, toolUse, serverBlock), { maxLength: 5 })
        }
      )
    },
    { future: value }
  ),
  object(
    {
      role: is("user"),
      content: FastCheck.oneof(
        { weight: 1, arbitrary: words },
        { weight: 5, arbitrary: FastCheck.array(FastCheck.oneof(toolResult, shown), { maxLength: 5 }) }
      )
    },
    { future: value }
  )
)

/** The API refuses more. */
const keepFourMarks = (body: Json): Json => {
  let marks = 0
  const isSpare = (key: string, value: unknown) => key === "cache_control" && value !== null && ++marks > 4
  return JSON.parse(JSON.stringify(body), (key, value) => (isSpare(key, value) ? undefined : value))
}

export const anthropic: FastCheck.Arbitrary<Json> = object(
  { messages: FastCheck.array(anthropicMessage, { minLength: 1, maxLength: 8 }) },
  { system: FastCheck.oneof(words, FastCheck.array(anthropicText, { minLength: 1, maxLength: 3 })) }
).map(keepFourMarks)

// ── Responses ──

const outputText = object({ type: is("output_text"), text: words }, { annotations: is([]), logprobs: is([]) })
const inputBlock = FastCheck.oneof(
  { weight: 4, arbitrary: object({ type: is("input_text"), text: words }) },
  outputText,
  object({ type: is("input_image") }, { image_url: url, detail: FastCheck.constantFrom("auto", "low"), file_id: id }),
  object({ type: is("input_file") }, { file_data: url, filename: name, file_id: id, file_url: url }),
  object({ type: is("input_audio"), input_audio: object({ data: base64, format: is("wav") }) }),
  unknownBlock(is("input_future"))
)
const status = { status: FastCheck.constantFrom("completed", "in_progress", null), id }
const isOfType = (type: string) => ({ type: is(type) })

const responsesItem = FastCheck.oneof(
  {
    weight: 2,
    arbitrary: object(
      { role: FastCheck.constantFrom("user", "system", "developer", "assistant"), content: words },
      isOfType("message")
    )
  },
  {
    weight: 2,
    arbitrary: object(
      {
        ...isOfType("message"),
        role: FastCheck.constantFrom("user", "system", "developer"),
        content: FastCheck.array(inputBlock, { maxLength: 3 })
      },
      status
    )
  },
  {
    weight: 4,
    arbitrary: object(
      {
        ...isOfType("message"),
        role: is("assistant"),
        content: FastCheck.array(
          FastCheck.oneof(
            outputText,
            object({ ...isOfType("refusal"), refusal: words }),
            unknownBlock(is("output_future"))
          ),
          { maxLength: 3 }
        )
      },
      { ...status, phase: FastCheck.constantFrom("commentary", "final_answer") }
    )
  },
  {
    weight: 4,
    arbitrary: object(
      {
        ...isOfType("reasoning"),
        summary: FastCheck.array(object({ ...isOfType("summary_text"), text: words }), { maxLength: 2 })
      },
      {
        ...status,
        encrypted_content: FastCheck.oneof(base64, is(null)),
        content: FastCheck.oneof(
          FastCheck.array(object({ ...isOfType("reasoning_text"), text: words }), { maxLength: 2 }),
          is(null)
        )
      }
    )
  },
  {
    weight: 4,
    arbitrary: object(
      { ...isOfType("function_call"), call_id: callId, name, arguments: words },
      { ...status, namespace: name }
    )
  },
  { weight: 2, arbitrary: object({ ...isOfType("custom_tool_call"), call_id: callId, name, input: words }, status) },
  {
    weight: 4,
    arbitrary: object(
      {
        type: FastCheck.constantFrom("function_call_output", "custom_tool_call_output"),
        call_id: callId,
        output: FastCheck.oneof(words, FastCheck.array(inputBlock, { maxLength: 3 }))
      },
      status
    )
  },
  object(
    {
      type: FastCheck.constantFrom(
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
        "computer_call",
        "tool_search_call"
      ),
      call_id: callId
    },
    { ...status, action: value, operation: value, arguments: value, environment: value }
  ),
  object(
    {
      type: FastCheck.constantFrom(
        "local_shell_call_output",
        "shell_call_output",
        "computer_call_output",
        "apply_patch_call_output",
        "tool_search_output"
      ),
      call_id: callId
    },
    {
      ...status,
      output: FastCheck.oneof(value, words, object({ ...isOfType("computer_screenshot"), image_url: url })),
      tools: value
    }
  ),
  object({ ...isOfType("compaction"), encrypted_content: base64 }, { id }),
  object({ ...isOfType("item_reference"), id }),
  unknownBlock(FastCheck.constantFrom("web_search_call", "mcp_call", "mcp_approval_response", "image_generation_call"))
)

export const responses: FastCheck.Arbitrary<ReadonlyArray<Json>> = FastCheck.array(responsesItem, {
  minLength: 1,
  maxLength: 10
})

// ── AI SDK, model messages ──

const options = {
  providerOptions: FastCheck.constantFrom({ anthropic: { signature: "c2ln" } }, { openai: { itemId: "rs_1" } })
}
const bytes = FastCheck.uint8Array({ maxLength: 12 }).chain((bytes) =>
  FastCheck.constantFrom<Uint8Array | ArrayBuffer>(bytes, Buffer.from(bytes), Uint8Array.from(bytes).buffer)
)
const data = FastCheck.oneof(
  url,
  textBase64,
  bytes,
  url.map((text) => new URL(text))
)
const modelText = object({ type: is("text"), text: words }, options)
const modelFile = object({ type: is("file"), data, mediaType }, { ...options, filename: name })
const modelImage = object({ type: is("image"), image: data }, { ...options, mediaType })
const anyInput = FastCheck.oneof({ weight: 4, arbitrary: input }, words)
const toolOutput = FastCheck.oneof(
  object({ type: FastCheck.constantFrom("text", "error-text"), value: words }, options),
  object({ type: FastCheck.constantFrom("json", "error-json"), value }, options),
  object({ type: is("execution-denied") }, { reason: words }),
  object({
    type: is("content"),
    value: FastCheck.array(
      FastCheck.oneof(
        modelText,
        object(
          { type: FastCheck.constantFrom("media", "image-data", "file-data"), data: textBase64, mediaType },
          { ...options, filename: name }
        ),
        object({ type: FastCheck.constantFrom("image-url", "file-url"), url }, options),
        unknownBlock(is("custom"))
      ),
      { maxLength: 3 }
    )
  })
)
const modelResult = object({ type: is("tool-result"), toolCallId: callId, toolName: name, output: toolOutput }, options)
const parts = (...kinds: ReadonlyArray<FastCheck.Arbitrary<Json>>) =>
  FastCheck.array(FastCheck.oneof(...kinds), { maxLength: 4 })

const modelMessage = FastCheck.oneof(
  object({ role: is("system"), content: words }, options),
  object(
    {
      role: is("user"),
      content: FastCheck.oneof(words, parts(modelText, modelImage, modelFile, unknownBlock(is("future"))))
    },
    options
  ),
  object(
    {
      role: is("assistant"),
      content: FastCheck.oneof(
        { weight: 1, arbitrary: words },
        {
          weight: 4,
          arbitrary: parts(
            modelText,
            modelFile,
            modelResult,
            object({ type: is("reasoning"), text: words }, options),
            object(
              { type: is("tool-call"), toolCallId: callId, toolName: name, input: anyInput },
              { ...options, providerExecuted: flag }
            ),
            object({ type: is("tool-approval-request"), approvalId: id, toolCallId: callId })
          )
        }
      )
    },
    options
  ),
  object(
    {
      role: is("tool"),
      content: parts(
        modelResult,
        modelResult,
        object({ type: is("tool-approval-response"), approvalId: id, approved: flag }, { reason: words })
      )
    },
    options
  )
)

export const aiSdkModel: FastCheck.Arbitrary<ReadonlyArray<Json>> = FastCheck.array(modelMessage, {
  minLength: 1,
  maxLength: 8
})

// ── AI SDK, UI messages ──

const metadata = {
  providerMetadata: FastCheck.constantFrom({ anthropic: { signature: "c2ln" } }, { openai: { itemId: "rs_1" } })
}
const uiState = { state: FastCheck.constantFrom("streaming", "done") }
const toolType = FastCheck.constantFrom(
  { type: "tool-read_file" },
  { type: "tool-bash" },
  { type: "dynamic-tool", toolName: "web search" }
)
const toolFields = {
  providerExecuted: flag,
  title: name,
  callProviderMetadata: metadata.providerMetadata,
  resultProviderMetadata: metadata.providerMetadata,
  preliminary: flag,
  approval: object({ id, approved: flag }, { reason: words })
}
const toolPart = FastCheck.tuple(
  toolType,
  FastCheck.oneof(
    object({ toolCallId: callId, state: is("output-available"), input: anyInput, output: value }, toolFields),
    object({ toolCallId: callId, state: is("output-available"), input: anyInput, output: words }, toolFields),
    object(
      { toolCallId: callId, state: is("output-error"), errorText: words },
      { ...toolFields, input: anyInput, rawInput: FastCheck.oneof(value, words) }
    ),
    object({ toolCallId: callId, state: is("output-denied"), input: anyInput }, toolFields),
    object({ toolCallId: callId, state: is("output-available") }, toolFields),
    object(
      {
        toolCallId: callId,
        state: FastCheck.constantFrom("input-streaming", "input-available", "approval-requested", "approval-responded")
      },
      { ...toolFields, input: anyInput }
    )
  )
).map(([type, fields]): Json => ({ ...type, ...fields }))
/** A tool, as version 4 has it. */
const invocation = object({
  type: is("tool-invocation"),
  toolInvocation: object(
    { state: FastCheck.constantFrom("partial-call", "call", "result"), toolCallId: callId, toolName: name },
    { step: FastCheck.nat({ max: 3 }), args: anyInput, result: FastCheck.oneof(value, words) }
  )
})
const uiText = object({ type: is("text"), text: words }, { ...uiState, ...metadata })
const uiFile = object({ type: is("file"), mediaType, url }, { ...metadata, filename: name })
const uiData = object({ type: is("data-weather"), data: value }, { id, transient: flag })
const uiMessage = FastCheck.tuple(
  object({ id }, { metadata: value, future: value }),
  FastCheck.oneof(
    object({ role: is("system"), parts: parts(uiText) }),
    object({ role: is("user"), parts: parts(uiText, uiFile, uiData) }),
    object({
      role: is("assistant"),
      parts: FastCheck.array(
        FastCheck.oneof(
          { weight: 3, arbitrary: FastCheck.constant({ type: "step-start" }).map((step): Json => ({ ...step })) },
          { weight: 3, arbitrary: toolPart },
          invocation,
          uiText,
          object({ type: is("reasoning"), text: words }, { ...uiState, ...metadata }),
          object({ type: is("reasoning"), reasoning: words }, { details: value }),
          uiFile,
          uiData,
          object({ type: is("source-url"), sourceId: id, url }, { title: words })
        ),
        { maxLength: 8 }
      )
    })
  )
).map(([rest, message]): Json => ({ ...rest, ...message }))

/** Version 4 says most things twice. */
const repeating = FastCheck.tuple(uiMessage, flag, flag).map(([message, says, calls]): Json => {
  const parts = Array.isArray(message["parts"]) ? message["parts"] : []
  const texts = parts.map((part) => (part.type === "text" ? part.text : ""))
  return {
    ...message,
    ...(says && { content: texts.join("") }),
    ...(calls && { toolInvocations: parts.flatMap(({ toolInvocation }) => toolInvocation ?? []) })
  }
})

export const aiSdkUi: FastCheck.Arbitrary<ReadonlyArray<Json>> = FastCheck.array(
  FastCheck.oneof(uiMessage, repeating),
  {
    minLength: 1,
    maxLength: 6
  }
)

// ── functions of Chat Completions, as they were before tools ──

const functionCall = FastCheck.record({ name, arguments: words }, { noNullPrototype: true })
export const legacyFunctions: FastCheck.Arbitrary<ReadonlyArray<Json>> = FastCheck.array(
  FastCheck.oneof(
    object({ role: FastCheck.constantFrom("system", "user"), content: words }, { name: id }),
    object(
      { role: is("assistant"), content: FastCheck.oneof(words, is(null)) },
      { function_call: FastCheck.oneof(functionCall, is(null)) }
    ),
    object({ role: is("assistant"), content: FastCheck.oneof(words, is(null)), function_call: functionCall }),
    object({
      role: is("function"),
      name: FastCheck.constantFrom("read_file", "bash"),
      content: FastCheck.oneof(words, is(null))
    }),
    object({ role: is("tool"), tool_call_id: callId, content: words })
  ),
  { minLength: 1, maxLength: 8 }
)
