/**
 * Checks the receipts of a session again, from its store alone and without a model.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { runInSlices } from "../concurrency/eventLoopBudget.ts"
import { inUse } from "../message/Tokens.ts"
import { Recall } from "../recall/Recall.ts"
import { decode, type Receipt, type UsedReference } from "../session/Receipt.ts"
import { isUndone, type SessionId, type State, type UndoneRange } from "../session/Session.ts"
import type { StoreError, UnknownSession, UnknownSnapshot } from "../session/SessionError.ts"
import { SessionStore } from "../store/SessionStore.ts"
import { splitQueryWords } from "../store/searchQuery.ts"
import * as IncrementalView from "../view/incrementalView.ts"
import { digestHandoff, findShown, makeDigester, readHandoff, sealReceipt } from "./makeReceipt.ts"

/**
 * The kinds of loss:
 *
 * - `changed-receipt`: the receipt cannot be read, is another session's, or does not fit its seal
 * - `missing-receipt`: a compression has none, though an earlier one of the session has
 * - `lost-message`: the log does not have the messages that left the view as they were
 * - `changed-view`: the generation does not show what its receipt says
 * - `lost-reference`: what was used of the messages that left is neither in the view nor found by recall
 *
 * @since 0.1.0
 * @category models
 */
export type ReceiptFault = "changed-receipt" | "missing-receipt" | "lost-message" | "changed-view" | "lost-reference"

/**
 * A loss, and the snapshot whose receipt tells it. `text` is for people.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReceiptFinding {
  readonly fault: ReceiptFault
  readonly sessionId: SessionId
  readonly snapshotId: string
  readonly text: string
}

/**
 * What came of a check: `receipts` were read, with so many `references`. `without` counts compressions that have no
 * receipt and came before the first one that has: earlier versions made none.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReceiptReport {
  readonly receipts: number
  readonly references: number
  readonly without: number
  readonly findings: ReadonlyArray<ReceiptFinding>
}

type Failure = UnknownSession | StoreError

/**
 * Checks all receipts of a session. Reads its log once, and asks recall once for each reference that left the view.
 * References in messages that a rewind took back since are left out.
 *
 * @since 0.1.0
 * @category constructors
 */
export const checkSession = Effect.fn("ReceiptAudit.checkSession")(function* (sessionId: SessionId) {
  const store = yield* SessionStore
  // A snapshot that is listed is there.
  const commits = yield* Effect.catchTag(readCommits(store, sessionId), "UnknownSnapshot", (error) => Effect.die(error))
  const first = commits.findIndex(({ text }) => text !== null)
  const bare = commits.filter(({ isCompression, text }) => isCompression && text === null)
  const missing = bare.filter((commit) => first >= 0 && commits.indexOf(commit) > first)
  const findings = missing.map((commit) => makeFinding("missing-receipt", commit, "the compression has no receipt"))
  const sealed: Array<Sealed> = []
  for (const commit of commits) {
    const receipt = commit.text === null ? undefined : readReceipt(commit.text, sessionId)
    if (receipt !== undefined && Either.isRight(receipt)) sealed.push({ ...commit, receipt: receipt.right })
    else if (receipt !== undefined) findings.push(makeFinding("changed-receipt", commit, receipt.left))
  }
  findings.push(...(yield* findLostMessages(store, sessionId, sealed)))
  for (const commit of sealed) findings.push(...(yield* checkView(store, commit)))
  const report: ReceiptReport = {
    receipts: sealed.length,
    references: sealed.reduce((sum, { receipt }) => sum + receipt.used.length, 0),
    without: bare.length - missing.length,
    findings
  }
  return report
})

// ── the commits of a session ──

/** The commit that left a snapshot behind. `undone` is what was taken back at that time. */
interface Left {
  readonly sessionId: SessionId
  readonly snapshotId: string
  /** The snapshot of the generation that it made; null if that is the newest. */
  readonly next: string | null
  readonly text: string | null
  readonly undone: ReadonlyArray<UndoneRange>
  readonly isCompression: boolean
}

interface Sealed extends Left {
  readonly receipt: Receipt
}

const makeFinding = (fault: ReceiptFault, { sessionId, snapshotId }: Left, text: string): ReceiptFinding => ({
  fault,
  sessionId,
  snapshotId,
  text
})

const readCommits = Effect.fnUntraced(function* (store: SessionStore["Type"], sessionId: SessionId) {
  const snapshots = yield* store.snapshots(sessionId)
  const seen = new Set<string>()
  const commits: Array<Left> = []
  for (const [i, { snapshotId }] of snapshots.entries()) {
    const next = snapshots[i + 1]?.snapshotId ?? null
    const before = yield* store.snapshot(snapshotId)
    const after = yield* readAfter(store, { sessionId, next })
    before.segments.forEach(({ id }) => seen.add(id))
    commits.push({
      sessionId,
      snapshotId,
      next,
      text: yield* store.receipt(snapshotId),
      undone: before.manifest.undone,
      // Healing makes new segments too, but lets no message leave.
      isCompression:
        after.manifest.tailFrom > before.manifest.tailFrom && after.segments.some(({ id }) => !seen.has(id))
    })
  }
  return commits
})

