/** Replays a transcript through the library itself: a gateway on a real store, the stand-in as its summarizer. */
import { Clock, Duration, Effect, Layer, Logger, LogLevel, Redacted } from "effect"
import * as Compressor from "../../src/compression/Compressor.ts"
import type { PolicyOptions } from "../../src/compression/CompressionPolicy.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import type * as Message from "../../src/message/Message.ts"
import * as Provider from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { estimate } from "../../src/message/Tokens.ts"
import { type Auxiliary, type Call, countCached, type Run, tokensOf } from "./account.ts"
import { answer } from "./standIn.ts"
import { type Transcript, unitsOf } from "./transcript.ts"

/** A system prompt and tools of 8,000 tokens, as coding agents have them. */
export const SYSTEM = "You are a coding agent. ".repeat(1_334)

export interface Options {
  readonly name: string
  readonly policy: PolicyOptions
  /** No model at all. */
  readonly isEmbedded?: boolean
  /** Summaries continue the agent's last request. */
  readonly inPlace?: boolean
  /** The handoff is sent in parts. */
  readonly cacheMarks?: boolean
  /** The user comes back after the cache has expired. */
  readonly isCold?: boolean
}

const id = SessionId.make("priced")

const fake = { model: "fake", baseUrl: "http://fake.invalid/v1", apiKey: Redacted.make("fake") }

/** Each compression ends before the next step, so that a run has one result only. */
export const replay = (
  { cacheMarks = false, inPlace = false, isCold = false, isEmbedded = false, name, policy }: Options,
  transcript: Transcript
): Effect.Effect<Run> => {
  const calls: Array<Call> = []
  const auxiliary: Array<Auxiliary> = []
  let paused = 0
  const model = Scripted.make([
    (request) => {
      const text = answer(request, transcript)
      const sent = request.messages.flatMap(unitsOf)
      const cached = countCached(sent, calls.at(-1)?.request ?? [])
      auxiliary.push({ calls: calls.length, input: tokensOf(sent), cached, output: estimate.text(text) })
      return text
    }
  ])
  const layer = Gateway.layer({
    policy,
    routes: isEmbedded ? [] : [Provider.route({ ...fake, contextLength: policy.contextLength, inPlace })]
  }).pipe(
    Layer.provideMerge(Sqlite.layerTemporary),
    Layer.provide(model.layer),
    Layer.provideMerge(Logger.minimumLogLevel(LogLevel.Error))
  )
  return Effect.gen(function* () {
    yield* live(transcript.messages, calls, cacheMarks, () => (paused += isCold ? PAUSE : 0))
    const { generation } = yield* Effect.flatMap(SessionStore, (store) => store.state(id))
    return { name, calls, auxiliary, compressions: generation } satisfies Run
  }).pipe(Effect.provide(layer), Effect.orDie, Effect.withClock(makeClock(() => paused)))
}

/** In milliseconds: longer than any cache lives. */
const PAUSE = Duration.toMillis("40 minutes")

/** The time of the machine, and the pauses of the user. */
const makeClock = (countPaused: () => number): Clock.Clock => {
  const machine = Clock.make()
  const millis = () => machine.unsafeCurrentTimeMillis() + countPaused()
  const nanos = () => machine.unsafeCurrentTimeNanos() + BigInt(countPaused()) * 1_000_000n
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: millis,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) => machine.sleep(duration)
  }
}

/** The agent does what the transcript says, and every call of its model has the view of that moment. */
const live = Effect.fnUntraced(function* (
  messages: ReadonlyArray<Message.Message>,
  calls: Array<Call>,
  cacheMarks: boolean,
  pause: () => void
) {
  const gateway = yield* Gateway.Gateway
  const compressor = yield* Compressor.Compressor
  const isUser = (i: number) => messages[i]?.role === "user" || messages[i]?.role === "system"
  for (let i = 0; i < messages.length;) {
    if (isUser(i)) {
      pause()
      yield* gateway.deliver(id, messages[i]!)
      i++
      continue
    }
    const from = i
    while (i < messages.length && !isUser(i)) i++
    const steps = splitSteps(messages.slice(from, i))
    let seq = from + 1
    yield* gateway.turn(id, (turn) =>
      Effect.forEach(steps, (step) =>
        Effect.gen(function* () {
          if (step[0]?.role === "assistant") {
            const note = (view: { readonly messages: ReadonlyArray<Message.Message> }) =>
              Effect.sync(() => calls.push({ seq, request: view.messages.flatMap(unitsOf), isFirst: isUser(seq - 2) }))
            yield* turn.step(note, { system: SYSTEM, cacheMarks })
          }
          yield* turn.append(...step)
          seq += step.length
          yield* compressor.settled(id)
        })
      )
    )
    yield* compressor.settled(id)
  }
})

/** An answer with the results of its calls. */
const splitSteps = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<ReadonlyArray<Message.Message>> => {
  const steps: Array<Array<Message.Message>> = []
  for (const message of messages) {
    if (message.role === "tool" && steps.length > 0) steps.at(-1)!.push(message)
    else steps.push([message])
  }
  return steps
}
