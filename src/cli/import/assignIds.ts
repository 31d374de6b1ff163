/** Gives each session of a file an id of its own, and says what it is to another. */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { basename, extname } from "node:path"
import { SessionId } from "../../session/Session.ts"
import type { Histories, LeftEntry } from "../../store/SessionStore.ts"
import type { OpenSession, OpenTranscript, UnreadableTranscript } from "../../transcripts/Transcripts.ts"
import { CommandError } from "../io.ts"

/** A history of a file, the number of its messages and their outline. */
export type OpenHistory = Histories<UnreadableTranscript>[number] & Pick<OpenSession, "count" | "outline">

/**
 * The id of a session is the one of `--session`, the one in the file, or the name of the file, with a number if the file has
 * several sessions without an id. A sub-agent, and a branch, has its own name after that. What was left out of the file is
 * kept beside its first session.
 */
export const assignIds = (
  { left, sessions }: OpenTranscript,
  file: string,
  given: Option.Option<SessionId>
): Either.Either<ReadonlyArray<OpenHistory>, CommandError> =>
  Either.gen(function* () {
    const failWith = (message: string) => Either.left(new CommandError({ message: `${file} ${message}` }))
    const own = sessions.filter(({ branch, subagent }) => branch === undefined && subagent === undefined)
    if (Option.isSome(given) && own.length > 1) {
      return yield* failWith(`holds ${own.length} sessions; --session names only one`)
    }
    const isNumbered = own.filter(({ sessionId }) => sessionId === null).length > 1
    const ids = new Set<SessionId>()
    const histories: Array<OpenHistory> = []
    let number = 0
    for (const session of sessions) {
      const { branch, count, messages, notices, outline, subagent } = session
      const idInFile = findMain(session)
      if (idInFile === null && subagent === undefined && branch === undefined) number += 1
      const name = Option.getOrUndefined(given) ?? idInFile ?? basename(file, extname(file))
      const main = isNumbered && idInFile === null && subagent === undefined ? `${name}.${number}` : name
      const live = subagent === undefined ? main : `${main}.${subagent.name}`
      const sessionId = Option.getOrNull(decodeSessionId(branch === undefined ? live : `${live}.${branch.name}`))
      if (sessionId === null) return yield* failWith("names a session of more than 512 characters; give --session")
      if (ids.has(sessionId)) return yield* failWith(`holds the session ${sessionId} twice`)
      ids.add(sessionId)
      const isMainKnown = Option.isSome(given) || idInFile !== null || own.length > 0
      const origin =
        branch !== undefined
          ? ({ as: "branch", of: live, call: null } as const)
          : subagent !== undefined && isMainKnown
            ? ({ as: "subagent", of: main, call: subagent.call } as const)
            : undefined
      histories.push({
        sessionId,
        messages,
        count,
        outline,
        notices,
        origin,
        left: histories.length === 0 ? left.map(toEntry) : []
      })
    }
    return histories
  })

/** The id, in the file, of the user's own session that another belongs to. */
const findMain = ({ branch, sessionId, subagent }: OpenSession): string | null =>
  subagent !== undefined ? subagent.of : branch !== undefined ? branch.of : sessionId

const toEntry = ({ error: { expected, found, line }, text }: OpenTranscript["left"][number]): LeftEntry => ({
  line,
  reason: `expected ${expected}, found ${found}`,
  text
})

const decodeSessionId = Schema.decodeOption(SessionId)
