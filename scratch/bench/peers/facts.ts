/** Values planted in the first turns of a session, which all leave the view: in four places, found nowhere else. */
import type { Message } from "../../../src/message/Message.ts"
import type { Turn } from "../session.ts"

const PLANTED = 15
/** A result is long from here on, in characters; the fact stands behind four fifths of it. */
const LONG = 3_000

export const planted = (turns: ReadonlyArray<Turn>) => {
  const deep: Array<string> = []
  const facts = { user: range("user"), assistant: range("assistant"), head: range("head"), deep }
  const made = turns.map((turn, n): Turn => {
    if (n >= PLANTED) return turn
    const long = turn.replies.findIndex((reply) => reply.role === "tool" && textOf(reply).length > LONG)
    if (long >= 0) deep.push(value("deep", n))
    const replies = turn.replies.map((reply, i) => {
      const text = textOf(reply)
      const at = Math.floor(text.length * 0.8)
      if (i === long) return { ...reply, content: `${text.slice(0, at)}\n${value("deep", n)}\n${text.slice(at)}` }
      if (i === turn.replies.length - 1) return { ...reply, content: `${text} ${value("assistant", n)}` }
      return i === 1 ? { ...reply, content: `${value("head", n)}\n${text}` } : reply
    })
    return { request: { ...turn.request, content: `${textOf(turn.request)} ${value("user", n)}` }, replies }
  })
  // Where the first result is the long one, it has no fact at its head.
  const all = JSON.stringify(made)
  return { turns: made, facts: { ...facts, head: facts.head.filter((value) => all.includes(value)) } }
}

const range = (place: string) => Array.from({ length: PLANTED }, (_, n) => value(place, n))

const value = (place: string, n: number): string => `${place}-${(0x51f15e + n * 7_919).toString(16)}`

const textOf = ({ content }: Message): string => (typeof content === "string" ? content : "")
