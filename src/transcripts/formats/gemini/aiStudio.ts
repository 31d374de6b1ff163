/** Reads the prompts that Google AI Studio saves: pieces of what was said, in their order. */
import * as Either from "effect/Either"
import { isObject, listObjects } from "../../../format/json.ts"
import { makeAssistantMessage, makeTextPart, makeUserMessage } from "../../content.ts"
import { type Converted, failEntry, getText, listEntries, readOneSession, say } from "../../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../../rows.ts"

export const isAiStudioDocument = (value: unknown): boolean =>
  isObject(value) && isObject(value.chunkedPrompt) && Array.isArray(value.chunkedPrompt.chunks)

export const readAiStudio = (
  document: unknown,
  file: string,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const { chunkedPrompt: prompt, id, systemInstruction: system } = isObject(document) ? document : {}
  const place = { file, line: null }
  const chunks = listEntries(place, "chunkedPrompt.chunks", isObject(prompt) ? prompt.chunks : [])
  const first = isObject(system) ? listEntries(place, "systemInstruction", [{ ...system, role: "system" }]) : []
  return readOneSession([...first, ...chunks], tolerance, convertChunk, id)
}

/** What stands in a drive, and not in the file. */
const ELSEWHERE: ReadonlyArray<readonly [key: string, shown: string]> = [
  ["driveDocument", "[document]"],
  ["driveImage", "[image]"],
  ["inlineImage", "[image]"],
  ["driveVideo", "[video]"],
  ["driveAudio", "[audio]"],
  ["youtubeVideo", "[video]"]
]

const convertChunk = (chunk: TranscriptRow): Either.Either<Converted, ImportError> => {
  const { isThought, role } = chunk.value
  if (isThought === true) return Either.right("thinking")
  const pieces = listObjects(chunk.value.parts).filter((part) => part.thought !== true)
  const words = getText(chunk.value, "text") || pieces.map((part) => getText(part, "text")).join("")
  const shown = ELSEWHERE.flatMap(([key, kind]) => (key in chunk.value ? [kind] : []))
  const text = [words, ...shown].filter((part) => part !== "").join("\n")
  if (text === "") return Either.right("empty")
  if (role === "system") return Either.right(say({ role, content: text }))
  if (role === "user") return Either.right(say(makeUserMessage([makeTextPart(text)])))
  if (role === "model") return Either.right(say(makeAssistantMessage([makeTextPart(text)], [])))
  return failEntry(chunk, "a piece of user or model")
}
