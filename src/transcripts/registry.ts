/** The formats of files, each with what it is known by and what reads it. */
import * as Schema from "effect/Schema"
import type * as Either from "effect/Either"
import { isObject, type JsonObject } from "../format/json.ts"
import * as MessageFormat from "../format/MessageFormat.ts"
import { isClaudeCodeRow, outlineClaudeCode, readClaudeCode } from "./claudeCode.ts"
import { isCodexRow, outlineCodex, readCodex } from "./codex.ts"
import { isPiRow, outlinePi, readPi } from "./pi.ts"
import {
  isMessageRow,
  isRequestRow,
  isSessionRow,
  readForeignMessages,
  readForeignRows,
  readMessageRows,
  readMessages,
  readRequestRows,
  readSessionRows
} from "./plainFormats.ts"
import { isAiderText, readAider } from "./formats/aider.ts"
import { isChatgptDocument, readChatgpt } from "./formats/chatgpt.ts"
import { isClaudeAiDocument, readClaudeAi } from "./formats/claudeAi.ts"
import { isClineDocument, readCline } from "./formats/cline.ts"
import { isCodexExecRow, readCodexExec } from "./formats/codexExec.ts"
import { isContinueDocument, readContinue } from "./formats/continue.ts"
import { isCopilotRow, readCopilot } from "./formats/copilot.ts"
import {
  isGeminiChat,
  isGeminiChatRow,
  isGeminiContents,
  readGeminiChat,
  readGeminiContents,
  readGeminiRows
} from "./formats/gemini/gemini.ts"
import { isQwenRow, readQwen } from "./formats/gemini/qwen.ts"
import { isCursorRow, readCursor } from "./formats/cursor.ts"
import { isDroidRow, readDroid } from "./formats/droid.ts"
import { isAiStudioDocument, readAiStudio } from "./formats/gemini/aiStudio.ts"
import { isGooseDocument, isGooseRow, readGoose, readGooseRows } from "./formats/goose.ts"
import { isKiroDocument, isKiroRow, readKiro, readKiroRows } from "./formats/kiro/kiro.ts"
import { isLangsmithDocument, isLangsmithRow, readLangsmith, readLangsmithRows } from "./formats/langsmith/langsmith.ts"
import { isLettaDocument, readLetta } from "./formats/letta.ts"
import { isOpencodeDocument, isOpencodeRow, readOpencode, readOpencodeRows } from "./formats/opencode.ts"
import { isOpenhandsDocument, isOpenhandsRow, readOpenhands, readOpenhandsRows } from "./formats/openhands.ts"
import { isSharegptDocument, isSharegptRow, readSharegpt, readSharegptRows } from "./formats/sharegpt.ts"
import { isSweAgentDocument, readSweAgent } from "./formats/sweAgent.ts"
import { isTauBenchDocument, readTauBench } from "./formats/tauBench.ts"
import { isTraeDocument, readTrae } from "./formats/trae.ts"
import type { ImportError, Steps, Tolerance, TranscriptContents, TranscriptRow } from "./rows.ts"

export const Format = Schema.Literal(
  "messages",
  "jsonl",
  "sessions",
  "pi",
  "claude-code",
  "codex",
  "hermes",
  "anthropic",
  "responses",
  "ai-sdk-model",
  "ai-sdk-ui",
  "legacy-functions",
  "chatgpt",
  "claude-ai",
  "gemini-cli",
  "gemini",
  "ai-studio",
  "qwen-code",
  "opencode",
  "cline",
  "copilot-cli",
  "codex-exec",
  "openhands",
  "swe-agent",
  "goose",
  "kiro",
  "droid",
  "cursor",
  "continue",
  "trae",
  "sharegpt",
  "tau-bench",
  "letta",
  "langsmith",
  "aider"
)
export type Format = typeof Format.Type

type Read = Either.Either<TranscriptContents, ImportError>

/** A format of a file that is one JSON value. */
export interface DocumentFormat {
  readonly format: Format
  /** Keys that files of the format have. They tell which formats a file is nearest to that is of none. */
  readonly marks: ReadonlyArray<string>
  readonly isDocument: (value: unknown) => boolean
  readonly readDocument: (value: unknown, file: string, tolerance: Tolerance) => Read
}

/** A format of a file that has a JSON object in each line. */
export interface RowFormat {
  readonly format: Format
  readonly marks: ReadonlyArray<string>
  readonly isRow: (row: TranscriptRow) => boolean
  /**
   * What of a line the reader looks at. A format that has it looks only at the beginning of a long text, and makes its
   * messages by `Tolerance.make` or takes them as they stand there: large files are then read without their texts in
   * memory.
   */
  readonly outline?: (value: JsonObject) => JsonObject
  /** Reads in steps if files can be large. */
  readonly readRows: (rows: ReadonlyArray<TranscriptRow>, tolerance: Tolerance) => Read | Steps<Read>
}

/** A format of a file that is neither JSON nor lines of it. */
export interface TextFormat {
  readonly format: Format
  readonly isText: (text: string) => boolean
  readonly readText: (text: string) => Read
}

