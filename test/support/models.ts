/** Models for random tests: they answer, fail in every way, or answer what is no summary. */
import { Effect, FastCheck, Layer, Stream } from "effect"
import * as ModelError from "../../src/model/ModelError.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { renderSummary } from "./summaryText.ts"
import * as Message from "../../src/message/Message.ts"
import { Provider } from "../../src/model/Provider.ts"
import * as Recovery from "../../src/model/Recovery.ts"
import * as Scripted from "../../src/model/Scripted.ts"

/** A summary that tells which messages were read for it. */
export const oracle = ({ messages }: { readonly messages: ReadonlyArray<Message.Message> }): string => {
  const seqs = messages.flatMap((message) =>
    [...Message.text(message).matchAll(/^#(\d+)(?:-(\d+))? /gm)].flatMap(([, n, to = n]) => [Number(n), Number(to)])
  )
  return renderSummary({
    ...Handoff.empty,
    goal: ["go on"],
    done: ["most of it"],
    facts: [`read #${Math.min(...seqs)} to #${Math.max(...seqs)}`]
  })
}

/** Tells a request to condense segments from one to summarize messages. */
export const isMerge = ({ messages }: { readonly messages: ReadonlyArray<Message.Message> }): boolean =>
  messages.some((message) => /^#\d+-\d+ summary$/m.test(Message.text(message)))

/** The range a summary of the oracle was made from. */
export const rangeOf = (text: string): readonly [number, number] | undefined => {
  const seqs = [...text.matchAll(/read #(\d+) to #(\d+)/g)].flatMap(([, from, to]) => [Number(from), Number(to)])
  return seqs.length === 0 ? undefined : [Math.min(...seqs), Math.max(...seqs)]
}

const detail = "of the script"
const where = { route: "scripted", detail }

/** Every way in which a call fails without an answer. */
export const failures: ReadonlyArray<ModelError.ModelError> = [
  new ModelError.Timeout({ route: "scripted", phase: "total", deadline: 1 }),
  new ModelError.ConnectionError(where),
  new ModelError.Interrupted({ route: "scripted", by: "provider" }),
  new ModelError.RateLimited({ route: "scripted", retryAfter: 2_000 }),
  new ModelError.Unauthorized(where),
  new ModelError.QuotaExceeded(where),
  new ModelError.ModelUnavailable(where),
  new ModelError.ProviderError({ ...where, status: 502 })
]

/** In every answer the gate turns away. */
export const REJECTED = "marzipan"

const complete = renderSummary({ ...Handoff.empty, goal: [REJECTED], done: [REJECTED] })

/** Answers that the gate rejects, each with its reason; those with words hold `REJECTED`. */
export const rejected: ReadonlyArray<readonly [ModelError.GateReason, Scripted.ScriptedOutcome]> = [
  ["empty", ""],
  ["empty", " \n\t"],
  ["error-text", `Error: 500 ${REJECTED}`],
  ["error-text", JSON.stringify({ error: REJECTED })],
  ["refusal", `I'm sorry, but I can't help with that ${REJECTED}.`],
  ["refusal", { text: complete, finish: "refusal" }],
  ["html", `<html><body>${REJECTED}</body></html>`],
  ["reasoning-only", `<think>${REJECTED}</think>`],
  ["cut-off", { text: complete, finish: "length" }],
  ["sections-missing", `We spoke about ${REJECTED} for a while, and then about other things.`],
  ["not-smaller", renderSummary({ ...Handoff.empty, goal: [`${REJECTED} `.repeat(4_000)], done: ["x"] })]
]

const seconds = (most: number) => FastCheck.integer({ min: 0, max: most })

/** An answer of the oracle that takes some seconds, in one or two pieces. */
export const answers: FastCheck.Arbitrary<Scripted.ScriptedOutcome> = FastCheck.tuple(
  seconds(12),
  FastCheck.boolean()
).map(([delay, inPieces]) => (request): Scripted.ScriptedOutcome => {
  const text = oracle(request)
  return { text: inPieces ? [text.slice(0, 9), text.slice(9)] : text, delay: delay * 1_000 }
})

const broken = FastCheck.record({
  partial: FastCheck.constantFrom("", "## Goal"),
  end: FastCheck.constantFrom("cut" as const, "hang" as const, ...failures),
  delay: seconds(6).map((delay) => delay * 1_000)
}).map((outcome): Scripted.ScriptedOutcome => outcome)

/** Everything that can become of a call which does not ask for smaller chunks. */
export const outcomes: FastCheck.Arbitrary<Scripted.ScriptedOutcome> = FastCheck.oneof(
  { weight: 3, arbitrary: answers },
  { weight: 2, arbitrary: FastCheck.constantFrom(...failures) },
  { weight: 1, arbitrary: FastCheck.constantFrom(...rejected).map(([, outcome]) => outcome) },
  { weight: 1, arbitrary: broken }
)

const overflow = new ModelError.ContextOverflow({ route: "scripted", detail })

/** A script that in the end goes on for ever with its last outcome. */
export const script = (outcome: FastCheck.Arbitrary<Scripted.ScriptedOutcome>) =>
  FastCheck.array(outcome, { minLength: 1, maxLength: 6 })

export const outcomesWithOverflow = FastCheck.oneof(
  { weight: 6, arbitrary: outcomes },
  { weight: 1, arbitrary: FastCheck.constant<Scripted.ScriptedOutcome>(overflow) }
)

/** A scripted model that knows how many calls were under way at once. */
export const makeCountingModel = (outcomes: ReadonlyArray<Scripted.ScriptedOutcome>) => {
  const model = Scripted.make(outcomes)
  const calls = { now: 0, most: 0 }
  const begin = Effect.sync(() => {
    calls.now += 1
    calls.most = Math.max(calls.most, calls.now)
  })
  const call = Stream.acquireRelease(begin, () => Effect.sync(() => void (calls.now -= 1)))
  const layer = Layer.effect(
    Provider,
    Effect.map(Provider, ({ open }) => ({
      open: (route) =>
        Effect.map(open(route), (client) => ({
          ...client,
          stream: (route, request) => Stream.flatMap(call, () => client.stream(route, request))
        }))
    }))
  ).pipe(Layer.provide(model.layer))
  return { layer, calls, model }
}

/** Any action, with the numbers and pauses that the test is about. */
export const anyRule = (parts: {
  readonly times: FastCheck.Arbitrary<number>
  readonly delay: FastCheck.Arbitrary<number>
  readonly pause?: FastCheck.Arbitrary<Recovery.PauseScope | undefined>
}): FastCheck.Arbitrary<Recovery.Rule> =>
  FastCheck.record({
    pause: FastCheck.constant(undefined),
    ...parts,
    action: FastCheck.constantFrom(...Recovery.actions)
  })

/** A policy with a rule of its own for each error. */
export const anyPolicyOf = (rule: FastCheck.Arbitrary<Recovery.Rule>): FastCheck.Arbitrary<Recovery.Policy> =>
  FastCheck.record({
    Timeout: rule,
    ConnectionError: rule,
    Interrupted: rule,
    RateLimited: rule,
    Unauthorized: rule,
    QuotaExceeded: rule,
    ModelUnavailable: rule,
    ContextOverflow: rule,
    InvalidSummary: rule,
    ProviderError: rule
  })
