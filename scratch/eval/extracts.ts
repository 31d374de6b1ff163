/**
 * What the view has after a compression without a model, beside random turns of the same size: the literal answers of
 * drawn conversations, and for sessions given to the command the rare words that their later half takes from the first.
 * Run: `npx tsx scratch/eval/extracts.ts [SESSION.jsonl …]`
 */
import { Effect } from "effect"
import { basename } from "node:path"
import { shares } from "../../src/compression/CompressionPolicy.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import { estimate } from "../../src/message/Tokens.ts"
import { rareIn, read, type Transcript } from "../cost/transcript.ts"
import { type Conversation, makeConversation } from "./conversations.ts"
import { id, world } from "./replay.ts"

const WINDOWS = [8_000, 16_000, 32_000]
const SHUFFLES = 5

/** Messages, and what their reader should find in a view of them. */
interface Material {
  readonly messages: ReadonlyArray<Message.Message>
  readonly wanted: ReadonlyArray<string>
}

const wordsOf = (text: string): ReadonlySet<string> =>
  new Set(text.toLowerCase().match(/[\p{L}\p{N}][\p{L}\p{N}._$-]*/gu))

const textOf = (message: Message.Message): string =>
  [Message.text(message), ...Message.toolCalls(message).map(Message.callInput)].join("\n")

/** The words of each evidence that its question does not have, and few messages do. */
const ofConversation = ({ messages, questions }: Conversation): Material => {
  const all = messages.map((message) => wordsOf(textOf(message)))
  const isRare = (word: string) => all.filter((words) => words.has(word)).length <= 3
  const wanted = questions.flatMap(({ asked, evidence }) => {
    const known = wordsOf(asked)
    return evidence.flatMap((place) => [...(all[place - 1] ?? [])].filter((word) => !known.has(word) && isRare(word)))
  })
  return { messages, wanted: [...new Set(wanted)] }
}

const ofSession = (transcript: Transcript): Material => {
  const half = Math.floor(transcript.messages.length / 2)
  const inFirst = wordsOf(transcript.messages.slice(0, half).map(textOf).join("\n"))
  const later = transcript.messages.slice(half).filter(({ role }) => role === "assistant")
  const used = new Set(later.flatMap((message) => rareIn(textOf(message), transcript)))
  return { messages: transcript.messages.slice(0, half), wanted: [...used].filter((word) => inFirst.has(word)) }
}

const shareFound = (text: string, wanted: ReadonlyArray<string>): number => {
  const words = wordsOf(text)
  return wanted.filter((word) => words.has(word)).length / wanted.length
}

/** Turns in an order of chance, as many as fit. */
const pickTurns = (messages: ReadonlyArray<Message.Message>, tokens: number, seed: number): string => {
  let state = seed
  const order = messages.map((message) => [(state = (state * 48_271) % 2_147_483_647), message] as const)
  let room = tokens
  return order
    .toSorted(([a], [b]) => a - b)
    .flatMap(([, message]) => {
      const size = estimate.message(message)
      if (size > room) return []
      room -= size
      return [textOf(message)]
    })
    .join("\n")
}

const measure = ({ messages, wanted }: Material, contextLength: number) =>
  Effect.gen(function* () {
    const gateway = yield* Gateway
    for (const message of messages.slice(messages.findIndex(({ role }) => role === "user"))) {
      if (message.role === "user") yield* gateway.deliver(id, message)
      else yield* gateway.turn(id, (turn) => Effect.zipRight(turn.view(), turn.append(message)))
    }
    const { snapshotId } = yield* gateway.compress(id)
    const view = yield* gateway.view(id)
    const target = shares((yield* Compressor).policy, 0)?.target ?? 0
    const random = Array.from({ length: SHUFFLES }, (_, n) =>
      shareFound(pickTurns(messages, view.tokens, 7_919 * (n + 1)), wanted)
    )
    const own = shareFound(view.messages.map(textOf).join("\n"), wanted)
    return { isCompressed: snapshotId !== null, own, random: mean(random), filled: view.tokens / target }
  }).pipe(Effect.provide(world({ contextLength, write: null }).layer))

const mean = (list: ReadonlyArray<number>): number => list.reduce((sum, one) => sum + one, 0) / list.length

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

const report = async (name: string, materials: ReadonlyArray<Material>): Promise<void> => {
  for (const window of WINDOWS) {
    const all = await Effect.runPromise(Effect.forEach(materials, (material) => measure(material, window)))
    const runs = all.filter(({ isCompressed }) => isCompressed)
    const [own, random, filled] = [
      mean(runs.map(({ own }) => own)),
      mean(runs.map(({ random }) => random)),
      mean(runs.map(({ filled }) => filled))
    ]
    console.log(
      `${name} at ${window / 1_000}k: ${percent(own)} in the view, ${percent(random)} in random turns of its size, ` +
        `${(own / random).toFixed(2)} ×; ${percent(filled)} of the target filled`
    )
  }
}

await report(
  "conversations",
  [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => ofConversation(makeConversation(seed)))
)
for (const file of process.argv.slice(2)) await report(basename(file), [ofSession(read(file, true))])
