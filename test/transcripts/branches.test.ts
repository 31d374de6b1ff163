/** Conversations that are trees: what was said on a branch that the user has left is no part of the live one. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { failTranscript, lines, readTranscript, tell } from "../support/transcriptText.ts"

/** A node says the word of its number, after its parent; the first one has none. The last node is live. */
interface Node {
  readonly id: number
  readonly parent: number | null
  readonly role: "user" | "assistant"
}

const uuid = (id: number | null) => (id === null ? null : `n${id}`)
const word = ({ id }: Node) => `word ${id}`

const WRITERS: Readonly<Record<string, (nodes: ReadonlyArray<Node>) => string>> = {
  "claude-code": (nodes) =>
    lines(
      ...nodes.map((node) => ({
        type: node.role,
        uuid: uuid(node.id),
        parentUuid: uuid(node.parent),
        sessionId: "s",
        message: { role: node.role, content: [{ type: "text", text: word(node) }] }
      }))
    ),
  pi: (nodes) =>
    lines(
      { type: "session", id: "s" },
      ...nodes.map((node) => ({
        type: "message",
        id: uuid(node.id),
        parentId: uuid(node.parent),
        message: { role: node.role, content: [{ type: "text", text: word(node) }] }
      }))
    ),
  "qwen-code": (nodes) =>
    lines(
      ...nodes.map((node) => ({
        uuid: uuid(node.id),
        parentUuid: uuid(node.parent),
        sessionId: "s",
        type: node.role,
        message: { role: node.role === "user" ? "user" : "model", parts: [{ text: word(node) }] }
      }))
    ),
  chatgpt: (nodes) => {
    const mapping = nodes.map((node) => {
      const content = { content_type: "text", parts: [word(node)] }
      return [
        `n${node.id}`,
        { parent: uuid(node.parent), message: { author: { role: node.role }, content, recipient: "all" } }
      ]
    })
    return JSON.stringify({ id: "s", current_node: uuid(nodes.length - 1), mapping: Object.fromEntries(mapping) })
  },
  "claude-ai": (nodes) =>
    JSON.stringify({
      uuid: "s",
      chat_messages: nodes.map((node) => ({
        uuid: uuid(node.id),
        parent_message_uuid: uuid(node.parent) ?? "the root",
        sender: node.role === "user" ? "human" : "assistant",
        text: word(node)
      }))
    })
}

const trees = fc.array(fc.nat(), { minLength: 1, maxLength: 12 }).map((choices) => {
  const nodes: Array<Node> = [{ id: 0, parent: null, role: "user" }]
  for (const choice of choices) {
    const parent = nodes[choice % nodes.length]
    if (parent !== undefined) {
      nodes.push({ id: nodes.length, parent: parent.id, role: parent.role === "user" ? "assistant" : "user" })
    }
  }
  return nodes
})

/** What a person hears who reads from the beginning to a node. */
const pathTo = (nodes: ReadonlyArray<Node>, leaf: Node): Array<string> => {
  const said: Array<string> = []
  for (let node: Node | undefined = leaf; node !== undefined; node = nodes[node.parent ?? -1]) {
    said.unshift(`${node.role}: ${word(node)}`)
  }
  return said
}

describe("a tree", () => {
  for (const [format, write] of Object.entries(WRITERS)) {
    it.prop(
      `${format}: the live branch holds nothing of another, and each other is a session of its own`,
      [trees],
      ([nodes]) => {
        const text = write(nodes)
        const live = nodes.slice(-1).map((node): [string, Array<string>] => ["s", pathTo(nodes, node)])
        const leaves = nodes.slice(0, -1).filter(({ id }) => nodes.every(({ parent }) => parent !== id))
        const others = leaves.map((leaf, index): [string, Array<string>] => [
          `s.branch-${index + 1}`,
          pathTo(nodes, leaf)
        ])
        assert.strictEqual(readTranscript(text).format, format)
        assert.deepStrictEqual(Object.entries(tell(text)), live)
        assert.deepStrictEqual(Object.entries(tell(text, { branch: "all" })), [...live, ...others])
        for (const [index, other] of others.entries()) {
          assert.deepStrictEqual(Object.entries(tell(text, { branch: `branch-${index + 1}` })), [other])
        }
      }
    )
  }

  const fork: ReadonlyArray<Node> = [
    { id: 0, parent: null, role: "user" },
    { id: 1, parent: 0, role: "assistant" },
    { id: 2, parent: 0, role: "assistant" }
  ]

  it("names the branch and the session that it left", () => {
    for (const write of Object.values(WRITERS)) {
      const { sessions, skipped } = readTranscript(write(fork), { branch: "all" })
      assert.deepStrictEqual(
        sessions.map(({ branch }) => branch),
        [undefined, { of: "s", name: "branch-1" }]
      )
      assert.deepStrictEqual(skipped, {})
      assert.deepStrictEqual(readTranscript(write(fork)).skipped, { "other branch": 1 })
    }
  })

  it("a name that no branch has is an error", () => {
    for (const write of Object.values(WRITERS)) {
      assert.include(failTranscript(write(fork), { branch: "branch-2" }).message, "expected a branch of that name")
    }
  })

  it("of more branches than anyone would make is refused, in time that grows with the file", () => {
    const many = Array.from({ length: 5_000 }, (_, id): Node => ({
      id,
      parent: id === 0 ? null : 0,
      role: id === 0 ? "user" : "assistant"
    }))
    for (const write of Object.values(WRITERS)) {
      const text = write(many)
      assert.strictEqual(readTranscript(text, { branch: "live" }).sessions[0]?.messages.length, 2)
      assert.include(failTranscript(text, { branch: "all" }).message, "at most 1000 branches")
    }
  })

  it("an entry that cannot be read is left out once, however many branches it is on", () => {
    const good = Array.from({ length: 12 }, (_, id): Node => ({ id, parent: id === 0 ? null : id - 1, role: "user" }))
    const text = WRITERS.pi?.([...good, { id: 12, parent: 5, role: "user" }]) ?? ""
    const odd = text.replace('"text":"word 3"', '"text":7')
    const line = odd.split("\n").find((line) => line.includes('"text":7')) ?? ""
    const { left, sessions } = readTranscript(odd, { branch: "all" })
    assert.deepStrictEqual(
      left.map(({ error, text }) => [error.line, text]),
      [[5, line]]
    )
    assert.deepStrictEqual(
      sessions.map(({ messages }) => messages.length),
      [6, 11]
    )
  })
})
