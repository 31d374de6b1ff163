/**
 * Reset and rewind: a reset ends the working context, a rewind takes back the newest messages. Both take effect at
 * once, whatever turn or compression is under way.
 */
import * as Effect from "effect/Effect"
import * as Ledger from "../ledger/Ledger.ts"
import { keepSpent } from "../session/account.ts"
import { findLastTurnEnd, findRequestsAfter } from "../session/openRequests.ts"
import type { SessionId, State } from "../session/Session.ts"
import { InvalidRewind, type StoreError, type UnknownSession } from "../session/SessionError.ts"
import type { Rewind, SessionStore } from "../store/SessionStore.ts"
import type { Counter } from "../message/Tokens.ts"
import * as LogLines from "../audit/logLines.ts"
import { yieldToLoop } from "../concurrency/eventLoopBudget.ts"
import { isUndone, undoAfter, countUndone } from "../session/Session.ts"

type Store = SessionStore["Type"]

/**
 * The generation a reset led to, and the snapshot of the view it ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResetResult {
  readonly generation: number
  readonly snapshotId: string
}

/**
 * The generation a rewind led to, and how many messages it took back.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rewound {
  readonly generation: number
  readonly undone: number
}

export const resetSession = (
  store: Store,
  sessionId: SessionId
): Effect.Effect<ResetResult, UnknownSession | StoreError> =>
  store.reset(sessionId).pipe(
    Effect.tap(({ generation }) => LogLines.logReset(sessionId, generation)),
    Effect.map(({ generation, snapshotId }) => ({ generation, snapshotId })),
    Effect.uninterruptible
  )

/** Takes back every message after `seq`. The new view is based on the newest generation that covered none of them. */
export const rewindSession = (
  store: Store,
  counter: Counter,
  sessionId: SessionId,
  seq: number
): Effect.Effect<Rewound, InvalidRewind | UnknownSession | StoreError> =>
  Effect.gen(function* () {
    for (;;) {
      const now = yield* store.state(sessionId)
      yield* checkTarget(now, seq)
      if (countTakenBack(now, seq) === 0) return { generation: now.generation, undone: 0 }
      const rewound = yield* commitRewind(store, now, yield* planRewind(store, counter, now, seq))
      if (rewound !== null) return rewound
      // A compression was committed meanwhile and may cover what is to be taken back, so the plan is made anew.
    }
  })

const checkTarget = ({ lastSeq, manifest, sessionId }: State, seq: number): Effect.Effect<void, InvalidRewind> => {
  const reject = (reason: InvalidRewind["reason"]) =>
    Effect.fail(new InvalidRewind({ sessionId, seq: typeof seq === "number" ? seq : Number.NaN, lastSeq, reason }))
  if (!Number.isInteger(seq) || seq < 0 || seq > lastSeq) return reject("no-such-message")
  return isUndone(manifest.undone, seq) ? reject("undone") : Effect.void
}

const countTakenBack = ({ lastSeq, manifest: { undone } }: State, seq: number): number =>
  countUndone(undoAfter(undone, seq, lastSeq)) - countUndone(undone)

const planRewind = Effect.fnUntraced(function* (store: Store, counter: Counter, now: State, seq: number) {
  const base = yield* store.stateAt(now.sessionId, seq)
  const { endedAt, open } = yield* findRequestsBeforeTail(store, base)
  const known = markAnswered(yield* readLedgerAt(store, now, base), endedAt)
  const ledger = { ...known, pins: known.pins.filter((pin) => pin.seq <= seq) }
  const room = Math.max(counter.text(base.manifest.ledger), Ledger.countPins(ledger, counter))
  const text = Ledger.render(Ledger.withoutLive(ledger, open), counter, room)
  const excerpts = base.manifest.excerpts.filter((excerpt) => excerpt.seq <= seq)
  const account = keepSpent(now.manifest.account, base.manifest.account)
  const manifest = { ...base.manifest, live: open, excerpts, account, ledger: text }
  return { base: now.generation, seq, manifest, ledger: Ledger.encode(ledger) } satisfies Rewind
})

/** Returns null if the session is at another generation by now. Uninterruptible: each rewind gets its log line. */
const commitRewind = (
  store: Store,
  { manifest, sessionId }: State,
  plan: Rewind
): Effect.Effect<Rewound | null, UnknownSession | StoreError> =>
  Effect.gen(function* () {
    const committed = yield* store.rewind(sessionId, plan)
    if (committed === null) return null
    const { generation, state } = committed
    const undone = countUndone(state.manifest.undone) - countUndone(manifest.undone)
    yield* LogLines.logRewind(sessionId, plan.seq, undone, generation)
    return { generation, undone }
  }).pipe(Effect.uninterruptible)

/**
 * Finds the requests before the tail that are open in `base`, and the last message that ended a turn. A request whose
 * answer is taken back is open again.
 */
const findRequestsBeforeTail = Effect.fnUntraced(function* (store: Store, { manifest, sessionId, tail }: State) {
  const endInTail = findLastTurnEnd(tail)
  if (endInTail !== undefined) return { endedAt: endInTail, open: [] }
  let open: ReadonlyArray<number> = []
  for (let to = manifest.tailFrom - 1; to >= manifest.contextFrom; to -= PAGE) {
    const page = yield* store.range(sessionId, Math.max(manifest.contextFrom, to - PAGE + 1), to)
    const endedAt = findLastTurnEnd(page)
    open = [...findRequestsAfter(endedAt, page).map(({ seq }) => seq), ...open]
    if (endedAt !== undefined) return { endedAt, open }
    yield* yieldToLoop
  }
  return { endedAt: 0, open }
})

/** The ledger up to the tail of `base`: today's ledger if that covers no more, otherwise read again from the log. */
const readLedgerAt = Effect.fnUntraced(function* (store: Store, now: State, base: State) {
  const latest = yield* Ledger.decode(yield* store.ledger(now.sessionId))
  if (base.generation === now.generation) return latest
  const { contextFrom, headTo, tailFrom } = base.manifest
  const notes = latest.notes.filter(({ seq }) => seq < tailFrom)
  let ledger: Ledger.Ledger = { ...Ledger.empty, pins: latest.pins, notes }
  for (let from = Math.max(contextFrom, headTo + 1); from < tailFrom; from += PAGE) {
    ledger = Ledger.add(ledger, yield* store.range(now.sessionId, from, Math.min(tailFrom - 1, from + PAGE - 1)))
    yield* yieldToLoop
  }
  return ledger
})

export const markAnswered = (ledger: Ledger.Ledger, endedAt: number): Ledger.Ledger => ({
  ...ledger,
  requests: ledger.requests.map((request) => ({ ...request, answered: request.seq < endedAt }))
})

/** Messages read between two yields to the event loop. */
const PAGE = 100
