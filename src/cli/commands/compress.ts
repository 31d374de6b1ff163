/** `throughline compress ID --db DB [--focus TOPIC] [--config FILE]` */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import process from "node:process"
import { type CompressionEvent, formatDuration, progressShare } from "../../compression/CompressionEvent.ts"
import { Gateway } from "../../gateway/Gateway.ts"
import type { CompressionResult } from "../../session/CompressionResult.ts"
import type { SessionId } from "../../session/Session.ts"
import type { Settings } from "../config/settings.ts"
import { drawProgress } from "../terminal/bars.ts"
import { CommandError, printAnswer } from "../io.ts"
import { configOption, dbOption, jsonOption, sessionArg } from "../options.ts"
import { layerGateway, loadSettings, SHUTDOWN_GRACE } from "../services.ts"
import { canReplaceLine, formatCount, printNotice, replaceLine, styleOf } from "../terminal/terminal.ts"

const focus = Options.text("focus").pipe(
  Options.withPseudoName("topic"),
  Options.withDescription("the topic that the summary should keep in most detail"),
  Options.optional
)

interface CompressArguments {
  readonly session: SessionId
  readonly focus: Option.Option<string>
  readonly json: boolean
}

export const command = Command.make(
  "compress",
  { session: sessionArg, db: dbOption, focus, config: configOption, json: jsonOption },
  (args) =>
    Effect.gen(function* () {
      const settings = yield* loadSettings(args.config)
      if (!settings.enabled) {
        const file = Option.getOrElse(args.config, () => "environment")
        return yield* new CommandError({ message: `${file}: compression.enabled is false` })
      }
      const result = yield* Effect.provide(compressSession(args, settings), layerGateway(args.db, settings))
      yield* printAnswer(args.json, result, () => formatResult(result))
      if (result.outcome === "failed") {
        return yield* new CommandError({ message: result.reason ?? "the compression failed" })
      }
    })
).pipe(Command.withDescription("Replace the middle of a session with a short handoff"))

const compressSession = ({ focus, json, session }: CompressArguments, settings: Settings) =>
  Effect.gen(function* () {
    const { compress, events, view } = yield* Gateway
    const [route] = settings.routes("compression")
    // An unknown session fails before anything is printed.
    yield* view(session)
    if (route === undefined || route.provider === "embedded") {
      yield* printNotice(`throughline: ${explainOffline(settings)}, using the embedded summarizer (works offline)`)
    } else if (!json) yield* showProgress(`compressing ${session} with ${route.model}`, events)
    return yield* compress(session, { focus: Option.getOrUndefined(focus) }).pipe(
      Effect.onInterrupt(() =>
        printNotice(`throughline: interrupted, waiting up to ${SHUTDOWN_GRACE} for the compression under way`)
      )
    )
  }).pipe(Effect.scoped)

const explainOffline = ({ lacksModelName }: Settings): string =>
  lacksModelName
    ? "OPENAI_API_KEY is set but THROUGHLINE_MODEL is not (set it, e.g. to gpt-5.5, to use a model)"
    : "no model configured"

const showProgress = (what: string, events: Stream.Stream<CompressionEvent>) =>
  Effect.gen(function* () {
    yield* printNotice(`${what} …`)
    yield* Effect.addFinalizer(() => replaceLine(""))
    yield* Effect.forkScoped(Stream.runForEach(events, makeProgressPrinter()))
    // Lets the subscription start before the first event.
    yield* Effect.yieldNow()
  })

/** Draws a bar while the model writes. Where lines cannot be replaced, prints a line for each quarter. */
const makeProgressPrinter = () => {
  let quarters = 0
  return (event: CompressionEvent): Effect.Effect<void> => {
    if (event._tag === "Started")
      return printNotice(`${formatCount(event.messages)} messages, ~${formatCount(event.tokens)} tokens`)
    if (event._tag !== "Progress") return Effect.void
    const { millisecondsLeft, tokensExpected, tokensWritten } = event
    const left =
      millisecondsLeft === null || millisecondsLeft === 0 ? "" : `, about ${formatDuration(millisecondsLeft)} left`
    if (canReplaceLine()) {
      const { color, width } = styleOf(process.stderr)
      const style = { color, width: Math.max(10, width - 30) }
      return replaceLine(`${drawProgress(tokensWritten, tokensExpected, style)} ${progressShare(event)} %${left}`)
    }
    const quartersNow = Math.floor(progressShare(event) / 25)
    if (quartersNow === quarters) return Effect.void
    quarters = quartersNow
    return printNotice(`${progressShare(event)} % written${left}`)
  }
}

const formatResult = (result: CompressionResult): ReadonlyArray<string> => [
  `${result.outcome}: session ${result.sessionId}, generation ${result.generation}`,
  `messages ${formatCount(result.messagesBefore)} → ${formatCount(result.messagesAfter)}, tokens ~${formatCount(result.tokensBefore)} → ~${formatCount(result.tokensAfter)}`,
  `${result.modelCalls === 1 ? "1 model call" : `${formatCount(result.modelCalls)} model calls`} in ${(result.durationMs / 1_000).toFixed(1)} s${result.tokensSpent === 0 ? "" : `, ~${formatCount(result.tokensSpent)} tokens`}`,
  ...(result.model === null ? [] : [`summary by ${result.model}`]),
  ...(result.reason === null ? [] : [`reason: ${result.reason}`]),
  ...(result.snapshotId === null ? [] : [`the view before: ${result.snapshotId}`])
]
