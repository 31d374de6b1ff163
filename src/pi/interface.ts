/** The part of pi's extension API that the extension uses. Its types are structural, so that nothing of pi is imported. */

/**
 * An entry of a session file, e.g. a message.
 *
 * @since 0.1.0
 * @category models
 */
export interface PiEntry {
  readonly id: string
  readonly type: string
}

/**
 * What pi found to compact, and what it would keep.
 *
 * @since 0.1.0
 * @category models
 */
export interface BeforeCompactEvent {
  readonly preparation: { readonly firstKeptEntryId: string; readonly tokensBefore: number }
  /** The entries of the conversation, from the first to the newest. */
  readonly branchEntries: ReadonlyArray<PiEntry>
  readonly customInstructions?: string | undefined
  readonly signal: AbortSignal
}

/**
 * A compaction as pi writes it into the session file.
 *
 * @since 0.1.0
 * @category models
 */
export interface PiCompaction {
  readonly summary: string
  readonly firstKeptEntryId: string
  readonly tokensBefore: number
  readonly details?: unknown
}

/**
 * A model of pi. `api` names the protocol of its server.
 *
 * @since 0.1.0
 * @category models
 */
export interface PiModel {
  readonly id: string
  readonly api: string
  readonly baseUrl: string
  readonly contextWindow: number
}

/**
 * The answer to a request for a model's key. Some servers take headers in its place.
 *
 * @since 0.1.0
 * @category models
 */
export interface PiAuth {
  readonly ok: boolean
  readonly apiKey?: string | undefined
  /** Null takes a header away. */
  readonly headers?: { readonly [name: string]: string | null } | undefined
  /** The server, where it is not the model's own. */
  readonly baseUrl?: string | undefined
}

/**
 * What pi tells an extension of itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface PiContext {
  readonly ui: { readonly notify: (message: string, type?: "info" | "warning" | "error") => void }
  readonly sessionManager: { readonly getSessionId: () => string }
  readonly model: PiModel | undefined
  /** A method, since pi's own takes its whole model, which is what it gets back here. */
  readonly modelRegistry: { getApiKeyAndHeaders(model: PiModel): Promise<PiAuth> }
}

/**
 * A tool of pi. `parameters` is a JSON Schema.
 *
 * @since 0.1.0
 * @category models
 */
export interface PiTool {
  readonly name: string
  readonly label: string
  readonly description: string
  readonly promptSnippet: string
  readonly parameters: object
  readonly execute: (
    id: string,
    params: unknown,
    signal: AbortSignal | undefined,
    onUpdate: unknown,
    context: PiContext
  ) => Promise<{ readonly content: Array<{ readonly type: "text"; readonly text: string }>; readonly details: unknown }>
}

/**
 * What pi gives to an extension.
 *
 * @since 0.1.0
 * @category models
 */
export interface PiApi {
  readonly on: (
    event: "session_before_compact",
    handler: (event: BeforeCompactEvent, context: PiContext) => Promise<{ compaction: PiCompaction } | undefined>
  ) => void
  readonly registerTool: (tool: PiTool) => void
}
