/** `throughline plan ID --db DB [--steps N] [--price DOLLARS] [--config FILE]` */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type Forecast, forecastCompression, type ForecastThreshold } from "../../gateway/forecast.ts"
import { findWriter } from "../../gateway/stepBudget.ts"
import { Tokens } from "../../message/Tokens.ts"
import { printAnswer } from "../io.ts"
import { configOption, dbOption, jsonOption, sessionArg } from "../options.ts"
import { loadSettings, useStore } from "../services.ts"
import { alignColumns, formatCount } from "../terminal/terminal.ts"

const steps = Options.integer("steps").pipe(
  Options.withDescription("the number of steps that the saving is summed over, 20 unless given"),
  Options.withDefault(20)
)

const price = Options.float("price").pipe(
  Options.withPseudoName("dollars"),
  Options.withDescription("what a million input tokens cost that no cache has, to say the rest in money"),
  Options.optional
)

export const command = Command.make(
  "plan",
  { session: sessionArg, db: dbOption, steps, price, config: configOption, json: jsonOption },
  (args) =>
    Effect.gen(function* () {
      const settings = yield* loadSettings(args.config)
      const state = yield* useStore(args.db, (store) => store.state(args.session))
      const writer = findWriter(settings.routes("compression"))
      const env = { policy: settings.policy, counter: yield* Tokens, writer }
      const forecast = yield* forecastCompression(env, state, { steps: args.steps })
      yield* printAnswer(args.json, forecast, () => formatForecast(forecast, Option.getOrUndefined(args.price)))
    })
).pipe(
  Command.withDescription("Say what a compression of a session would do, save and cost, and when it begins by itself")
)

const formatForecast = (forecast: Forecast, dollars: number | undefined): ReadonlyArray<string> => {
  const { after, cost, leaving, savedLater, savedPerStep, steps, stepsToPayBack, threshold, view, writer } = forecast
  const money = (tokens: number): string =>
    dollars === undefined
      ? `${formatCount(Math.round(tokens))} input tokens`
      : `$${((tokens * dollars) / 1_000_000).toFixed(4)}`
  const now = ["view now", `${formatCount(view.messages)} messages, ~${formatCount(view.tokens)} tokens`]
  const begins = ["begins", explainBegin(threshold, money)]
  if (leaving === null) return alignColumns([now, ["would leave", "nothing"], begins])
  const pays =
    stepsToPayBack === null ? "never paid back, as reading is free" : `paid back after ${stepsToPayBack} steps`
  const less = formatCount(view.tokens - after.tokens)
  const range = `#${leaving.fromSeq} to #${leaving.toSeq}`
  return alignColumns([
    now,
    [
      "would leave",
      `${range}: ${formatCount(leaving.messages)} messages, ~${formatCount(leaving.tokens)} tokens, to recall`
    ],
    ["view after", `at most ~${formatCount(after.tokens)} tokens`],
    [
      "saves",
      `${less} tokens a step, ${money(savedPerStep)}; ${money(savedLater)} over the next ${steps}, cost taken off`
    ],
    ["costs", `at most ${money(cost)}, ${WRITERS[writer]}; ${pays}`],
    begins
  ])
}

const WRITERS = {
  "in-place": "a summary in place",
  model: "a summary by a model that reads what leaves",
  embedded: "without a model"
} as const

const explainBegin = (
  { carried, expected, isDue, latest, tokensPerStep }: ForecastThreshold,
  money: (tokens: number) => string
): string => {
  const read = `reading what could have left has cost ${money(carried)} so far`
  if (isDue) return `at the next step: ${read}`
  if (expected === null) return "only when asked, or before a step that does not fit"
  if (expected < latest)
    return `at about ${formatCount(expected)} tokens if the view grows by ${formatCount(tokensPerStep)} a step: ${read}`
  return `at ${formatCount(latest)} tokens: ${read}`
}
