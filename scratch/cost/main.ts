/**
 * The price simulator: what a session costs with a prefix cache, by window and policy.
 *
 *     npm run cost -- FILE… [--window N]… [--policy JSON]… [--embedded] [--in-place] [--parts]
 *                         [--sketches] [--cold] [--joined] [--json]
 *
 * Windows are 32k, 128k, 200k, 272k and 1M, unless given. Each `--policy` is a JSON object of policy options; without any,
 * it is the default. `--policy '{"threshold":0.5}'` is the ratio that was the default once. `--joined` plays the sessions of a
 * file one after the other as one.
 */
import { parseArgs } from "node:util"
import { Effect } from "effect"
import type { PolicyOptions } from "../../src/compression/CompressionPolicy.ts"
import { type Account, account } from "./account.ts"
import { replay } from "./library.ts"
import { play } from "./sketches.ts"
import { read, type Transcript } from "./transcript.ts"

const WINDOWS = ["32000", "128000", "200000", "272000", "1000000"]

const measure = Effect.fnUntraced(function* (transcript: Transcript, contextLength: number) {
  const own = yield* Effect.forEach(values.policy, (text) => {
    const policy: PolicyOptions = { ...JSON.parse(text), contextLength }
    const { cold: isCold, embedded: isEmbedded, "in-place": inPlace, parts: cacheMarks } = values
    const how = `${isEmbedded ? ", no model" : ""}${inPlace ? ", in place" : ""}${cacheMarks ? ", handoff in parts" : ""}`
    const name = `throughline ${text === "{}" ? "default" : text}${how}`
    return replay({ name, policy, isEmbedded, inPlace, cacheMarks, isCold }, transcript)
  })
  const others = values.sketches ? play(transcript, contextLength) : []
  return [...own, ...others].map((run) => account(run, transcript, values.cold))
})

const k = (tokens: number): string => `${(tokens / 1_000).toFixed(0)}k`
const percent = (share: number): string => (100 * share).toFixed(1)

const HEADER = [
  "| window | policy | compressions | prefix found after one | mean / largest view | auxiliary in / cached / out | most above none | total A k | total O k | far / near needs in view % |",
  "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
].join("\n")

const row = (window: number, of: Account): string => {
  const { cached, input, output } = of.auxiliary
  const cells = [
    k(window),
    of.name,
    of.compressions,
    `${percent(of.reused)} %`,
    `${k(of.meanView)} / ${k(of.largestView)}`,
    `${k(input)} / ${k(cached)} / ${k(output)}`,
    `${percent(of.excess)} %`,
    of.totalA.toFixed(0),
    of.totalO.toFixed(0),
    `${percent(of.far)} / ${percent(of.near)}`
  ]
  return `| ${cells.join(" | ")} |`
}

const main = Effect.gen(function* () {
  for (const file of positionals) {
    const transcript = read(file, values.joined)
    const { messages, name, tokens } = transcript
    if (!values.json) console.log(`\n${name}: ${messages.length} messages, ${k(tokens)} tokens\n\n${HEADER}`)
    for (const window of values.window.map(Number)) {
      for (const of of yield* measure(transcript, window)) {
        console.log(values.json ? JSON.stringify({ file: name, window, ...of }) : row(window, of))
      }
    }
  }
})

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    window: { type: "string", multiple: true, default: WINDOWS },
    policy: { type: "string", multiple: true, default: ["{}"] },
    embedded: { type: "boolean", default: false },
    "in-place": { type: "boolean", default: false },
    parts: { type: "boolean", default: false },
    sketches: { type: "boolean", default: false },
    cold: { type: "boolean", default: false },
    joined: { type: "boolean", default: false },
    json: { type: "boolean", default: false }
  }
})

await Effect.runPromise(main)
