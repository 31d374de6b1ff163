/**
 * What the next 20 steps after each compression of a real session use of the messages that left: whether the view of the
 * step has it, or one recall finds it. A reference here is a value of a call's arguments, or a word of its code and of the
 * answer that has a digit, a mark or a capital within; nothing of it is the receipt's own.
 * Run: `npx tsx scratch/eval/references.ts SESSION.jsonl …`
 */
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { basename } from "node:path"
import * as ReceiptAudit from "../../src/compression/ReceiptAudit.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import { Recall } from "../../src/recall/Recall.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { id, world } from "./replay.ts"

const STEPS = 20

interface Counts {
  steps: number
  references: number
  inView: number
  byItself: number
  amongItsWords: number
  readonly missing: Set<string>
}

/** A reference, and the words beside it where it is used. */
interface Reference {
  readonly text: string
  readonly words: string
}

const read = (file: string): ReadonlyArray<Message.Message> =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line))
    .map((row) => row.message ?? row)
    .filter(({ role }: { readonly role?: string }) => role === "user" || role === "assistant" || role === "tool")

const leaves = (value: unknown): ReadonlyArray<string> =>
  value !== null && typeof value === "object" ? Object.values(value).flatMap(leaves) : [String(value)]

const parse = (input: string): ReadonlyArray<string> => {
  try {
    return leaves(JSON.parse(input))
  } catch {
    return [input]
  }
}

const isTelling = (word: string): boolean =>
  word.length >= 4 &&
  [...word].some(
    (sign, i) => (sign >= "0" && sign <= "9") || sign === "_" || sign === "/" || (i > 0 && sign !== sign.toLowerCase())
  )

const strip = (word: string): string => {
  let [from, to] = [0, word.length]
  while (from < to && !/\w/.test(word.charAt(from))) from += 1
  while (to > from && !/\w/.test(word.charAt(to - 1))) to -= 1
  return word.slice(from, to)
}

const referencesOf = (message: Message.Message): ReadonlyArray<Reference> => {
  const values = Message.toolCalls(message).flatMap((call) => parse(Message.callInput(call)))
  const whole = values.filter(
    (value) => value.length >= 4 && value.length <= 120 && !/\s/.test(value) && isTelling(value)
  )
  const lines = [...values, Message.text(message)].flatMap((text) => text.split("\n"))
  const parts = lines.flatMap((line) => {
    const words = line
      .split(/[\s"'`()[\]{}<>,;=|*\\]/)
      .map(strip)
      .filter((word) => word !== "")
    return words.flatMap((text, i) =>
      text.length <= 120 && isTelling(text) ? [{ text, words: words.slice(Math.max(0, i - 2), i + 3).join(" ") }] : []
    )
  })
  const all = [...whole.map((text) => ({ text: strip(text), words: strip(text) })), ...parts]
  return Array.from(new Map(all.map((reference) => [reference.text, reference])).values())
}

const textOf = (message: Message.Message): string =>
  [Message.text(message), ...Message.toolCalls(message).map(Message.callInput)].join("\n")

const measure = (messages: ReadonlyArray<Message.Message>, contextLength: number) =>
  Effect.gen(function* () {
    const gateway = yield* Gateway
    const store = yield* SessionStore
    const { recall } = yield* Recall
    const counts: Counts = { steps: 0, references: 0, inView: 0, byItself: 0, amongItsWords: 0, missing: new Set() }
    let left = 0
    let compressions = 0

    const finds = (query: string, text: string) =>
      Effect.gen(function* () {
        for (const { seq } of yield* recall(id, query, { where: "out-of-view" })) {
          const [entry] = yield* store.range(id, seq, seq)
          if (entry !== undefined && textOf(entry.message).includes(text)) return true
        }
        return false
      })

    const lookAt = (step: Message.Message) =>
      Effect.gen(function* () {
        const { manifest } = yield* store.state(id)
        const covered = yield* store.range(id, manifest.headTo + 1, manifest.tailFrom - 1)
        const texts = covered.map(({ message }) => textOf(message))
        const view = (yield* gateway.view(id)).messages.map(textOf).join("\n")
        counts.steps += 1
        for (const { text, words } of referencesOf(step)) {
          if (!texts.some((some) => some.includes(text))) continue
          counts.references += 1
          if (view.includes(text)) {
            counts.inView += 1
            continue
          }
          const [byItself, among] = [yield* finds(`"${text}"`, text), yield* finds(words, text)]
          if (byItself) counts.byItself += 1
          if (among) counts.amongItsWords += 1
          if (!byItself && !among) counts.missing.add(text)
        }
      })

    for (const message of messages) {
      if (message.role === "assistant" && left > 0) {
        yield* lookAt(message)
        left -= 1
      }
      if (message.role === "user") yield* gateway.deliver(id, message)
      else yield* gateway.turn(id, (turn) => Effect.zipRight(turn.view(), turn.append(message)))
      if (message.role !== "tool" || left > 0) continue
      if ((yield* gateway.view(id)).tokens <= contextLength / 2) continue
      const { snapshotId } = yield* gateway.compress(id)
      if (snapshotId === null) continue
      compressions += 1
      left = STEPS
    }
    return { compressions, counts, report: yield* ReceiptAudit.checkSession(id) }
  }).pipe(Effect.provide(world({ contextLength, write: null }).layer))

for (const file of process.argv.slice(2)) {
  for (const window of [32_000, 128_000]) {
    const { compressions, counts, report } = await Effect.runPromise(measure(read(file), window))
    const { amongItsWords, byItself, inView, missing, references, steps } = counts
    console.log(
      `${basename(file)} at ${window / 1000}k: ${compressions} compressions, ${steps} steps, ${references} references: ` +
        `${inView} in the view, ${references - inView} not; of these one recall finds ${byItself} by themselves, ` +
        `${amongItsWords} among their words; neither ${missing.size}. ` +
        `Receipts: ${report.receipts}, ${report.references} references, ${report.findings.length} losses`
    )
    if (missing.size > 0) console.log("  ", Array.from(missing).slice(0, 20))
  }
}
