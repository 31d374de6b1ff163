/** `throughline demo`: a long agent session outgrows its window, and survives. */
import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import process from "node:process"
import { live, PACE } from "../demo/pace.ts"
import { Happening, type Outcome, replay } from "../demo/replay.ts"
import { bar, beforeAfter } from "../terminal/bars.ts"
import { answer, CommandError, jsonOption } from "../services.ts"
import { columns, count, hasColor, say } from "../terminal/terminal.ts"
import { barOf } from "./inspect.ts"

const contextLength = 200_000

export const command = Command.make("demo", { json: jsonOption }, ({ json }) =>
  Effect.gen(function* () {
    const outcome = yield* Effect.provide(replay(json ? () => Effect.void : show), live(contextLength))
    const { checks, result } = outcome
    yield* answer(json, { result, checks }, () => lines(outcome))
    if (checks.some(({ holds }) => !holds)) {
      return yield* new CommandError({ message: "a check of the demo does not hold" })
    }
  })
).pipe(Command.withDescription("Replay a long agent session through a compression, and check that nothing was lost"))

/** A bar per turn: together they show the window filling up, and what a compression does to it. */
const show = Happening.$match({
  Begun: ({ messages, turns }) =>
    say(
      `A coding agent's session: ${count(messages)} messages in ${turns} turns, in a window of ${count(contextLength)} tokens.\n`
    ),
  Answered: ({ meanwhile, turn, view }) => {
    const style = { width: Math.max(20, columns(process.stderr) - 42), color: hasColor(process.stderr) }
    const size = `${count(view.messages.length).padStart(3)} messages  ~${count(view.tokens)} tokens`
    const line = `turn ${String(turn).padStart(2)} ${bar(barOf(view), contextLength, style)} ${size}`
    if (meanwhile === null) return say(line)
    return say(`${line}\n        turn ${turn} answered in ${count(meanwhile)} ms while the compression was under way`)
  },
  Compressing: ({ messages, tokens }) =>
    say(
      `        over the soft threshold: compressing ${count(messages)} messages, ~${count(tokens)} tokens, for ${PACE}`
    ),
  Arrived: ({ messages }) => say(`        ${messages} messages arrive meanwhile, and are acknowledged at once`),
  Compressed: ({ result }) =>
    say(
      `        ${result.outcome} after ${(result.durationMs / 1_000).toFixed(1)} s in which nobody waited: ${count(result.messagesBefore)} → ${count(result.messagesAfter)} messages`
    )
})

const lines = ({ after, before, checks }: Outcome): ReadonlyArray<string> => [
  "",
  beforeAfter(barOf(before), barOf(after), contextLength, columns(process.stdout), hasColor(process.stdout)),
  "",
  ...checks.map(({ holds, name }) => `${holds ? "✓" : "✗"} ${name}`)
]
