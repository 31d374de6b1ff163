/** Segments condensed beside the summary of a range, at nobody's cost: whatever becomes of it, the range is summarized. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as ModelTask from "./modelTask.ts"
import * as Handoff from "../handoff/Handoff.ts"
import type { Merge } from "../handoff/segmentTree.ts"
import type { Counter } from "../message/Tokens.ts"
import type * as Progress from "./progress.ts"
import * as SummaryTask from "./summaryTask.ts"
import { monotonicMillis } from "../concurrency/monotonicClock.ts"

/** Segments condensed into one text. */
export interface Condensed {
  readonly children: Merge["children"]
  readonly text: string
  readonly model: string
}

/** What the calls of one summary share: its budget, and how far they have come. */
export interface Job {
  readonly spent: ModelTask.Spending
  readonly tally: Progress.Tally
}

/** Condenses segments by plain code. With `isAnswered`, what was open at their end has been answered since. */
export const condenseEmbedded = (
  { children, maxTokens }: Merge,
  isAnswered: boolean,
  { counter, model }: { readonly counter: Counter; readonly model: string }
): Condensed => {
  const all = Handoff.merge(children.map(({ text }) => Handoff.parse(text)))
  const sections = isAnswered ? { ...all, inProgress: [], openWork: [] } : all
  return { children, text: Handoff.render(Handoff.fit(sections, counter, maxTokens)), model }
}

/**
 * Begins the merges and returns how to get those that succeeded, once the range is done: one that is not done by then is
 * given as long again, and is left to another time.
 */
export const beginCondensing = Effect.fnUntraced(function* (
  env: SummaryTask.Environment,
  range: { readonly merges: ReadonlyArray<Merge>; readonly tokens: number },
  isAnswered: boolean,
  job: Job
) {
  const { spent } = job
  const isPoor = (yield* Ref.get(spent.tokensLeft)) < POOR * range.tokens
  const affordable = yield* Ref.modify(spent.callsLeft, (calls) => {
    const taken = isPoor ? [] : range.merges.slice(0, Math.max(0, calls - LEAST_CALLS))
    return [taken, calls - taken.length]
  })
  const begun = yield* monotonicMillis
  const fibers = yield* Effect.forEach(affordable, (merge) => Effect.forkScoped(condense(env, merge, isAnswered, job)))
  return Effect.gen(function* () {
    const patience = Math.max(LEAST_PATIENCE, (yield* monotonicMillis) - begun)
    const ended = yield* Effect.forEach(fibers, (fiber) => Effect.timeoutOption(Fiber.await(fiber), patience), {
      concurrency: "unbounded"
    })
    return ended.flatMap((exit) => (Option.isSome(exit) && Exit.isSuccess(exit.value) ? [exit.value.value] : []))
  })
})

/** What a range has at least for its retries and routes before merges take from calls and tokens. */
const LEAST_CALLS = 4
const POOR = 2

/** How long a merge may take after its range, in milliseconds, however quick that was. */
const LEAST_PATIENCE = 10_000

/** One call, no more: the retries are the range's. */
const condense = Effect.fnUntraced(function* (
  env: SummaryTask.Environment,
  { children, maxTokens }: Merge,
  isAnswered: boolean,
  { spent, tally }: Job
) {
  const progress = tally.begin(maxTokens)
  const task = SummaryTask.makeSummaryTask(env, {
    material: Handoff.materialOfSegments(children),
    covered: children.reduce((sum, { tokens }) => sum + tokens, 0),
    isOfSummaries: true,
    isAnswered,
    maxTokens,
    focus: null,
    requests: [],
    cuts: null,
    onProgress: progress.onProgress
  })
  const answer = yield* ModelTask.run(task, { ...spent, callsLeft: yield* Ref.make(1) }).pipe(
    Effect.ensuring(progress.end)
  )
  const text = SummaryTask.redactAndTrim(answer.value, maxTokens, env.counter)
  return { children, text, model: answer.route } satisfies Condensed
})
