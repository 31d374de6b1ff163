/** `throughline compress ID --db DB [--focus TOPIC] [--config FILE]` */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import process from "node:process"
import { Compressor, Event } from "../../Compressor.ts"
import type { CompressionResult } from "../../CompressionResult.ts"
import { SessionStore } from "../../SessionStore.ts"
import {
  answer,
  CommandError,
  compressor,
  configOption,
  dbOption,
  jsonOption,
  say,
  sessionArg,
  settings,
  store
} from "../shared.ts"

const focus = Options.text("focus").pipe(
  Options.withPseudoName("topic"),
  Options.withDescription("what the summary should dwell on"),
  Options.optional
)

export const command = Command.make(
  "compress",
  { session: sessionArg, db: dbOption, focus, config: configOption, json: jsonOption },
  (args) =>
    Effect.gen(function* () {
      const found = yield* settings(args.config)
      if (!found.enabled) return yield* new CommandError({ message: "compression.enabled is false in the settings" })
      const result = yield* compress(args).pipe(
        Effect.provide(compressor(found).pipe(Layer.provideMerge(store(args.db))))
      )
      yield* answer(args.json, result, () => lines(result))
      if (result.outcome === "failed")
        return yield* new CommandError({ message: result.reason ?? "compression failed" })
    })
).pipe(Command.withDescription("Replace the middle of a session by a handoff"))

const compress = (
  args: Command.Command.ParseConfig<{ session: typeof sessionArg; focus: typeof focus; json: typeof jsonOption }>
) =>
  Effect.gen(function* () {
    const { compress, events } = yield* Compressor
    yield* Effect.flatMap(SessionStore, (sessions) => sessions.state(args.session))
    if (!args.json) yield* Effect.forkScoped(Stream.runForEach(events, show))
    const request = { focus: Option.getOrUndefined(args.focus) }
    return yield* compress(args.session, request)
  }).pipe(Effect.scoped)

/** One line that changes while the model writes; where lines cannot change, only the first. */
const show = Event.$match({
  Started: ({ messages, tokens }) => say(`summarizing ${messages} messages, ~${tokens.toLocaleString("en")} tokens …`),
  Progress: ({ characters }) =>
    Effect.sync(() => {
      if (process.stderr.isTTY) process.stderr.write(`\r  ${characters.toLocaleString("en")} characters written`)
    }),
  Joined: () => Effect.void,
  Ended: () =>
    Effect.sync(() => {
      if (process.stderr.isTTY) process.stderr.write("\r\u001b[K")
    })
})

const lines = (result: CompressionResult): ReadonlyArray<string> => [
  `${result.outcome}: session ${result.sessionId}, generation ${result.generation}`,
  `messages ${result.messagesBefore} -> ${result.messagesAfter}, tokens ~${result.tokensBefore} -> ~${result.tokensAfter}`,
  `${result.modelCalls} model calls in ${(result.durationMs / 1_000).toFixed(1)} s`,
  ...(result.reason === null ? [] : [`reason: ${result.reason}`]),
  ...(result.snapshotId === null ? [] : [`before: ${result.snapshotId}`])
]
