/**
 * Context compression for long-running LLM agents as an Effect program.
 *
 * @since 0.1.0
 */
export * as Audit from "./audit/Audit.ts"
export * as CompressionEvent from "./compression/CompressionEvent.ts"
export * as CompressionHooks from "./compression/CompressionHooks.ts"
export * as CompressionPolicy from "./compression/CompressionPolicy.ts"
export * as CompressionResult from "./session/CompressionResult.ts"
export * as Compressor from "./compression/Compressor.ts"
export * as Doctor from "./hermes/Doctor.ts"
export * as Gateway from "./gateway/Gateway.ts"
export * as Message from "./message/Message.ts"
export * as ModelClients from "./model/ModelClients.ts"
export * as ModelError from "./model/ModelError.ts"
export * as Provider from "./model/Provider.ts"
export * as Recall from "./recall/Recall.ts"
export * as RecallTools from "./recall/RecallTools.ts"
export * as Recovery from "./model/Recovery.ts"
export * as Redaction from "./message/Redaction.ts"
export * as Session from "./session/Session.ts"
export * as SessionError from "./session/SessionError.ts"
export * as SessionStats from "./session/SessionStats.ts"
export * as SessionStore from "./store/SessionStore.ts"
export * as Tokens from "./message/Tokens.ts"
export * as Transcripts from "./transcripts/Transcripts.ts"
export * as Turn from "./gateway/Turn.ts"
export * as View from "./view/View.ts"
