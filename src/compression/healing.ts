/**
 * Degraded segments are summarized properly, from the log, once a model answers again. Old snapshots go on showing the
 * extract: only the next manifest names the new segment. Unshielded: a compression that wants the slot interrupts it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { shares } from "./CompressionPolicy.ts"
import { isDegraded, type Segment, type SessionId, type State } from "../session/Session.ts"
import type { StoreError, UnknownSession } from "../session/SessionError.ts"
import type { Lease } from "../store/SessionStore.ts"
import { total } from "../message/Tokens.ts"
import * as LogLines from "../audit/logLines.ts"
import type { Held } from "../store/holdLease.ts"
import * as OpenRequests from "../session/openRequests.ts"
import { makeSegmentId } from "./draftCommit.ts"
import type { Environment } from "./operation.ts"

/** A segment no model can summarize is left as it is after this many tries. */
const MOST_TRIES = 3

/**
 * The ids of the segments that were healed, also when it had to give way: whoever waits for a healing is not interrupted
 * along with it. Its fiber hears interrupts only where it says so.
 */
export const healSegment = (
  env: Environment,
  sessionId: SessionId,
  operationId: string,
  onHealed: OnHealed
): Effect.Effect<ReadonlyArray<string>, UnknownSession | StoreError> =>
  Effect.suspend(() => {
    const healed: Array<string> = []
    return Effect.flatMap(Effect.exit(healAll(env, { sessionId, operationId, onHealed }, healed)), (exit) =>
      Exit.isInterrupted(exit) ? Effect.succeed(healed) : Effect.as(exit, healed)
    )
  })

type OnHealed = (segmentId: string, generation: number) => Effect.Effect<void>

interface Order {
  readonly sessionId: SessionId
  readonly operationId: string
  readonly onHealed: OnHealed
}

const healAll = (env: Environment, order: Order, healed: Array<string>) =>
  Effect.gen(function* () {
    const { operationId, sessionId } = order
    // A step asks for a healing each time: where none is due it takes no lease.
    if ((yield* healable(env, yield* env.store.state(sessionId))).length === 0) return
    const request = { name: "operation", holder: operationId } as const
    const work = ({ lease }: Held) => Effect.uninterruptible(underLease(env, order, lease, healed))
    yield* Effect.interruptible(env.leases.using(sessionId, request, work))
  }).pipe(
    // The session is at another base by now: what else is degraded there is the next healing's.
    Effect.catchTag("LeaseLost", () => Effect.void)
  )

const underLease = Effect.fnUntraced(function* (
  env: Environment,
  { onHealed, operationId, sessionId }: Order,
  lease: Lease,
  healed: Array<string>
) {
  let state = yield* env.store.state(sessionId)
  for (const segment of yield* healable(env, state)) {
    const next = yield* healOne(env, lease, state, segment, makeSegmentId(operationId, healed.length))
    if (next === undefined) continue
    state = next
    healed.push(segment.id)
    yield* LogLines.logHealed(sessionId, operationId, segment, state.generation)
    yield* Effect.ignoreLogged(env.counters.count(sessionId, { healed: 1 }))
    yield* onHealed(segment.id, state.generation)
  }
})

const healable = ({ counters }: Environment, { segments }: State) =>
  Effect.filter(segments.filter(isDegraded), ({ id }) =>
    Effect.map(counters.healTries(id, 0), (tries) => tries < MOST_TRIES)
  )

/** What a summary may take: the extract in its place may have been smaller. */
const roomOf = ({ policy }: Environment, { system }: State): number => shares(policy, total(system))?.segment ?? 0

const healOne = (env: Environment, lease: Lease, state: State, degraded: Segment, id: string) =>
  Effect.gen(function* () {
    const { counter, counters, store, summarizer } = env
    const { sessionId } = state
    const entries = yield* store.range(sessionId, degraded.fromSeq, degraded.toSeq)
    const result = yield* Effect.interruptible(
      Effect.either(
        summarizer.summarize({
          entries,
          tokens: total(entries),
          maxTokens: Math.max(degraded.tokens, roomOf(env, state)),
          focus: degraded.focus,
          requests: OpenRequests.listNewestRequests(entries),
          isAnswered: OpenRequests.isAnswered(degraded.toSeq, state.manifest.live, state),
          merges: [],
          onExhausted: "fail",
          onProgress: () => Effect.void,
          onSpent: (spent) => Effect.ignoreLogged(counters.count(sessionId, spent))
        })
      )
    )
    if (result._tag === "Left") {
      // While every route is paused nothing was tried.
      const { errors, paused } = result.left
      if (errors.length > 0 || paused.length === 0) yield* counters.healTries(degraded.id, 1)
      return undefined
    }
    const { model, text } = result.right
    const segment: Segment = { ...degraded, id, text, model, tokens: counter.text(text), degraded: null }
    const segments = state.manifest.segments.map((shown) => (shown === degraded.id ? id : shown))
    const committed = yield* store.commit(lease, {
      operationId: lease.holder,
      base: state.generation,
      manifest: { ...state.manifest, segments },
      segments: [segment],
      ledger: yield* store.ledger(sessionId)
    })
    return committed.state
  })
