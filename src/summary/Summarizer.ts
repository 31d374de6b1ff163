/**
 * Turns a range of the log into the text of a segment: asks the routes in order, splits large ranges into chunks, and
 * falls back on the embedded summarizer where no model answers.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import { checkAll } from "../model/InvalidSetting.ts"
import type { ModelClients } from "../model/ModelClients.ts"
import type { Exhausted, ModelError } from "../model/ModelError.ts"
import { checkRoute, label, type Route } from "../model/Provider.ts"
import * as Recovery from "../model/Recovery.ts"
import type { Attempt, BudgetLeft } from "../session/CompressionResult.ts"
import type { Logged } from "../session/Session.ts"
import * as Handoff from "../handoff/Handoff.ts"
import { omitRecalled } from "../message/whoseWords.ts"
import * as Prompt from "../handoff/prompt.ts"
import type { Merge } from "../handoff/segmentTree.ts"
import { hasTurnEnd } from "../session/openRequests.ts"
import { type Counter, inUse, total } from "../message/Tokens.ts"
import { chargeWork, runInSlices } from "../concurrency/eventLoopBudget.ts"
import { monotonicMillis } from "../concurrency/fiberServices.ts"
import * as Budget from "./budget.ts"
import * as Extractive from "./Extractive.ts"
import * as Gate from "./Gate.ts"
import { continueSent } from "./inPlace.ts"
import { type ModelTask, runModelTask, type TooLarge } from "./modelTask.ts"
import type { RoutePauses } from "./RoutePauses.ts"
import type { SentView } from "../view/incrementalView.ts"

/**
 * The routes and the budget of summaries. `maxCalls` bounds the calls of one compression beyond the first
 * call of each chunk; default 8. `totalTimeout` bounds all its calls together; default 1.5 times the first route's
 * timeout. `maxTokens` bounds the tokens that they send and receive together; default no bound.
 */
export interface SummarizerOptions {
  readonly routes: ReadonlyArray<Route>
  readonly totalTimeout?: Duration.DurationInput | undefined
  readonly maxCalls?: number | undefined
  readonly maxTokens?: number | undefined
  readonly recovery?: Recovery.Policy | undefined
  /** The caller's own guidance for every summary. */
  readonly instructions?: string | undefined
}

/** A range to be summarized within `maxTokens`. */
export interface Range {
  readonly entries: ReadonlyArray<Logged>
  readonly tokens: number
  readonly maxTokens: number
  readonly focus: string | null
  /** The newest words of the user, which guide the summary if there is no focus. */
  readonly requests: ReadonlyArray<string>
  /** True if the turn that the range breaks off in has ended since, or its request is shown behind the handoff. */
  readonly isAnswered: boolean
  /** Segments before the range, to be condensed beside it. */
  readonly merges: ReadonlyArray<Merge>
  /** The last view that the agent's model was sent, which a route that is the agent's own may continue. */
  readonly sent?: SentView | undefined
  readonly onExhausted: "extract" | "fail"
  /** Why no model is to be asked. */
  readonly withoutModel?: string | undefined
  /** Receives the progress of all calls together. */
  readonly onProgress: (progress: Budget.Progress) => Effect.Effect<void>
  /** Runs once at the end, also after a failure or an interrupt, if a model was asked. */
  readonly onSpent: (spent: Budget.Spent) => Effect.Effect<void>
}

/**
 * A summary that passed the gate. `degraded` says why no model wrote it, or a part of it. `condensed` are the merges
 * that succeeded.
 */
export interface Summary extends Budget.Spent {
  readonly text: string
  readonly model: string
  readonly degraded: string | null
  readonly condensed: ReadonlyArray<Condensed>
  readonly attempts: ReadonlyArray<Attempt>
  readonly budgetLeft: BudgetLeft | null
}

/** Segments condensed into one text. */
export type Condensed = Pick<Merge, "children"> & Pick<Part, "text" | "model">

/** Summarizes ranges of the log. */
export class Summarizer extends Context.Tag("throughline/Summarizer")<
  Summarizer,
  {
    /**
     * Summarizes a range. Interruptible: a caller whose summary must not be interrupted shields it. Fails only with
     * `onExhausted: "fail"`.
     */
    readonly summarize: (range: Range) => Effect.Effect<Summary, Exhausted>
    /** The model asked first and its host, for log lines. */
    readonly model: string
  }
>() {}

/**
 * Builds the service. Without a route to a model the embedded summarizer writes every summary. Fails with `InvalidPolicy`
 * if a budget, a recovery or a route cannot be followed: else it would fail a compression, or ask no model at all.
 */
