/**
 * Where a working context ends before its time: a reset leaves all of it, a rewind goes back to an earlier end. Both take
 * effect at once, whatever turn or compression is under way.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Ledger from "../ledger/Ledger.ts"
import { findLastTurnEnd, findRequestsAfter } from "../session/openRequests.ts"
import type { SessionId, State } from "../session/Session.ts"
import { InvalidRewind, type StoreError, type UnknownSession } from "../session/SessionError.ts"
import type { Committed, SessionStore } from "../store/SessionStore.ts"
import type { Counter } from "../message/Tokens.ts"
import * as LogLines from "../audit/logLines.ts"
import { yieldToLoop } from "../concurrency/eventLoopBudget.ts"
import * as UndoneRanges from "../session/undoneRanges.ts"

type Store = Context.Tag.Service<SessionStore>

/** The generation it led to, and how many messages were taken back. */
export interface Rewound {
  readonly generation: number
  readonly undone: number
}

export const resetSession = (
  store: Store,
  sessionId: SessionId
): Effect.Effect<Committed, UnknownSession | StoreError> =>
  Effect.uninterruptible(
    Effect.tap(store.reset(sessionId), ({ generation }) => LogLines.logReset(sessionId, generation))
  )

/** Whatever was covered after `seq` comes from a generation that had not covered it yet: none has to be made anew. */
export const rewindSession = (
  store: Store,
  counter: Counter,
  sessionId: SessionId,
  seq: number
): Effect.Effect<Rewound, InvalidRewind | UnknownSession | StoreError> =>
  Effect.gen(function* () {
    const now = yield* store.state(sessionId)
    const invalid = problem(now, seq)
    if (invalid !== undefined) return yield* invalid
    const { generation, manifest } = now
    const undone = takenBack(now, seq)
    if (undone === 0) return { generation, undone }
    const base = yield* store.stateAt(sessionId, seq)
    const { endedAt, open } = yield* requestsBeforeTail(store, base)
    const ledger = answered(yield* ledgerAt(store, now, base), endedAt)
    const text = Ledger.render(Ledger.withoutLive(ledger, open), counter, counter.text(base.manifest.ledger))
    const excerpts = base.manifest.excerpts.filter((excerpt) => excerpt.seq <= seq)
    const made = { base: generation, seq, manifest: { ...base.manifest, live: open, excerpts, ledger: text }, ledger }
    const rewound = store.rewind(sessionId, made).pipe(
      Effect.map((committed) =>
        committed === null
          ? undefined
          : {
              generation: committed.generation,
              undone:
                UndoneRanges.countUndone(committed.state.manifest.undone) - UndoneRanges.countUndone(manifest.undone)
            }
      ),
      Effect.tap((ended) =>
        ended === undefined ? Effect.void : LogLines.logRewind(sessionId, seq, ended.undone, ended.generation)
      ),
      Effect.uninterruptible
    )
    // A compression was committed meanwhile: it may have covered what is to be taken back.
    return (yield* rewound) ?? (yield* rewindSession(store, counter, sessionId, seq))
  })

const problem = ({ lastSeq, manifest, sessionId }: State, seq: number): InvalidRewind | undefined => {
  if (!Number.isInteger(seq) || seq < 0 || seq > lastSeq) {
    return new InvalidRewind({ sessionId, seq, lastSeq, reason: "no-such-message" })
  }
  return UndoneRanges.isUndone(manifest.undone, seq)
    ? new InvalidRewind({ sessionId, seq, lastSeq, reason: "undone" })
    : undefined
}

const takenBack = ({ lastSeq, manifest: { undone } }: State, seq: number): number =>
  UndoneRanges.countUndone(UndoneRanges.undoAfter(undone, seq, lastSeq)) - UndoneRanges.countUndone(undone)

/**
 * The requests before the tail that are open again, or still, and where the last turn has ended. One that was answered
 * after the point gone back to is open: its answer is undone.
 */
const requestsBeforeTail = Effect.fnUntraced(function* (store: Store, { manifest, sessionId, tail }: State) {
  const inTail = findLastTurnEnd(tail)
  if (inTail !== undefined) return { endedAt: inTail, open: [] }
  let open: ReadonlyArray<number> = []
  for (let to = manifest.tailFrom - 1; to >= manifest.contextFrom; to -= PAGE) {
    const page = yield* store.range(sessionId, Math.max(manifest.contextFrom, to - PAGE + 1), to)
    const endedAt = findLastTurnEnd(page)
    const since = findRequestsAfter(endedAt, page)
    open = [...since.map(({ seq }) => seq), ...open]
    if (endedAt !== undefined) return { endedAt, open }
    yield* yieldToLoop
  }
  return { endedAt: 0, open }
})

/** What was said up to the tail, and noted. The ledger of now, if that covers no more; else read again from the log. */
const ledgerAt = Effect.fnUntraced(function* (store: Store, now: State, base: State) {
  const latest = yield* store.ledger(now.sessionId)
  if (base.generation === now.generation) return latest
  const { contextFrom, headTo, tailFrom } = base.manifest
  let ledger: Ledger.Ledger = { ...Ledger.empty, notes: latest.notes.filter(({ seq }) => seq < tailFrom) }
  for (let from = Math.max(contextFrom, headTo + 1); from < tailFrom; from += PAGE) {
    ledger = Ledger.add(ledger, yield* store.range(now.sessionId, from, Math.min(tailFrom - 1, from + PAGE - 1)))
    yield* yieldToLoop
  }
  return ledger
})

const answered = (ledger: Ledger.Ledger, endedAt: number): Ledger.Ledger => ({
  ...ledger,
  requests: ledger.requests.map((request) => ({ ...request, answered: request.seq < endedAt }))
})

/** Messages that are read before others get their turn. */
const PAGE = 100
