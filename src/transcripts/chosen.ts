/** Which conversations of a file are wanted: sub-agents or not, and which branches of a tree. */
import * as Either from "effect/Either"
import { ImportError, type TranscriptContents, type TranscriptSession } from "./rows.ts"

export interface Choice {
  readonly subagents?: "import" | "skip" | undefined
  readonly branch?: string | undefined
}

const LIVE = "live"

export const isLive = ({ branch = LIVE }: Choice): boolean => branch === LIVE

export const chooseSessions = <T extends TranscriptContents>(
  transcript: T,
  file: string,
  choice: Choice
): Either.Either<T, ImportError> => {
  const own = choice.subagents === "skip" ? dropSubagents(transcript) : transcript
  if (own.sessions.length === 0) return Either.left(failEmpty(file, "none"))
  if (isLive(choice) || choice.branch === "all") return Either.right(own)
  const named = own.sessions.filter(({ branch }) => branch?.name === choice.branch)
  return named.length > 0
    ? Either.right({ ...own, sessions: named })
    : Either.left(new ImportError({ file, line: null, expected: "a branch of that name", found: "none" }))
}

const dropSubagents = <T extends TranscriptContents>(transcript: T): T => {
  const isOwn = ({ subagent }: TranscriptSession) => subagent === undefined
  const dropped = transcript.sessions.filter((session) => !isOwn(session))
  if (dropped.length === 0) return transcript
  const messages = dropped.reduce((sum, session) => sum + session.messages.length, 0)
  const skipped = { ...transcript.skipped, "of sub-agents": messages }
  return { ...transcript, sessions: transcript.sessions.filter(isOwn), skipped }
}

export const failEmpty = (file: string, found: string): ImportError =>
  new ImportError({ file, line: null, expected: "at least one chat message", found })