export const make = Effect.fnUntraced(function* (options: SummarizerOptions) {
  const services = yield* Effect.context<ModelClients | RoutePauses>()
  const routes = options.routes.filter((route) => route.provider !== EMBEDDED)
  const [first] = routes
  const env: Environment = {
    routes,
    recovery: options.recovery ?? Recovery.defaults,
    instructions: options.instructions ?? null,
    counter: yield* inUse
  }
  const beginWindows = Budget.makeRouteWindows()
  yield* checkAll([Budget.checkBudget(options), Recovery.checkPolicy(env.recovery), ...routes.map(checkRoute)])

  const summarize = Effect.fn("Summarizer.summarize")(function* (range: Range) {
    const isAnswered = range.isAnswered || hasTurnEnd(range.entries)
    // Nothing a model wrote of them could be true, and nobody may take it for a summary.
    const reason = Prompt.hasWords(range.entries) ? range.withoutModel : WORDLESS
    if (reason !== undefined) return yield* summarizeEmbedded(env, { ...range, merges: [] }, isAnswered, reason)
    if (first === undefined) return yield* summarizeEmbedded(env, range, isAnswered, null)
    const spending = yield* Budget.startSpending(Budget.makeBudget(first, options), beginWindows())
    yield* Effect.addFinalizer(() =>
      Effect.flatMap(Budget.readSpent(spending), (spent) =>
        spent.modelCalls === 0 ? Effect.void : range.onSpent(spent)
      )
    )
    const tally = Budget.makeTally(range.onProgress)
    const job: Job = { env, range, spending, tally, learning: yield* Effect.makeSemaphore(1) }
    const condensing = yield* beginCondensing(job, isAnswered)
    const { addTo, tokensLeft: maxTokens } = yield* runInSlices(
      Handoff.quoteUser(range.entries, env.counter, range.maxTokens)
    )
    const progress = tally.begin(maxTokens)
    const whole = { ...range, maxTokens, isAnswered, progress, covered: range.tokens, cuts: [], isWhole: true }
    const part = yield* summarizeWithin(job, whole)
    return {
      ...part,
      text: part.model === EMBEDDED ? part.text : addTo(part.text),
      condensed: yield* condensing,
      attempts: yield* Ref.get(spending.attempts),
      ...(yield* Budget.readSpent(spending)),
      budgetLeft: yield* Budget.readBudgetLeft(spending)
    }
  }, Effect.scoped)

  return Summarizer.of({
    summarize: (range) => Effect.provide(summarize({ ...range, entries: omitRecalled(range.entries) }), services),
    model: first === undefined ? EMBEDDED : label(first)
  })
})

export const layer = (options: SummarizerOptions) => Layer.effect(Summarizer, make(options))

const EMBEDDED = "embedded"

/** Shared by all summaries of one summarizer. */
interface Environment {
  readonly routes: ReadonlyArray<Route>
  readonly recovery: Recovery.Policy
  readonly instructions: string | null
  readonly counter: Counter
}

/** Shared by the calls of one summary: its range, its budget, and their progress. */
interface Job {
  readonly env: Environment
  readonly range: Range
  readonly spending: Budget.Spending
  readonly tally: Budget.Tally
  /** Held by the chunk that finds out what the server takes, while others that it has refused wait. */
  readonly learning: Effect.Semaphore
}

/** The summary of the range or of one chunk of it. */
interface Part {
  readonly text: string
  readonly model: string
  readonly degraded: string | null
}

/** A chunk of the range, and within how many tokens to summarize it. */
interface Chunk {
  readonly entries: ReadonlyArray<Logged>
  readonly tokens: number
  readonly maxTokens: number
  readonly isAnswered: boolean
  readonly progress: Budget.PartProgress
  /** The tokens of the range before it was cut. The summary has to be smaller. */
  readonly covered: number
  /** True for the range itself. */
  readonly isWhole: boolean
  /** The errors because of which the chunk has been cut out of a larger one. */
  readonly cuts: ReadonlyArray<ModelError["_tag"]>
}

const WORDLESS = "the messages that left the view have no words that can be read"

const summarizeEmbedded = (env: Environment, range: Range, isAnswered: boolean, degraded: string | null) =>
  Effect.map(extract(env, range, range, degraded), (part) => ({
    ...part,
    condensed: range.merges.map((merge) => ({
      children: merge.children,
      text: Extractive.condenseSegments(merge, isAnswered, env.counter),
      model: EMBEDDED
    })),
    modelCalls: 0,
    tokensSpent: 0,
    attempts: [],
    budgetLeft: null
  }))

