import { assert, describe, it } from "@effect/vitest"
import { isOverflow, readSizeRefusal, readTokenLimit, type SizeRefusal } from "../../src/model/overflowText.ts"

/** The status, the wording and the limit that it names, as servers send them. */
const OVERFLOWS: ReadonlyArray<readonly [status: number, text: string, limit: number | null]> = [
  [400, "Your input exceeds the context window of this model.", null],
  [400, "400 status code (no body)", null],
  [400, "prompt is too long: 213462 tokens > 200000 maximum", 200_000],
  [400, "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length", 200_000],
  [
    400,
    "This model's maximum context length is 262144 tokens. However, you requested 0 output tokens and your prompt " +
      "contains at least 262145 input tokens",
    262_144
  ],
  [
    400,
    "The decoder prompt (length 14000) is longer than the maximum model length of 8192. Make sure that " +
      "`max_model_len` is no smaller than the number of text tokens.",
    8_192
  ],
  [
    400,
    "'max_tokens' or 'max_completion_tokens' is too large: 23362. This model's maximum context length is 8192 tokens " +
      "and your request has 5000 input tokens (23362 > 8192 - 5000).",
    8_192
  ],
  [400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens.", 131_072],
  [400, "prompt token count of 168353 exceeds the limit of 128000", 128_000],
  [400, "Invalid request: Your request exceeded model token limit: 262144 (requested: 291351)", 262_144],
  [400, `{"code":"1261","message":"Prompt exceeds max length"}`, null],
  [400, "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]", 98_304],
  [
    422,
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 9000 `inputs` tokens and 1024 " +
      "`max_new_tokens`",
    4_096
  ],
  [400, "Total tokens of image and text exceed max message tokens.", null],
  [400, "Prompt length (9000) exceeds maximum input length (4096). Set log level to info.", 4_096],
  [400, "The sum of prompt length (9000), query length and max_tokens should not exceed max_num_tokens (8192)", 8_192],
  [400, "the request exceeds the available context size, try increasing it", null],
  [400, "request (124071 tokens) exceeds the available context size (123904 tokens), try increasing it", 123_904],
  [
    400,
    `{"message":"the request exceeds the available context size","n_prompt_tokens":124071,"n_ctx":123904}`,
    123_904
  ],
  [500, "the request exceeds the available context size. try increasing the context size", null],
  [
    400,
    "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context length " +
      "of only 4096 tokens, which is not enough.",
    4_096
  ],
  [400, "prompt too long; exceeded max context length by 100918 tokens", null],
  [400, "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).", 1_048_575],
  [400, "Input is too long for requested model.", null],
  [
    500,
    "litellm.ContextWindowExceededError: ContextWindowExceededError: prompt is too long: 213462 tokens > 200000 maximum",
    200_000
  ],
  [
    429,
    "Request too large for gpt-4.1 in organization org-x on tokens per min (TPM): Limit 30000, Requested 45512. The " +
      "input or output tokens must be reduced in order to run successfully.",
    30_000
  ],
  [413, "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 7000", 6_000],
  [413, "Request exceeds the maximum size", null],
  [413, "Request exceeds the maximum allowed size of 33,554,432 bytes", null],
  [413, "Payload is larger than the limit of 32 MB", null],
  [
    400,
    "Invalid 'messages[1].content': string too long. Expected a string with maximum length 10485760, but got a string " +
      "with length 11000000 instead.",
    null
  ],
  [
    400,
    "Prompt contains 40062 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    32_768
  ],
  [400, "Input length 945000 exceeds the maximum length 940000", 940_000],
  [
    413,
    "AiError: The estimated number of input and maximum output tokens (33000) exceeded this model context window limit " +
      "(24000).",
    24_000
  ],
  [
    400,
    "AiError: The estimated number of input and maximum output tokens (33000) exceeded this model context window limit " +
      "(24000).",
    24_000
  ],
  [400, "input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.", 272_000],
  [400, "invalid params, context window exceeds limit (2013)", null],
  [
    400,
    "This endpoint's maximum context length is 131,072 tokens. However, you requested about 200,000 tokens",
    131_072
  ],
  [400, "The model supports a context window of 128k tokens; your conversation is too long", 128_000],
  [400, "400 maximum number of tokens exceeded", null],
  [400, "Please reduce the length of the messages or completion.", null]
]

/** What is refused other than tokens, and the limit that the text names. */
const SIZES: ReadonlyArray<readonly [text: string, of: SizeRefusal["of"], limit: number | null]> = [
  ["413 Payload Too Large", "request", null],
  ["413 request_too_large", "request", null],
  ["413 status code (no body)", "request", null],
  ["Error code: 413", "request", null],
  ["HTTP 413: Request Entity Too Large", "request", null],
  [
    `413 {"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}`,
    "request",
    null
  ],
  ["Request exceeds the maximum size", "request", null],
  ["Request exceeds the maximum allowed size of 33,554,432 bytes", "request", 33_554_432],
  ["Payload is larger than the limit of 32 MB", "request", 32_000_000],
  ["Maximum request body size 1048576 exceeded, actual body size 1056562", "request", 1_048_576],
  ["Decompressed request body exceeds 268435456 bytes", "request", 268_435_456],
  ["Request payload size exceeds the limit: 20971520 bytes.", "request", 20_971_520],
  ["the body takes 3.5MiB, and 2 MiB is the most", "request", 2_097_152],
  [
    "Invalid 'messages[1].content': string too long. Expected a string with maximum length 10485760, but got a string " +
      "with length 11000000 instead.",
    "request",
    10_485_760
  ],
  ["Invalid 'messages[1].name': string too long. Expected a string with maximum length 64.", "request", null],
  [
    "String value length (20054016) exceeds the maximum allowed (20000000, from `StreamReadConstraints.getMaxStringLength()`)",
    "request",
    20_000_000
  ],
  [
    "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 7240764 bytes > 5242880 bytes",
    "image",
    5_000_000
  ],
  [
    "Invalid 'messages[0].content[1].image_url.url': string too long. Expected a string with maximum length 20971520",
    "image",
    20_971_520
  ],
  ["Image 0 failed: Image exceeds the maximum allowed total pixels.", "image", null],
  [
    "messages.88.content.1.image.source.base64.data: At least one of the image dimensions exceed max allowed size for " +
      "many-image requests: 2000 pixels",
    "images",
    null
  ],
  ["At most 5 image(s) may be provided in one request.", "images", 5],
  [
    "The request contains too many images: 11 images were provided, but the model supports a maximum of 10 images.",
    "images",
    10
  ]
]

/** Refusals of another kind, some of which talk of tokens or of length. */
const OTHERS: ReadonlyArray<readonly [status: number | null, text: string]> = [
  [429, "Rate limit reached for gpt-4.1 on tokens per min (TPM): Limit 30000, Used 29000, Requested 4551."],
  [429, "Too many tokens, please wait before trying again."],
  [400, "You exceeded your current quota for tokens, which has a limit of 1000000 per day"],
  [400, "Unrecognized request argument supplied: max_completion_tokens"],
  [400, "max_tokens is too large: 23362. This model supports at most 16384 completion tokens."],
  [401, "the API key is too long"],
  [500, "The server took too long to answer"],
  [504, "upstream request timeout: the request took too long"],
  [503, "the queue is too long"],
  [null, "Overloaded"],
  [422, "422 status code (no body)"],
  [500, "500 status code (no body)"]
]

describe("the words of an overflow", () => {
  for (const [status, text, limit] of OVERFLOWS) {
    it(`${status} "${text.slice(0, 60)}" is an overflow of ${limit ?? "an unknown limit"}`, () => {
      assert.isTrue(isOverflow(status, text))
      assert.strictEqual(readTokenLimit(text), limit)
    })
  }

  for (const [text, of, limit] of SIZES) {
    it(`"${text.slice(0, 60)}" is about ${of}, ${limit ?? "unlimited"}`, () =>
      assert.deepStrictEqual(readSizeRefusal(text), { of, limit }))
  }

  it("that are about tokens are not about bytes, whatever the status", () => {
    for (const [, text, limit] of OVERFLOWS) if (limit !== null) assert.isNull(readSizeRefusal(text), text)
    assert.isNull(readSizeRefusal(`413 {"error":{"message":"Prompt is too long"}}`))
  })

  for (const [status, text] of OTHERS) {
    it(`${status} "${text.slice(0, 60)}" is none`, () => assert.isFalse(isOverflow(status, text)))
  }
})
