/**
 * Lets a person mend the handoff: the text becomes that of the view, in a new generation under the lease that a compression
 * takes. What is mended of a summary stays; what is mended of the ledger, until the next compression renders it anew.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import * as LogLines from "../audit/logLines.ts"
import * as CompressionPolicy from "../compression/CompressionPolicy.ts"
import * as Handoff from "../handoff/Handoff.ts"
import * as SegmentTree from "../handoff/segmentTree.ts"
import * as Message from "../message/Message.ts"
import { redact } from "../message/Redaction.ts"
import { escapeId, splitLines } from "../message/text.ts"
import type { Counter } from "../message/Tokens.ts"
import { HANDOFF_END, LEDGER_MARK, SEGMENT_MARK } from "../message/whoseWords.ts"
import { findLearnedWindow, type Segment, SessionId, type State } from "../session/Session.ts"
import type { StoreError, UnknownSession } from "../session/SessionError.ts"
import type { Held, Leases } from "../store/holdLease.ts"
import type { SessionStore } from "../store/SessionStore.ts"
import { checkSummary } from "../summary/Gate.ts"

/**
 * Options of an edit.
 *
 * @since 0.1.0
 * @category models
 */
export interface EditOptions {
  /** The generation whose handoff was mended; if the session has another by now, the edit fails as `changed`. */
  readonly generation?: number | undefined
}

/**
 * The generation an edit led to, and the snapshot of the view before: restoring it takes the edit back.
 *
 * @since 0.1.0
 * @category models
 */
export interface Edited {
  readonly generation: number
  readonly snapshotId: string
}

/**
 * A handoff cannot be edited so. Nothing has changed.
 *
 * - `no-handoff`: there is none yet
 * - `busy`: another operation has the session; `changed`: it came to another generation meanwhile
 * - `empty`, `too-large`, `malformed`: of the text
 * - `rejected`: the gate that a summary passes does not let it through
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidEdit extends Schema.TaggedError<InvalidEdit>()("InvalidEdit", {
  sessionId: SessionId,
  reason: Schema.Literal("no-handoff", "busy", "changed", "empty", "too-large", "malformed", "rejected"),
  detail: Schema.String
}) {
  override get message() {
    return `cannot edit the handoff of session ${escapeId(this.sessionId)}: ${this.detail}`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return this.reason === "busy"
  }
}

interface EditServices {
  readonly store: SessionStore["Type"]
  readonly leases: Leases
  readonly counter: Counter
  readonly policy: CompressionPolicy.CompressionPolicy
}

type Failure = InvalidEdit | UnknownSession | StoreError

/** The text of a state's handoff; null if the view shows every message itself. */
export const readHandoff = ({ manifest, segments }: State): string | null =>
  segments.length === 0 && manifest.ledger === "" ? null : Message.text(Handoff.makeMessage({ ...manifest, segments }))

export const editHandoff = (
  { counter, leases, policy, store }: EditServices,
  sessionId: SessionId,
  given: unknown,
  { generation }: EditOptions = {}
): Effect.Effect<Edited, Failure> => {
  const fail = (reason: InvalidEdit["reason"], detail: string) => new InvalidEdit({ sessionId, reason, detail })
  const operationId = `op_${randomUUID()}`
  const late = () => fail("busy", "another operation is under way; try again when it has ended")

  const edit = Effect.fnUntraced(function* ({ ledger: before, state }: Pick<Held, "ledger" | "state">) {
    if (generation !== undefined && generation !== state.generation) {
      return yield* fail("changed", `it is in generation ${state.generation} by now, not ${generation}`)
    }
    const shown = readHandoff(state)
    if (shown === null) return yield* fail("no-handoff", "the view shows every message itself")
    const text = cleanText(given)
    if (text === "") return yield* fail("empty", "the text is empty")
    const [old, parts] = [splitHandoff(shown), splitHandoff(text)]
    if (old.map(({ mark }) => mark).join("\n") !== parts.map(({ mark }) => mark).join("\n")) {
      return yield* fail("malformed", "the lines that begin with [throughline must stay as they are, in their order")
    }
    const room = measureRoom(policy, state, counter)
    const [tokens, tokensBefore] = [counter.text(text), counter.text(shown)]
    if (!(tokens <= Math.max(room, tokensBefore))) {
      return yield* fail("too-large", `it has ${tokens} tokens, and there is room for ${Math.max(room, tokensBefore)}`)
    }
    const made: Array<Segment> = []
    const segments: Array<Segment> = []
    for (const [i, segment] of state.segments.entries()) {
      // The opening stands before the first segment.
      const words = parts[i + 1]?.words ?? ""
      if (words === old[i + 1]?.words) {
        segments.push(segment)
        continue
      }
      const checked = checkSummary({
        route: "edit",
        text: words,
        finish: "stop",
        counter,
        coveredTokens: Infinity,
        maxTokens: Infinity,
        missing: () => []
      })
      if (Either.isLeft(checked)) {
        return yield* fail(
          "rejected",
          `its part about #${segment.fromSeq} to #${segment.toSeq}: ${checked.left.message}`
        )
      }
      const id = SegmentTree.makeSegmentId(operationId, made.length)
      const mended = { ...segment, id, text: words, tokens: counter.text(words), degraded: null, model: "edited" }
      made.push(mended)
      segments.push(mended)
    }
    const ledger = parts.find(({ mark }) => mark === LEDGER_MARK)?.words ?? ""
    const manifest = { ...state.manifest, segments: segments.map(({ id }) => id), ledger }
    return { base: state.generation, manifest, segments: made, ledger: before }
  })

  return leases.usingOperation(
    sessionId,
    operationId,
    ({ lease, ...begun }) =>
      Effect.flatMap(edit(begun), (commit) => store.commit(lease, { ...commit, operationId })).pipe(
        Effect.tap(({ generation }) => LogLines.logEdit(sessionId, generation)),
        Effect.map(({ generation, snapshotId }) => ({ generation, snapshotId })),
        Effect.catchTag("LeaseLost", () => fail("changed", "it was reset, rewound or compressed meanwhile")),
        Effect.uninterruptible
      ),
    { until: -Infinity, late }
  )
}

const cleanText = (given: unknown): string =>
  typeof given === "string" ? splitLines(redact(given).toWellFormed().replaceAll("\0", "")).join("\n").trim() : ""

const measureRoom = (policy: CompressionPolicy.CompressionPolicy, { windows }: State, counter: Counter): number => {
  const shares = CompressionPolicy.shares(CompressionPolicy.narrow(policy, findLearnedWindow(windows)), 0)
  return shares === undefined ? 0 : SegmentTree.roomForHandoff(shares, counter)
}

// ── the parts of a handoff ──

/** The line that begins a part, and the words under it. */
interface Part {
  readonly mark: string
  readonly words: string
}

/** Splits a handoff at the lines that throughline writes: its opening, each segment, the ledger, the end. */
const splitHandoff = (text: string): ReadonlyArray<Part> => {
  const parts: Array<{ readonly mark: string; readonly lines: Array<string> }> = []
  for (const line of text.split("\n")) {
    if (parts.length === 0 || isMark(line)) parts.push({ mark: line.trim(), lines: [] })
    else parts.at(-1)?.lines.push(line)
  }
  return parts.map(({ lines, mark }) => ({ mark, words: lines.join("\n").trim() }))
}

const isMark = (line: string): boolean =>
  line.startsWith(SEGMENT_MARK) || line.startsWith(LEDGER_MARK) || line.startsWith(HANDOFF_END)