const TEXT_FORMATS: ReadonlyArray<TextFormat> = [{ format: "aider", isText: isAiderText, readText: readAider }]

/** The format of a text, or the one that was asked for. */
export const findTextFormat = (asked: Format | "auto", text: string): TextFormat | undefined =>
  TEXT_FORMATS.find(({ format, isText }) => (asked === "auto" ? isText(text) : asked === format))

/** The format with the most specific mark comes first. */
const DOCUMENT_FORMATS: ReadonlyArray<DocumentFormat> = [
  {
    format: "chatgpt",
    marks: ["mapping", "current_node", "conversation_id"],
    isDocument: isChatgptDocument,
    readDocument: readChatgpt
  },
  { format: "claude-ai", marks: ["chat_messages", "uuid"], isDocument: isClaudeAiDocument, readDocument: readClaudeAi },
  {
    format: "gemini-cli",
    marks: ["sessionId", "projectHash", "messages"],
    isDocument: isGeminiChat,
    readDocument: readGeminiChat
  },
  { format: "gemini", marks: ["contents"], isDocument: isGeminiContents, readDocument: readGeminiContents },
  { format: "ai-studio", marks: ["chunkedPrompt"], isDocument: isAiStudioDocument, readDocument: readAiStudio },
  { format: "opencode", marks: ["info", "messages"], isDocument: isOpencodeDocument, readDocument: readOpencode },
  { format: "cline", marks: ["ts", "type", "say", "ask"], isDocument: isClineDocument, readDocument: readCline },
  { format: "openhands", marks: ["history"], isDocument: isOpenhandsDocument, readDocument: readOpenhands },
  {
    format: "swe-agent",
    marks: ["trajectory", "history", "info"],
    isDocument: isSweAgentDocument,
    readDocument: readSweAgent
  },
  { format: "goose", marks: ["working_dir", "conversation"], isDocument: isGooseDocument, readDocument: readGoose },
  { format: "kiro", marks: ["conversation_id", "history"], isDocument: isKiroDocument, readDocument: readKiro },
  {
    format: "continue",
    marks: ["sessionId", "workspaceDirectory", "history"],
    isDocument: isContinueDocument,
    readDocument: readContinue
  },
  {
    format: "trae",
    marks: ["llm_interactions", "agent_steps"],
    isDocument: isTraeDocument,
    readDocument: readTrae
  },
  { format: "sharegpt", marks: ["conversations"], isDocument: isSharegptDocument, readDocument: readSharegpt },
  { format: "tau-bench", marks: ["task_id", "traj"], isDocument: isTauBenchDocument, readDocument: readTauBench },
  { format: "letta", marks: ["agents", "blocks"], isDocument: isLettaDocument, readDocument: readLetta },
  {
    format: "langsmith",
    marks: ["run_type", "trace_id", "inputs", "outputs"],
    isDocument: isLangsmithDocument,
    readDocument: readLangsmith
  }
]

const keepAll = (value: JsonObject): JsonObject => value

/** The format with the most specific mark comes first. */
const ROW_FORMATS: ReadonlyArray<RowFormat> = [
  {
    format: "sessions",
    marks: ["session", "message"],
    isRow: isSessionRow,
    outline: keepAll,
    readRows: readSessionRows
  },
  { format: "droid", marks: ["type", "id", "title", "cwd"], isRow: isDroidRow, readRows: readDroid },
  { format: "cursor", marks: ["role", "message"], isRow: isCursorRow, readRows: readCursor },
  { format: "pi", marks: ["type", "id", "parentId", "message"], isRow: isPiRow, outline: outlinePi, readRows: readPi },
  {
    format: "codex",
    marks: ["timestamp", "type", "payload"],
    isRow: isCodexRow,
    outline: outlineCodex,
    readRows: readCodex
  },
  {
    format: "qwen-code",
    marks: ["sessionId", "uuid", "parentUuid", "message"],
    isRow: isQwenRow,
    readRows: readQwen
  },
  {
    format: "claude-code",
    marks: ["type", "message", "uuid", "parentUuid", "sessionId"],
    isRow: isClaudeCodeRow,
    outline: outlineClaudeCode,
    readRows: readClaudeCode
  },
  { format: "gemini-cli", marks: ["sessionId", "projectHash"], isRow: isGeminiChatRow, readRows: readGeminiRows },
  { format: "copilot-cli", marks: ["type", "data", "parentId"], isRow: isCopilotRow, readRows: readCopilot },
  { format: "opencode", marks: ["sessionID", "part"], isRow: isOpencodeRow, readRows: readOpencodeRows },
  { format: "codex-exec", marks: ["type", "item", "thread_id"], isRow: isCodexExecRow, readRows: readCodexExec },
  {
    format: "openhands",
    marks: ["source", "action", "observation"],
    isRow: isOpenhandsRow,
    readRows: readOpenhandsRows
  },
  { format: "kiro", marks: ["version", "kind", "data"], isRow: isKiroRow, readRows: readKiroRows },
  { format: "sharegpt", marks: ["conversations"], isRow: isSharegptRow, readRows: readSharegptRows },
  {
    format: "langsmith",
    marks: ["run_type", "trace_id", "inputs", "outputs"],
    isRow: isLangsmithRow,
    readRows: readLangsmithRows
  },
  { format: "goose", marks: ["working_dir", "created", "content"], isRow: isGooseRow, readRows: readGooseRows },
  { format: "messages", marks: ["messages"], isRow: isRequestRow, readRows: readRequestRows },
  { format: "jsonl", marks: ["role", "content"], isRow: isMessageRow, outline: keepAll, readRows: readMessageRows }
]

