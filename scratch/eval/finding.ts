/**
 * What recall finds: evidence in generated conversations, and known items in sessions that are given to it.
 * Run: npx tsx scratch/eval/finding.ts [SESSION.jsonl …]
 */
import { readFileSync } from "node:fs"
import { Effect, Layer, Logger, LogLevel } from "effect"
import * as Message from "../../src/message/Message.ts"
import { estimate } from "../../src/message/Tokens.ts"
import { Recall, layer as recallLayer } from "../../src/recall/Recall.ts"
import * as RecallTools from "../../src/recall/RecallTools.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { splitQueryWords } from "../../src/store/searchQuery.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { kinds, message, MESSAGES } from "../bench/recallSession.ts"
import { makeConversation, type Question } from "./conversations.ts"

const CONVERSATIONS = 8
const KNOWN_ITEMS = 300
const CUTS = [1, 5, 10, 25, 50] as const

const id = SessionId.make("searched")
const layer = Layer.provideMerge(recallLayer, Sqlite.layerTemporary).pipe(
  Layer.provideMerge(Logger.minimumLogLevel(LogLevel.Error))
)

const mean = (list: ReadonlyArray<number>) => list.reduce((sum, n) => sum + n, 0) / Math.max(1, list.length)
const percent = (list: ReadonlyArray<number>) => `${(100 * mean(list)).toFixed(1)} %`
const row = (...cells: ReadonlyArray<string>) => console.log(`| ${cells.join(" | ")} |`)

const times: Array<number> = []
const find = (query: string, limit: number) =>
  Effect.gen(function* () {
    const { recall } = yield* Recall
    const begin = performance.now()
    const found = yield* recall(id, query, { limit })
    times.push(performance.now() - begin)
    return found.map(({ seq }) => seq)
  })

const askTool = (query: string) => {
  const call = { name: "recall", arguments: JSON.stringify({ query, where: "everywhere" }) }
  return Effect.map(RecallTools.answer(id, { id: "c", type: "function", function: call }), Message.text)
}

interface Asked {
  readonly kind: Question["kind"]
  readonly places: ReadonlyArray<number>
  readonly shown: number
  readonly tokens: number
}

const askAll = (seed: number) =>
  Effect.gen(function* () {
    const { messages, questions } = makeConversation(seed)
    yield* Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: id, messages }]))
    yield* find("warm", 1)
    return yield* Effect.forEach(questions, ({ asked, evidence, kind }) =>
      Effect.gen(function* () {
        const found = yield* find(asked, 50)
        const answer = yield* askTool(asked)
        const texts = evidence.map((seq) => Message.text(messages[seq - 1] ?? { role: "user", content: "?" }))
        const shown = mean(texts.map((text) => Number(answer.includes(text))))
        return { kind, shown, tokens: estimate.text(answer), places: evidence.map((seq) => found.indexOf(seq)) }
      })
    )
  }).pipe(Effect.provide(layer))

const shareWithin = ({ places }: Asked, cut: number) => mean(places.map((place) => Number(place >= 0 && place < cut)))

/** Three of the rarer words of a message, as somebody would who remembers it. */
const findKnownItems = (messages: ReadonlyArray<Message.Message>) =>
  Effect.gen(function* () {
    yield* Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: id, messages }]))
    yield* find("warm", 1)
    const words = messages.map((message) =>
      Array.from(new Set(splitQueryWords(message).match(/[A-Za-z][A-Za-z_.-]{3,}[A-Za-z]/g) ?? []))
    )
    const counts = new Map<string, number>()
    for (const list of words) {
      for (const word of new Set(list.map((word) => word.toLowerCase()))) counts.set(word, (counts.get(word) ?? 0) + 1)
    }
    const isRarer = (word: string) => {
      const count = counts.get(word.toLowerCase()) ?? 0
      return count >= 2 && count <= messages.length / 10
    }
    const usable = words.map((list) => list.filter(isRarer))
    const rich = usable.flatMap((list, i) => (list.length >= 8 ? [i] : []))
    let state = 11
    const below = (n: number) => ((state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) >> 8) % n
    return yield* Effect.forEach(Array.from({ length: KNOWN_ITEMS }), () => {
      const i = rich[below(rich.length)] ?? 0
      const list = usable[i] ?? []
      return Effect.map(find(Array.from({ length: 3 }, () => list[below(list.length)]).join(" "), 50), (found) =>
        found.indexOf(i + 1)
      )
    })
  }).pipe(Effect.provide(layer))

const readMessages = (file: string): ReadonlyArray<Message.Message> =>
  readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .map((line) => line.message ?? line)

/** Times of searches of several kinds in a session of 3,000 messages. */
const timeKinds = Effect.gen(function* () {
  const messages = Array.from({ length: MESSAGES }, (_, n) => message(n))
  yield* Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: id, messages }]))
  const { recall } = yield* Recall
  const begin = performance.now()
  yield* recall(id, "warm")
  const fill = performance.now() - begin
  const medians: Array<string> = []
  const all: Array<number> = []
  for (const [kind, query] of kinds) {
    const own: Array<number> = []
    for (let n = 0; n < 40; n++) {
      const asked = query()
      const begin = performance.now()
      yield* recall(id, asked)
      own.push(performance.now() - begin)
    }
    all.push(...own)
    medians.push(`${kind} ${middleOf(own)}`)
  }
  return `median ${middleOf(all)} ms of ${MESSAGES} messages (${medians.join(", ")}); first search ${fill.toFixed(0)} ms`
}).pipe(Effect.provide(layer))

const middleOf = (list: ReadonlyArray<number>) => (list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0).toFixed(1)

const main = Effect.gen(function* () {
  const asked = (yield* Effect.forEach(Array.from({ length: CONVERSATIONS }), (_, i) => askAll(i + 1))).flat()
  row("", ...CUTS.map((cut) => `first ${cut}`), "in the tool's answer", "its tokens")
  for (const kind of ["all", "inflected", "beside", "paraphrase", "in two places"]) {
    const own = asked.filter((one) => kind === "all" || one.kind === kind)
    const cells = CUTS.map((cut) => percent(own.map((one) => shareWithin(one, cut))))
    const tokens = mean(own.map(({ tokens }) => tokens)).toFixed(0)
    row(`${kind}, ${own.length}`, ...cells, percent(own.map(({ shown }) => shown)), tokens)
  }
  console.log(`median of one recall of 50: ${middleOf(times)} ms`)
  for (const file of process.argv.slice(2)) {
    times.length = 0
    const places = yield* findKnownItems(readMessages(file))
    const cells = CUTS.map((cut) => percent(places.map((place) => Number(place >= 0 && place < cut))))
    row(`known items, ${file.split("/").at(-1)}`, ...cells, `median ${middleOf(times)} ms`)
  }
  console.log(yield* timeKinds)
})

await Effect.runPromise(main)
