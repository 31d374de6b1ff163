/**
 * Restore: the view becomes what it was at a snapshot, in a new generation, and what came since follows it. The summaries
 * that it takes back stay as segments that no view shows.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as LogLines from "../audit/logLines.ts"
import * as CompressionPolicy from "../compression/CompressionPolicy.ts"
import * as Ledger from "../ledger/Ledger.ts"
import { escapeId } from "../message/text.ts"
import type { Counter } from "../message/Tokens.ts"
import { keepSpent } from "../session/account.ts"
import { findLastTurnEnd } from "../session/openRequests.ts"
import { findLearnedWindow, isUndone, type SessionId, type State, type UndoneRange } from "../session/Session.ts"
import { InvalidRestore, type StoreError, type UnknownSession, type UnknownSnapshot } from "../session/SessionError.ts"
import type { Leases } from "../store/holdLease.ts"
import type { Commit, Lease, LeaseLost, SessionStore } from "../store/SessionStore.ts"
import * as View from "../view/View.ts"
import { markAnswered } from "./rewind.ts"

/**
 * The generation a restore led to, and the snapshot of the view it ended: restoring that one takes the restore back.
 *
 * @since 0.1.0
 * @category models
 */
export interface Restored {
  readonly generation: number
  readonly snapshotId: string
}

/** `holder` names this one acquisition of the lease. */
interface RestoreServices {
  readonly store: SessionStore["Type"]
  readonly leases: Leases
  readonly holder: string
  readonly counter: Counter
  readonly policy: CompressionPolicy.CompressionPolicy
}

type Failure = InvalidRestore | UnknownSnapshot | UnknownSession | StoreError

/** Runs under the operation's lease, so that no compression is planned on the view that ends here. */
export const restoreSnapshot = (
  services: RestoreServices,
  sessionId: SessionId,
  snapshotId: string
): Effect.Effect<Restored, Failure> => {
  const { holder, leases, store } = services
  const fail = (reason: InvalidRestore["reason"], detail: string) =>
    new InvalidRestore({ sessionId, snapshotId, reason, detail })

  const checkRoom = ({ since, snapshot, windows }: RestorePlan) => {
    const state = { ...snapshot, tail: [...snapshot.tail, ...since] }
    const { tokens } = View.assemble(state, services.counter)
    const most = CompressionPolicy.hardLimit(CompressionPolicy.narrow(services.policy, findLearnedWindow(windows)))
    return tokens <= most
      ? Effect.void
      : fail("too-large", `with what came since it has about ${tokens} tokens, of ${most}; restore a newer snapshot`)
  }

  /** A reset or rewind needs no lease and may come between. */
  const commitUnder = (lease: Lease, snapshot: State): Effect.Effect<Restored, Failure> =>
    planRestore(services, snapshot).pipe(
      Effect.tap(checkRoom),
      Effect.flatMap(({ commit }) => commitRestore(store, lease, snapshotId, commit)),
      Effect.catchTag("LeaseLost", () => fail("busy", "it was changed meanwhile; restore again"))
    )

  const late = (by: string) =>
    fail("busy", `another operation is under way, by ${escapeId(by)}; restore again when it has ended`)
  return Effect.gen(function* () {
    yield* store.state(sessionId)
    const snapshot = yield* store.snapshot(snapshotId)
    if (snapshot.sessionId !== sessionId) {
      return yield* fail("another-session", "it is a snapshot of another session; list those of this one")
    }
    return yield* leases.usingOperation(sessionId, holder, ({ lease }) => commitUnder(lease, snapshot), {
      until: -Infinity,
      late
    })
  })
}

/** `since` are the messages that came after the snapshot and are still shown. */
interface RestorePlan extends Pick<State, "windows"> {
  readonly snapshot: State
  readonly since: State["tail"]
  readonly commit: Commit
}

const planRestore = Effect.fnUntraced(function* ({ counter, store }: RestoreServices, snapshot: State) {
  const { sessionId } = snapshot
  const now = yield* store.state(sessionId)
  const undone = joinUndone(snapshot, now)
  const ledger = yield* readLedger(store, { ...now, manifest: { ...snapshot.manifest, undone } })
  const account = keepSpent(now.manifest.account, snapshot.manifest.account)
  const manifest = { ...snapshot.manifest, undone, account, ledger: renderWithPins(snapshot, ledger, counter) }
  return {
    snapshot: { ...snapshot, manifest },
    since: yield* store.range(sessionId, snapshot.lastSeq + 1, now.lastSeq),
    windows: now.windows,
    commit: { operationId: "restore", base: now.generation, manifest, segments: [], ledger: Ledger.encode(ledger) }
  } satisfies RestorePlan
})

/** What was undone at the snapshot, and what was taken back since of the messages after it. */
const joinUndone = ({ lastSeq, manifest }: State, now: State): ReadonlyArray<UndoneRange> => [
  ...manifest.undone,
  ...now.manifest.undone.flatMap(({ fromSeq, toSeq }) =>
    toSeq <= lastSeq ? [] : [{ fromSeq: Math.max(fromSeq, lastSeq + 1), toSeq }]
  )
]

/** The ledger as the snapshot showed it, or rendered anew if it lacks what was pinned since. */
const renderWithPins = ({ manifest }: State, ledger: Ledger.Ledger, counter: Counter): string => {
  const pins = Ledger.render({ ...Ledger.empty, pins: ledger.pins }, counter, Infinity)
  if (manifest.ledger.includes(pins)) return manifest.ledger
  const room = counter.text(manifest.ledger) + Ledger.countPins(ledger, counter)
  return Ledger.render(Ledger.withoutLive(ledger, manifest.live), counter, room)
}

/** Reads the ledger of the covered messages again from the log, which also has those that are undone now. */
const readLedger = Effect.fnUntraced(function* (store: SessionStore["Type"], { manifest, sessionId }: State) {
  const { contextFrom, headTo, tailFrom, undone } = manifest
  const { notes, pins: all } = yield* Ledger.decode(yield* store.ledger(sessionId))
  const pins = all.filter(({ seq }) => !isUndone(undone, seq))
  const from = Math.max(contextFrom, headTo + 1)
  const empty: Ledger.Ledger = { ...Ledger.empty, pins, notes }
  const { endedAt, ledger } = yield* Stream.runFold(
    Stream.chunks(store.log(sessionId)),
    { ledger: empty, endedAt: 0 },
    (before, chunk) => {
      const shown = Chunk.toReadonlyArray(chunk).flatMap((entry) =>
        entry.seq !== null && entry.seq >= contextFrom && !isUndone(undone, entry.seq)
          ? { ...entry, seq: entry.seq }
          : []
      )
      const covered = shown.filter(({ seq }) => seq >= from && seq < tailFrom)
      return {
        ledger: Ledger.add(before.ledger, covered),
        endedAt: findLastTurnEnd(shown) ?? before.endedAt
      }
    }
  )
  return markAnswered(ledger, endedAt)
})

/** Uninterruptible: each restore gets its log line. */
const commitRestore = (
  store: SessionStore["Type"],
  lease: Lease,
  snapshotId: string,
  commit: Commit
): Effect.Effect<Restored, LeaseLost | StoreError> =>
  store.commit(lease, commit).pipe(
    Effect.tap(({ generation }) => LogLines.logRestore(lease.sessionId, snapshotId, generation)),
    Effect.map(({ generation, snapshotId }) => ({ generation, snapshotId })),
    Effect.uninterruptible
  )