const extract = (
  { counter }: Environment,
  { focus }: Range,
  { entries, isAnswered, maxTokens }: Pick<Chunk, "entries" | "isAnswered" | "maxTokens">,
  degraded: string | null
): Effect.Effect<Part> =>
  Effect.map(
    runInSlices(Extractive.summarizeInSteps(entries, { counter, focus, isAnswered, maxTokens })),
    (text): Part => ({ text, model: EMBEDDED, degraded })
  )

type Summarizing = Effect.Effect<Part, Exhausted, ModelClients | RoutePauses | Scope.Scope>

/** Summarizes the range whole, or in chunks if it is larger than the window is believed to be. */
const summarizeWithin = (job: Job, whole: Chunk): Summarizing =>
  Effect.gen(function* () {
    const { env, spending } = job
    const { isUncertain, tokens: window } = Budget.findWindow(spending, env.routes)
    const room = Prompt.measureRoom(window, whole.maxTokens)
    const counted = whole.tokens <= room ? [] : yield* runInSlices(Prompt.countInSteps(whole.entries, env.counter))
    const chunks = Prompt.chunkUpTo(counted, room, env.counter)
    if (chunks.length === 1) return yield* summarizeChunk(job, whole, window)
    return yield* summarizeChunks(job, whole, chunks, isUncertain)
  })

/** Asks the models for one summary, cuts the chunk if it is too large for them, and extracts if none answers. */
const summarizeChunk = (job: Job, whole: Chunk, window: number): Summarizing =>
  Effect.gen(function* () {
    const { env, range, spending } = job
    const chunk = { ...whole, maxTokens: Prompt.limitSummary(whole.maxTokens, window) }
    const material = yield* runInSlices(Prompt.renderInSteps(chunk.entries))
    const own = whole.isWhole ? { ...whole, maxTokens: range.maxTokens } : chunk
    const { focus, requests, sent } = range
    const input = { ...chunk, focus, requests, instructions: env.instructions, rejected: null }
    const task = yield* chargeWork(() =>
      makeSummaryTask(env, {
        ...input,
        material,
        cuts: Prompt.canHalve(chunk.entries) ? chunk.cuts : null,
        onProgress: chunk.progress.onProgress,
        inPlace: whole.isWhole ? (route) => continueSent(sent, route, input, env.counter) : undefined
      })
    )
    return yield* runModelTask(task, spending).pipe(
      Effect.ensuring(chunk.progress.end),
      Effect.map(({ route: model, value }): Part => {
        return { text: Gate.redactAndTrim(value, chunk.maxTokens, env.counter), model, degraded: null }
      }),
      Effect.catchTags({
        TooLarge: (refused) => job.learning.withPermits(whole.cuts.length === 0 ? 1 : 0)(cutAgain(job, whole, refused)),
        Exhausted: (exhausted) =>
          range.onExhausted === "fail" ? exhausted : extract(env, range, own, Gate.describeExhaustion(exhausted))
      })
    )
  })

/** The refused call was the first of its chunk, so each piece has one of its own. */
const cutAgain = (job: Job, whole: Chunk, { error, window }: TooLarge): Summarizing =>
  Effect.gen(function* () {
    const { env, spending } = job
    const entries = yield* runInSlices(Prompt.countInSteps(whole.entries, env.counter))
    const chunks = Prompt.splitToFit({ ...whole, entries }, window, env.counter)
    yield* Ref.update(spending.callsLeft, (calls) => calls + 1)
    return yield* summarizeChunks(job, { ...whole, cuts: [...whole.cuts, error._tag] }, chunks, true)
  })

/**
 * Summarizes each chunk on its own and joins the sections by plain code, so that no word goes through two models. They
 * go all at once, bounded by the places of the route. After a refusal the first one shows whether the route takes the
 * others, which are cut again if it does not.
 */
const summarizeChunks = Effect.fnUntraced(function* (
  job: Job,
  whole: Chunk,
  chunks: ReadonlyArray<ReadonlyArray<Logged>>,
  isProbing: boolean
) {
  yield* whole.progress.end
  yield* Ref.update(job.spending.callsLeft, (calls) => calls + chunks.length - 1)
  const maxTokens = Math.floor(Math.max(whole.maxTokens / 2, (whole.maxTokens * 1.5) / chunks.length))
  const summaries = chunks.map((entries, index) => {
    const isAnswered = whole.isAnswered || chunks.slice(index + 1).some(hasTurnEnd)
    const progress = job.tally.begin(maxTokens)
    const own = { entries, tokens: total(entries), isAnswered, maxTokens, progress, isWhole: false }
    return summarizeWithin(job, { ...whole, ...own })
  })
  const probes = isProbing ? summaries.slice(0, 1) : []
  const parts = [
    ...(yield* Effect.all(probes)),
    ...(yield* Effect.all(summaries.slice(probes.length), { concurrency: "unbounded" }))
  ]
  const sections = Handoff.merge(parts.map(({ text }) => Handoff.parse(text)))
  return {
    text: Handoff.render(Handoff.fit(sections, job.env.counter, whole.maxTokens)),
    model: parts.find(({ model }) => model !== EMBEDDED)?.model ?? EMBEDDED,
    degraded: parts.find(({ degraded }) => degraded !== null)?.degraded ?? null
  } satisfies Part
})

