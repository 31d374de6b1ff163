/** The session that is measured: turns of ten messages as a coding agent makes them, the same for the same seed. */
import * as Random from "../../src/cli/random.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Chatter from "../eval/chatter.ts"

/** A request, and the nine messages that answer it: four calls with their results, and a last word. */
export interface Turn {
  readonly request: Message
  readonly replies: ReadonlyArray<Message>
}

const ROUNDS = 4
/** Now and then a tool prints a whole file. */
const LONG_EVERY = 7

/** Lines of a tool result, about 14 tokens a line. */
export interface Lines {
  readonly least: number
  readonly most: number
  readonly file: number
}

const USUAL: Lines = { least: 4, most: 69, file: 400 }

export const make = (turns: number, lines = USUAL, seed = 7): ReadonlyArray<Turn> => {
  const random = Random.make(seed)
  return Array.from({ length: turns }, (_, n) => turn(random, n, lines))
}

const turn = (random: Random.Random, n: number, { file, least, most }: Lines): Turn => {
  const request: Message = { role: "user", content: `Part ${n + 1}: ${sentences(random, 4)}` }
  const rounds = Array.from({ length: ROUNDS }, (_, round) =>
    toolRound(random, n % LONG_EVERY === 0 && round === 1 ? file : random.between(least, most))
  )
  const last: Message = { role: "assistant", content: `Part ${n + 1} is done. ${sentences(random, 5)}` }
  return { request, replies: [...rounds.flat(), last] }
}

const toolRound = (random: Random.Random, lines: number): ReadonlyArray<Message> => {
  const use = Chatter.use(random, lines)
  const id = `call_${random.hex(16)}`
  const made = { name: use.tool, arguments: JSON.stringify(use.input) }
  return [
    { role: "assistant", content: sentences(random, 1), tool_calls: [{ id, type: "function", function: made }] },
    { role: "tool", tool_call_id: id, content: use.lines.join("\n") }
  ]
}

const sentences = (random: Random.Random, count: number): string =>
  Array.from({ length: count }, () => Chatter.sentence(random)).join(" ")

export const messagesOf = (turns: ReadonlyArray<Turn>): ReadonlyArray<Message> =>
  turns.flatMap(({ replies, request }) => [request, ...replies])
