/** Measures the cost of compressing: all model tokens spent on it, against the tokens of the history itself. */
import { Effect } from "effect"
import * as Compressor from "../../src/compression/Compressor.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { renderSummary } from "../../test/support/summaryText.ts"
import { estimate } from "../../src/message/Tokens.ts"
import type { Measure } from "./measure.ts"
import type { Write } from "./oracle.ts"
import { read } from "./prompts.ts"
import { id, world } from "./replay.ts"
import * as Session from "./session.ts"

/** Default policy, compressions when the library wants them; `windows` says how many windows long the history is. */
export const measure = Effect.fnUntraced(function* (
  seed: number,
  contextLength: number,
  windows: number,
  most: number | null
) {
  const linesPerResult = Math.max(4, Math.ceil(contextLength / 1_600))
  const tokensPerTurn = 3 * 13 * linesPerResult
  const rounds = Math.ceil((windows * contextLength) / (5 * tokensPerTurn))
  const session = Session.make(seed, {
    rounds,
    turnsPerRound: 5,
    linesPerResult,
    factsPerRound: 2,
    constraints: 16,
    overrides: 2
  })
  const { answers, layer, requests } = world({ contextLength, write: wordy, mode: "background" })
  const history = yield* Effect.provide(live(session), layer)
  const asked = requests
    .flatMap(({ messages }) => messages)
    .reduce((sum, message) => sum + estimate.message(message), 0)
  const answered = answers.reduce((sum, answer) => sum + estimate.text(answer), 0)
  return {
    name: `model tokens per token of history, window ${contextLength / 1_000}k`,
    value: (asked + answered) / history,
    unit: "×",
    gate: most === null ? null : { most },
    detail: `${requests.length} calls, ${asked} + ${answered} tokens for ${history}`
  } satisfies Measure
})

/** An agent that looks at its view before each step. Returns the tokens of the log. */
const live = Effect.fnUntraced(function* ({ rounds }: Session.Session) {
  const gateway = yield* Gateway.Gateway
  const compressor = yield* Compressor.Compressor
  let tokens = 0
  for (const { messages, request } of rounds.flat()) {
    yield* gateway.deliver(id, { role: "user", content: request })
    yield* gateway.turn(id, (turn) => Effect.forEach(messages, (message) => turn.step(() => turn.append(message))))
    yield* compressor.settled(id)
    tokens += estimate.message({ role: "user", content: request })
    for (const message of messages) tokens += estimate.message(message)
  }
  return tokens
})

/** Takes all the room it is given, as models do. */
const wordy: Write = (request) => {
  const { material, maxTokens } = read(request)
  const lines = material.split("\n").map((line) => line.trim())
  const telling = lines.filter((line, i) => line.length > 40 && i % Math.ceil(lines.length / 400) === 0)
  const facts = telling.map((line, i) => `seen ${i}: ${line}`)
  return renderSummary(Handoff.fit({ ...Handoff.empty, goal: ["go on"], facts }, estimate, maxTokens))
}