/** `covered` are the tokens that the material stands for, `cuts` those of a `ModelTask`. */
type SummaryRequest = Omit<Prompt.PromptInput, "instructions" | "rejected"> &
  Pick<ModelTask<string>, "cuts" | "onProgress" | "inPlace"> & { readonly covered: number }

const makeSummaryTask = (env: Environment, request: SummaryRequest): ModelTask<string> => {
  const { counter, instructions } = env
  const { covered, cuts, inPlace, material, maxTokens, onProgress } = request
  return {
    ...env,
    name: "compression",
    cuts,
    tokens: counter.text(material) + Prompt.PROMPT_TOKENS,
    request: (hint, window) => ({
      task: "compression",
      messages: Prompt.renderPrompt({ ...request, instructions, rejected: hint }),
      maxOutputTokens: Prompt.limitAnswer(maxTokens, window)
    }),
    accept: (route, { finish, reasoning, text }) => {
      const measure = { counter, coveredTokens: covered, maxTokens, missing: Handoff.findMissingHeadings }
      return Gate.checkSummary({ route, text, reasoning, finish, ...measure })
    },
    onProgress,
    inPlace
  }
}

/**
 * Forks the merges and returns an effect that gives those that succeeded, to be run once the range is done. A merge that
 * is not done by then is given as long again, and is left to another time. A failed merge fails nothing else.
 */
const beginCondensing = Effect.fnUntraced(function* (job: Job, isAnswered: boolean) {
  const { range, spending } = job
  const isPoor = (yield* Ref.get(spending.tokensLeft)) < MERGE_TOKENS_RATIO * range.tokens
  const affordable = yield* Ref.modify(spending.callsLeft, (calls) => {
    const merges = isPoor ? [] : range.merges.slice(0, Math.max(0, calls - CALLS_KEPT_FOR_RANGE))
    return [merges, calls - merges.length]
  })
  const begun = yield* monotonicMillis
  const fibers = yield* Effect.forEach(affordable, (merge) => Effect.forkScoped(condense(job, merge, isAnswered)))
  return Effect.gen(function* () {
    const patience = Math.max(MIN_MERGE_PATIENCE, (yield* monotonicMillis) - begun)
    const ended = yield* Effect.forEach(fibers, (fiber) => Effect.timeoutOption(Fiber.await(fiber), patience), {
      concurrency: "unbounded"
    })
    return ended.flatMap((exit) => (Option.isSome(exit) && Exit.isSuccess(exit.value) ? [exit.value.value] : []))
  })
})

/** Calls that merges leave to the range for its retries and routes. */
const CALLS_KEPT_FOR_RANGE = 4
/** Merges are made only if the budget has this many times the tokens of the range. */
const MERGE_TOKENS_RATIO = 2
/** The least time in milliseconds that a merge gets after its range. */
const MIN_MERGE_PATIENCE = 10_000

/** Makes one call and no more, because the retries belong to the range. */
const condense = Effect.fnUntraced(function* (
  { env, spending, tally }: Job,
  { children, maxTokens: room }: Merge,
  isAnswered: boolean
) {
  const { addTo, tokensLeft: maxTokens } = Handoff.quoteUserAgain(children, env.counter, room)
  const progress = tally.begin(maxTokens)
  const task = makeSummaryTask(env, {
    material: Prompt.renderSegments(children),
    covered: children.reduce((sum, { tokens }) => sum + tokens, 0),
    isOfSummaries: true,
    isAnswered,
    maxTokens,
    focus: null,
    requests: [],
    cuts: null,
    onProgress: progress.onProgress
  })
  const answer = yield* runModelTask(task, { ...spending, callsLeft: yield* Ref.make(1) }).pipe(
    Effect.ensuring(progress.end)
  )
  return {
    children,
    text: addTo(Gate.redactAndTrim(answer.value, maxTokens, env.counter)),
    model: answer.route
  } satisfies Condensed
})