type ForeignFormat = Exclude<MessageFormat.MessageFormat, "chat">

const isForeignFormat = (format: string | undefined): format is ForeignFormat =>
  format !== "chat" && Schema.is(MessageFormat.MessageFormat)(format)

const MESSAGES: DocumentFormat = {
  format: "messages",
  marks: ["messages"],
  isDocument: (value) => Array.isArray(value) || (isObject(value) && Array.isArray(value.messages)),
  readDocument: readMessages
}

const makeForeignDocument = (format: ForeignFormat): DocumentFormat => ({
  ...MESSAGES,
  format,
  readDocument: (value, file, tolerance) => readForeignMessages(format, value, file, tolerance)
})

const makeForeignRows = (format: ForeignFormat): RowFormat => ({
  format,
  marks: ["role", "content"],
  isRow: () => true,
  readRows: readForeignRows(format)
})

/**
 * The format of a JSON value, or the one that was asked for; undefined if it can only be lines. No value stands for an array
 * that is no JSON.
 */
export const findDocumentFormat = (asked: Format | "auto", value: unknown): DocumentFormat | undefined => {
  if (value === undefined && asked === "auto") return MESSAGES
  if (asked !== "auto") {
    if (isForeignFormat(asked))
      return value === undefined || MESSAGES.isDocument(value) ? makeForeignDocument(asked) : undefined
    return asked === "messages" ? MESSAGES : DOCUMENT_FORMATS.find(({ format }) => format === asked)
  }
  const known = DOCUMENT_FORMATS.find(({ isDocument }) => isDocument(value))
  if (known !== undefined) return known
  if (!MESSAGES.isDocument(value)) return undefined
  const detected = MessageFormat.detect(value)
  return isForeignFormat(detected) ? makeForeignDocument(detected) : MESSAGES
}

/** True for formats of which a file can be an array of messages. */
export const canBeArray = (asked: Format | "auto"): boolean =>
  asked === "messages" || asked === "auto" || isForeignFormat(asked)

/** The format of lines, or the one that was asked for. */
export const findRowFormat = (asked: Format | "auto", rows: ReadonlyArray<TranscriptRow>): RowFormat | undefined => {
  if (asked === "auto") return detectRowFormat(rows)
  return isForeignFormat(asked) ? makeForeignRows(asked) : ROW_FORMATS.find(({ format }) => format === asked)
}

/** The format that a line tells, or the one that was asked for. A chat message tells none: others may follow it. */
export const recognizeRow = (asked: Format | "auto", row: TranscriptRow): RowFormat | undefined => {
  if (asked !== "auto") return findRowFormat(asked, [row])
  const found = ROW_FORMATS.find(({ isRow }) => isRow(row))
  return found?.format === "jsonl" ? undefined : found
}

/**
 * Decides by the first line that any format recognises. Agents write lines that no format knows before it. Messages alone
 * are chat messages unless one of them can only be of another API.
 */
const detectRowFormat = (rows: ReadonlyArray<TranscriptRow>): RowFormat | undefined => {
  const found = rows.find((row) => ROW_FORMATS.some(({ isRow }) => isRow(row)))
  const known = found && recognizeRow("auto", found)
  if (known !== undefined) return known
  const detected = MessageFormat.detect(rows.map(({ value }) => value))
  if (isForeignFormat(detected)) return makeForeignRows(detected)
  return rows.some(isMessageRow) ? findRowFormat("jsonl", rows) : undefined
}

/** Lines with lists are read by no format of one message per line, and its own error would not say why. */
export const expectsMessages = ({ format }: RowFormat): boolean => format === "jsonl" || isForeignFormat(format)

/** Names the formats whose marks a value has most of, with the marks that it lacks. Shows no key that no format has. */
export const describeNearest = (value: unknown): string => {
  const keys = isObject(value) ? value : {}
  const near = [...DOCUMENT_FORMATS, ...ROW_FORMATS, MESSAGES].flatMap(({ format, marks }) => {
    const missing = marks.filter((mark) => !Object.hasOwn(keys, mark))
    return missing.length === marks.length ? [] : [{ format, missing, share: 1 - missing.length / marks.length }]
  })
  return near
    .toSorted((a, b) => b.share - a.share)
    .slice(0, NEAREST)
    .map(({ format, missing }) => `${format} (${missing.length === 0 ? "not its values" : `no ${missing.join(", ")}`})`)
    .join("; ")
}

const NEAREST = 3
