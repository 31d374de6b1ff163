/** Stands in for every model that summarizes: it copies the lines with most rare words for their tokens. */
import * as Handoff from "../../src/handoff/Handoff.ts"
import { renderSummary } from "../../test/support/summaryText.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as Message from "../../src/message/Message.ts"
import type { ModelRequest } from "../../src/model/Provider.ts"
import { rareIn, type Rarity } from "./transcript.ts"

const LONGEST_LINE = 300

/** Lines of `text` in their order, within the room. A word counts less each time, and more towards the end. */
export const chooseLines = (text: string, maxTokens: number, rarity: Rarity): ReadonlyArray<string> => {
  const all = text.split("\n").flatMap((line) => (line.trim().length > 15 ? [line.trim().slice(0, LONGEST_LINE)] : []))
  const lines = Array.from(new Set(all)).map((line, i, { length }) => ({
    line,
    index: i,
    words: rareIn(line, rarity),
    cost: estimate.text(line) + 3,
    weight: 1 + i / length
  }))
  const taken = new Map<string, number>()
  const kept: typeof lines = []
  let left = lines.filter(({ words }) => words.length > 0)
  for (let room = maxTokens; ;) {
    left = left.filter(({ cost }) => cost <= room)
    let best: (typeof lines)[number] | undefined
    let most = 0
    for (const entry of left) {
      const worth =
        entry.words.reduce((sum, word) => sum + 0.3 ** (taken.get(word) ?? 0) * entry.weight, 0) / entry.cost
      if (worth > most) [best, most] = [entry, worth]
    }
    if (best === undefined) break
    kept.push(best)
    left.splice(left.indexOf(best), 1)
    room -= best.cost
    for (const word of best.words) taken.set(word, (taken.get(word) ?? 0) + 1)
  }
  return kept.sort((a, b) => a.index - b.index).map(({ line }) => line)
}

const MOST_TOKENS = 2_500

/** The answer to a summarizer's request of this library, whatever its prompt. */
export const answer = ({ continues, messages }: ModelRequest, rarity: Rarity): string => {
  const asked = (continues === undefined ? messages : findRange(messages)).map(Message.text).join("\n")
  const [, told = "1000"] = /at most (\d+) tokens/.exec(Message.text(messages.at(-1)!)) ?? []
  const room = Math.min(MOST_TOKENS, Number(told))
  const [, material = asked] = /<transcript>\n([^]*?)\n<\/transcript>/.exec(asked) ?? []
  const facts = chooseLines(material, room - 150, rarity)
  const goal = ["go on with the user's request"]
  return renderSummary(Handoff.fit({ ...Handoff.empty, goal, facts }, estimate, room))
}

/** The messages that an instruction in place is about: it quotes the first and the last one. */
const findRange = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<Message.Message> => {
  const instruction = Message.text(messages.at(-1)!)
  const [first, last] = ["first", "last"].map((which) => {
    const [, role = "", quote = ""] =
      new RegExp(`^- the ${which} is of the (\\w+): "(.*?)…?"$`, "m").exec(instruction) ?? []
    return (message: Message.Message) => message.role === role && lineOf(message).startsWith(quote)
  })
  const from = Math.max(0, messages.findIndex(first!))
  return messages.slice(from, messages.slice(0, -1).findLastIndex(last!) + 1)
}

const lineOf = (message: Message.Message): string => {
  const calls = Message.toolCalls(message).map((call) => `${Message.callName(call)} ${Message.callInput(call)}`)
  return [Message.text(message), ...calls].join(" ").trim().replaceAll(/\s+/g, " ")
}