const readAfter = (
  store: SessionStore["Type"],
  { next, sessionId }: Pick<Left, "next" | "sessionId">
): Effect.Effect<State, Failure | UnknownSnapshot> => (next === null ? store.state(sessionId) : store.snapshot(next))

const readReceipt = (text: string, sessionId: SessionId): Either.Either<Receipt, string> =>
  Either.flatMap(
    Either.mapLeft(decode(text), ({ detail }) => `the receipt cannot be read: ${detail}`),
    ({ seal, ...receipt }) =>
      receipt.sessionId !== sessionId
        ? Either.left("the receipt is another session's")
        : seal !== sealReceipt(receipt)
          ? Either.left("the receipt does not fit its seal")
          : Either.right({ ...receipt, seal })
  )

// ── the messages that left ──

const findLostMessages = Effect.fnUntraced(function* (
  store: SessionStore["Type"],
  sessionId: SessionId,
  commits: ReadonlyArray<Sealed>
) {
  const ranges = commits.flatMap((commit) =>
    commit.receipt.left.map((range) => ({ commit, range, digester: makeDigester(), messages: 0 }))
  )
  if (ranges.length === 0) return []
  yield* Stream.runForEach(store.log(sessionId), ({ message, seq }) =>
    Effect.sync(() => {
      if (seq === null) return
      for (const held of ranges) {
        const { commit, digester, range } = held
        if (seq < range.fromSeq || seq > range.toSeq || isUndone(commit.undone, seq)) continue
        digester.add({ seq, message })
        held.messages += 1
      }
    })
  )
  return ranges.flatMap(({ commit, digester, messages, range: { digest, fromSeq, messages: left, toSeq } }) => {
    const place = `#${fromSeq} to #${toSeq}`
    if (messages !== left) {
      return makeFinding("lost-message", commit, `of the ${left} messages ${place} the log has ${messages}`)
    }
    const isAsItWas = digester.end() === digest
    return isAsItWas ? [] : makeFinding("lost-message", commit, `the messages ${place} are not what they were`)
  })
})

// ── what the view shows, and what recall finds ──

const checkView = Effect.fnUntraced(function* (store: SessionStore["Type"], commit: Sealed) {
  const { receipt } = commit
  const after = yield* Effect.catchTag(readAfter(store, commit), "UnknownSnapshot", (error) => Effect.die(error))
  const view = IncrementalView.assembleWhole(after, yield* inUse)
  const findings: Array<ReceiptFinding> = []
  const handoff = readHandoff(view)
  const change = describeChange(receipt, after, digestHandoff(view))
  if (change !== null) findings.push(makeFinding("changed-view", commit, change))
  const shown = yield* runInSlices(
    findShown(
      receipt.used.map(({ text }) => text),
      view
    )
  )
  for (const reference of receipt.used) {
    if (shown.has(reference.text) || handoff.includes(reference.text) || (yield* isFound(store, commit, reference)))
      continue
    const what = `the ${reference.kind} ${JSON.stringify(reference.text)} of #${reference.seq}`
    findings.push(makeFinding("lost-reference", commit, `${what} is neither in the view nor found by recall`))
  }
  return findings
})

const describeChange = ({ stays }: Receipt, { manifest }: State, handoff: string): string | null => {
  const isSame = (a: ReadonlyArray<string | number>, b: ReadonlyArray<string | number>) => a.join(" ") === b.join(" ")
  if (stays.headTo !== manifest.headTo || stays.tailFrom !== manifest.tailFrom || !isSame(stays.live, manifest.live)) {
    return "the view shows other messages"
  }
  if (!isSame(stays.segments, manifest.segments)) return "the handoff has other segments"
  return stays.handoff === handoff ? null : "the handoff is not what it was"
}

/** What is in no message any more, because it was taken back, counts as found. */
const isFound = Effect.fnUntraced(function* (
  store: SessionStore["Type"],
  { sessionId }: Left,
  { kind, query, seq, text }: UsedReference
) {
  if ((yield* store.range(sessionId, seq, seq)).length === 0) return true
  const { recall } = yield* Recall
  // A call is found by its input, since no text holds its id; a rule may have had other spaces.
  const isExact = kind === "call" || kind === "rule"
  for (const where of ["out-of-view", "everywhere"] as const) {
    for (const found of yield* recall(sessionId, query ?? `"${text}"`, { where })) {
      if (found.seq === seq) return true
      if (isExact || found.seq > seq) continue
      const [entry] = yield* store.range(sessionId, found.seq, found.seq)
      if (entry !== undefined && splitQueryWords(entry.message).includes(text)) return true
    }
  }
  return false
})
