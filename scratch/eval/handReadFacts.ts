/**
 * What of a real session a person would need is in the view after each of several compressions without a model. The facts
 * are read from the transcript by hand, and stand in a file beside it.
 * Run: `npx tsx scratch/eval/handReadFacts.ts FACTS.json SESSION.jsonl [--missing] [--print WINDOW CUT]`
 *
 * `FACTS.json` holds `facts`, which are true after the message `from` and before `to`; `stale`, which must not stand
 * anywhere as if it still held; and `noise`, which says nothing. A fact is there if one line of the view matches `all` of
 * its expressions.
 */
import { Effect, Layer, Logger, LogLevel, Schema } from "effect"
import { readFileSync } from "node:fs"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as Message from "../../src/message/Message.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"

const Place = {
  from: Schema.Int,
  to: Schema.optionalWith(Schema.Number, { default: () => Infinity }),
  all: Schema.Array(Schema.String)
}

const Facts = Schema.Struct({
  facts: Schema.Array(Schema.Struct({ ...Place, kind: Schema.String, what: Schema.String })),
  stale: Schema.Array(Schema.Struct({ ...Place, unless: Schema.String })),
  noise: Schema.Array(Schema.String)
})
type Facts = typeof Facts.Type

/** The view after the first `cut` messages came in portions, and were compressed as it grew and at the end. */
const compress = (messages: ReadonlyArray<Message.Message>, cut: number, contextLength: number) =>
  Effect.gen(function* () {
    const gateway = yield* Gateway.Gateway
    const { importAll } = yield* SessionStore
    const sessionId = SessionId.make("read-by-hand")
    yield* importAll([{ sessionId, messages: messages.slice(0, PORTION) }])
    for (let from = PORTION; from < cut; from += PORTION) {
      yield* gateway.turn(sessionId, (turn) =>
        Effect.forEach(
          messages.slice(from, Math.min(cut, from + PORTION)),
          (message) =>
            message.role === "user"
              ? Effect.zipRight(gateway.deliver(sessionId, message), Effect.asVoid(turn.view()))
              : turn.append(message),
          { discard: true }
        )
      )
      const { tokens } = yield* gateway.view(sessionId)
      if (tokens > 0.5 * contextLength) yield* gateway.compress(sessionId)
    }
    yield* gateway.compress(sessionId)
    return yield* gateway.view(sessionId)
  }).pipe(Effect.provide(world(contextLength)), Effect.orDie)

const world = (contextLength: number): Layer.Layer<Gateway.Gateway | SessionStore> =>
  Gateway.layer({ policy: { contextLength, mode: "manual" }, routes: [] }).pipe(
    Layer.provideMerge(Sqlite.layerTemporary),
    Layer.provide(OpenAi.layer),
    Layer.provide(Logger.minimumLogLevel(LogLevel.None)),
    Layer.orDie
  )

const readLines = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<string> =>
  messages.flatMap((message) =>
    [Message.text(message), ...Message.toolCalls(message).map(Message.callInput)].join("\n").split("\n")
  )

const hasLine = (lines: ReadonlyArray<string>, all: ReadonlyArray<string>, unless?: string): boolean => {
  const expressions = all.map((source) => new RegExp(source, "i"))
  const other = unless === undefined ? null : new RegExp(unless, "i")
  return lines.some((line) => expressions.every((expression) => expression.test(line)) && other?.test(line) !== true)
}

/** Tokens of a handoff under each of its titles; those of a segment by their headings. */
const countByTitle = (handoff: string): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  let title = "frame"
  for (const line of handoff.split("\n")) {
    if (line.startsWith("[throughline")) title = "frame"
    else if (line.startsWith("#")) title = line.replace(/ at #\d+$/, "")
    else if (/^[A-Z][^:]{0,60}.*:$/.test(line)) title = line.replace(/ in \S+?(?=[:,])/, "").replace(/[:,(].*/, "")
    counts.set(title, (counts.get(title) ?? 0) + estimate.text(`${line}\n`))
  }
  return counts
}

const measure = (facts: Facts, messages: ReadonlyArray<Message.Message>, contextLength: number) =>
  Effect.gen(function* () {
    const byKind = new Map<string, { found: number; of: number }>()
    const byTitle = new Map<string, number>()
    const sizes: Array<string> = []
    const missing: Array<string> = []
    let stale = 0
    let noise = 0
    for (const cut of CUTS) {
      const view = yield* compress(messages, cut, contextLength)
      const handoff = view.messages.filter(Handoff.isHandoff).map(Message.text).join("\n")
      if (
        process.argv.includes("--print") &&
        process.argv.includes(String(contextLength)) &&
        process.argv.includes(String(cut))
      ) {
        console.log(handoff)
      }
      const lines = readLines(view.messages)
      sizes.push(`${view.tokens} (handoff ${estimate.text(handoff)})`)
      for (const { all, from, kind, to, what } of facts.facts) {
        if (from > cut || to <= cut) continue
        const count = byKind.get(kind) ?? { found: 0, of: 0 }
        const isFound = hasLine(lines, all)
        byKind.set(kind, { found: count.found + Number(isFound), of: count.of + 1 })
        if (!isFound) missing.push(`${cut}: ${kind}: ${what}`)
      }
      const shown = handoff.split("\n")
      for (const { all, from, unless } of facts.stale) if (from <= cut && hasLine(shown, all, unless)) stale++
      for (const line of shown) if (facts.noise.some((source) => new RegExp(source, "i").test(line))) noise++
      for (const [title, tokens] of countByTitle(handoff)) byTitle.set(title, (byTitle.get(title) ?? 0) + tokens)
    }
    const all = Array.from(byKind.values()).reduce((a, b) => ({ found: a.found + b.found, of: a.of + b.of }))
    console.log(`\n## ${contextLength}: ${all.found}/${all.of} (${((100 * all.found) / all.of).toFixed(1)} %)`)
    console.log(`stale ${stale}, lines of noise ${noise}; view at ${CUTS.join(", ")}: ${sizes.join(", ")}`)
    console.log(Array.from(byKind, ([kind, { found, of }]) => `${kind} ${found}/${of}`).join(", "))
    const titles = Array.from(byTitle).toSorted((a, b) => b[1] - a[1])
    console.log(titles.map(([title, tokens]) => `${title} ${Math.round(tokens / CUTS.length)}`).join(", "))
    if (process.argv.includes("--missing")) console.log(missing.map((line) => `  ${line}`).join("\n"))
  })

const PORTION = 50
const CUTS = [300, 450, 600, 750, 900]
const WINDOWS = [32_000, 128_000, 200_000]

const [factsFile = "", sessionFile = ""] = process.argv.slice(2)
const facts = Schema.decodeUnknownSync(Schema.parseJson(Facts))(readFileSync(factsFile, "utf8"))
const messages = readFileSync(sessionFile, "utf8")
  .trim()
  .split("\n")
  .map((line): Message.Message => JSON.parse(line))

for (const contextLength of WINDOWS) await Effect.runPromise(measure(facts, messages, contextLength))
