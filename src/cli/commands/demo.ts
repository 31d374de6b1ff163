/** `throughline demo`: a long agent session outgrows its window and is compressed beside its turns. */
import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import { basename, relative } from "node:path"
import process from "node:process"
import { text } from "../../message/Message.ts"
import { DemoEvent, type DemoOutcome, layerDemo, PRETENDED_DELAY, replaySession } from "../demo/replay.ts"
import { CommandError, printAnswer } from "../io.ts"
import { jsonOption } from "../options.ts"
import { drawBar, drawBeforeAfter } from "../terminal/bars.ts"
import { formatCount, printNotice, styleOf, wrapWords } from "../terminal/terminal.ts"
import { partsOfView } from "./inspect.ts"

const contextLength = 200_000

export const command = Command.make("demo", { json: jsonOption }, ({ json }) =>
  Effect.gen(function* () {
    const replaying = replaySession((event) =>
      json ? Effect.void : Effect.forEach(formatEvent(event), printNotice, { discard: true })
    )
    const outcome = yield* Effect.provide(replaying, layerDemo(contextLength))
    const { checks, result } = outcome
    yield* printAnswer(json, { result, checks }, () => formatOutcome(outcome))
    if (checks.some(({ holds }) => !holds)) {
      return yield* new CommandError({ message: "a check of the demo does not hold" })
    }
  })
).pipe(Command.withDescription("Replay a long agent session through a compression, and check that nothing was lost"))

/** A bar for each turn. Together the bars show how the window fills up, and how a compression empties it. */
const formatEvent = (event: DemoEvent): ReadonlyArray<string> => {
  const { color, width } = styleOf(process.stderr)
  const wrapEvent = (sentence: string) => wrapWords(sentence, width, " ".repeat(8))
  return DemoEvent.$match(event, {
    ReplayStarted: ({ messages, turns }) => [
      ...wrapWords(
        `A scripted coding agent works through ${turns} turns, ${formatQuantity(messages, "message")}, in a window of ` +
          `${formatCount(contextLength)} tokens that is compressed at half of it. No model is called: the replies are written in advance, and the ` +
          `summary is an extract by the embedded summarizer, which pretends to take ${PRETENDED_DELAY} as a model would.`,
        width
      ),
      ""
    ],
    TurnAnswered: ({ millisMeanwhile, turn, view }) => {
      const tokens = `~${formatCount(view.tokens)} tokens`
      const size = width < 60 ? tokens : `${formatCount(view.messages.length).padStart(3)} messages  ${tokens}`
      const bar = drawBar(partsOfView(view), contextLength, { color, width: width - "turn 00   ".length - 29 })
      const line = `turn ${String(turn).padStart(2)} ${bar} ${size}`
      if (millisMeanwhile === null) return [line]
      return [line, ...wrapEvent(`turn ${turn} took ${formatCount(millisMeanwhile)} ms beside the compression`)]
    },
    CompressionStarted: ({ messages, tokens }) =>
      wrapEvent(
        `over the soft threshold: summarizing ${formatQuantity(messages, "message")}, ~${formatCount(tokens)} tokens`
      ),
    MessagesArrived: ({ messages }) => wrapEvent(`${messages} messages arrive meanwhile and are acknowledged at once`),
    CompressionCommitted: ({ result }) =>
      wrapEvent(`handoff ${result.outcome} after ${(result.durationMs / 1_000).toFixed(1)} s; no turn waited for it`)
  })
}

/** Fills one screen at most, so that nothing of it has scrolled away when the demo ends. */
const formatOutcome = (outcome: DemoOutcome): ReadonlyArray<string> => {
  const style = styleOf(process.stdout)
  const wrapLine = (sentence: string) => wrapWords(sentence, style.width)
  const before = [
    "",
    ...drawBeforeAfter(partsOfView(outcome.before), partsOfView(outcome.after), contextLength, style),
    ...formatSums(outcome).flatMap(wrapLine),
    "",
    ...outcome.checks.map(({ holds, name }) => `${holds ? "✓" : "✗"} ${name}`),
    "",
    ...wrapLine(`The handoff, by the ${outcome.result.model} summarizer, shortened:`)
  ]
  const after = [
    "",
    ...wrapLine("Next, a session of yours (Claude Code, Codex, pi, JSONL):"),
    `  ${programName()} import CHAT.jsonl --db sessions.db`
  ]
  // The last row is the prompt of the shell.
  const room = (process.stdout.rows || 24) - 1 - before.length - after.length
  return [...before, ...excerptHandoff(outcome, Math.min(12, Math.max(5, room)), style.width), ...after]
}

/** Shows that the sizes before and after add up. */
const formatSums = ({ after, before }: DemoOutcome): ReadonlyArray<string> => {
  const { handoff } = after.parts
  const replaced = before.messages.length - after.messages.length + handoff.messages
  const replacedTokens = before.tokens - after.tokens + handoff.tokens
  const share = ((after.tokens / before.tokens - 1) * 100).toFixed(1)
  const [from, minus, plus, to] = [before.tokens, replacedTokens, handoff.tokens, after.tokens].map(formatCount)
  return [
    `${before.messages.length} messages - ${replaced} summarized + ${handoff.messages} handoff = ${after.messages.length} messages`,
    `${from} tokens - ${minus} + ${plus} = ${to} tokens (${share}%)`
  ]
}

/** The sections of the handoff that a reader understands at once. */
const SECTIONS = ["The user's rules, word for word:", "### Done"]

/** Takes the first lines of each section, `room` lines in all, each cut to one row. */
const excerptHandoff = ({ after }: DemoOutcome, room: number, width: number): ReadonlyArray<string> => {
  const lines = after.messages.map(text).join("\n").split("\n")
  const each = Math.floor(room / SECTIONS.length)
  return SECTIONS.flatMap((title, index) => {
    const from = lines.indexOf(title)
    return from < 0 ? [] : lines.slice(from, from + (index === 0 ? room - each : each))
  }).map((line) => (line.length + 2 > width ? `  ${line.slice(0, width - 3)}…` : `  ${line}`))
}

const formatQuantity = (n: number, what: string): string => `${formatCount(n)} ${what}s`

/** The command that starts this program: its file in a checkout, its name where it is installed. */
const programName = (): string => {
  const [, file = ""] = process.argv
  return basename(file) === "main.js" ? `node ${relative(process.cwd(), file)}` : "npx throughline"
}
