/** What a compression commits: its segment, the condensed ones, the ledger, and which messages stay. */
import * as Ledger from "../ledger/Ledger.ts"
import { findOpenRequests, isAnsweredInTail } from "../session/openRequests.ts"
import * as Plan from "./Plan.ts"
import type { Manifest, Segment, State } from "../session/Session.ts"
import type { Condensed, Summary } from "../summary/Summarizer.ts"
import type { Counter } from "../message/Tokens.ts"
import * as View from "../view/View.ts"
import * as IncrementalView from "../view/incrementalView.ts"
import * as SegmentTree from "../handoff/segmentTree.ts"

interface Order {
  readonly operationId: string
  readonly focus: string | null
}

export interface Made {
  readonly plan: Plan.Compress
  readonly summary: Summary
  readonly known: Ledger.Ledger
  readonly notes: ReadonlyArray<string>
  readonly latest: State
}

/** What there is to commit, as the session is now: a turn may have gone on while the model wrote. */
export const draftCommit = (order: Order, { known, latest, notes, plan, summary }: Made, counter: Counter) => {
  const noted = Ledger.addNotes(known, notes, plan.toSeq)
  const ledger = isAnsweredInTail(plan.toSeq, latest) ? Ledger.answerRequests(noted) : noted
  const segment = segmentOf(order, plan, summary, counter)
  const condensed = summary.condensed.map(condensedOf(order, counter))
  const live = stillOpen(plan.live, latest)
  const rendered = Ledger.render(Ledger.withoutLive(ledger, live), counter, Plan.ledgerRoom(plan.shares))
  const made = { segment, condensed, ledger: rendered }
  const { manifest, segments } = Plan.manifestOf({ ...plan, live }, latest, made, counter)
  return {
    commit: { operationId: order.operationId, manifest, segments: [...condensed, segment], ledger },
    condensed,
    isNoSmaller: isNoSmaller(under(latest, manifest, segments), latest, counter)
  }
}

/** A turn that went on meanwhile may have answered what was open when the plan was made. */
const stillOpen = (live: ReadonlyArray<number>, latest: State): ReadonlyArray<number> => {
  const open = new Set(findOpenRequests(latest).map(({ seq }) => seq))
  return live.filter((seq) => open.has(seq))
}

/** The state as a commit of this manifest would make it. */
const under = (latest: State, manifest: Manifest, segments: ReadonlyArray<Segment>): State => {
  const entries = new Map([...latest.head, ...latest.live, ...latest.tail].map((entry) => [entry.seq, entry] as const))
  const known = Array.from(entries.values())
  return {
    ...latest,
    manifest,
    segments,
    head: known.filter(({ seq }) => seq <= manifest.headTo),
    live: known.filter(({ seq }) => manifest.live.includes(seq)),
    tail: known.filter(({ seq }) => seq >= manifest.tailFrom)
  }
}

const isNoSmaller = (next: State, latest: State, counter: Counter): boolean =>
  View.assemble(next, counter).tokens >= IncrementalView.assembleView(latest, counter).tokens

const segmentOf = (order: Order, plan: Plan.Compress, summary: Summary, counter: Counter): Segment => ({
  id: makeSegmentId(order.operationId, 0),
  level: 0,
  children: [],
  fromSeq: plan.fromSeq,
  toSeq: plan.toSeq,
  text: summary.text,
  tokens: counter.text(summary.text),
  degraded: summary.degraded,
  focus: order.focus,
  model: summary.model
})

/** The segments of an operation are numbered; its id is a UUID, half of which tells it from all others. */
export const makeSegmentId = (operationId: string, index: number): string =>
  `seg_${operationId.replaceAll(/^op_|-/g, "").slice(0, 16)}${index === 0 ? "" : `_${index}`}`

const condensedOf =
  ({ operationId }: Order, counter: Counter) =>
  ({ children, model, text }: Condensed, index: number) =>
    SegmentTree.condenseSegments(children, {
      id: makeSegmentId(operationId, index + 1),
      text,
      model,
      tokens: counter.text(text)
    })
