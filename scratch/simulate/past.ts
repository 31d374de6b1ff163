/** Fills every session to just below the threshold of a compression, where a run begins. */
import { Effect } from "effect"
import * as Random from "../../src/cli/random.ts"
import { hardLimit, softLimit } from "../../src/compression/CompressionPolicy.ts"
import * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import type { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Diary from "./diary.ts"
import * as Work from "./work.ts"

export const fill = Effect.fnUntraced(function* (
  sessions: ReadonlyArray<SessionId>,
  seed: number,
  options: CompressionPolicy.PolicyOptions,
  tell: (event: Diary.Event) => void
) {
  const store = yield* SessionStore
  const policy = yield* CompressionPolicy.make(options)
  const limit = policy.mode === "preflight" ? hardLimit(policy) : softLimit(policy)
  const histories = sessions.map((sessionId, i) => ({
    sessionId,
    messages: Work.makePast(Random.make(seed + i), sessionId, limit)
  }))
  yield* store.importAll(histories)
  for (const { messages, sessionId: agent } of histories) {
    for (const message of messages) tell({ _tag: "Appended", agent, digest: Diary.digest(message), answers: [] })
  }
})
