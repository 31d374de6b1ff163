/**
 * Summarizes degraded segments again, from the log, once a model answers. Older snapshots go on showing the extract: only
 * the next manifest names the new segment. A compression that wants the session interrupts a healing.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { narrow, shares } from "./CompressionPolicy.ts"
import type { Payment } from "../session/account.ts"
import {
  findLearnedWindow,
  isDegraded,
  type Manifest,
  type Segment,
  type SessionId,
  type State
} from "../session/Session.ts"
import { isAnswered, listNewestRequests } from "../session/openRequests.ts"
import type { StoreError, UnknownSession } from "../session/SessionError.ts"
import { total } from "../message/Tokens.ts"
import * as LogLines from "../audit/logLines.ts"
import type { Held } from "../store/holdLease.ts"
import { limitSegments, makeSegmentId, roomForRewritten } from "../handoff/segmentTree.ts"
import type { OperationEnvironment } from "./operation.ts"

/** A segment that no model could summarize in so many tries is left as it is. */
const MOST_TRIES = 3

export interface Healing {
  readonly sessionId: SessionId
  readonly operationId: string
  readonly payment?: Payment | undefined
  readonly onHealed: (segmentId: string, generation: number) => Effect.Effect<void>
}

/**
 * Returns the ids of the healed segments. An interrupted healing returns those it healed before, so that its waiting
 * callers are not interrupted along with it. Only waiting for the lease and for the summarizer is interruptible.
 */
export const healSession = (
  env: OperationEnvironment,
  healing: Healing
): Effect.Effect<ReadonlyArray<string>, UnknownSession | StoreError> =>
  Effect.suspend(() => {
    const healed: Array<string> = []
    return Effect.flatMap(Effect.exit(healAll(env, healing, healed)), (exit) =>
      Exit.isInterrupted(exit) ? Effect.succeed(healed) : Effect.as(exit, healed)
    )
  })

const healAll = (env: OperationEnvironment, healing: Healing, healed: Array<string>) =>
  Effect.gen(function* () {
    const { operationId, sessionId } = healing
    // Every step asks for a healing. One that has nothing to heal takes no lease.
    if ((yield* findHealable(env, yield* env.store.state(sessionId))).length === 0) return
    const work = (held: Held) => Effect.uninterruptible(healUnderLease(env, healing, held, healed))
    yield* Effect.interruptible(env.leases.usingOperation(sessionId, operationId, work))
  }).pipe(
    // The session has a new base. The next healing takes its degraded segments.
    Effect.catchTag("LeaseLost", () => Effect.void)
  )

const healUnderLease = Effect.fnUntraced(function* (
  env: OperationEnvironment,
  { onHealed, operationId, payment, sessionId }: Healing,
  held: Held,
  healed: Array<string>
) {
  let { state } = held
  // Another operation came first, and the account may be poorer by now: the next step asks again.
  if (payment !== undefined && payment.generation !== state.generation) return
  let account = payment?.account ?? state.manifest.account
  for (const segment of yield* findHealable(env, state)) {
    const id = makeSegmentId(operationId, healed.length)
    const next = yield* healSegment(env, { ...held, state }, { degraded: segment, id, account })
    if (next === undefined) continue
    state = next
    account = state.manifest.account
    healed.push(segment.id)
    yield* LogLines.logHealed(sessionId, operationId, segment, state.generation)
    yield* Effect.ignoreLogged(env.counters.count(sessionId, { healed: 1 }))
    yield* onHealed(segment.id, state.generation)
  }
})

const findHealable = ({ counters }: OperationEnvironment, { segments }: State) =>
  Effect.filter(segments.filter(isDegraded), ({ id }) =>
    Effect.map(counters.healTries(id, 0), (tries) => tries < MOST_TRIES)
  )

/** A segment to be healed, the id of the one that takes its place, and the account that has paid for it. */
interface Healable {
  readonly degraded: Segment
  readonly id: string
  readonly account: Manifest["account"]
}

/** Returns the state after the commit; undefined if no model wrote a summary. */
const healSegment = (env: OperationEnvironment, { ledger, lease, state }: Held, { account, degraded, id }: Healable) =>
  Effect.gen(function* () {
    const { counter, counters, policy, store, summarizer } = env
    const { sessionId } = state
    const entries = yield* store.range(sessionId, degraded.fromSeq, degraded.toSeq)
    const parts = shares(narrow(policy, findLearnedWindow(state.windows)), total(state.system))
    const room = parts === undefined ? 0 : roomForRewritten(state.segments, degraded, limitSegments(parts, counter))
    const result = yield* Effect.interruptible(
      Effect.either(
        summarizer.summarize({
          entries,
          tokens: total(entries),
          // The extract may be smaller than a summary needs, and than it may be.
          maxTokens: Math.max(degraded.tokens, room),
          focus: degraded.focus,
          requests: listNewestRequests(entries),
          isAnswered: isAnswered(degraded.toSeq, state.manifest.live, state),
          merges: [],
          onExhausted: "fail",
          onProgress: () => Effect.void,
          onSpent: (spent) => Effect.ignoreLogged(counters.count(sessionId, spent))
        })
      )
    )
    if (result._tag === "Left") {
      const { errors, paused } = result.left
      const wasTried = errors.length > 0 || paused.length === 0
      if (wasTried) yield* counters.healTries(degraded.id, 1)
      return undefined
    }
    const { model, text } = result.right
    const segment: Segment = { ...degraded, id, text, model, tokens: counter.text(text), degraded: null }
    const segments = state.manifest.segments.map((shown) => (shown === degraded.id ? id : shown))
    // What the summary is longer than the extract is in the view again.
    const left = (account?.left ?? 0) + degraded.tokens - segment.tokens
    const committed = yield* store.commit(lease, {
      operationId: lease.holder,
      base: state.generation,
      manifest: { ...state.manifest, segments, account: account && { ...account, left: Math.max(0, left) } },
      segments: [segment],
      ledger
    })
    return committed.state
  })
