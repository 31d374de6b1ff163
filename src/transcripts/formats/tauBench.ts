/** Reads the results of tau-bench: the trajectory of each trial of each task. */
import * as Either from "effect/Either"
import { isObject } from "../../format/json.ts"
import { listEntries, readConversations, readEntries, say } from "../entries.ts"
import { type ImportError, parseMessage, type Tolerance, type TranscriptContents } from "../rows.ts"

export const isTauBenchDocument = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  isObject(value[0]) &&
  Array.isArray(value[0].traj) &&
  "task_id" in value[0]

export const readTauBench = (
  document: unknown,
  file: string,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> =>
  readConversations(listEntries({ file, line: null }, "", document), (entry) => {
    const { task_id: task, traj, trial } = entry.value
    const sessionId = `task-${String(task)}${trial === undefined ? "" : `-trial-${String(trial)}`}`
    const read = readEntries(listEntries(entry, "traj", traj), tolerance, (message) =>
      Either.map(parseMessage(message, message.value, `${message.at ?? ""} to be a chat message`), say)
    )
    return Either.map(read, (dialogue) => ({ ...dialogue, sessionId }))
  })
