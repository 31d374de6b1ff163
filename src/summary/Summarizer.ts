/**
 * From a range of the log to the text of a segment: the routes in order, large ranges in chunks, and the embedded
 * summarizer where no model answers.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import type { ModelClients } from "../model/ModelClients.ts"
import * as ModelTask from "./modelTask.ts"
import type { Attempt, BudgetLeft } from "../session/CompressionResult.ts"
import * as Handoff from "../handoff/Handoff.ts"
import { chargeWork, runInSlices, foldInSlices } from "../concurrency/eventLoopBudget.ts"
import * as Chunks from "./chunks.ts"
import * as Condense from "./condense.ts"
import { hasTurnEnd } from "../session/openRequests.ts"
import { showMessage } from "../handoff/prompt.ts"
import * as Progress from "./progress.ts"
import * as SummaryTask from "./summaryTask.ts"
import type { Merge } from "../handoff/segmentTree.ts"
import type { Logged } from "../session/Session.ts"
import { label, type Route } from "../model/Provider.ts"
import * as Extractive from "./Extractive.ts"
import type { RoutePauses } from "./RoutePauses.ts"
import * as Recovery from "../model/Recovery.ts"
import { inUse, total } from "../message/Tokens.ts"

/**
 * Where and within which budget summaries are made. `maxCalls` counts all calls of one compression beside one for
 * each chunk; default 8. `totalTimeout` bounds them together; default 1.5 times the first route's timeout. `maxTokens`
 * bounds what they send and receive together; default no bound.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly routes: ReadonlyArray<Route>
  readonly totalTimeout?: Duration.DurationInput | undefined
  readonly maxCalls?: number | undefined
  readonly maxTokens?: number | undefined
  readonly recovery?: Recovery.Policy | undefined
  /** The caller's own guidance for every summary. */
  readonly instructions?: string | undefined
}

/**
 * A range to be summarized within `maxTokens`. `requests` are the newest words of the user: without a focus they guide
 * what the summary dwells on. `isAnswered` says whether the turn the range breaks off in has ended since, or its
 * request stands behind the handoff. `merges` are segments before the range, to be condensed beside it. `onProgress`
 * hears of all calls together; `onSpent` once, at the end and however that is, if a model was asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Range {
  readonly entries: ReadonlyArray<Logged>
  readonly tokens: number
  readonly maxTokens: number
  readonly focus: string | null
  readonly requests: ReadonlyArray<string>
  readonly isAnswered: boolean
  readonly merges: ReadonlyArray<Merge>
  readonly onExhausted: "extract" | "fail"
  readonly onProgress: (progress: Progress.Progress) => Effect.Effect<void>
  readonly onSpent: (spent: Spent) => Effect.Effect<void>
}

/**
 * Calls made, and tokens they have sent and received: as their provider counted them, or as estimated.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spent {
  readonly modelCalls: number
  readonly tokensSpent: number
}

/**
 * A summary that passed the gate. `degraded` says why no model wrote it, or part of it. `condensed` are the merges that
 * succeeded.
 *
 * @since 0.1.0
 * @category models
 */
export interface Summary extends Spent {
  readonly text: string
  readonly model: string
  readonly degraded: string | null
  readonly condensed: ReadonlyArray<Condense.Condensed>
  readonly attempts: ReadonlyArray<Attempt>
  readonly budgetLeft: BudgetLeft | null
}

/**
 * @since 0.1.0
 * @category services
 */
export class Summarizer extends Context.Tag("throughline/Summarizer")<
  Summarizer,
  {
    /** Interruptible: who must not be interrupted shields it. Fails only with `onExhausted: "fail"`. */
    readonly summarize: (range: Range) => Effect.Effect<Summary, ModelTask.Exhausted>
    /** The model asked first and where, for log lines. */
    readonly model: string
  }
>() {}

/** It is stored with the segment, where no word of a rejected summary belongs. */
const reasonOf = ({ errors, message }: ModelTask.Exhausted): string => {
  const last = errors.at(-1)
  return last?._tag === "InvalidSummary" ? `${last.route}: summary rejected (${last.reason})` : message
}

const costOf = ({ calls, maxTokens, tokensLeft }: ModelTask.Spending): Effect.Effect<Spent> =>
  Effect.all({ modelCalls: Ref.get(calls), tokensSpent: Effect.map(Ref.get(tokensLeft), (left) => maxTokens - left) })

/** What `Handoff.material` gives, without keeping others waiting. */
const materialOf = (entries: ReadonlyArray<Logged>) => {
  const text = showMessage(entries)
  return foldInSlices(entries, "", (before, entry, i) => (i === 0 ? text(entry, i) : `${before}\n${text(entry, i)}`))
}

