/**
 * An agent in a process of its own: `node agentProcess.mjs NAME FILE URL [LEASE_TTL_MS]`. It obeys lines on
 * stdin (`round N`, `slowly N` and then `go on`, `compress`) and says on stdout, one JSON value a line, what it did.
 */
import { createInterface } from "node:readline"
import { Effect, Queue, Schema } from "effect"
import * as Agent from "./agent.ts"

const [, , name = "", filename = "", url = "", leaseTtl = "15000"] = process.argv

const encode = Schema.encodeSync(Schema.parseJson(Agent.Said))
const say: Agent.Say = (said) => void process.stdout.write(`${encode(said)}\n`)

const obey = (line: string, next: Effect.Effect<string>) => {
  const [what, n] = line.split(" ")
  if (what === "compress") return Agent.compress(say)
  if (what === "slowly") return Agent.answer(name, Number(n), say, next)
  return Effect.zipRight(Agent.answer(name, Number(n), say), Agent.compress(say))
}

const main = Effect.gen(function* () {
  const lines = yield* Queue.unbounded<string>()
  createInterface({ input: process.stdin })
    .on("line", (line) => lines.unsafeOffer(line))
    .on("close", () => process.exit())
  say({ _tag: "Ready" })
  for (;;) {
    const line = yield* lines.take
    yield* obey(line, lines.take).pipe(
      Effect.catchTag("TurnLost", ({ unstored }) => Effect.sync(() => say({ _tag: "Lost", unstored })))
    )
    say({ _tag: "Done", n: Number(line.split(" ")[1] ?? 0) })
  }
})

void Effect.runPromise(Effect.provide(main, Agent.gateway({ filename, url, leaseTtl: Number(leaseTtl) }, say)))
