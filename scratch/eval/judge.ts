/**
 * The four probes with a real model as examiner, agent and judge.
 * Run: `OPENAI_API_KEY=… npx tsx scratch/eval/judge.ts transcript.jsonl [--model M] [--window N] [--probes N]`
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Data, Effect, Either, Layer, Logger, LogLevel } from "effect"
import * as ModelClients from "../../src/model/ModelClients.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Provider from "../../src/model/Provider.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import { redactMessage } from "../../src/message/Redaction.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as Probes from "./probes.ts"

export interface Graded extends Probes.Grade {
  readonly probe: Probes.Probe
  readonly given: string
}

/** The model answered something else than was asked for. */
export class Unreadable extends Data.TaggedError("Unreadable")<{ readonly what: string; readonly detail: string }> {}

/** Questions from the whole transcript, answers from the compressed view alone, graded by the same model. */
export const judge = Effect.fnUntraced(function* (
  messages: ReadonlyArray<Message>,
  route: Provider.Route,
  count: number
) {
  const gateway = yield* Gateway.Gateway
  const store = yield* SessionStore
  const clients = yield* ModelClients.ModelClients
  const scrubbed = messages.map(redactMessage)
  const sessionId = SessionId.make("judged")
  const ask = (messages: ReadonlyArray<Message>, maxOutputTokens: number) =>
    Effect.map(clients.complete(route, { task: "evaluation", messages, maxOutputTokens }), ({ text }) => text)
  const readable = <A>(what: string, read: Either.Either<A, string>) =>
    Either.mapLeft(read, (detail) => new Unreadable({ what, detail }))

  const probes = yield* readable(
    "probes",
    Probes.probes(yield* ask(Probes.askForProbes(Probes.transcript(scrubbed), count), 8_000))
  )
  yield* store.importAll([{ sessionId, messages: scrubbed }])
  const result = yield* gateway.compress(sessionId)
  const view = yield* gateway.view(sessionId)
  const graded = yield* Effect.forEach(
    probes,
    (probe) =>
      Effect.gen(function* () {
        const given = yield* ask([...view.messages, Probes.question(probe)], 2_000)
        const grade = yield* readable("grade", Probes.grade(yield* ask(Probes.askForGrade(probe, given), 2_000)))
        return { probe, given, ...grade } satisfies Graded
      }),
    { concurrency: 4 }
  )
  return { result, graded }
})

/** The mean of each kind, as lines of a table. */
export const table = (graded: ReadonlyArray<Graded>): ReadonlyArray<string> =>
  Probes.Kind.literals.map((kind) => {
    const scores = graded.filter(({ probe }) => probe.kind === kind).map(({ score }) => score)
    const mean = scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length)
    return `${kind.padEnd(13)} ${mean.toFixed(2)} of 5  (${scores.length} probes)`
  })

const main = Effect.gen(function* () {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      model: { type: "string", default: process.env["THROUGHLINE_MODEL"] ?? "gpt-5.5" },
      window: { type: "string", default: "128000" },
      probes: { type: "string", default: "4" }
    }
  })
  const file = positionals[0] ?? ""
  const { sessions } = yield* Transcripts.parse(readFileSync(file, "utf8"), { file, format: "auto" })
  const contextLength = Number(values.window)
  const apiKey = process.env["OPENAI_API_KEY"] ?? "none"
  const route = Provider.route({ model: values.model, apiKey, baseUrl: process.env["OPENAI_BASE_URL"], contextLength })
  const live = Gateway.layer({ policy: { contextLength, mode: "manual", onExhausted: "fail" }, routes: [route] }).pipe(
    Layer.provideMerge(Sqlite.layerTemporary),
    Layer.merge(ModelClients.layer()),
    Layer.provide(OpenAi.layer),
    Layer.provideMerge(Logger.minimumLogLevel(LogLevel.Error))
  )
  const { graded, result } = yield* Effect.provide(
    judge(sessions[0]?.messages ?? [], route, Number(values.probes)),
    live
  )
  console.log(
    `${result.outcome}: ${result.tokensBefore} → ${result.tokensAfter} tokens, by ${result.model ?? "nobody"}`
  )
  for (const line of table(graded)) console.log(line)
  for (const { given, probe, score, why } of graded) {
    console.log(`\n[${probe.kind}] ${probe.question}\n  right: ${probe.answer}\n  given: ${given}\n  ${score}: ${why}`)
  }
})

if (process.argv[1] === fileURLToPath(import.meta.url)) await Effect.runPromise(main)