const embedded = "embedded"

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: Options) {
  const services = yield* Effect.context<ModelClients | RoutePauses>()
  const counter = yield* inUse
  const env: SummaryTask.Environment = {
    routes: options.routes.filter((route) => route.provider !== embedded),
    recovery: options.recovery ?? Recovery.defaults,
    instructions: options.instructions ?? null,
    counter
  }
  const [first] = env.routes

  interface Part {
    readonly text: string
    readonly model: string
    readonly degraded: string | null
  }

  const extract = (range: Range, degraded: string | null): Effect.Effect<Part> =>
    Effect.map(runInSlices(Extractive.summarizing(range.entries, { ...range, counter })), (text) => ({
      text,
      model: embedded,
      degraded
    }))

  /** `whole` is what the summary has to be smaller than; `cuts` says how often a route found the range too long. */
  const ask = (
    range: Range,
    job: Condense.Job,
    progress: Progress.Part,
    { cuts, whole }: { readonly cuts: number; readonly whole: number }
  ): Effect.Effect<Part, ModelTask.Exhausted> =>
    Effect.gen(function* () {
      const material = yield* materialOf(range.entries)
      const { onProgress } = progress
      const canBeCut = Chunks.canHalve(range.entries)
      const about = { ...range, material, covered: whole, cuts: canBeCut ? cuts : null, onProgress }
      const task = yield* chargeWork(() => SummaryTask.makeSummaryTask(env, about))
      return yield* ModelTask.run(task, job.spent).pipe(
        Effect.provide(services),
        Effect.ensuring(progress.end),
        Effect.map(({ route, value }): Part => {
          return { text: SummaryTask.redactAndTrim(value, range.maxTokens, counter), model: route, degraded: null }
        }),
        Effect.catchTag("ContextOverflow", (overflow) =>
          canBeCut
            ? // One after the other: the first shows whether the route can take the second.
              inChunks(range, Chunks.splitInHalves(range.entries, counter), job, {
                cuts: cuts + 1,
                whole,
                concurrency: 1
              })
            : new ModelTask.Exhausted({ errors: [overflow], paused: [] })
        ),
        Effect.catchTag("Exhausted", (exhausted) =>
          range.onExhausted === "fail" ? exhausted : extract(range, reasonOf(exhausted))
        )
      )
    })

  /** Each chunk on its own; the sections are joined by plain code, so that no word goes through two models. */
  const inChunks = Effect.fnUntraced(function* (
    range: Range,
    chunks: ReadonlyArray<ReadonlyArray<Logged>>,
    job: Condense.Job,
    { concurrency, ...from }: { readonly concurrency: 1 | "unbounded"; readonly cuts: number; readonly whole: number }
  ) {
    yield* Ref.update(job.spent.callsLeft, (calls) => calls + chunks.length - 1)
    const maxTokens = Math.floor(Math.max(range.maxTokens / 2, (range.maxTokens * 1.5) / chunks.length))
    const parts = yield* Effect.forEach(
      chunks.map((entries) => ({ entries, progress: job.tally.begin(maxTokens) })),
      ({ entries, progress }, index) => {
        const isAnswered = range.isAnswered || chunks.slice(index + 1).some(hasTurnEnd)
        return ask({ ...range, entries, tokens: total(entries), isAnswered, maxTokens }, job, progress, from)
      },
      { concurrency }
    )
    const sections = Handoff.merge(parts.map(({ text }) => Handoff.parse(text)))
    return {
      text: Handoff.render(Handoff.fit(sections, counter, range.maxTokens)),
      model: parts.find(({ model }) => model !== embedded)?.model ?? embedded,
      degraded: parts.find(({ degraded }) => degraded !== null)?.degraded ?? null
    } satisfies Part
  })

  const summarize = Effect.fn("Summarizer.summarize")(function* (range: Range) {
    const isAnswered = range.isAnswered || hasTurnEnd(range.entries)
    if (first === undefined) {
      const condensed = range.merges.map((merge) =>
        Condense.condenseEmbedded(merge, isAnswered, { counter, model: embedded })
      )
      return {
        ...(yield* extract(range, null)),
        condensed,
        modelCalls: 0,
        tokensSpent: 0,
        attempts: [],
        budgetLeft: null
      }
    }
    const spent = yield* ModelTask.spending(ModelTask.budget(first, options))
    yield* Effect.addFinalizer(() =>
      Effect.flatMap(costOf(spent), (cost) => (cost.modelCalls === 0 ? Effect.void : range.onSpent(cost)))
    )
    const job = { spent, tally: Progress.make(range.onProgress) }
    const condensed = yield* Effect.provide(Condense.beginCondensing(env, range, isAnswered, job), services)
    const room = first.contextLength - SummaryTask.PROMPT_TOKENS - 2 * range.maxTokens - 1_000
    const chunks = range.tokens <= room ? [range.entries] : Chunks.chunkUpTo(range.entries, room)
    const part = yield* chunks.length > 1
      ? // All at once: what bounds them are the places of the route.
        inChunks(range, chunks, job, { cuts: 0, whole: range.tokens, concurrency: "unbounded" })
      : ask(range, job, job.tally.begin(range.maxTokens), { cuts: 0, whole: range.tokens })
    return {
      ...part,
      condensed: yield* condensed,
      attempts: yield* Ref.get(spent.attempts),
      ...(yield* costOf(spent)),
      budgetLeft: yield* ModelTask.left(spent)
    }
  }, Effect.scoped)

  return Summarizer.of({ summarize, model: first === undefined ? embedded : label(first) })
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options) => Layer.effect(Summarizer, make(options))
