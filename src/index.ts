/**
 * Context compression for long-running LLM agents as an Effect program.
 *
 * @since 0.1.0
 */
export * as AuxiliaryClients from "./AuxiliaryClients.ts"
export * as AuxiliaryError from "./AuxiliaryError.ts"
export * as AuxiliaryTask from "./AuxiliaryTask.ts"
export * as CompressionError from "./CompressionError.ts"
export * as CompressionPolicy from "./CompressionPolicy.ts"
export * as CompressionResult from "./CompressionResult.ts"
export * as Compressor from "./Compressor.ts"
export * as Gate from "./Gate.ts"
export * as Gateway from "./Gateway.ts"
export * as Handoff from "./Handoff.ts"
export * as Ledger from "./Ledger.ts"
export * as Message from "./Message.ts"
export * as Plan from "./Plan.ts"
export * as Provider from "./Provider.ts"
export * as Recovery from "./Recovery.ts"
export * as Redaction from "./Redaction.ts"
export * as Session from "./Session.ts"
export * as SessionError from "./SessionError.ts"
export * as SessionStore from "./SessionStore.ts"
export * as Summarizer from "./Summarizer.ts"
export * as Tokens from "./Tokens.ts"
export * as Turn from "./Turn.ts"
export * as View from "./View.ts"
