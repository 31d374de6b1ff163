/** The evaluation. Run: `npm run eval`, or `npx tsx scratch/eval/main.ts [--seed N] [--json]` */
import { mkdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import * as CodingAgent from "./codingAgent.ts"
import * as Evaluation from "./evaluation.ts"
import * as Picture from "./picture.ts"
import * as Report from "./report.ts"
import * as RuleSentences from "./ruleSentences.ts"

const main = Effect.gen(function* () {
  const { values } = parseArgs({
    options: { seed: { type: "string", default: "1" }, json: { type: "boolean", default: false } }
  })
  const seed = Number(values.seed)
  const drift = yield* Evaluation.forgetful(seed, 5)
  const passes = yield* Evaluation.passes(seed)
  const growth = yield* Evaluation.growth(seed, 50)
  const groups: ReadonlyArray<Report.Group> = [
    yield* Evaluation.faultless(seed, 10),
    yield* Evaluation.inChunks(seed),
    yield* Evaluation.recall(seed, 3_000),
    { title: "A summarizer that forgets", measures: drift.measures },
    yield* Evaluation.extractive(seed, 10),
    yield* RuleSentences.measure(seed),
    yield* CodingAgent.group,
    { title: "Its own output, again and again, window 32k, no model", measures: passes.measures },
    { title: "A session that grows, window 32k", measures: growth.measures },
    {
      title: "Cost",
      measures: [
        yield* Evaluation.cost(seed, 128_000, 8, 1.15),
        yield* Evaluation.cost(seed, 32_000, 16, null),
        yield* Evaluation.cost(seed, 8_000, 32, null)
      ]
    }
  ]
  const out = fileURLToPath(new URL("out/", import.meta.url))
  mkdirSync(out, { recursive: true })
  writeFileSync(
    `${out}results.svg`,
    Picture.svg(
      `Facts left by a summarizer that forgets 20 % at each call, seed ${seed}`,
      [
        { name: "throughline", color: "#1a7f37", shares: drift.kept },
        { name: "a chain of summaries", color: "#8250df", shares: drift.chain }
      ],
      0.6
    )
  )
  console.log(
    values.json
      ? JSON.stringify({ seed, groups, drift, passes, growth }, null, 2)
      : `seed ${seed}\n\n${Report.table(groups)}`
  )
  if (Report.findFailed(groups).length > 0) process.exitCode = 1
})

await Effect.runPromise(main)
