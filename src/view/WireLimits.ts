/**
 * What a provider takes of a request beside its window: bytes, pictures, and where pictures may stand.
 *
 * @since 0.1.0
 */

/**
 * Options of a step. What is not given is that of `defaults`.
 *
 * @since 0.1.0
 * @category models
 */
export interface WireLimits {
  /**
   * The largest body of a request in bytes, its messages and tools as JSON. The oldest pictures, audio and files leave
   * a view that is larger, each replaced by a note that says how to recall it. A step whose words alone come near the limit
   * is compressed.
   */
  readonly maxRequestBytes?: number | undefined
  /** The most pictures of a request. The oldest leave first. */
  readonly maxImages?: number | undefined
  /** The largest picture in bytes of its base64. A larger one leaves, however new it is. */
  readonly maxImageBytes?: number | undefined
  /** Allows pictures and files in the result of a tool. Else they stand in a user message behind the results. */
  readonly imagesInToolResults?: boolean | undefined
  /**
   * The ids of calls that the provider takes: up to 40 letters, digits, `_` and `-` (`common`), or exactly nine letters and
   * digits (`mistral`). Any other id is renamed, to the same in every view.
   */
  readonly callIds?: CallIds | undefined
  /**
   * The provider caches a prompt up to the blocks that `cache_control` marks. The handoff then stands in content parts, those
   * first that stay: a part for each segment, of which up to two are marked, and its ledger at the end. Marks in the
   * tools and messages of the step are counted, so that a request has at most four. Else the handoff is one text, which
   * every server takes.
   */
  readonly cacheMarks?: boolean | undefined
}

/**
 * A rule for the ids of calls, named after the provider that has it.
 *
 * @since 0.1.0
 * @category models
 */
export type CallIds = "common" | "mistral"

/**
 * The API of OpenAI.
 *
 * @since 0.1.0
 * @category constructors
 */
export const openai = {
  maxRequestBytes: 50_000_000,
  maxImages: 500,
  maxImageBytes: 20_000_000,
  imagesInToolResults: false,
  callIds: "common",
  cacheMarks: false
} as const

/**
 * The Messages API of Anthropic, for an agent that translates tool results with their pictures.
 *
 * @since 0.1.0
 * @category constructors
 */
export const anthropic = {
  maxRequestBytes: 32_000_000,
  maxImages: 100,
  maxImageBytes: 5_000_000,
  imagesInToolResults: true,
  callIds: "common",
  cacheMarks: true
} as const

/**
 * The Gemini API, with pictures inline.
 *
 * @since 0.1.0
 * @category constructors
 */
export const gemini = {
  maxRequestBytes: 20_000_000,
  maxImages: 3_000,
  maxImageBytes: 7_000_000,
  imagesInToolResults: false,
  callIds: "common",
  cacheMarks: false
} as const

/**
 * The API of Mistral. It names a limit for pictures only, so the bytes are those of `defaults`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const mistral = {
  maxRequestBytes: 20_000_000,
  maxImages: 8,
  maxImageBytes: 10_000_000,
  imagesInToolResults: false,
  callIds: "mistral",
  cacheMarks: false
} as const

/**
 * What OpenAI, Anthropic and Gemini take, and Mistral but for its few pictures and short ids. The default of every option.
 *
 * @since 0.1.0
 * @category constructors
 */
export const defaults = {
  maxRequestBytes: 20_000_000,
  maxImages: 100,
  maxImageBytes: 5_000_000,
  imagesInToolResults: false,
  callIds: "common",
  cacheMarks: false
} as const

/**
 * The limits with a value for each, those of `defaults` where the options have none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const resolve = (options: WireLimits): Limits => ({
  maxRequestBytes: options.maxRequestBytes ?? defaults.maxRequestBytes,
  maxImages: options.maxImages ?? defaults.maxImages,
  maxImageBytes: options.maxImageBytes ?? defaults.maxImageBytes,
  imagesInToolResults: options.imagesInToolResults ?? defaults.imagesInToolResults,
  callIds: options.callIds ?? defaults.callIds,
  cacheMarks: options.cacheMarks ?? defaults.cacheMarks
})

/**
 * Limits of which none is missing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limits {
  readonly maxRequestBytes: number
  readonly maxImages: number
  readonly maxImageBytes: number
  readonly imagesInToolResults: boolean
  readonly callIds: CallIds
  readonly cacheMarks: boolean
}
