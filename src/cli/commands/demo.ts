/** `throughline demo`: a long agent session outgrows its window, and survives. */
import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import process from "node:process"
import { live, PACE } from "../demo/pace.ts"
import { DemoEvent, type DemoOutcome, replaySession } from "../demo/replay.ts"
import { drawBar, drawBeforeAfter } from "../terminal/bars.ts"
import { printAnswer, CommandError, jsonOption } from "../services.ts"
import { terminalWidth, formatCount, hasColor, printNotice } from "../terminal/terminal.ts"
import { partsOfView } from "./inspect.ts"

const contextLength = 200_000

export const command = Command.make("demo", { json: jsonOption }, ({ json }) =>
  Effect.gen(function* () {
    const outcome = yield* Effect.provide(replaySession(json ? () => Effect.void : showEvent), live(contextLength))
    const { checks, result } = outcome
    yield* printAnswer(json, { result, checks }, () => formatOutcome(outcome))
    if (checks.some(({ holds }) => !holds)) {
      return yield* new CommandError({ message: "a check of the demo does not hold" })
    }
  })
).pipe(Command.withDescription("Replay a long agent session through a compression, and check that nothing was lost"))

/** A bar per turn: together they show the window filling up, and what a compression does to it. */
const showEvent = DemoEvent.$match({
  Begun: ({ messages, turns }) =>
    printNotice(
      `A coding agent's session: ${formatCount(messages)} messages in ${turns} turns, in a window of ${formatCount(contextLength)} tokens.\n`
    ),
  Answered: ({ meanwhile, turn, view }) => {
    const style = { width: Math.max(20, terminalWidth(process.stderr) - 42), color: hasColor(process.stderr) }
    const size = `${formatCount(view.messages.length).padStart(3)} messages  ~${formatCount(view.tokens)} tokens`
    const line = `turn ${String(turn).padStart(2)} ${drawBar(partsOfView(view), contextLength, style)} ${size}`
    if (meanwhile === null) return printNotice(line)
    return printNotice(
      `${line}\n        turn ${turn} answered in ${formatCount(meanwhile)} ms while the compression was under way`
    )
  },
  Compressing: ({ messages, tokens }) =>
    printNotice(
      `        over the soft threshold: compressing ${formatCount(messages)} messages, ~${formatCount(tokens)} tokens, for ${PACE}`
    ),
  Arrived: ({ messages }) => printNotice(`        ${messages} messages arrive meanwhile, and are acknowledged at once`),
  Compressed: ({ result }) =>
    printNotice(
      `        ${result.outcome} after ${(result.durationMs / 1_000).toFixed(1)} s in which nobody waited: ${formatCount(result.messagesBefore)} → ${formatCount(result.messagesAfter)} messages`
    )
})

const formatOutcome = ({ after, before, checks }: DemoOutcome): ReadonlyArray<string> => [
  "",
  drawBeforeAfter(
    partsOfView(before),
    partsOfView(after),
    contextLength,
    terminalWidth(process.stdout),
    hasColor(process.stdout)
  ),
  "",
  ...checks.map(({ holds, name }) => `${holds ? "✓" : "✗"} ${name}`)
]
