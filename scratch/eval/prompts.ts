/** Takes the prompt of a summarizer apart, as a reader sees it. */
import * as Message from "../../src/message/Message.ts"
import type { ModelRequest } from "../../src/model/Provider.ts"

export interface Block {
  /** `user`, `assistant`, `tool`, `calls`, `summary` … */
  readonly what: string
  readonly text: string
}

export interface Prompt {
  readonly material: string
  readonly blocks: ReadonlyArray<Block>
  /** Everything that instructs: the rules, and what stands outside of the material. */
  readonly instructions: string
  readonly maxTokens: number
  /** True if nothing at the end may be called open. */
  readonly isSettled: boolean
}

export const read = ({ messages }: Pick<ModelRequest, "messages">): Prompt => {
  const system = messages.filter(Message.isSystem).map(Message.text)
  const asked = messages
    .filter((message) => !Message.isSystem(message))
    .map(Message.text)
    .join("\n")
  const [, before = "", material = "", after = ""] =
    /^([^]*?)<transcript>\n([^]*?)\n<\/transcript>([^]*)$/.exec(asked) ?? []
  return {
    material,
    blocks: blocksOf(material),
    instructions: [...system, before, after].join("\n"),
    maxTokens: Number(/at most (\d+) tokens/.exec(after)?.[1] ?? 0),
    isSettled: /List none of it as in progress or open/.test(after)
  }
}

/** A line that does not begin with a space begins a block. */
const blocksOf = (material: string): ReadonlyArray<Block> =>
  material.split(/\n(?=#)/).map((block) => {
    const [head = "", ...lines] = block.split("\n")
    return { what: /^#[\d-]+ (\w+)/.exec(head)?.[1] ?? "", text: lines.map((line) => line.slice(1)).join("\n") }
  })
